"""Losses that reach the tilted law ``p_1 e^r / Z``: tilt matching, which never differentiates r, and tilted DMD.

Let ``b^a`` be the velocity of the path from noise to the law ``p_1 e^{a r} / Z_a``. As ``I_t`` and ``dI_t`` are the
same functions of noise and data for every a, tilting reweights their joint law by ``e^{a r(x1)}``:

    b^a_t(x) = E[e^{a r} dI_t | I_t = x] / E[e^{a r} | I_t = x],    d/da b^a_t(x) = Cov_a(dI_t, r(x1) | I_t = x)

A small step h in a has the weight ``e^{h r}`` near one, so its targets have little variance beside those of flow
matching: a strong tilt is made of several small ones, each with data that the model of the last one has made.
"""

from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from objectives.losses import direct, distributional
from objectives.losses.reward import Reward
from taxonomy.arrays import expand, squared_norm
from taxonomy.flow_map import AverageVelocity
from taxonomy.shapes import PerExample, Points


def weighted(v: AverageVelocity, x_t: Points, t: PerExample, *, velocity: Points, log_weight: PerExample) -> PerExample:
    """``sg[e^w] |v_{t,t}(I_t) - dI_t|^2``: flow matching of reweighted data; minimizer ``E[e^w dI | I] / E[e^w | I]``.

    It needs no reference, and has the variance of flow matching with as few data as carry the weight.

    Args:
      v: average velocity of the student; its diagonal is trained.
      x_t: [batch, ...]; points ``I_t`` between noise and data of the law before the tilt.
      t: [batch]; times in [0, 1].
      velocity: [batch, ...]; ``dI_t`` of these examples.
      log_weight: [batch]; ``w = r(x1)`` up to a constant, which scales the loss.

    Returns:
      [batch]; one weighted squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: jnp.ones_like(x)
      >>> x_t, t, velocity = jnp.zeros((1, 2)), jnp.zeros(1), 3 * jnp.ones((1, 2))
      >>> weighted(v, x_t, t, velocity=velocity, log_weight=jnp.log(jnp.array([0.5]))).tolist()  # |1 - 3|^2 / 2, twice
      [4.0]

    Reference: weighted flow matching, as in Potaptchik, Lee, Albergo, "Tilt matching for scalable sampling and
      fine-tuning", arXiv 2512.21829, which compares with it. Same time direction.
    """
    return sg(jnp.exp(log_weight)) * direct.flow_matching(v, x_t, t, velocity=velocity)


def explicit(
    v: AverageVelocity, x_t: Points, t: PerExample, *, velocity: Points, reference: Points, change: PerExample
) -> PerExample:
    """``|v_{t,t}(I_t) - sg[b_t(I_t) + h r (dI_t - b_t(I_t))]|^2``: one Euler step in a of the equation for ``b^a``.

    The minimizer is ``b + h Cov(dI_t, r | I_t)``: the error of a step is of the order h^2, that of all steps h.

    Args:
      v: average velocity of the student.
      x_t: [batch, ...]; points ``I_t`` between noise and data of the law before the step.
      t: [batch]; times in [0, 1].
      velocity: [batch, ...]; ``dI_t`` of these examples.
      reference: [batch, ...]; ``b_t(I_t)``, the velocity before the step.
      change: [batch]; ``h r(x1)``, less any function of (t, I_t), which changes the variance of the target and not its
        mean.

    Returns:
      [batch]; one squared residual per example. The target is stopped.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: jnp.ones_like(x)
      >>> x_t, t, b, velocity = jnp.zeros((1, 2)), jnp.zeros(1), jnp.ones((1, 2)), 3 * jnp.ones((1, 2))
      >>> explicit(v, x_t, t, velocity=velocity, reference=b, change=jnp.array([0.5])).tolist()  # |1 - 2|^2, twice
      [2.0]

    Reference: explicit tilt matching, arXiv 2512.21829; derived here from the covariance. Same time direction.
    """
    return squared_norm(v(t, t, x_t) - sg(reference + expand(change, x_t) * (velocity - reference)))


