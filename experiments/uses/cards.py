"""The card of a file of weights, made from its metadata alone, and the table of the maps that come with the project."""

from collections.abc import Mapping
import hashlib
from pathlib import Path

from experiments import files, settings
from experiments.errors import UsageError
from experiments.reporting import tables
from experiments.settings import networks, protocol, saved
from experiments.zoo import names, weights
from experiments.zoo.weights import Weights
from taxonomy.catalogue import CATALOGUE

SHA_LETTERS = 16  # of the sha256 of a file
# What is known about the data and is no choice of the weights' author.
SOURCES = {
    "digits": "scikit-learn's copy of the UCI optical digits (E. Alpaydin, C. Kaynak, 1998)",
    "patches": "scikit-learn's two sample photographs, by danielbuechele and vultilion (CC BY 2.0)",
}
UNSTATED, UNSCORED = "not stated", "not scored"


def card(workdir: Path | str) -> str:
    """The card of a file of weights.

    Args:
      workdir: the file, or the name of a map that comes with the project.

    Returns:
      markdown.

    Raises:
      UsageError: if it is no file of weights, or damaged.
    """
    if not names.is_weights(workdir):
        raise UsageError(
            f"--workdir={workdir} is no file of weights; expected FILE.safetensors of experiments.export, or one of "
            f"{', '.join(names.names())}"
        )
    found = weights.read(workdir)
    try:
        parts = [f"# {workdir}", _head(found, workdir), *_scores(found.scores), _commands(workdir)]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UsageError(f"{workdir} is damaged (its metadata: {error!r}); fetch it or export it again") from error
    return "\n\n".join(parts) + "\n"


def _head(found: Weights, workdir: Path | str) -> str:
    config, budget = saved.parsed(found.config, source=Path(workdir)), found.budget
    kind, machine = config.dataset.partition(":")[0], budget["machine"]
    options = ", ".join(f"`{name}={value}`" for name, value in config.objective.options.items())
    decay, device = config.evaluation.ema, machine["device_kind"]
    device = "" if device == "cpu" else f", {device}"
    arrays = found.arrays.values()
    path = names.located(workdir)
    method = CATALOGUE.get(config.objective.name)
    seconds = "" if budget["seconds"] is None else f", {budget['seconds']:,.0f} s in steps"
    average = f"the average of decay {decay:g}" if decay else "without an average"
    rows = [
        ("data", f"`{config.dataset}`" + (f": {SOURCES[kind]}" if kind in SOURCES else "")),
        ("method", f"`{settings.label(config)}`" + (f", {method.title}" if method else "") + f"; {options}"),
        ("network", f"{networks.described(config.network)}; {found.run['parameters']:,} parameters"),
        ("weights", f"{average}, after step {found.step:,}"),
        (
            "budget",
            f"{budget['steps']:,} steps of {budget['batch_size']:,} examples by {config.training.optimizer}, "
            f"{budget['evaluations'] / 1e6:,.1f} million network evaluations{seconds}",
        ),
        (
            "machine",
            f"{machine['cpus']} CPU cores{device}, Python {machine['python']}, jax {machine['packages']['jax']}",
        ),
        (
            "file",
            f"{files.size_text(path)}, {', '.join(sorted({str(array.dtype) for array in arrays}))}, sha256 "
            f"{hashlib.sha256(path.read_bytes()).hexdigest()[:SHA_LETTERS]}...",
        ),
        ("licence", found.licence or UNSTATED),
    ]
    return "\n".join(tables.wrapped(f"- **{title}**: {text}") for title, text in rows)


def _scores(scores: Mapping[str, object]) -> list[str]:
    if not scores:
        return ["## Scores", "These weights were not scored."]
    titles, rows = scores["titles"], scores["rows"]
    of_samples = [[row["N"] or scores["reference"], *(tables.number(row[name]) for name in titles)] for row in rows]
    of_map = [[title, tables.number(rows[0][name])] for name, title in scores["titles_of_map"].items()]
    told = (protocol.line(scores["protocol"]), scores["compared_with"])
    return [
        "## Scores",
        "Of these very numbers, by the number N of steps:",
        tables.markdown(["N", *titles.values()], of_samples),
        "Of the map itself, mean squares unless a distance:",
        tables.markdown(["", "value"], of_map),
        tables.wrapped(" ".join(filter(None, told))),
    ]


def _commands(workdir: Path | str) -> str:
    out = names.results(Path(workdir))
    lines = [
        f"python -m experiments.sample   --workdir={workdir} --out=samples.png",
        f"python -m experiments.evaluate --workdir={workdir}   # writes into {out}",
        f"python -m experiments.train    --config={workdir} --workdir=runs/again   # the training that made it",
    ]
    return "\n".join(["## Commands", "", "```", *lines, "```"])


def table() -> str:
    """The maps that come with the project: one row each, with the first score at three numbers of steps."""
    rows = []
    for name in names.names():
        found = weights.describe(name)
        config = saved.parsed(found.config, source=Path(name))
        metric, title = next(iter(found.scores.get("titles", {}).items()), ("", UNSCORED))
        scored = {row["N"]: row[metric] for row in found.scores.get("rows", [])}
        rows.append(
            [
                f"`{name}`",
                networks.described(config.network),
                f"{found.budget['steps']:,} x {found.budget['batch_size']:,}",
                title,
                *(tables.number(scored.get(steps)) for steps in (1, 4, 16, "")),
                files.size_text(names.located(name)),
            ]
        )
    header = ["name", "network", "steps x batch", "score", "N = 1", "N = 4", "N = 16", "perfect", "file"]
    return tables.markdown(header, rows)
