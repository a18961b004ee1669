"""One check of the whole configuration before data are loaded, code is compiled or anything is written."""

from ml_collections import ConfigDict

from experiments import settings
from experiments.errors import UsageError
from objectives.mixture import counts


def check(config: ConfigDict, *, devices: int) -> None:
    """Checks everything that can be checked before data are loaded and code is compiled.

    Args:
      config: the configuration.
      devices: number of devices that will train.

    Raises:
      UsageError: on the first fault, saying what was received, what was expected and what to do.
    """
    objective = settings.objective_of(config)
    settings.interpolant_of(config)
    training = config.training
    positive = {
        "training.steps": training.steps,
        "training.batch_size": training.batch_size,
        "training.steps_per_dispatch": training.steps_per_dispatch,
        "training.learning_rate": training.learning_rate,
        "training.clip": training.clip,
        "training.checkpoint_every": training.checkpoint_every,
        "network.width": config.network.width,
        "network.depth": config.network.depth,
        "evaluation.samples": config.evaluation.samples,
        "evaluation.projections": config.evaluation.projections,
    }
    for name, value in positive.items():
        if not value > 0:
            raise UsageError(f"--config.{name}={value}; expected a positive number")
    for name, value in (
        ("point_features", config.network.point_features),
        ("time_features", config.network.time_features),
    ):
        if value < 0:
            raise UsageError(f"--config.network.{name}={value}; expected 0 (none) or a positive number")
    if any(not 0 < decay < 1 for decay in training.ema) or len(training.ema) == 0:
        raise UsageError(f"--config.training.ema={training.ema}; expected decays between 0 and 1, such as (0.999,)")
    if config.evaluation.ema not in (*training.ema, 0.0):
        raise UsageError(
            f"--config.evaluation.ema={config.evaluation.ema} is not trained; expected one of {training.ema}, "
            "or 0 for the raw weights"
        )
    if len(config.evaluation.steps) == 0 or any(n < 1 for n in config.evaluation.steps):
        raise UsageError(
            f"--config.evaluation.steps={config.evaluation.steps}; expected numbers of steps, such as (1, 2)"
        )
    if objective.needs_teacher and not config.teacher:
        raise UsageError(
            f"objective {config.objective.name} distils a teacher and none is given; train one "
            "(--config=FILE:flow_matching) and pass --config.teacher=ITS_WORKDIR, or take --config.teacher=exact"
        )
    if config.teacher and not objective.needs_teacher:
        raise UsageError(f"objective {config.objective.name} uses no teacher; drop --config.teacher={config.teacher}")
    try:
        counts(objective.terms, training.batch_size, devices=devices)
    except ValueError as error:
        raise UsageError(f"--config.training.batch_size={training.batch_size}: {error}") from error