def implicit(
    v: AverageVelocity,
    x_t: Points,
    t: PerExample,
    *,
    velocity: Points,
    reference: Points,
    log_weight: PerExample,
    control: float = 1.0,
) -> PerExample:
    """``|v - sg[v + e^w (dI_t - v) - c (dI_t - b_t(I_t))]|^2``, v at ``I_t``: a whole step of any length.

    With c = 1 the target is ``b + (e^w - 1)(dI - v)``. The mean of ``dI - b`` given ``I_t`` is zero, so c changes the
    variance alone. The mean residual is zero where ``E[e^w (dI - v) | I_t] = 0``, which is ``v = E[e^w dI | I_t] /
    E[e^w | I_t]`` and no other: the gradient is that of ``weighted`` plus ``2 c (dI - b)``. A reference that is off
    by e moves the solution by ``- c e / E[e^w | I_t]``.

    Args:
      v: average velocity of the student.
      x_t: [batch, ...]; points ``I_t`` between noise and data of the law before the step.
      t: [batch]; times in [0, 1].
      velocity: [batch, ...]; ``dI_t`` of these examples.
      reference: [batch, ...]; ``b_t(I_t)``, the velocity before the step.
      log_weight: [batch]; ``w = h r(x1)``, less any function of (t, I_t): the solution is the same. Near the logarithm
        of ``E[e^w | I_t]`` it makes the variance small, and keeps errors of the reference from growing where weights
        are small: from stage to stage their product would be ``e^{-r}``.
      control: c; 0 has the gradient of ``weighted``.

    Returns:
      [batch]; one squared residual per example. The target is stopped, v in it too.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)
      >>> x_t, t, b, velocity = jnp.zeros((1, 2)), jnp.zeros(1), jnp.ones((1, 2)), 3 * jnp.ones((1, 2))
      >>> implicit(v, x_t, t, velocity=velocity, reference=b, log_weight=jnp.zeros(1)).tolist()  # |2 - b|^2
      [2.0]

    Reference: implicit tilt matching and its control variate, arXiv 2512.21829, eq. (20); the form is derived here.
    """
    made = v(t, t, x_t)
    residual = expand(jnp.exp(log_weight), x_t) * (velocity - made) - control * (velocity - reference)
    return squared_norm(made - sg(made + residual))


def distribution_matching(
    reward: Reward, x_1: Points, *, learned: Points, wanted: Points, weight: PerExample
) -> PerExample:
    """``-r(x1) + (c / 2) |x1 - sg[x1 - (w - b)]|^2``: its gradient in x1 is ``-grad r + c (w - b)``.

    Let w be the velocity of the path from noise to the law q of the generated points, and b that to the reference
    law p, both at a noised copy ``I_t`` of x1. On the linear path ``t (w - b) / ((1 - t) noise_std^2)`` is the
    difference of their scores, and ``dI_t / dx1 = t``: with ``c = t^2 / ((1 - t) noise_std^2)`` the gradient is that
    of ``KL(q_t | p_t) - E_q r``. At t = 1 the optimum over q is the tilted law. **Of a mean over t it is another**: for
    data and noise of N(0, s^2) and ``r = a . x``, the mean over uniform t gives N(2 s^2 a, s^2), where the tilted law
    is N(s^2 a, s^2).

    Args:
      reward: r, [batch, ...] -> [batch]; differentiated.
      x_1: [batch, ...]; what the student makes of some noise.
      learned: [batch, ...]; w at the noised points.
      wanted: [batch, ...]; b there.
      weight: [batch]; c, not negative.

    Returns:
      [batch]; may be negative.

    Examples:
      >>> import jax.numpy as jnp
      >>> x_1, zero = jnp.ones((1, 1)), jnp.zeros((1, 1))
      >>> distribution_matching(lambda x: x[:, 0], x_1, learned=zero, wanted=2 + zero, weight=jnp.ones(1)).tolist()
      [1.0]

    Reference: "Reinforcing few-step generators via reward-tilted distribution matching" (RTDMD), arXiv 2605.26108: the
      divergence from a tilted teacher is a term of distribution matching and one of reward. There the reward term is
      a policy gradient on all but the last of several steps; here there is one step, and it is differentiated.
    """
    pull = distributional.velocity_matching(x_1, learned=learned, wanted=wanted)
    return -reward(x_1) + 0.5 * weight * pull
