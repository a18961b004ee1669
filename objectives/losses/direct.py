"""Direct objectives: regression of the average velocity on one that is known, without a rule of consistency."""

from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from taxonomy.arrays import squared_norm
from taxonomy.flow_map import AverageVelocity
from taxonomy.shapes import PerExample, Points


def flow_matching(v: AverageVelocity, x_t: Points, t: PerExample, *, velocity: Points) -> PerExample:
    """``|v_{t,t}(I_t) - dI_t|^2``; its minimizer is ``v_{t,t} = b_t = E[dI_t | I_t]``.

    Args:
      v: average velocity of the student, (s, t, x) -> [batch, ...].
      x_t: [batch, ...]; points ``I_t`` at time t.
      t: [batch]; times in [0, 1].
      velocity: [batch, ...]; ``dI_t`` of the sample, or a teacher's ``b_t(I_t)``.

    Returns:
      [batch]; one squared residual per example. Nothing is stopped: the target does not depend on v.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: jnp.ones_like(x)
      >>> x_t, t = jnp.zeros((2, 3)), jnp.array([0.2, 0.7])
      >>> flow_matching(v, x_t, t, velocity=jnp.ones((2, 3))).tolist()
      [0.0, 0.0]
      >>> flow_matching(v, x_t, t, velocity=3 * jnp.ones((2, 3))).tolist()  # |1 - 3|^2 in each of three coordinates
      [12.0, 12.0]

    Reference: Lipman, Chen, Ben-Hamu, Nickel, Le, "Flow matching for generative modeling", arXiv 2210.02747,
      eq. (9); Albergo, Vanden-Eijnden, arXiv 2209.15571. Same time direction. It is the diagonal term of
      arXiv 2505.18825, Prop. 2.3.
    """
    return squared_norm(v(t, t, x_t) - velocity)


def regression(v: AverageVelocity, x_s: Points, s: PerExample, t: PerExample, *, velocity: Points) -> PerExample:
    """``|v_{s,t}(x_s) - sg[velocity]|^2``: the average velocity of a jump whose end is known.

    Args:
      v: average velocity of the student.
      x_s: [batch, ...]; points at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      velocity: [batch, ...]; ``(x_t - x_s) / (t - s)`` of two points of one trajectory, or the velocity at s = t.

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)
      >>> x_0, x_1 = jnp.zeros((1, 2)), 2 * jnp.ones((1, 2))
      >>> regression(v, x_0, jnp.zeros(1), jnp.ones(1), velocity=x_1 - x_0).tolist()
      [0.0]

    Reference: at s = 0 and t = 1 the one-step distillation of Liu, Gong, Liu, "Flow straight and fast", arXiv
      2209.03003; at any times along a teacher's trajectories consistency mid-training, arXiv 2509.24526.
    """
    return squared_norm(v(s, t, x_s) - sg(velocity))


def misalignment(prediction: Points, *, velocity: Points) -> PerExample:
    """``1 - cos(prediction, velocity)``: what the angle alone costs, a mean over the positions of a picture.

    With a noisy velocity its minimizer is not the direction of the conditional mean.

    Args:
      prediction: [batch, ..., channels]; not zero. The angle is that of the vectors of channels.
      velocity: [batch, ..., channels].

    Returns:
      [batch]; between 0 and 2.

    Examples:
      >>> import jax.numpy as jnp
      >>> prediction = jnp.array([[1.0, 0.0], [1.0, 0.0]])
      >>> misalignment(prediction, velocity=jnp.array([[2.0, 0.0], [0.0, 5.0]])).tolist()  # parallel; orthogonal
      [0.0, 1.0]

    Reference: the anchor of FACM, arXiv 2507.03738; transition models, arXiv 2509.04394.
    """
    a, b = prediction, sg(velocity)
    # Kept off zero: a vector of length zero has no direction.
    lengths = jnp.sqrt((jnp.sum(a**2, axis=-1) + 1e-12) * (jnp.sum(b**2, axis=-1) + 1e-12))
    cosines = jnp.sum(a * b, axis=-1) / lengths
    return 1 - jnp.mean(cosines.reshape(cosines.shape[0], -1), axis=1)
