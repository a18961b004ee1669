"""How far a trained map is from the exact one, and which rules it obeys: for any average velocity ``v(s, t, x)``.

Everything is a mean over examples of a squared norm summed over coordinates, unless stated otherwise. Residuals use
the map's own velocity ``v_{t,t}``; only the tangent condition compares with the exact one. Units are the data's own:
maps of scaled points are ``stretched`` before.
"""

from collections.abc import Callable
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets import couplings
from experiments.datasets.dataset import Dataset
from experiments.errors import DivergedError
from experiments.metrics.reference import Reference
from objectives.losses import lagrangian
from taxonomy import characterizations, times
from taxonomy.arrays import squared_norm
from taxonomy.flow_map import AverageVelocity, Velocity, along, diagonal, jump, midpoint_step
from taxonomy.interpolants import Interpolant
from taxonomy.spaces import FLAT, Space

CELLS = 10  # cells per axis of the map of errors


class Draws(NamedTuple):
    """Times and points for residuals: (s, u, t) uniform with s <= u <= t, tau ~ U[0, 1]; all [n] or [n, ...]."""

    s: jax.Array
    u: jax.Array
    t: jax.Array
    tau: jax.Array
    x_0: jax.Array
    x_s: jax.Array
    x_tau: jax.Array


def draw(dataset: Dataset, interpolant: Interpolant, *, seed: int, count: int) -> Draws:
    """Draws examples of the path.

    Args:
      dataset: the data set.
      interpolant: the path.
      seed: seed.
      count: number of examples.

    Returns:
      Draws; x_s ~ I_s and x_tau ~ I_tau share noise and data. They are in the data's own units about their mean.
    """
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), 4), 4)
    s, u, t = times.with_uniform(times.triangle)(keys[0], (count,))
    tau = jax.random.uniform(keys[1], (count,))
    x_0, x_1 = couplings.pairs(dataset, keys[2], keys[3], count)
    points = (x_0, interpolant.position(s, x_0, x_1), interpolant.position(tau, x_0, x_1))
    return Draws(s, u, t, tau, *map(dataset.stretched, points))


def labels_of(dataset: Dataset, *, seed: int, count: int) -> jax.Array:
    """[count]; the classes of the data that ``draw`` draws with the same arguments."""
    key = jax.random.split(jax.random.fold_in(jax.random.key(seed), 4), 4)[3]
    return jax.jit(jax.vmap(dataset.label))(jax.random.split(key, count))


def vectors_of(dataset: Dataset, *, seed: int, count: int) -> jax.Array:
    """[count, size]; what the network reads of the data that ``draw`` draws with the same arguments."""
    key = jax.random.split(jax.random.fold_in(jax.random.key(seed), 4), 4)[3]
    observed = dataset.observed
    if observed.stored is not None:
        return observed.encoded(jax.jit(jax.vmap(observed.stored.sample))(jax.random.split(key, count)))
    data = dataset.draw(jax.random.clone(key), count)
    return observed.encoded(jax.jit(observed.of)(jax.random.fold_in(key, 1), data))


def _check_finite(values: np.ndarray, s: np.ndarray, t: np.ndarray, what: str) -> None:
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if bad.size:
        first = bad[0]
        raise DivergedError(
            f"{what} is NaN or infinite for {bad.size / len(values):.2%} of {len(values)} points, first at "
            f"(s, t) = ({float(s[first]):.4g}, {float(t[first]):.4g}); the training has diverged: lower "
            "--config.training.learning_rate and train again"
        )


