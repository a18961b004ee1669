"""What networks of diffusion models predict, for any path: velocity, noise, data and score are affine in each other.

From ``x = alpha E[x0|x] + beta E[x1|x]`` and ``b = alpha' E[x0|x] + beta' E[x1|x]``, with the determinant
``D_t = alpha beta' - alpha' beta > 0`` (1 on the linear path, pi / 2 on the trigonometric one):

    E[x0|x] = (beta' x - beta b) / D_t,   E[x1|x] = (alpha b - alpha' x) / D_t,   score = -E[x0|x] / (alpha noise_std^2)

All functions take times [batch] and points [batch, ...], and return arrays like the points.
"""

import jax

from taxonomy.arrays import expand
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points


def determinant(path: Interpolant, t: PerExample) -> PerExample:
    """``D_t = alpha beta' - alpha' beta``.

    Args:
      path: the interpolant.
      t: [batch]; times in [0, 1].

    Returns:
      [batch]; positive.
    """
    return path.alpha(t) * path.d_beta(t) - path.d_alpha(t) * path.beta(t)


def _coefficients(path: Interpolant, t: jax.Array, x: jax.Array) -> tuple[jax.Array, ...]:
    """alpha, beta, alpha', beta' and the determinant, each to be multiplied with points."""
    values = (path.alpha(t), path.beta(t), path.d_alpha(t), path.d_beta(t), determinant(path, t))
    return tuple(expand(value, x) for value in values)


def noise_from_velocity(path: Interpolant, t: PerExample, x: Points, b: Points) -> Points:
    """``E[x0|x] = (beta' x - beta b) / D_t``.

    Args:
      path: the interpolant.
      t: [batch]; times in [0, 1]. At t = 0 this is x, at t = 1 the noise that b stands for.
      x: [batch, ...]; points at time t.
      b: [batch, ...]; velocity there, or a sample's own ``dI_t``, which gives its x0.

    Returns:
      [batch, ...].

    Reference: Albergo, Boffi, Vanden-Eijnden, "Stochastic interpolants", arXiv 2303.08797. Same time direction.
    """
    _, beta, _, d_beta, determinant = _coefficients(path, t, x)
    return (d_beta * x - beta * b) / determinant


def data_from_velocity(path: Interpolant, t: PerExample, x: Points, b: Points) -> Points:
    """``E[x1|x] = (alpha b - alpha' x) / D_t``.

    Args:
      path: the interpolant.
      t: [batch]; times in [0, 1].
      x: [batch, ...]; points at time t.
      b: [batch, ...]; velocity there.

    Returns:
      [batch, ...].
    """
    alpha, _, d_alpha, _, determinant = _coefficients(path, t, x)
    return (alpha * b - d_alpha * x) / determinant


def score_from_velocity(path: Interpolant, t: PerExample, x: Points, b: Points, *, noise_std: float) -> Points:
    """``grad log p_t(x) = -E[x0|x] / (alpha noise_std^2)``.

    Args:
      path: the interpolant.
      t: [batch]; times in [0, 1): at the data the score is a quotient of zeros.
      x: [batch, ...]; points at time t.
      b: [batch, ...]; velocity there.
      noise_std: standard deviation of the noise.

    Returns:
      [batch, ...].
    """
    alpha = expand(path.alpha(t), x)
    return -noise_from_velocity(path, t, x, b) / (alpha * noise_std**2)


def velocity_from_noise(path: Interpolant, t: PerExample, x: Points, noise: Points) -> Points:
    """``b = (beta' x - D_t E[x0|x]) / beta``.

    Args:
      path: the interpolant.
      t: [batch]; times in (0, 1]: at t = 0 the noise is x, whatever the velocity.
      x: [batch, ...]; points at time t.
      noise: [batch, ...]; ``E[x0|x]``.

    Returns:
      [batch, ...].
    """
    _, beta, _, d_beta, determinant = _coefficients(path, t, x)
    return (d_beta * x - determinant * noise) / beta


def velocity_from_data(path: Interpolant, t: PerExample, x: Points, data: Points) -> Points:
    """``b = (alpha' x + D_t E[x1|x]) / alpha``.

    Args:
      path: the interpolant.
      t: [batch]; times in [0, 1): at t = 1 the data are x, whatever the velocity.
      x: [batch, ...]; points at time t.
      data: [batch, ...]; ``E[x1|x]``.

    Returns:
      [batch, ...].
    """
    alpha, _, d_alpha, _, determinant = _coefficients(path, t, x)
    return (d_alpha * x + determinant * data) / alpha


def velocity_from_score(path: Interpolant, t: PerExample, x: Points, score: Points, *, noise_std: float) -> Points:
    """``b = (beta' x + D_t alpha noise_std^2 score) / beta``.

    Args:
      path: the interpolant.
      t: [batch]; times in (0, 1].
      x: [batch, ...]; points at time t.
      score: [batch, ...]; ``grad log p_t(x)``.
      noise_std: standard deviation of the noise.

    Returns:
      [batch, ...].
    """
    return velocity_from_noise(path, t, x, -expand(path.alpha(t), x) * noise_std**2 * score)
