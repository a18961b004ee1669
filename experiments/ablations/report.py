"""The page of an ablation: measured beside published, a verdict for each claim, and an overview of all of them."""

from collections.abc import Sequence
import math
from pathlib import Path
import statistics
from typing import NamedTuple

import matplotlib.pyplot as plt

from experiments import files
from experiments.ablations import claims, results
from experiments.ablations.claims import Verdict
from experiments.ablations.results import Results
from experiments.ablations.suite import TAGS, Claim, Published, Suite
from experiments.reporting import tables

# A word and a sign, so that colours alone carry nothing.
SIGNS = {"holds": "🟢 holds", "reverses": "🔴 reverses", "undecided": "⚪ undecided"}


class Judged(NamedTuple):
    """A claim with its verdict."""

    claim: Claim
    verdict: Verdict


def judged(found: Results) -> list[Judged]:
    """The verdicts of a suite's claims.

    Args:
      found: its results.

    Returns:
      one for each claim, in their order.
    """
    return [
        Judged(claim, claims.judge(claim, results.scores(found, claims.metric(claim) or found.metric)))
        for claim in found.suite.claims
    ]


PAGE = """# Published claims, checked on two CPU cores

Each suite repeats an ablation of a paper with three seeds and one budget for all rows: in the plane, or on digits of
8 x 8 pixels. A few ask a question of this project in the same way, and say so. A claim is about an order: who is
better, by the paper's own metric there, and here by the KL in the plane and by the Fréchet distance in the features of
a small classifier on digits. It **holds** or **reverses** if the gap exceeds two standard errors of the difference, and
is **undecided** otherwise. The effect is the ratio that the claim is
about, above 1 if it points the claimed way. *Expected* is what other runs of this project, or the papers' own pictures
in the plane, let one expect.

A claim on images that reverses in the plane is not refuted: the sentences above each table say why the scales differ.
Numbers of different data cannot be compared; only their order can. Variances of gradients are those of the
[probe](probe.md), on the weights of one row.

```
python -m experiments.ablate --list
python -m experiments.ablate --suite=sd_table1 --workdir=runs/ablations            # three seeds, the laptop budget
python -m experiments.ablate --suite=sd_table1 --workdir=runs/short --short        # a sixth of the training
python -m experiments.ablate --suite=all --scale=digits --workdir=runs/ablations   # all suites of digits
python -m experiments.ablate --suite=all --scale=gpu --dry_run                     # in the papers' settings
```

`--suite=all` takes the suites that a CPU can run; those for a GPU run by name or by `--scale=gpu`. They need data and
weights that are not part of the project: `--dataset=cifar10:PATH` (or `images:PATH,side=64`, `latents:PATH`), for FID
`--inception=PATH` ([images.md](images.md)), and for the suite `distillation` a run of `flow_matching` as `--teacher`.

A file of your own that defines `SUITE = Suite(...)` (`experiments/ablations/suite.py`) is taken in place of a name.

This page is written by `python -m experiments.ablate --page=docs/ablations` from the csv files in
[ablations](ablations)."""


def page(found: Sequence[Results], folder: Path, *, missing: Sequence[Suite] = ()) -> str:
    """All suites: how to read them, the overview, a section for each, and those without results.

    Args:
      found: results of suites.
      folder: of their csv files and of pictures beside them.
      missing: suites without results.

    Returns:
      markdown, for a page beside the folder.
    """
    sections = []
    for each in found:
        picture = folder / f"{each.suite.name}.png"
        shown = f"![{each.suite.title}: measured, and as published]({folder.name}/{picture.name})"
        sections.append(section(each) + (f"\n\n{shown}" if picture.exists() else ""))
    return "\n\n".join([PAGE, overview(found), *sections, *([not_run(missing)] if missing else [])])


