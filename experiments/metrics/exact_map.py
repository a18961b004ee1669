"""The exact flow map by midpoint steps of the exact velocity, in place of a trained map."""

import jax
import jax.numpy as jnp
import numpy as np

from taxonomy import flow_map
from taxonomy.arrays import expand, ratio
from taxonomy.flow_map import AverageVelocity, Velocity


def scanned(b: Velocity, *, steps: int) -> AverageVelocity:
    """``taxonomy.flow_map.integrated`` as a scan that recomputes each step in the backward pass.

    The exact velocity is large: unrolled, its steps take long to compile, and their gradient much memory.

    Args:
      b: velocity field.
      steps: equal midpoint steps between s and t.

    Returns:
      average velocity v(s, t, x).
    """

    def v(s: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
        @jax.checkpoint
        def leg(y: jax.Array, k: jax.Array) -> tuple[jax.Array, None]:
            return flow_map.midpoint_step(b, s + (t - s) * k / steps, s + (t - s) * (k + 1) / steps, y), None

        y = jax.lax.scan(leg, x, jnp.arange(steps))[0]
        return ratio(y - x, jnp.broadcast_to(expand(t - s, x), x.shape), b(s, x))

    return v


def integration_error(b: Velocity, x: jax.Array, *, steps: int, finer: int = 16) -> float:
    """Root mean square of ``X_{0,1}(x)`` minus the same with ``finer`` times as many steps.

    Args:
      b: velocity field.
      x: [n, ...]; points at time 0.
      steps: midpoint steps.
      finer: factor of the steps of the comparison.

    Returns:
      the error, in units of the data.
    """
    zero = jnp.zeros(x.shape[0])
    ends = [
        np.asarray(jax.jit(lambda x, k=k: flow_map.jump(scanned(b, steps=k), zero, zero + 1, x))(x))
        for k in (steps, finer * steps)
    ]
    return float(np.sqrt(np.mean(np.sum((ends[0] - ends[1]) ** 2, axis=tuple(range(1, x.ndim))))))
