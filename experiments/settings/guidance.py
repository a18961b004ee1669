"""The ``guidance`` part of a configuration: in the targets of an objective, or of the teacher that it distils."""

from collections.abc import Callable
import math

import jax
from ml_collections import ConfigDict

from experiments.errors import UsageError, nearest
from models.conditions import Condition, of_nothing
from objectives import guidance
from objectives.guided import GUIDED, SCHEMES, guided
from objectives.objective import Objective
from taxonomy.flow_map import Velocity

DEFAULTS: dict[str, object] = {
    "scheme": "",  # in the target: mean_flow, improved_mean_flow, model, terminal, so_flow; teacher; autoguidance
    "scale": 1.0,  # effective scale w of w v_c + (1 - w) v_u; the largest one if it is an input
    "scale_is_input": False,  # w is an input of the network; training draws it log-uniformly from 1 to the scale
    "self_mix": 0.0,  # share of the model's own output in its target: kappa of mean_flow, 1 - m of so_flow
    "low": 0.0,  # times with guidance; noise is at 0
    "high": 1.0,
    "weak_teacher": "",  # folder of the weaker run that autoguidance moves away from
}
OF_TEACHERS = ("teacher", "autoguidance")
Teacher = Callable[[Condition], Velocity]


def of_objective(config: ConfigDict, name: str, objective: Objective) -> Objective:
    """The objective with the guidance that a configuration names in its targets.

    Args:
      config: for its part ``guidance``.
      name: of the objective.
      objective: without guidance.

    Returns:
      the guided objective; the same one if the configuration guides nothing or a teacher.

    Raises:
      UsageError: if the targets of this objective cannot be guided so.
    """
    how = config.guidance
    if not how.scheme or how.scheme in OF_TEACHERS:
        return objective
    _check_scheme(how.scheme)
    if name not in GUIDED:
        raise UsageError(
            f"--config.guidance.scheme={how.scheme}: the targets of {name} cannot be guided; expected one of "
            f"{', '.join(GUIDED)}, or a guided teacher (--config.guidance.scheme=teacher)"
        )
    try:
        return guided(
            objective,
            scheme=how.scheme,
            terms=GUIDED[name],
            scale=how.scale,
            self_mix=how.self_mix,
            low=how.low,
            high=how.high,
        )
    except ValueError as error:
        raise UsageError(f"--config.guidance: {error}") from error


def check(config: ConfigDict) -> None:
    """Checks the ``guidance`` part of a configuration; UsageError on the first fault."""
    how = config.guidance
    if not how.scheme:
        changed = [name for name, default in DEFAULTS.items() if how[name] != default]
        if changed:
            raise UsageError(
                f"--config.guidance.{changed[0]}={how[changed[0]]} without a scheme does nothing; name one, "
                f"--config.guidance.scheme=... ({', '.join((*SCHEMES, *OF_TEACHERS))})"
            )
        return
    _check_scheme(how.scheme)
    if how.scheme != "autoguidance" and not (config.network.conditional or config.network.observed):
        raise UsageError(
            f"--config.guidance.scheme={how.scheme} needs a class-conditional network; set "
            "--config.network.conditional=True and train on data with classes, or --config.network.observed=..."
        )
    if how.scheme in SCHEMES and not config.training.label_dropout > 0:
        raise UsageError(
            f"--config.training.label_dropout=0 with --config.guidance.scheme={how.scheme}, which needs the velocity "
            "without a label; expected a share of examples such as 0.1"
        )
    if not 0 < how.scale < math.inf or (how.scale_is_input and not how.scale > 1):
        expected = (
            "a number above 1, the largest that is drawn" if how.scale_is_input else "a positive number, 1 for none"
        )
        raise UsageError(f"--config.guidance.scale={how.scale}; expected {expected}")
    if not 0 <= how.self_mix < 1:
        raise UsageError(f"--config.guidance.self_mix={how.self_mix}; expected a share in [0, 1)")
    if not 0 <= how.low <= how.high <= 1:
        raise UsageError(
            f"--config.guidance.low={how.low} and high={how.high}; expected 0 <= low <= high <= 1, noise at time 0"
        )
    if how.scheme in OF_TEACHERS and not config.teacher:
        raise UsageError(
            f"--config.guidance.scheme={how.scheme} guides a teacher and there is none; name one by "
            "--config.teacher=WORKDIR"
        )
    if (how.scheme == "autoguidance") != bool(how.weak_teacher):
        raise UsageError(
            f"--config.guidance.weak_teacher={how.weak_teacher!r} with scheme {how.scheme}; autoguidance, and it "
            "alone, needs the folder of a weaker run"
        )


def _check_scheme(scheme: str) -> None:
    known = (*SCHEMES, *OF_TEACHERS)
    if scheme not in known:
        raise UsageError(f"unknown --config.guidance.scheme={scheme!r}; {nearest(scheme, known)}")


def of_teacher(config: ConfigDict, teacher: Teacher, weak: Teacher | None) -> Teacher:
    """The teacher with the guidance that a configuration names for it.

    Args:
      config: the configuration of the student.
      teacher: condition -> velocity.
      weak: the weaker teacher of autoguidance, or None.

    Returns:
      condition -> velocity; without a label there is no guidance by classes.
    """
    how = config.guidance
    if how.scheme not in OF_TEACHERS:
        return teacher

    def at(condition: Condition) -> Velocity:
        own = teacher(condition)
        nothing = of_nothing(condition, observed=bool(config.network.observed))
        other = weak(condition) if how.scheme == "autoguidance" else teacher(nothing)

        def velocity(t: jax.Array, x: jax.Array) -> jax.Array:
            asked = how.scale if condition.scale is None else condition.scale
            scale = guidance.within_interval(asked, t=t, low=how.low, high=how.high)
            return guidance.classifier_free(v_c=own(t, x), v_u=other(t, x), scale=scale)

        return velocity

    return at
