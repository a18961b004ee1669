"""Stochastic objectives: the velocity along a path of noise. Given its path, a stochastic map is a flow map.

Off the diagonal the rules are those of ``lagrangian`` and ``progressive``, with the path of noise held fixed.
"""

from taxonomy.arrays import expand, squared_norm
from taxonomy.flow_map import AverageVelocity
from taxonomy.shapes import PerExample, Points


def driven_matching(
    v: AverageVelocity, x_t: Points, t: PerExample, *, velocity: Points, noise: Points, pull: PerExample, push: Points
) -> PerExample:
    """``|v_{t,t}(I_t, W) - (dI_t - pull_t x0 + sigma_t dW_t/dt)|^2``: flow matching and score matching in one.

    The minimizer is ``b_t + (sigma_t^2 / 2) grad log p_t + sigma_t dW_t/dt``, because the score of ``p_t`` is
    ``-E[x0 | I_t] / (alpha_t noise_std^2)`` and ``pull_t = sigma_t^2 / (2 alpha_t noise_std^2)``. The path of noise
    must be independent of noise and data.

    Args:
      v: average velocity of the student, which is told the path of noise; (s, t, x) -> [batch, ...].
      x_t: [batch, ...]; points ``I_t`` at time t.
      t: [batch]; times in [0, 1].
      velocity: [batch, ...]; ``dI_t`` of the samples.
      noise: [batch, ...]; ``x0`` of the samples.
      pull: [batch]; see ``taxonomy.noise_paths.Driven.pull``.
      push: [batch, ...]; ``sigma_t dW_t/dt`` of the paths.

    Returns:
      [batch]; one squared residual per example. Nothing is stopped: the target does not depend on v.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: jnp.ones_like(x)
      >>> x_t, t, ones = jnp.zeros((1, 2)), jnp.array([0.2]), jnp.ones((1, 2))
      >>> driven_matching(v, x_t, t, velocity=ones, noise=ones, pull=jnp.array([0.5]), push=ones / 2).tolist()
      [0.0]
      >>> driven_matching(v, x_t, t, velocity=ones, noise=ones, pull=jnp.array([0.5]), push=0 * ones).tolist()
      [0.5]

    Reference: the score term of McCallum et al., "Strong stochastic flow maps", arXiv 2606.01086, in the limit of short
      steps: its public code regresses on one step of Euler and Maruyama, ``h (drift - pull x0) + sigma (W_t - W_s)``,
      with noise at time 1 and the diffusion of a variance-preserving model.
    """
    return squared_norm(v(t, t, x_t) - (velocity - expand(pull, noise) * noise + push))
