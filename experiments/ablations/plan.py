"""From suites to checked runs: every option stated, a budget for each, and one folder for runs that suites share."""

from collections.abc import Mapping, Sequence
import hashlib
import json
from pathlib import Path
import runpy
from typing import NamedTuple

import jax
from ml_collections import ConfigDict

from experiments import errors, limits, paths, settings
from experiments.ablations import table
from experiments.ablations.suite import SCALES, TRAINED, Row, Suite
from experiments.comparison.budgets import BUDGETS, Run, steps_within
from experiments.errors import UsageError, nearest
from experiments.settings import files as config_files
from experiments.training import checks
from objectives.build import OBJECTIVES, TRAINABLE, default_options

SHORT = 6  # by which a short run divides the training steps
SUITE = "SUITE"  # what a file of the user's own defines
OF_GPU = ("dataset", "inception", "teacher")  # what a user says where suites need large data


class Planned(NamedTuple):
    """The runs of a suite.

    Attributes:
      suite: it.
      runs: one for each row and seed; their folders are below ``runs``, and equal runs have the same one.
      short: whether they are shorter than the suite says that they should be.
      starts: {folder of a run: that of the run with whose weights it begins}, for those that begin so.
    """

    suite: Suite
    runs: list[Run]
    short: bool
    starts: Mapping[Path, Path] = {}


def load(names: Sequence[str], *, scale: str = "") -> list[Suite]:
    """The suites that ``--suite`` names.

    Args:
      names: keys of ``table.SUITES``, "all" alone, or python files that define ``SUITE``.
      scale: of the suites that "all" stands for; "" for all that a CPU can run.

    Returns:
      the suites, checked.

    Raises:
      UsageError: on an unknown name, a file that defines no suite, or one name twice.
    """
    files = [name for name in names if name.endswith(".py")]
    known = [name for name in names if not name.endswith(".py")]
    taken = table.of_word_all(scale) if known == ["all"] else table.of_scale(scale)
    of_scale = {suite.name: suite for suite in taken}
    suites = [of_scale[name] for name in errors.choose("suite", known, of_scale)] if known or not files else []
    suites += [_of_file(name) for name in files]
    found = [suite.name for suite in suites]
    for name in found:
        if found.count(name) > 1:
            raise UsageError(f"--suite names {name} twice; expected each once")
    for suite in suites:
        table.check(suite)
    return suites


def _of_file(name: str) -> Suite:
    path = paths.of_user(name, name="--suite")
    if not path.exists():
        raise UsageError(f"--suite={name}: no such file; expected a python file that defines {SUITE}")
    try:
        found = runpy.run_path(str(path))
    except Exception as error:  # whatever the user's file raises
        raise UsageError(f"--suite={name} cannot be read ({type(error).__name__}: {error})") from error
    if not isinstance(found.get(SUITE), Suite):
        raise UsageError(
            f"--suite={name} defines no {SUITE}; expected {SUITE} = Suite(...) of experiments.ablations.suite"
        )
    return found[SUITE]


