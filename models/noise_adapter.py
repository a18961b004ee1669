"""Steering by the noise alone: a law q of noise, fitted so that one jump of a map makes samples of the tilted law.

Let ``p_1`` be the law of ``X_{0,1}(x0)`` for ``x0 ~ N(0, s^2)``. Among all laws q of noise,

    E_q[-r(X_{0,1}(x0))] + KL(q | N(0, s^2)) >= -log Z,    equal for q*(x0) ~ N(x0; 0, s^2) e^{r(X_{0,1}(x0))},

and the map sends q* to ``p_1 e^r / Z``: the best law of noise gives exactly the tilted law. It has a density where the
map tears noise apart, too, and there it jumps; a family of smooth laws comes only near it. Here q is the law of an
invertible map of Gaussian noise: coupling layers, then an affine map; without layers it is a Gaussian.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.steering import Reward
from taxonomy.shapes import PerExample, Points

Adapter = dict[str, Any]
STRETCH = 2.0  # bound of the logarithm by which a coupling layer scales


def initialize(key: jax.Array, dim: int, *, layers: int, width: int = 64) -> Adapter:
    """Weights of an adapter that is the identity: q is the law of the noise itself.

    Args:
      key: typed PRNG key.
      dim: numbers of a point.
      layers: coupling layers; 0 for a Gaussian q.
      width: hidden units of a layer's network.

    Returns:
      a pytree.
    """
    keys = list(jax.random.split(key, layers)) if layers else []
    return {
        "shift": jnp.zeros((1, dim)),
        "log_diagonal": jnp.zeros((1, dim)),
        "below": jnp.zeros((dim, dim)),
        "layers": [
            {
                "in": jax.random.normal(key, (dim, width)) / dim**0.5,
                "bias": jnp.zeros((1, width)),
                "out": jnp.zeros((width, 2 * dim)),
            }
            for key in keys
        ],
    }


def transform(adapter: Adapter, z: Float[Array, "batch dim"]) -> tuple[Float[Array, "batch dim"], PerExample]:
    """``u = T(z)`` and ``log |det dT/dz|``.

    Args:
      adapter: weights.
      z: [batch, dim]; standard noise.

    Returns:
      ([batch, dim], [batch]).
    """
    dim, log_det = z.shape[1], jnp.zeros(z.shape[0], z.dtype)
    for k, layer in enumerate(adapter["layers"]):
        # Every other coordinate is kept, in turn those that were changed before.
        kept = (jnp.arange(dim)[None] + k) % 2 == 0
        hidden = jnp.tanh((z * kept) @ layer["in"] + layer["bias"])
        stretch, shift = jnp.split(hidden @ layer["out"], 2, axis=1)
        stretch = jnp.where(kept, 0.0, STRETCH * jnp.tanh(stretch / STRETCH))
        z = z * jnp.exp(stretch) + jnp.where(kept, 0.0, shift)
        log_det += stretch.sum(axis=1)
    moved = z * jnp.exp(adapter["log_diagonal"]) + z @ jnp.tril(adapter["below"], -1).T + adapter["shift"]
    return moved, log_det + jnp.sum(adapter["log_diagonal"])


def loss(
    adapter: Adapter, end: Callable[[Points], Points], reward: Reward, z: Points, *, noise_std: float
) -> PerExample:
    """``-r(X(s u)) + |u|^2 / 2 - |z|^2 / 2 - log |det dT/dz|``, ``u = T(z)``: its mean is ``E_q[-r] + KL(q | noise)``.

    Args:
      adapter: weights.
      end: ``X_{0,1}``, [batch, ...] -> [batch, ...].
      reward: r, [batch, ...] -> [batch]; differentiated.
      z: [batch, ...]; standard noise.
      noise_std: s.

    Returns:
      [batch]; the mean over z is at least ``-log Z``, and equal to it where q sends the map to the tilted law.

    Reference: Mammadov, Takao, Chen, Baptista, Mardani, Teh, Berner, "Variational flow maps: make some noise for
      one-step conditional generation", arXiv 2603.07276. There ``r = log p(y | x)``, a network makes mean and standard
      deviations of q from y for all y at once, and the map is trained with it; here one reward is fitted, by a
      Gaussian with correlations or by a flow, and the map is frozen. The optimum is derived here.
    """
    flat = z.reshape(len(z), -1)
    u, log_det = transform(adapter, flat)
    divergence = 0.5 * jnp.sum(jnp.square(u) - jnp.square(flat), axis=1) - log_det
    return divergence - reward(end(noise_std * u.reshape(z.shape)))


def adapted(adapter: Adapter, z: Points, *, noise_std: float) -> Points:
    """Noise of q, ``s T(z)``.

    Args:
      adapter: weights.
      z: [batch, ...]; standard noise.
      noise_std: s.

    Returns:
      [batch, ...].
    """
    return noise_std * transform(adapter, z.reshape(len(z), -1))[0].reshape(z.shape)
