"""One check of the whole configuration before data are loaded, code is compiled or anything is written."""

import math

from ml_collections import ConfigDict

from experiments import settings
from experiments.errors import UsageError, nearest
from experiments.metrics.reference import TOLERANCES
from experiments.settings import files as config_files
from experiments.settings import guidance, networks
from experiments.settings.protocol import RESIZES
from experiments.training.devices import MAPPINGS
from experiments.training.nonfinite import POLICIES
from experiments.training.optimizers import optimizer
from objectives.mixture import counts

POSITIVE_TRAINING = (
    *("steps", "batch_size", "steps_per_dispatch", "learning_rate", "grad_clip_norm", "checkpoint_every"),
    *("keep_checkpoints", "grad_accumulation"),
)
SEEDS = 2**32  # what keys, numpy and grain all take
NOT_NEGATIVE_TRAINING = ("evaluate_every", "max_skipped", "decay_after")
CHOICES = {"training.nonfinite": POLICIES, "training.data": ("device", "host"), "training.device_mapping": MAPPINGS}
CHOICES_OF_EVALUATION = {"reference": ("test", "train"), "resize": RESIZES}
POSITIVE_EVALUATION = ("projections", "entropy", "points", "triples", "kid_subsets", "guidance")


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
    if not 0 <= config.seed < SEEDS:
        raise UsageError(f"--config.seed={config.seed}; expected a whole number from 0 to {SEEDS - 1}")
    networks.check(config.network)
    guidance.check(config)
    _positive(config, *(f"training.{name}" for name in POSITIVE_TRAINING))
    check_evaluation(config)
    values = settings.fields(config)
    for name in (f"training.{name}" for name in NOT_NEGATIVE_TRAINING):
        if values[name] < 0:
            raise UsageError(f"--config.{name}={values[name]}; expected 0 (none) or a positive number")
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
    if not math.isfinite(training.learning_rate):
        raise UsageError(f"--config.training.learning_rate={training.learning_rate}; expected a number such as 0.001")
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
        counts(objective.terms, training.batch_size, devices=devices * training.grad_accumulation)
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
    if not 0 <= config.evaluation.seed < SEEDS:
        raise UsageError(f"--config.evaluation.seed={config.evaluation.seed}; expected 0 to {SEEDS - 1}")
    _positive(config, *(f"evaluation.{name}" for name in POSITIVE_EVALUATION))
    for name, known in CHOICES_OF_EVALUATION.items():
        found = config.evaluation[name]
        if found not in known:
            raise UsageError(f"unknown --config.evaluation.{name}={found!r}; {nearest(found, known)}")
    low, high = TOLERANCES
    if not low <= config.evaluation.tolerance <= high:
        raise UsageError(
            f"--config.evaluation.tolerance={config.evaluation.tolerance}; expected {low} to {high}, such as 1e-8"
        )
    for name in ("samples", "pairs", "kid_subset"):
        if config.evaluation[name] < 2:
            raise UsageError(f"--config.evaluation.{name}={config.evaluation[name]}; expected at least 2")
    if len(config.evaluation.steps) == 0 or any(n < 1 for n in config.evaluation.steps):
        raise UsageError(
            f"--config.evaluation.steps={config.evaluation.steps}; expected numbers of steps, such as (1, 2)"
        )


def _positive(config: ConfigDict, *names: str) -> None:
    values = settings.fields(config)
    for name in names:
        if not values[name] > 0:
            raise UsageError(f"--config.{name}={values[name]}; expected a positive number")