def squared_errors(
    v: AverageVelocity, s: np.ndarray, t: np.ndarray, x: np.ndarray, y: np.ndarray, *, space: Space = FLAT
) -> np.ndarray:
    """``|X_{s,t}(x) - y|^2`` of each example, on a curved space the squared distance.

    Args:
      v: average velocity of the map.
      s: [n]; source times in [0, 1].
      t: [n]; target times in [0, 1].
      x: [n, ...]; points at time s.
      y: [n, ...]; exact points at time t.
      space: in which the points move.

    Returns:
      [n].

    Raises:
      DivergedError: if the map is not finite; names the first (s, t) and the share of bad values.
    """
    mapped = jax.jit(lambda s, t, x: jump(v, s, t, x, space=space))(*map(jnp.float32, (s, t, x)))
    _check_finite(np.asarray(mapped), s, t, "the flow map")
    with jax.enable_x64(True):
        apart = np.asarray(space.log(y, np.asarray(mapped, np.float64)))
    return np.sum(apart.reshape(len(y), -1) ** 2, axis=1)


def stretched(v: Callable[..., jax.Array], dataset: Dataset) -> Callable[..., jax.Array]:
    """A map of scaled points, for points in the data's own units about their mean: ``scale v(s, t, x / scale)``.

    Args:
      v: average velocity (s, t, x), or velocity (t, x).
      dataset: whose scale it is.

    Returns:
      the same without a scale; rules that one of them obeys the other obeys, too.
    """
    if dataset.scale is None:
        return v
    return lambda *times_and_x: dataset.stretched(v(*times_and_x[:-1], dataset.shrunk(times_and_x[-1])))


