"""Distribution matching: losses on the distribution of the mapped points, not on each point and its own path."""

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp
from jaxtyping import Array, Float

from taxonomy.arrays import squared_norm
from taxonomy.shapes import PerExample, Points, Pool, Scalar


def moment_matching(
    mapped: Points, *, target: Points, group: int, scale: PerExample, floor: Scalar | float = 0.0
) -> PerExample:
    """The squared maximum mean discrepancy between groups of mapped points and of targets: IMM.

        MMD^2 = mean_ij [ k(x_i, x_j) - 2 k(x_i, sg[y_j]) + k(sg[y_i], sg[y_j]) ]
        k(x, y) = exp(-max(|x - y|, floor) / (D scale)),   |.| the norm and D the number of coordinates

    Args:
      mapped: [batch, ...]; ``X_{s,t}(I_s)``, consecutive examples in groups that share their times.
      target: [batch, ...]; ``Y_{u,t}(I_u)`` with u nearer to the data; its distribution is the same, p_t.
      group: size of a group; divides the batch. With one example it pulls x to y as consistency training does.
      scale: [batch]; length scale of the kernel. A norm grows with the root of D and is divided by D: the kernel is
        flatter in more dimensions, as published.
      floor: [] or a number, not negative; nearer points count as equal and do not pull.

    Returns:
      [batch]; the value of its group for each example.

    Raises:
      ValueError: if the group does not divide the batch.

    Examples:
      >>> import jax.numpy as jnp
      >>> mapped = jnp.array([[0.0], [1.0]])
      >>> moment_matching(mapped, target=mapped, group=2, scale=jnp.ones(2)).tolist()
      [0.0, 0.0]
      >>> value = moment_matching(mapped, target=mapped + 1, group=1, scale=jnp.ones(2))
      >>> round(float(value[0]), 4)  # 2 - 2 exp(-1)
      1.2642

    Reference: inductive moment matching, arXiv 2503.07565, there with the scale |c_out|; the division by D and the
      floor as in EDAPINENUT/ExplicitShortCut, loss/imm_loss.py.
    """
    batch = mapped.shape[0]
    if group < 1 or batch % group:
        raise ValueError(f"group = {group} and a batch of {batch}; expected a group size that divides the batch")
    x, y = (a.reshape(batch // group, group, -1) for a in (mapped, sg(target)))
    scale = scale.reshape(batch // group, group)[:, :1, None]

    def kernel(a: jax.Array, b: jax.Array) -> jax.Array:
        square = jnp.sum(jnp.square(a[:, :, None] - b[:, None, :]), axis=-1)
        # The distance has no derivative at 0; up to the floor the kernel is at its maximum.
        near = square <= floor**2
        distance = jnp.where(near, floor, jnp.sqrt(jnp.where(near, 1.0, square)))
        return jnp.exp(-distance / (x.shape[-1] * scale))

    value = jnp.mean(kernel(x, x) - 2 * kernel(x, y) + kernel(y, y), axis=(1, 2))
    return jnp.repeat(value, group)


def velocity_matching(mapped: Points, *, learned: Points, wanted: Points) -> PerExample:
    """``|X - sg[X - (b' - b)]|^2``: moves points against the difference of two velocities at a noised copy.

    Let ``b'`` be the velocity of the path from noise to the generated distribution, and b that to the wanted one. Up
    to a positive weight of the time, the gradient is that of the divergence between the two noised distributions.

    Args:
      mapped: [batch, ...]; generated points ``X_{0,1}(z)``, which receive the gradient.
      learned: [batch, ...]; ``b'_r(I_r)`` at ``I_r`` between fresh noise and the generated points.
      wanted: [batch, ...]; ``b_r(I_r)`` of a teacher.

    Returns:
      [batch]; squared difference of the two velocities.

    Examples:
      >>> import jax.numpy as jnp
      >>> x = jnp.zeros((1, 2))
      >>> velocity_matching(x, learned=jnp.ones((1, 2)), wanted=3 * jnp.ones((1, 2))).tolist()  # |1 - 3|^2, twice
      [8.0]

    Reference: the correction term of FreeFlow, arXiv 2511.19428; distribution matching, arXiv 2311.18828.
    """
    return squared_norm(mapped - sg(mapped - (learned - wanted)))


def batch_posterior(
    x_s: Points,
    *,
    own: Points,
    pool: Pool,
    alpha: PerExample,
    beta: PerExample,
    noise_std: Scalar | float,
) -> Float[Array, "batch points"]:
    """The posterior probabilities of the data points from which ``I_s`` may have come: softmax of their likelihoods.

        p_j = N(I_s; beta_s y_j, alpha_s^2 noise_std^2) / sum_k N(I_s; beta_s y_k, alpha_s^2 noise_std^2)

    over the example's own data point and a pool. The own point must be among them: then, given the set, it is
    distributed like this, and what is averaged over it stays without bias.

    Args:
      x_s: [batch, ...]; points ``I_s``.
      own: [batch, ...]; the data points of which they were made.
      pool: [count, ...]; further independent data points.
      alpha: [batch]; coefficients of the noise.
      beta: [batch]; coefficients of the data.
      noise_std: standard deviation of the noise.

    Returns:
      [batch, 1 + count]; probabilities, of the own point first.

    Examples:
      >>> import jax.numpy as jnp
      >>> x_s, own, pool = jnp.zeros((1, 1)), jnp.ones((1, 1)), -jnp.ones((1, 1))
      >>> half = jnp.array([0.5])
      >>> batch_posterior(x_s, own=own, pool=pool, alpha=half, beta=half, noise_std=1.0).tolist()  # equally far
      [[0.5, 0.5]]

    Reference: the plug-in velocity of ESC, arXiv 2512.11831.
    """
    points = jnp.concatenate(
        [own[:, None], jnp.broadcast_to(pool, (own.shape[0], *pool.shape))], axis=1, dtype=own.dtype
    )
    batch, count = points.shape[:2]
    residual = (x_s[:, None] - beta.reshape(batch, *[1] * x_s.ndim) * points).reshape(batch, count, -1)
    # A floor for the noise: at s = 1 the own point has all the probability.
    width = jnp.maximum(alpha * noise_std, 1e-6)
    return jax.nn.softmax(-jnp.sum(jnp.square(residual), axis=-1) / (2 * width[:, None] ** 2), axis=-1)
