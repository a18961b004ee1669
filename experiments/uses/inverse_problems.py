"""Linear inverse problems as rewards: the log-likelihood of a measurement tilts the data's law to the posterior.

    python -m experiments.steer --workdir=RUN --reward=inpaint --method=all

On a mixture (eight_gaussians) the posterior is a mixture in closed form, ``taxonomy.tilted``.
"""

import jax
import jax.numpy as jnp

from taxonomy import tilted

INPAINTED, INPAINT_NOISE = 0.6, 0.1
NOISY, DENOISE_NOISE = (0.5, 0.45), 0.25


def inpaint_measurement() -> tilted.LinearQuadratic:
    """The first coordinate is known, up to noise of 0.1, and the second is not."""
    return tilted.measurement(jnp.array([[1.0, 0.0]]), jnp.array([INPAINTED]), noise_std=INPAINT_NOISE)


def denoise_measurement() -> tilted.LinearQuadratic:
    """Both coordinates are known up to noise of 0.25."""
    return tilted.measurement(jnp.eye(2), jnp.array(NOISY), noise_std=DENOISE_NOISE)


def inpaint(x: jax.Array) -> jax.Array:
    """``log p(y | x)`` of ``y = x_1 + noise``.

    Args:
      x: [batch, 2]; points.

    Returns:
      [batch].
    """
    return inpaint_measurement()(x)


def denoise(x: jax.Array) -> jax.Array:
    """``log p(y | x)`` of ``y = x + noise``.

    Args:
      x: [batch, 2]; points.

    Returns:
      [batch].
    """
    return denoise_measurement()(x)
