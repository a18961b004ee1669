"""One check of the whole configuration before data are loaded, code is compiled or anything is written."""

from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict

from experiments import limits, settings
from experiments.errors import UsageError, nearest
from experiments.settings import chosen_data, guidance, networks
from experiments.settings import files as config_files
from experiments.settings.protocol import RESIZES
from experiments.training.devices import MAPPINGS
from experiments.training.nonfinite import POLICIES
from experiments.training.optimizers import optimizer
from objectives.mixture import counts as counts_of

# Field: (the smallest number that makes sense, the largest).
COUNTS = {
    "training.steps": (1, limits.UPDATES),
    "training.batch_size": (1, limits.EXAMPLES),
    "training.steps_per_dispatch": (1, limits.AT_ONCE),
    "training.checkpoint_every": (1, limits.UPDATES),
    "training.keep_checkpoints": (1, limits.UPDATES),
    "training.grad_accumulation": (1, limits.EXAMPLES),
    "training.evaluate_every": (0, limits.UPDATES),
    "training.max_skipped": (0, limits.UPDATES),
    "training.decay_after": (0, limits.UPDATES),
}
COUNTS_OF_EVALUATION = {
    "evaluation.samples": (2, limits.EXAMPLES),
    "evaluation.projections": (1, limits.REPEATS),
    "evaluation.pairs": (2, limits.PAIRS),
    "evaluation.points": (1, limits.AT_ONCE),
    "evaluation.triples": (1, limits.AT_ONCE),
    "evaluation.kid_subset": (2, limits.PAIRS),
    "evaluation.kid_subsets": (1, limits.REPEATS),
}
CHOICES = {"training.nonfinite": POLICIES, "training.data": ("device", "host"), "training.device_mapping": MAPPINGS}
CHOICES_OF_EVALUATION = {"reference": ("test", "train"), "resize": RESIZES}
POSITIVE = ("training.learning_rate",)
POSITIVE_OF_EVALUATION = ("evaluation.entropy", "evaluation.guidance")


def check(config: ConfigDict, *, devices: int) -> None:
    """Checks everything that can be checked before data are loaded and code is compiled.

    Args:
      config: with all overrides.
      devices: number of devices that will train.

    Raises:
      UsageError: on the first fault, saying what was received, what was expected and what to do.
    """
    config_files.check_types(config, source="configuration")
    objective = settings.objective_of(config)
    settings.interpolant_of(config)
    training = config.training
    limits.check_seed("config.seed", config.seed)
    networks.check(config.network)
    guidance.check(config)
    chosen_data.check(config, objective, label=settings.label(config))
    values = settings.fields(config)
    _check_numbers(values, counts=COUNTS, positive=POSITIVE)
    if not training.grad_clip_norm > 0:  # infinity clips nothing
        raise UsageError(f"--config.training.grad_clip_norm={training.grad_clip_norm}; expected a positive number")
    check_evaluation(config)
    for name, known in CHOICES.items():
        if values[name] not in known:
            raise UsageError(f"unknown --config.{name}={values[name]!r}; {nearest(values[name], known)}")
    if any(not 0 < decay < 1 for decay in training.ema) or len(training.ema) == 0:
        raise UsageError(f"--config.training.ema={training.ema}; expected decays between 0 and 1, such as (0.999,)")
    if config.evaluation.ema not in (*training.ema, 0.0):
        raise UsageError(
            f"--config.evaluation.ema={config.evaluation.ema} is not trained; expected one of {training.ema}, "
            "or 0 for the raw weights"
        )
    optimizer(training)
    if not 0 < training.beta2 < 1:
        raise UsageError(f"--config.training.beta2={training.beta2}; expected a decay between 0 and 1, such as 0.999")
    if not 0 <= training.label_dropout < 1:
        raise UsageError(f"--config.training.label_dropout={training.label_dropout}; expected a share in [0, 1)")
    if objective.needs_teacher and not config.teacher:
        raise UsageError(
            f"objective {settings.label(config)} distils a teacher and none is given; train one "
            "(--config=FILE:flow_matching) and pass --config.teacher=ITS_WORKDIR, or take --config.teacher=exact"
        )
    if config.teacher and not objective.needs_teacher:
        raise UsageError(f"objective {settings.label(config)} uses no teacher; drop --config.teacher={config.teacher}")
    if training.data == "host" and any(term.pool for term in objective.terms):
        raise UsageError(
            f"objective {settings.label(config)} compares with a pool of data on the device; use "
            "--config.training.data=device"
        )
    try:
        counts_of(objective.terms, training.batch_size, devices=devices * training.grad_accumulation)
    except ValueError as error:
        parts = (
            f" x {training.grad_accumulation} parts (--config.training.grad_accumulation)"
            if training.grad_accumulation > 1
            else ""
        )
        raise UsageError(
            f"--config.training.batch_size={training.batch_size} for {devices} device(s){parts}: {error}"
        ) from error


def check_evaluation(config: ConfigDict) -> None:
    """Checks the protocol of evaluation; UsageError on the first fault."""
    config_files.check_types(config, source="configuration")
    limits.check_seed("config.evaluation.seed", config.evaluation.seed)
    _check_numbers(settings.fields(config), counts=COUNTS_OF_EVALUATION, positive=POSITIVE_OF_EVALUATION)
    least, most = limits.TOLERANCES
    limits.check_number("config.evaluation.tolerance", config.evaluation.tolerance, least=least, most=most)
    for name, known in CHOICES_OF_EVALUATION.items():
        found = config.evaluation[name]
        if found not in known:
            raise UsageError(f"unknown --config.evaluation.{name}={found!r}; {nearest(found, known)}")
    if len(config.evaluation.steps) == 0 or any(not 1 <= n <= limits.REPEATS for n in config.evaluation.steps):
        raise UsageError(
            f"--config.evaluation.steps={config.evaluation.steps}; expected numbers of steps, such as (1, 2), each at "
            f"most {limits.REPEATS:,}"
        )


def _check_numbers(
    values: Mapping[str, object], *, counts: Mapping[str, tuple[int, int]], positive: Sequence[str]
) -> None:
    for name, (least, most) in counts.items():
        limits.check_count(f"config.{name}", values[name], least=least, most=most)
    for name in positive:
        limits.check_positive(f"config.{name}", values[name])
