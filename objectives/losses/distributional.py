"""Distribution matching: losses on the distribution of the mapped points, not on each point and its own path."""

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp
from jaxtyping import Array, Int

from taxonomy.arrays import squared_norm
from taxonomy.shapes import PerExample, Points, Scalar

KERNELS = ("laplace", "rbf")
DRIFTS = ("laplace", "gaussian")


def moment_matching(
    mapped: Points,
    *,
    target: Points,
    group: int,
    scale: PerExample,
    floor: Scalar | float = 0.0,
    kernel: str = "laplace",
) -> PerExample:
    """The squared maximum mean discrepancy between groups of mapped points and of targets: IMM.

        MMD^2 = mean_ij [ k(x_i, x_j) - 2 k(x_i, sg[y_j]) + k(sg[y_i], sg[y_j]) ]
        "laplace":  k(x, y) = exp(-max(|x - y|, floor) / (D scale))
        "rbf":      k(x, y) = exp(-max(|x - y|, floor)^2 / (2 D scale^2))

    with |.| the norm and D the number of coordinates.

    Args:
      mapped: [batch, ...]; ``X_{s,t}(I_s)``, consecutive examples in groups that share their times.
      target: [batch, ...]; ``Y_{u,t}(I_u)`` with u nearer to the data; its distribution is the same, p_t.
      group: size of a group; divides the batch. With one example it pulls x to y as consistency training does.
      scale: [batch]; length scale of the kernel. A norm grows with the root of D and is divided by D: the kernel is
        flatter in more dimensions, as published.
      floor: [] or a number, not negative; nearer points count as equal and do not pull.
      kernel: one of the two above. That of Gauss falls off fast: points far from all others are not pulled at all.

    Returns:
      [batch]; the value of its group for each example.

    Raises:
      ValueError: if the group does not divide the batch, or on an unknown kernel.

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
    if kernel not in KERNELS:
        raise ValueError(f"kernel = {kernel!r}; expected one of {', '.join(KERNELS)}")
    x, y = (a.reshape(batch // group, group, -1) for a in (mapped, sg(target)))
    scale = scale.reshape(batch // group, group)[:, :1, None]

    def similarity(a: jax.Array, b: jax.Array) -> jax.Array:
        square = jnp.sum(jnp.square(a[:, :, None] - b[:, None, :]), axis=-1)
        near = square <= floor**2
        if kernel == "rbf":
            return jnp.exp(-jnp.where(near, floor**2, square) / (2 * x.shape[-1] * jnp.square(scale)))
        # The distance has no derivative at 0; up to the floor the kernel is at its maximum.
        distance = jnp.where(near, floor, jnp.sqrt(jnp.where(near, 1.0, square)))
        return jnp.exp(-distance / (x.shape[-1] * scale))

    value = jnp.mean(similarity(x, x) - 2 * similarity(x, y) + similarity(y, y), axis=(1, 2))
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


def drift(
    x: Points,
    *,
    data: Points,
    group: int,
    scale: Scalar | float,
    kernel: str = "laplace",
    label: Int[Array, " batch"] | None = None,
) -> Points:
    """``V(x_i) = sum_j p_ij y_j - sum_j q_ij x_j`` over the others of the group, j != i: two mean shifts, subtracted.

        p_ij = k(x_i, y_j) / sum_m k(x_i, y_m),   q_ij = k(x_i, x_j) / sum_m k(x_i, x_m)
        "laplace":   k(x, y) = exp(-|x - y| / scale)
        "gaussian":  k(x, y) = exp(-|x - y|^2 / (2 scale^2)), with which V = scale^2 (grad log p_h - grad log q_h)

    where p_h and q_h are the densities of the data and of the points, smoothed with a Gaussian of that scale. Both sums
    have as many terms, and exchanging data and points changes the sign: if the two laws agree, V is zero on average
    in groups of any size.

    Args:
      x: [batch, ...]; generated points, consecutive examples in groups.
      data: [batch, ...]; data points y.
      group: size of a group, at least 2; divides the batch.
      scale: []; length scale of the kernel, positive.
      kernel: one of the two above.
      label: [batch]; classes: examples of one alone are compared, and one without another does not move. None for all.

    Returns:
      [batch, ...].

    Raises:
      ValueError: if the group does not divide the batch, has fewer than two examples, or on an unknown kernel.

    Examples:
      >>> import jax.numpy as jnp
      >>> x, data = jnp.array([[0.0], [1.0]]), jnp.array([[5.0], [3.0]])
      >>> drift(x, data=data, group=2, scale=1.0).tolist()  # to the other's data, away from the other
      [[2.0], [5.0]]

    Reference: Deng, Li, Li, Du, He, "Generative modeling via drifting", arXiv 2602.04770, eq. (11). The identity:
      "A unified view of drifting and score-based models", arXiv 2603.07514; arXiv 2603.09936.
    """
    batch = x.shape[0]
    if group < 2 or batch % group:
        raise ValueError(
            f"group = {group} and a batch of {batch}; expected a group size of at least 2 that divides the batch"
        )
    if kernel not in DRIFTS:
        raise ValueError(f"kernel = {kernel!r}; expected one of {', '.join(DRIFTS)}")
    points, wanted = (a.reshape(batch // group, group, -1) for a in (x, data))
    allowed = jnp.broadcast_to(~jnp.eye(group, dtype=bool), (batch // group, group, group))
    if label is not None:
        labels = label.reshape(batch // group, group)
        allowed = allowed & (labels[:, :, None] == labels[:, None])

    def mean(of: jax.Array) -> jax.Array:
        square = jnp.sum(jnp.square(points[:, :, None] - of[:, None]), axis=-1)
        logits = -square / (2 * scale**2) if kernel == "gaussian" else -jnp.sqrt(square) / scale
        # The largest is subtracted: far from all others the nearest one counts, and no sum is 0.
        largest = jnp.max(jnp.where(allowed, logits, -jnp.inf), axis=-1, keepdims=True)
        weights = jnp.where(allowed, jnp.exp(logits - jnp.where(jnp.isfinite(largest), largest, 0.0)), 0.0)
        total = jnp.sum(weights, axis=-1, keepdims=True)
        return jnp.einsum("gij,gjd->gid", weights / jnp.where(total > 0, total, 1.0), of)

    return (mean(wanted) - mean(points)).reshape(x.shape)


def drifting(
    mapped: Points,
    *,
    data: Points,
    group: int,
    scale: Scalar | float,
    kernel: str = "laplace",
    label: Int[Array, " batch"] | None = None,
) -> PerExample:
    """``|x - sg[x + V(x)]|^2`` with the ``drift`` V towards the data and away from the other mapped points.

    Args:
      mapped: [batch, ...]; generated points ``X_{0,1}(z)``, which receive the gradient, in groups.
      data: [batch, ...]; data points.
      group: see ``drift``, and so the others.
      scale: length scale of the kernel.
      kernel: "laplace" or "gaussian".
      label: classes, or None.

    Returns:
      [batch]; the squared drift of each example. No network makes the target.

    Examples:
      >>> import jax.numpy as jnp
      >>> x, data = jnp.array([[0.0], [1.0]]), jnp.array([[5.0], [3.0]])
      >>> drifting(x, data=data, group=2, scale=1.0).tolist()
      [4.0, 25.0]

    Reference: arXiv 2602.04770, eq. (6).
    """
    moved = drift(sg(mapped), data=sg(data), group=group, scale=scale, kernel=kernel, label=label)
    return squared_norm(mapped - sg(mapped + moved))