def plan(
    suites: Sequence[Suite],
    *,
    seeds: Sequence[int],
    budget: str = "",
    short: bool = False,
    given: Mapping[str, str] | None = None,
) -> list[Planned]:
    """All runs of suites, checked before the first one starts.

    Args:
      suites: from ``load``.
      seeds: seeds.
      budget: what is equal for the rows of a suite, see ``steps_within``; "" for what each suite says.
      short: a sixth of the training steps.
      given: of ``OF_GPU``, what the user says for suites that need a GPU: "dataset" in place of their configuration's,
        "inception" for FID, and the "teacher" of rows with a trained one.

    Returns:
      the runs of each suite.

    Raises:
      UsageError: on anything that would stop a run.
    """
    if budget and budget not in BUDGETS:
        raise UsageError(f"--budget={budget}; {nearest(budget, BUDGETS)}")
    limits.check_seeds(seeds)
    given = {name: value for name, value in (given or {}).items() if value}
    _check_given(suites, given)
    planned = []
    for suite in suites:
        reference = reference_of(suite, given={} if suite.on_cpu else given)
        if short:
            reference.training.steps = max(1, reference.training.steps // SHORT)
        runs, folders, starts = [], {}, {}
        for row in suite.rows:
            config = config_of(suite, row, reference, budget=budget or suite.budget)
            if config.teacher == TRAINED:
                config.teacher = given.get("teacher", TRAINED)
            start = folders.get(row.start)
            folders[row.label] = Path("runs") / f"{row.method}-{_digest(config, start)}"
            for seed in seeds:
                run = ConfigDict(config.to_dict())
                run.seed = seed
                runs.append(Run(row.label, folders[row.label] / f"seed_{seed}", run))
                if start:
                    starts[runs[-1].folder] = start / f"seed_{seed}"
        planned.append(Planned(suite, runs, reference.training.steps < suite.least, starts))
    return planned


def _check_given(suites: Sequence[Suite], given: Mapping[str, str]) -> None:
    large = [suite for suite in suites if not suite.on_cpu]
    for name, value in given.items():
        if not large:
            raise UsageError(f"--{name}={value} is for suites of --scale=gpu, and none is named; leave it out")
    names = {reference_of(suite).dataset for suite in large}
    if "dataset" in given and len(names) > 1:
        raise UsageError(
            f"--dataset={given['dataset']} for suites of different data ({', '.join(sorted(names))}); run one at a time"
        )


def reference_of(suite: Suite, *, given: Mapping[str, str] | None = None) -> ConfigDict:
    """LSD in the configuration of a suite, whose budget the rows have.

    Args:
      suite: the suite.
      given: "dataset" and "inception", where the user says them.

    Returns:
      the configuration.
    """
    reference = config_files.load(suite.config or SCALES[suite.scale].config)
    _update(reference, suite.fields, suite.name)
    for name, field in (("dataset", "dataset"), ("inception", "evaluation.inception")):
        if given and name in given:
            _update(reference, {field: given[name]}, suite.name)
    return reference


def config_of(suite: Suite, row: Row, reference: ConfigDict, *, budget: str) -> ConfigDict:
    """The configuration of a row: the method's published options but for those that the row states.

    Args:
      suite: for messages.
      row: the row.
      reference: LSD in the configuration of the suite; its steps at its cost are the budget.
      budget: "evaluations" or "steps".

    Returns:
      the checked configuration, without a seed.

    Raises:
      UsageError: on an unknown method, option or field, or a value that training would refuse.
    """
    if row.method not in TRAINABLE:
        raise UsageError(
            f"suite {suite.name}, row {row.label}: unknown method {row.method!r}; {nearest(row.method, OBJECTIVES)}"
        )
    options = default_options(row.method)
    for option in row.options:
        if option not in options:
            raise UsageError(
                f"suite {suite.name}, row {row.label}: {row.method} has no option {option!r}; "
                f"{nearest(option, options)}"
            )
    config = settings.with_objective(reference, row.method)
    # What a data set changes must be stated by the row.
    config.objective.options = ConfigDict({**options, **row.options})
    config.objective_overrides = ConfigDict()
    config.teacher = row.teacher
    _update(config, row.fields, f"{suite.name}, row {row.label}")
    own = ConfigDict(reference.to_dict())
    own.training.steps = max(1, round(row.share * own.training.steps))
    config.training.steps = steps_within(config, own, budget)
    try:
        checks.check(config, devices=jax.local_device_count())
    except UsageError as error:
        raise UsageError(f"suite {suite.name}, row {row.label}: {error}") from error
    return config


def _update(config: ConfigDict, changes: Mapping[str, object], where: str) -> None:
    known = settings.fields(config)
    for name, value in changes.items():
        if name not in known:
            raise UsageError(f"suite {where}: unknown field {name!r}; {nearest(name, known)}")
        part, _, field = name.rpartition(".")
        holder = config
        for word in filter(None, part.split(".")):
            holder = holder[word]
        holder[field] = value


def _digest(config: ConfigDict, start: Path | None) -> str:
    """Of everything but the seed: the same runs of two suites are trained once."""
    fields = {name: value for name, value in settings.fields(config).items() if name != "seed"}
    if start:
        fields["start"] = str(start)
    return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()[:10]


def unshared(planned: Sequence[Planned]) -> list[Run]:
    """The runs of all suites, each once."""
    return list({run.folder: run for each in planned for run in each.runs}.values())
