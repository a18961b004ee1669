"""The teacher of a run: the exact velocity, another run, or a function of the user's own."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np

from experiments import importing, settings
from experiments.datasets import observed
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.settings import guidance
from experiments.settings.guidance import Teacher
from experiments.training import others, records
from models.flow_map_model import bind
from taxonomy.arrays import expand
from taxonomy.flow_map import Velocity, diagonal
from taxonomy.interpolants import Interpolant

EXPECTED = "exact, the folder of a trained run, or MODULE:FUNCTION of a velocity (t, x)"
CHECKED = 16  # points at which a function is tried
LATEST = 0.95  # where it is tried last: at t = 1 a velocity may be infinite


def load_teacher(config: ConfigDict, dataset: Dataset) -> Teacher | None:
    """The velocity that a configuration names as its teacher, guided if it asks for that.

    Args:
      config: the configuration of the student; its teacher is "" (none), "exact" (the data set's own velocity in closed
        form), the folder of a trained run, or "module:function" of a velocity (t [batch], x [batch, ...]) ->
        [batch, ...] in the data's own units, see ``in_trained_units``.
      dataset: the student's data set.

    Returns:
      condition -> velocity b(t, x), or None.

    Raises:
      UsageError: if there is no such function or it gives no velocity, or if the folder holds no trained run on the
        same data set and interpolant, or with other labels.
    """
    if not config.teacher:
        return None
    weak = config.guidance.weak_teacher
    return guidance.of_teacher(
        config,
        _teacher(config, dataset, config.teacher, "teacher"),
        _teacher(config, dataset, weak, "guidance.weak_teacher") if weak else None,
    )


def _teacher(config: ConfigDict, dataset: Dataset, name: str, field: str) -> Teacher:
    function = records.is_function(name)
    if (name == "exact" or function) and config.network.conditional:
        raise UsageError(
            f"--config.{field}={name} is the velocity of all classes, and the network is class-conditional; "
            "expected the folder of a run with --config.network.conditional=True"
        )
    if function and config.network.observed:
        raise UsageError(
            f"--config.{field}={name} is a velocity of time and point, and the network is conditioned on "
            f"{dataset.observed.what}; expected the folder of a run with --config.network.observed="
            f"{config.network.observed}"
        )
    if name == "exact" and dataset.observed is not None:
        known = observed.exact_velocity(dataset, settings.interpolant_of(config))
        return lambda condition: known(condition.vector)
    if name == "exact":
        b = dataset.exact_path(settings.interpolant_of(config)).b
        return lambda condition: b
    if function:
        given = importing.function(name, option=f"--config.{field}", expected=EXPECTED)
        own = in_trained_units(given, settings.interpolant_of(config), dataset)
        _check_velocity(own, dataset, name=f"--config.{field}={name}")
        return lambda condition: own
    found = others.load(name, config, dataset, option=f"--config.{field}", role="teacher")
    # A teacher with guidance scales as input is evaluated at scale 1.
    return lambda condition: diagonal(bind(found.model, found.params, condition._replace(scale=None, dropout=None)))


def in_trained_units(b: Velocity, path: Interpolant, dataset: Dataset) -> Velocity:
    """A velocity in the data's own units as one of the numbers that are trained on, see ``Dataset.centred``.

        I_own = scale I + beta_t centre,    b(t, x) = (b_own(t, scale x + beta_t centre) - beta'_t centre) / scale

    The noise of the path has mean zero and the standard deviation of the data, in each coordinate if they are scaled.

    Args:
      b: (t [batch], x [batch, ...]) -> [batch, ...], in the data's own units.
      path: the interpolant.
      dataset: the data set.

    Returns:
      the same for centred and scaled points.
    """
    if dataset.centre is None:
        return b
    centre = jnp.asarray(dataset.centre)[None]
    scale = jnp.ones_like(centre) if dataset.scale is None else jnp.asarray(dataset.scale)[None]

    def own(t: jax.Array, x: jax.Array) -> jax.Array:
        moved = b(t, scale * x + expand(path.beta(t), x) * centre)
        return (moved - expand(path.d_beta(t), x) * centre) / scale

    return own


def _check_velocity(b: Callable[..., jax.Array], dataset: Dataset, *, name: str) -> None:
    """Tries a velocity on noise, compiled, as training would; UsageError if it gives none."""
    t = jnp.linspace(0.0, LATEST, CHECKED)
    x = dataset.noise(jax.random.key(0), CHECKED)
    try:
        found = jax.jit(b)(t, x)
    except Exception as error:  # whatever the user's function raises
        raise UsageError(
            f"{name} fails on t of shape {t.shape} and x of shape {x.shape} ({type(error).__name__}: "
            f"{next(iter(str(error).splitlines()), '')}); expected a function (t [batch], x [batch, ...]) -> "
            "[batch, ...] that jax can compile"
        ) from error
    if getattr(found, "shape", None) != x.shape:
        raise UsageError(
            f"{name} gives shape {getattr(found, 'shape', None)} for x of shape {x.shape}; expected the same: a "
            "velocity for each point"
        )
    bad = ~np.isfinite(np.asarray(found)).reshape(CHECKED, -1).all(axis=1)
    if bad.any():
        raise UsageError(
            f"{name} is NaN or infinite at {bad.sum()} of {CHECKED} points of noise, the first at t = "
            f"{float(t[bad][0]):g}; expected a finite velocity for t in [0, 1)"
        )
