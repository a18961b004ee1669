"""Faults of derivatives: at zero, through a kernel that has no forward one, and of weights on several devices."""

from collections.abc import Callable
import os

import jax
from jax import lax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import numpy as np

from experiments.symptoms.row import Row
from objectives import eulerian, integral, lagrangian, progressive
from taxonomy.arrays import ratio
from taxonomy.flow_map import AverageVelocity, diagonal
from taxonomy.shapes import PerExample, Points

SMALL = 1e-12  # under the root of a norm that is smooth at zero
TOKENS, DIM, BATCH = 4, 8, 16
AXIS, DEVICES = "width", 4
HOW_MANY = "xla_force_host_platform_device_count"  # the flag by which a user says it


def at_zero() -> list[Row]:
    """A value that is finite while its derivative is not: a jump of no length, and the norm at zero.

    Returns:
      value and derivative of both, with ``jnp.where`` and a root against ``taxonomy.arrays.ratio`` and a smooth root.
    """
    lengths = jnp.array([0.0, 0.5])
    by_where = jax.value_and_grad(lambda w: jnp.sum(jnp.where(lengths > 0, w * lengths / lengths, 0.0)))(2.0)
    by_ratio = jax.value_and_grad(lambda w: jnp.sum(ratio(w * lengths, lengths, 0.0)))(2.0)
    of_norm = jax.value_and_grad(lambda x: jnp.sqrt(jnp.sum(x**2)))(jnp.zeros(2))
    of_smooth = jax.value_and_grad(lambda x: jnp.sqrt(jnp.sum(x**2) + SMALL))(jnp.zeros(2))
    return [
        Row(
            "average velocity of a jump of length 0 and one of 0.5, summed",
            *(float(f[0]) for f in (by_where, by_ratio)),
        ),
        Row("its derivative", *(float(f[1]) for f in (by_where, by_ratio))),
        Row("length of a vector at zero", *(float(f[0]) for f in (of_norm, of_smooth))),
        Row("its derivative in the first coordinate", *(float(f[1][0]) for f in (of_norm, of_smooth))),
    ]


