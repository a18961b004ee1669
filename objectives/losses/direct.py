"""Direct objectives: regression of the average velocity on one that is known, without a rule of consistency."""

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp

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


def regression(v: AverageVelocity, velocity: jax.Array, x_s: jax.Array, s: jax.Array, t: jax.Array) -> jax.Array:
    """``|v_{s,t}(x_s) - sg[velocity]|^2``: the average velocity of a jump whose end is known.

    Args:
      v: average velocity of the student.
      velocity: [batch, ...]; ``(x_t - x_s) / (t - s)`` of two points of one trajectory, or the velocity at s = t.
      x_s: [batch, ...]; points at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].

    Returns:
      [batch]; one squared residual per example.

    Reference: at s = 0 and t = 1 the one-step distillation of Liu, Gong, Liu, "Flow straight and fast", arXiv
      2209.03003; at any times along a teacher's trajectories consistency mid-training, arXiv 2509.24526.
    """
    return squared_norm(v(s, t, x_s) - sg(velocity))


def misalignment(prediction: jax.Array, velocity: jax.Array) -> jax.Array:
    """``1 - cos(prediction, velocity)``: what the angle alone costs.

    With a noisy velocity its minimizer is not the direction of the conditional mean.

    Args:
      prediction: [batch, ...]; not zero.
      velocity: [batch, ...].

    Returns:
      [batch]; between 0 and 2.

    Reference: the anchor of FACM, arXiv 2507.03738; transition models, arXiv 2509.04394.
    """
    a, b = (x.reshape(x.shape[0], -1) for x in (prediction, sg(velocity)))
    # Kept off zero: a vector of length zero has no direction.
    lengths = jnp.sqrt((squared_norm(a) + 1e-12) * (squared_norm(b) + 1e-12))
    return 1 - jnp.sum(a * b, axis=1) / lengths