def not_run(suites: Sequence[Suite]) -> str:
    """The suites without results: which they are, and what those for a GPU would check.

    Args:
      suites: the suites.

    Returns:
      markdown.
    """
    large = [suite for suite in suites if not suite.on_cpu]
    parts = [
        "## Not run here",
        "This project has no results of these suites, and nothing below says whether their claims hold. "
        + (
            "Those of scale `gpu` have the papers' own settings and need a GPU: they were not run. Tests train each of "
            "their rows for three steps of a small network on made data. "
            if large
            else ""
        )
        + "The table is that of `python -m experiments.ablate --list`.",
        listed(suites),
    ]
    for suite in large:
        parts += [
            f"### {_heading(suite)}",
            suite.teaches,
            _origin(suite),
            *(_published(each) for each in suite.published),
            "\n".join(["Claims:", "", *(f"- {claims.text(claim)}" for claim in suite.claims)]),
        ]
    return "\n\n".join(parts)


def listed(suites: Sequence[Suite]) -> str:
    """Suites as a table: name, paper, scale, number of rows and claims."""
    return tables.markdown(
        ["suite", "what", "paper", "scale", "rows", "claims"],
        [[s.name, s.title, s.source, s.scale, len(s.rows), len(s.claims)] for s in suites],
    )


def overview(found: Sequence[Results]) -> str:
    """How many claims hold, and the verdict of each.

    Args:
      found: results of suites.

    Returns:
      markdown.
    """
    rows, words = [], []
    for each in found:
        for claim, verdict in judged(each):
            words.append(verdict.word)
            rows.append(
                [
                    f"[`{each.suite.name}`](#{_anchor(each)})",
                    _source(each, claim),
                    claims.text(claim),
                    SIGNS[verdict.word] + (" (short run)" if each.short else ""),
                    _effect(verdict),
                    claim.prior,
                ]
            )
    counted = ", ".join(f"{words.count(word)} {sign}" for word, sign in SIGNS.items())
    return f"{len(words)} claims: {counted}.\n\n" + tables.markdown(
        ["suite", "paper", "claim", "verdict", "effect", "expected"], rows
    )


def section(found: Results, *, level: int = 2) -> str:
    """A suite: what it teaches, measured and published numbers, and the verdicts.

    Args:
      found: its results.
      level: of its heading.

    Returns:
      markdown.
    """
    suite, verdicts = found.suite, judged(found)
    parts = [
        f"{'#' * level} {_heading(suite)}",
        suite.teaches,
        _origin(suite),
        f"Measured here: {found.metric}, lower is better, means ± standard errors over seeds "
        f"{', '.join(map(str, found.seeds))}; the reference has {tables.number(found.floor)}."
        + (f" **Short runs**, of a budget below {suite.least:,} steps of LSD." if found.short else ""),
        tables.markdown(*measured(found)),
        *(_published(each) for each in suite.published),
        tables.markdown(
            ["claim", "verdict", "effect", "expected", "source"],
            [
                [claims.text(claim), SIGNS[verdict.word], _effect(verdict), claim.prior, _source(found, claim)]
                for claim, verdict in verdicts
            ],
        ),
    ]
    reasons: dict[str, list[str]] = {}
    for claim, verdict in verdicts:
        if verdict.word == "reverses" and claim.because:
            reasons.setdefault(claim.because, []).append(claims.text(claim))
    parts += [f"*{'; '.join(said)}* reverses: {because}" for because, said in reasons.items()]
    notes = dict.fromkeys((row["label"], row["note"]) for row in found.rows if row["label"] and row["note"])
    parts += [f"`{label}` diverged: {note}" for label, note in notes]
    parts.append(_footer(found))
    return "\n\n".join(parts)


def _origin(suite: Suite) -> str:
    return f"Published: arXiv {suite.source}. {suite.setting}" if suite.paper else f"Asked here: {suite.setting}"


def _footer(found: Results) -> str:
    own = [row for row in found.rows if row["label"]]
    # The seconds of a run are in each of its rows.
    runs = {(row["label"], row["seed"]): row["train_seconds"] for row in own}
    seconds = sum(value for value in runs.values() if math.isfinite(value))
    command = f"python -m experiments.ablate --suite={found.suite.name} --seeds={','.join(map(str, found.seeds))}"
    return (
        f"*Command: `{command}{' --short' if found.short else ''} --workdir=runs/ablations` · Machine: "
        f"{own[0]['machine']} · Time: {seconds:.0f} s in steps, {len(runs)} runs · Seeds: {len(found.seeds)}*"
    )


