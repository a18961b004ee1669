"""Flow matching: the diagonal s = t of every flow map, regressed on the sample's own velocity."""

import jax

from taxonomy.arrays import squared_norm
from taxonomy.flow_map import AverageVelocity


def flow_matching(v: AverageVelocity, velocity: jax.Array, x_t: jax.Array, t: jax.Array) -> jax.Array:
    """``|v_{t,t}(I_t) - dI_t|^2``; its minimizer is ``v_{t,t} = b_t = E[dI_t | I_t]``.

    Args:
      v: average velocity of the student, (s, t, x) -> [batch, ...].
      velocity: [batch, ...]; ``dI_t`` of the sample, or a teacher's ``b_t(I_t)``.
      x_t: [batch, ...]; points ``I_t`` at time t.
      t: [batch]; times in [0, 1].

    Returns:
      [batch]; one squared residual per example. Nothing is stopped: the target does not depend on v.

    Reference: Lipman, Chen, Ben-Hamu, Nickel, Le, "Flow matching for generative modeling", arXiv 2210.02747,
      eq. (9); Albergo, Vanden-Eijnden, arXiv 2209.15571. Same time direction. It is the diagonal term of
      arXiv 2505.18825, Prop. 2.3.
    """
    return squared_norm(v(t, t, x_t) - velocity)
