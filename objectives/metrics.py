"""What is minimized in place of a squared residual: robust metrics, and likelihoods with a learned variance.

All are functions of the squared residual of an example, which every loss returns; they are applied by ``mixture``.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

# Elementwise: [batch] in training.
Residuals = Float[Array, "..."]
Metric = Callable[[Residuals], Residuals]
Likelihood = Callable[..., Residuals]  # (squared residuals, *, log_variance)


def squared(loss: Residuals) -> Residuals:
    """``|r|^2``: the squared residual itself."""
    return loss


def pseudo_huber(*, scale: float) -> Metric:
    """``sqrt(|r|^2 + c^2) - c``: quadratic for residuals below c, linear above.

    Args:
      scale: c, positive.

    Returns:
      a metric.

    Raises:
      ValueError: if the scale is not positive.

    Reference: Song, Dhariwal, "Improved techniques for training consistency models", arXiv 2310.14189, where
      c = 0.00054 sqrt(number of coordinates).
    """
    _check_scale("pseudo_huber", scale)
    return lambda loss: jnp.sqrt(loss + scale**2) - scale


def log_cosh(*, scale: float) -> Metric:
    """``c^2 log cosh(|r| / c)``: as pseudo-Huber, with third derivatives that vanish faster.

    Args:
      scale: c, positive.

    Returns:
      a metric.

    Raises:
      ValueError: if the scale is not positive.
    """
    _check_scale("log_cosh", scale)

    def metric(loss: Residuals) -> Residuals:
        # The root has no derivative at 0, where log cosh(z) is z^2 / 2: the inner where keeps it away.
        tiny = loss < 1e-8 * scale**2
        z = jnp.sqrt(jnp.where(tiny, scale**2, loss)) / scale
        # Two forms of log cosh(z): the first keeps all digits of a small one, the second does not overflow.
        near = jnp.log1p(2 * jnp.square(jnp.sinh(jnp.minimum(z, 1.0) / 2)))
        far = z + jnp.log1p(jnp.exp(-2 * z)) - jnp.log(2.0)
        return jnp.where(tiny, loss / 2, scale**2 * jnp.where(z < 1, near, far))

    return metric


def cauchy(*, scale: float) -> Metric:
    """``c^2 log(1 + |r|^2 / c^2)``: the pull of large residuals falls off.

    Args:
      scale: c, positive.

    Returns:
      a metric.

    Raises:
      ValueError: if the scale is not positive.
    """
    _check_scale("cauchy", scale)
    return lambda loss: scale**2 * jnp.log1p(loss / scale**2)


def gaussian_likelihood(loss: Residuals, *, log_variance: Residuals) -> Residuals:
    """``exp(-w) |r|^2 + w``: minimal where ``w = log E|r|^2``, so that all times weigh alike.

    Args:
      loss: [batch]; squared residuals, weighted.
      log_variance: [batch]; learned w of each pair of times.

    Returns:
      [batch].

    Reference: Karras et al., "Analyzing and improving the training dynamics of diffusion models", arXiv 2312.02696;
      with two times in arXiv 2505.18825, and with the other sign of w in sCM, arXiv 2410.11081.
    """
    return jnp.exp(-log_variance) * loss + log_variance


def cauchy_likelihood(loss: Residuals, *, log_variance: Residuals) -> Residuals:
    """``log(exp(-w) |r|^2 + 0.01) + w``: the logarithm of a Cauchy density, as published.

    It equals ``log(|r|^2 + 0.01 exp(w))`` and grows with w at any residual: w falls until the logarithm of the residual
    itself is minimized, which gives all times and all examples the same pull whatever their residual.

    Args:
      loss: [batch]; squared residuals, weighted.
      log_variance: [batch]; learned w of each pair of times.

    Returns:
      [batch].

    Reference: decoupled MeanFlow, arXiv 2510.24474, and its public code, whose |r|^2 is a mean over coordinates.
    """
    # w falls without an end, and exp(-w) would overflow.
    return jnp.log(loss + 0.01 * jnp.exp(log_variance))


def _check_scale(name: str, scale: float) -> None:
    if not scale > 0:
        raise ValueError(f"{name} received scale = {scale}; expected a positive number")
