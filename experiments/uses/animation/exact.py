"""What the moving pictures show: exact paths and jumps, stochastic paths, and one wrong map beside the true one."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import integrate

from experiments.datasets.dataset import Dataset
from models import diffusion_samplers
from taxonomy import flow_map
from taxonomy.flow_map import Velocity
from taxonomy.interpolants import LINEAR

TOLERANCE = 1e-5  # of the solver, in single precision: far below a pixel
SDE_STEPS = 800  # of a stochastic path


class Rules(NamedTuple):
    """One jump from 0 to 1 and what the three rules ask of it, for one map.

    Attributes:
      ends: [k, 2]; ``X_{0,t}(x)`` at each time.
      motions: [k, 2]; ``d/dt X_{0,t}(x)``, how the end moves.
      velocities: [k, 2]; ``b_t(X_{0,t}(x))``, how it should.
      starts: [k, 2]; the exact path through x at each time.
      from_starts: [k, 2]; ``X_{s,1}`` of these.
      stops: [k, 2]; ``X_{0,u}(x)`` at each time.
      by_two: [k, 2]; ``X_{u,1}`` of these.
    """

    ends: np.ndarray
    motions: np.ndarray
    velocities: np.ndarray
    starts: np.ndarray
    from_starts: np.ndarray
    stops: np.ndarray
    by_two: np.ndarray


def velocity_of(dataset: Dataset) -> Velocity:
    """The exact velocity of a data set in the plane on the linear path."""
    return jax.jit(dataset.exact_flow(LINEAR).b)


def jump(b: Velocity, s: np.ndarray, t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """``X_{s,t}(x)`` of the exact map; s and t [n], x [n, 2]."""
    return _solve(b, s, t - s, x, np.linspace(0, 1, 2))[-1]


def euler(b: Velocity, s: np.ndarray, t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """``x + (t - s) b_s(x)``: the wrong map, one long step of the velocity; s and t [n], x [n, 2]."""
    s, t, x = (jnp.asarray(part, jnp.float32) for part in (s, t, x))
    return np.asarray(flow_map.jump(lambda s, t, x: b(s, x), s, t, x))


def paths(b: Velocity, x: np.ndarray, times: np.ndarray) -> np.ndarray:
    """[k, n, 2]; ``X_{0,t}(x)`` at each of k rising times from 0, from points x [n, 2]."""
    return _solve(b, np.zeros(len(x)), np.ones(len(x)), x, times)


def _solve(b: Velocity, start: np.ndarray, length: np.ndarray, x: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """[k, n, 2]; each path at rising shares of its own length of time, all points with common steps.

    ``exact_map.solve`` gives every example steps of its own and is compiled anew for each call, for which a picture
    need not wait.
    """

    def field(share: float, y: np.ndarray) -> np.ndarray:
        at, points = jnp.asarray(start + share * length, jnp.float32), jnp.asarray(y.reshape(x.shape), jnp.float32)
        return (length[:, None] * np.asarray(b(at, points), float)).ravel()

    span, y = (shares[0], shares[-1]), np.asarray(x, float).ravel()
    found = integrate.solve_ivp(field, span, y, "DOP853", t_eval=shares, rtol=TOLERANCE, atol=TOLERANCE)
    return found.y.T.reshape(len(shares), *x.shape).astype(np.float32)


def steps(b: Velocity, x: np.ndarray, count: int) -> np.ndarray:
    """[count + 1, 2]; the places of so many equal steps of the velocity from one point x [2]."""
    places = [np.asarray(x)[None]]
    for k in range(count):
        s, t = (np.full(1, at / count, np.float32) for at in (k, k + 1))
        places.append(euler(b, s, t, places[-1]))
    return np.concatenate(places)


def rules(b: Velocity, x: np.ndarray, times: np.ndarray, *, wrong: bool) -> Rules:
    """What the three rules ask of the jump from one noise point, for the exact map or for the wrong one.

    Args:
      b: the velocity.
      x: [2]; the noise point.
      times: [k]; rising times from 0 to below 1.
      wrong: whether to take one long step of the velocity in place of the exact map.

    Returns:
      Rules.
    """
    of = euler if wrong else jump
    zeros, ones = np.zeros_like(times), np.ones_like(times)
    here = np.broadcast_to(np.asarray(x, np.float32), (len(times), 2))
    path = paths(b, here[:1], times)[:, 0]
    ends = of(b, zeros, times, here)
    velocities = np.asarray(b(jnp.asarray(times), jnp.asarray(ends)))
    motions = np.broadcast_to(np.asarray(b(jnp.zeros(1), jnp.asarray(here[:1]))), ends.shape) if wrong else velocities
    return Rules(ends, motions, velocities, path, of(b, times, ones, path), ends, of(b, times, ones, ends))


def stochastic(b: Velocity, x: np.ndarray, *, noise_std: float, seed: int, shown: int) -> np.ndarray:
    """[shown, n, 2]; paths with fresh noise on the way, from points x [n, 2], at equal distances of time.

    Args:
      b: the velocity.
      x: [n, 2]; the starts.
      noise_std: of the noise at time 0.
      seed: of the noise on the way.
      shown: number of times, the first and the last one included.

    Returns:
      points, of the stochastic differential equation whose law at each time is that of the flow.
    """
    grid = jnp.linspace(0, 1, SDE_STEPS + 1)
    level = diffusion_samplers.noise_level(LINEAR, noise_std=noise_std, level=1.0)
    found = diffusion_samplers.euler_maruyama(
        b, LINEAR, jax.random.key(seed), jnp.asarray(x), grid, noise_std=noise_std, noise=level, trajectory=True
    )
    return np.asarray(found)[np.linspace(0, SDE_STEPS, shown).round().astype(int)]