def measured(found: Results) -> tuple[list[str], list[list[str]]]:
    """Header and body of a suite's table: row x number of steps."""
    values = results.scores(found, found.metric)
    steps = sorted({n for _, n in values})
    body = []
    for row in found.suite.rows:
        options = ", ".join(f"{name}={value}" for name, value in row.options.items())
        cells = [_mean(values[row.label, n]) for n in steps]
        trained = next(line["trained_steps"] for line in found.rows if line["label"] == row.label)
        body.append([f"`{row.label}`", f"`{row.method}`" + (f" {options}" if options else ""), trained, *cells])
    return ["row", "method", "steps trained", *(f"N = {n}" for n in steps)], body


def _mean(values: Sequence[float]) -> str:
    if any(map(math.isinf, values)):
        return f"{tables.DIVERGED} ({sum(map(math.isinf, values))} of {len(values)})"
    return tables.number(*_mean_and_error(values))


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error, NaN for one seed."""
    return statistics.fmean(values), claims.error_of_mean(values)


def _published(published: Published) -> str:
    steps = sorted({n for by_steps in published.numbers.values() for n in by_steps})
    body = [
        [f"`{label}`", *(tables.number(by_steps.get(n)) for n in steps)]
        for label, by_steps in published.numbers.items()
    ]
    said = f"{published.metric}; {published.source}; read in {TAGS[published.tag]} ({published.tag}):"
    return f"{said}\n\n{tables.markdown(['row', *(f'N = {n}' for n in steps)], body)}"


def _effect(verdict: Verdict) -> str:
    if math.isnan(verdict.effect):
        return tables.ABSENT
    return "one diverged" if math.isinf(verdict.effect) else f"{verdict.effect:.3g} x"


def _source(found: Results, claim: Claim) -> str:
    return claim.source or found.suite.source


def _heading(suite: Suite) -> str:
    return f"{suite.title}: {suite.name}"


def _anchor(found: Results) -> str:
    kept = "".join(letter for letter in _heading(found.suite).lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def write(folder: Path, found: Results) -> None:
    """Writes ``ablation.md``, ``.csv``, ``.tex`` and ``.png``.

    Args:
      folder: of the suite; it is there.
      found: its results.
    """
    results.write(folder / "ablation.csv", found)
    files.write_text(folder / "ablation.md", section(found, level=1) + "\n")
    paper = f" (arXiv {found.suite.paper})" if found.suite.paper else ""
    caption = f"{found.suite.title}{paper}: {found.metric}"
    files.write_text(folder / "ablation.tex", tables.latex(*measured(found), caption=caption) + "\n")
    draw(folder / "ablation.png", found)


def draw(path: Path, found: Results) -> None:
    """The main metric over the number of steps, and what was published beside it.

    Args:
      path: the png file.
      found: the results.
    """
    values = results.scores(found, found.metric)
    colors = {row.label: f"C{number}" for number, row in enumerate(found.suite.rows)}
    panels = 1 + len(found.suite.published)
    figure, axes = plt.subplots(1, panels, figsize=(4.6 * panels, 3.6), layout="constrained", squeeze=False)
    own, *others = axes[0]
    for row in found.suite.rows:
        own_values = {n: v for (label, n), v in values.items() if label == row.label and all(map(math.isfinite, v))}
        if own_values:
            means, errors = zip(*map(_mean_and_error, own_values.values()), strict=True)
            style = {"marker": "o", "ms": 4, "capsize": 2, "color": colors[row.label], "label": row.label}
            own.errorbar(list(own_values), means, errors, **style)
    if math.isfinite(found.floor):
        own.axhline(found.floor, color="black", ls="--", lw=1, label="reference")
    own.set_title(f"measured here: {found.metric}", fontsize=9)
    for axis, published in zip(others, found.suite.published, strict=True):
        for label, by_steps in published.numbers.items():
            axis.plot(*zip(*sorted(by_steps.items()), strict=True), "s-", ms=4, color=colors[label], label=label)
        axis.set_title(f"{published.tag}: {published.metric}", fontsize=9, wrap=True)
    for axis in (own, *others):
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xlabel("number of steps N")
        axis.grid(alpha=0.3, which="both")
    if own.get_legend_handles_labels()[0]:
        own.legend(fontsize=7)
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)
