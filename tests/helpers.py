"""A small random network and random inputs, in the precision of the session."""

import jax
import jax.numpy as jnp

DIM = 2


def tiny_params(seed=0, width=8):
    keys = jax.random.split(jax.random.key(seed), 4)
    return {
        "w1": jax.random.normal(keys[0], (DIM + 2, width)),
        "c1": 0.3 * jax.random.normal(keys[1], (1, width)),
        "w2": jax.random.normal(keys[2], (width, DIM)) / width**0.5,
        "c2": 0.3 * jax.random.normal(keys[3], (1, DIM)),
    }


def tiny(params):
    """A smooth two-time network v(s, t, x)."""

    def v(s, t, x):
        inputs = jnp.concatenate([s[:, None], t[:, None], x], axis=-1)
        return jnp.tanh(inputs @ params["w1"] + params["c1"]) @ params["w2"] + params["c2"]

    return v


def softmaxed(v):
    """A mean denoiser of one position, in logarithms, whose logits are v."""
    return lambda s, t, x: jax.nn.log_softmax(v(s, t, x))[:, None]


def inputs(seed=1, batch=5):
    """(s, u, t, x, w): ordered times away from each other, points and directions."""
    keys = jax.random.split(jax.random.key(seed), 3)
    s, u, t = jnp.sort(jax.random.uniform(keys[0], (3, batch)), axis=0)
    return s, u, t, jax.random.normal(keys[1], (batch, DIM)), jax.random.normal(keys[2], (batch, DIM))


def directional(f, params, direction, step):
    """Central difference of a scalar function along a direction in parameter space."""
    ahead = jax.tree.map(lambda p, d: p + step * d, params, direction)
    behind = jax.tree.map(lambda p, d: p - step * d, params, direction)
    return (f(ahead) - f(behind)) / (2 * step)


def inner(a, b):
    return sum(jnp.vdot(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