def by_times(values: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Means of values by cells of (s, t).

    Args:
      values: [n].
      s: [n]; source times in [0, 1].
      t: [n]; target times in [0, 1].

    Returns:
      [CELLS, CELLS] means by (s, t), NaN where there is no example.
    """
    frame = {"bins": CELLS, "range": [(0, 1), (0, 1)]}
    counts = np.histogram2d(s, t, **frame)[0]
    sums = np.histogram2d(s, t, weights=values, **frame)[0]
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def truth(
    v: AverageVelocity, reference: Reference, *, backward: bool, space: Space = FLAT
) -> tuple[dict[str, float | None], np.ndarray]:
    """Errors against the exact map: over the triangle, in one step, and by cells of (s, t).

    Args:
      v: average velocity of the map.
      reference: exact solutions.
      backward: whether the map was trained from t to s < t too.
      space: in which the points move.

    Returns:
      ({"map_error", "one_step_error", "backward_error"}, the last None unless trained; [CELLS, CELLS] means by (s, t),
      NaN where there is no example).

    Raises:
      DivergedError: if the map is not finite.
    """
    s, t, x_s, x_t = reference.s, reference.t, reference.x_s, reference.x_t
    errors = squared_errors(v, s, t, x_s, x_t, space=space)
    zeros, ones = np.zeros(len(reference.x_0)), np.ones(len(reference.x_0))
    one_step = squared_errors(v, zeros, ones, reference.x_0, reference.x_1, space=space)
    return {
        "map_error": float(errors.mean()),
        "one_step_error": float(one_step.mean()),
        "backward_error": float(squared_errors(v, t, s, x_t, x_s, space=space).mean()) if backward else None,
    }, by_times(errors, s, t)


def residuals(v: AverageVelocity, b: Velocity | None, draws: Draws, *, space: Space = FLAT) -> dict[str, float | None]:
    """The mean squared residual of every rule, whichever one the map was trained on.

    Args:
      v: average velocity of the map.
      b: exact velocity, or None if it is not known.
      draws: times and points.
      space: in which the points move.

    Returns:
      "tangent" ``|v_{tau,tau} - b_tau|^2`` (None without b), "lagrangian", "eulerian" and "semigroup" on the triangle,
      "lagrangian_s0" on (0, tau) and "eulerian_t1" on (tau, 1), the slices that govern the one-step error.

    Raises:
      DivergedError: if a residual is not finite.
    """
    own = diagonal(v)
    s, u, t, tau, x_0, x_s, x_tau = draws
    zero, one = jnp.zeros_like(s), jnp.ones_like(s)

    move_target = jax.jit(lambda s, t, x: characterizations.lagrangian(v, own, s, t, x, space=space))
    move_source = jax.jit(lambda s, t, x: characterizations.eulerian(v, own, s, t, x, space=space))
    semigroup = jax.jit(lambda s, u, t, x: characterizations.semigroup(v, s, u, t, x, space=space))
    by_rule = {
        "lagrangian": (move_target(s, t, x_s), s, t),
        "eulerian": (move_source(s, t, x_s), s, t),
        "semigroup": (semigroup(s, u, t, x_s), s, t),
        "lagrangian_s0": (move_target(zero, tau, x_0), zero, tau),
        "eulerian_t1": (move_source(tau, one, x_tau), tau, one),
    }
    if b is not None:
        tangent = jax.jit(lambda t, x: characterizations.tangent(v, b, t, x))
        by_rule["tangent"] = (tangent(tau, x_tau), tau, tau)

    values: dict[str, float | None] = {"tangent": None}
    for name, (residual, start, end) in by_rule.items():
        squares = np.asarray(squared_norm(residual), np.float64)
        _check_finite(squares, start, end, f"the {name} residual")
        values[name] = float(squares.mean())
    return values


def round_trip(v: AverageVelocity, x: jax.Array, *, space: Space = FLAT) -> float:
    """Mean of ``|X_{1,0}(X_{0,1}(x)) - x|``, on a curved space of the distance.

    Args:
      v: average velocity of a map that was trained in both directions.
      x: [n, ...]; noise.
      space: in which the points move.

    Returns:
      distance in units of the data.
    """
    zero, one = jnp.zeros(len(x)), jnp.ones(len(x))
    squares = jax.jit(lambda x: lagrangian.round_trip(v, x, one, zero, space=space))(x)
    return float(jnp.mean(jnp.sqrt(squares)))


def own_paths(b: Velocity, x: jax.Array, *, steps: int) -> np.ndarray:
    """Paths of a velocity by equal midpoint steps from time 0 to 1.

    Args:
      b: velocity.
      x: [n, ...]; where they start.
      steps: number of steps.

    Returns:
      [steps + 1, n, ...]; points at the times 0, 1 / steps, ..., 1.
    """
    grid = jnp.linspace(0.0, 1.0, steps + 1)
    step = functools.partial(midpoint_step, b)
    return np.asarray(jax.jit(lambda x: along(step, x, grid, trajectory=True))(x))


def curvature(b: Velocity, x: jax.Array, *, steps: int = 32) -> float:
    """``int_0^1 E|b_t(x_t) - (x_1 - x_0)|^2 dt / E|x_1 - x_0|^2`` along the paths of a velocity.

    Args:
      b: velocity.
      x: [n, ...]; where the paths start.
      steps: midpoint steps; the velocity of a step is its displacement over its length.

    Returns:
      0 where all paths are straight and passed at a constant speed.

    Reference: the straightness of Liu, Gong, Liu, arXiv 2209.03003, over the mean square of the way.
    """
    paths = own_paths(b, x, steps=steps).astype(np.float64)
    way = paths[-1] - paths[0]
    return float(np.sum((steps * np.diff(paths, axis=0) - way) ** 2) / (steps * np.sum(way**2)))


def curves(v: AverageVelocity, start: np.ndarray, times: np.ndarray, *, space: Space = FLAT) -> np.ndarray:
    """``X_{0,t}(x_0)``, each point one jump from the start.

    Args:
      v: average velocity of the map.
      start: [paths, dim]; x_0.
      times: [k]; target times.
      space: in which the points move.

    Returns:
      [k, paths, dim].
    """
    start, ends = jnp.float32(start), jnp.float32(times)

    @jax.jit
    def jumps(start: jax.Array) -> jax.Array:
        zero = jnp.zeros(len(start))
        return jax.vmap(lambda t: jump(v, zero, jnp.full(len(start), t), start, space=space))(ends)

    return np.asarray(jumps(start))