def attention(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    """``softmax(q k^T / sqrt(dim)) v`` over the tokens.

    Args:
      q: [batch, tokens, dim]; queries.
      k: [batch, tokens, dim]; keys.
      v: [batch, tokens, dim]; values.

    Returns:
      [batch, tokens, dim].
    """
    return jax.nn.softmax(q @ jnp.swapaxes(k, 1, 2) / q.shape[-1] ** 0.5) @ v


@jax.custom_vjp
def fused(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    """The same with a backward pass of its own, as kernels have it: jax cannot differentiate it forward."""
    return attention(q, k, v)


fused.defvjp(lambda *given: jax.vjp(attention, *given), lambda backward, g: backward(g))


def network(attend: Callable[..., jax.Array], weights: dict[str, jax.Array]) -> AverageVelocity:
    """One layer of attention as an average velocity, which sees both times.

    Args:
      attend: ``attention`` or ``fused``.
      weights: {"q", "k", "v": [dim, dim]}.

    Returns:
      v(s, t, x) of points [batch, tokens, dim].
    """

    def v(s: PerExample, t: PerExample, x: Points) -> Points:
        h = x + jnp.sin(s + 2 * t)[:, None, None]
        return attend(*(h @ weights[name] for name in "qkv"))

    return v


def rules(v: AverageVelocity, x: Points, s: PerExample, t: PerExample) -> dict[str, Callable[[], jax.Array]]:
    """Mean losses of four rules on points: two with a derivative of the network, two without.

    Args:
      v: the average velocity.
      x: [batch, ...]; points.
      s: [batch]; source times.
      t: [batch]; target times.

    Returns:
      {label: loss, a function without arguments}.
    """
    b, u = diagonal(v), (s + t) / 2
    return {
        "`lsd`, a derivative in t": lambda: jnp.mean(lagrangian(v, b, x, s, t)),
        "`esd`, a derivative in s and x": lambda: jnp.mean(eulerian(v, x, s, t, velocity=b(s, x))),
        "`psd_m`, none": lambda: jnp.mean(progressive(v, v, x, s, u, t)),
        "`sdei`, none": lambda: jnp.mean(integral.interior(v, v, b, x, s, u, t)),
    }


def without_forward_derivative(seed: int = 0) -> list[Row]:
    """Losses through a kernel that has no forward derivative, against plain attention; an error in place of a loss.

    Args:
      seed: of points and weights.

    Returns:
      one row for each of ``rules``.
    """
    keys = jax.random.split(jax.random.key(seed), 5)
    weights = {name: jax.random.normal(key, (DIM, DIM)) / DIM**0.5 for name, key in zip("qkv", keys, strict=False)}
    x = jax.random.normal(keys[3], (BATCH, TOKENS, DIM))
    s, t = jnp.sort(jax.random.uniform(keys[4], (2, BATCH)), axis=0)
    through, plain = (rules(network(attend, weights), x, s, t) for attend in (fused, attention))
    return [Row(f"loss of {name}", _value(through[name]), _value(plain[name])) for name in plain]


def _value(loss: Callable[[], jax.Array]) -> float | str:
    try:
        return float(jax.jit(loss)())
    except TypeError as error:
        return f"TypeError: {str(error).partition('.')[0]}"


def several_devices(count: int = DEVICES) -> None:
    """Lets a CPU count as several devices, where jax has not started and nothing else says how many."""
    if jax.config.jax_num_cpu_devices < 0 and HOW_MANY not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", count)


def residual(weights: jax.Array, x: Points, s: PerExample, t: PerExample) -> jax.Array:
    """Mean LSD of ``v_{s,t}(x) = tanh(x W + s + t) W^T``, to be differentiated in W.

    Args:
      weights: [dim, width]; W.
      x: [batch, dim]; points.
      s: [batch]; source times.
      t: [batch]; target times.

    Returns:
      [].
    """

    def v(s: PerExample, t: PerExample, x: Points) -> Points:
        return jnp.tanh(x @ weights + (s + t)[:, None]) @ weights.T

    return jnp.mean(lagrangian(v, diagonal(v), x, s, t))


def of_sharded_weights(seed: int = 0) -> list[Row]:
    """Gradients of weights that lie in parts on all devices, against those of whole ones.

    The fault: each device differentiates what its own part makes, and no device sees the others'. The cure: one
    compiled program over the whole array, in which the parts meet where they must.

    Args:
      seed: of points and weights.

    Returns:
      number of parts; error of loss and gradient as shares of their size, the gradient's largest entry.
    """
    keys = jax.random.split(jax.random.key(seed), 3)
    devices = jax.devices()
    weights = 0.3 * jax.random.normal(keys[0], (DIM, 8 * len(devices)))
    x, times = jax.random.normal(keys[1], (BATCH, DIM)), jax.random.uniform(keys[2], (2, BATCH))
    s, t = jnp.sort(times, axis=0)
    mesh, parts = Mesh(np.array(devices), (AXIS,)), PartitionSpec(None, AXIS)
    sharded = jax.device_put(weights, NamedSharding(mesh, parts))
    whole = jax.jit(jax.value_and_grad(residual))(weights, x, s, t)
    cured = jax.jit(jax.value_and_grad(residual))(sharded, x, s, t)

    def of_its_own(part: jax.Array) -> tuple[jax.Array, jax.Array]:
        value, gradient = jax.value_and_grad(residual)(part, x, s, t)
        return lax.pmean(value, AXIS), gradient

    fault = jax.jit(jax.shard_map(of_its_own, mesh=mesh, in_specs=parts, out_specs=(PartitionSpec(), parts)))(sharded)
    held = len(sharded.addressable_shards)
    return [
        Row("parts of the weights, one on each device", held, held),
        Row("error of the loss, as a share of it", *(_share(found[0], whole[0]) for found in (fault, cured))),
        Row(
            "error of the gradient, as a share of its largest entry", *(_share(g[1], whole[1]) for g in (fault, cured))
        ),
    ]


def _share(found: jax.Array, expected: jax.Array) -> float:
    return float(np.max(np.abs(np.asarray(found) - np.asarray(expected))) / np.max(np.abs(np.asarray(expected))))
