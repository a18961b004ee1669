"""Upper bounds on the error of one-step samples, from measured losses and a measured Lipschitz constant."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.metrics.maps import Draws
from taxonomy.flow_map import AverageVelocity

TIME_BINS = 20  # bins of time in the integral of the growth rate


def growth(v: AverageVelocity, draws: Draws) -> tuple[float, float]:
    """How fast neighbouring paths of the map's own velocity can part, measured at points of the path.

    Args:
      v: average velocity of the map.
      draws: times and points; in more than two dimensions fewer of them are used, for the same work.

    Returns:
      (L, G): L is the largest spectral norm of ``grad v_{tau,tau}``, a lower estimate of its Lipschitz constant, and
      ``G = max_tau int_tau^1 (1 + 2 l_t) dt`` with l_t the largest eigenvalue of its symmetric part at time t.
    """
    count = max(1, 2 * len(draws.tau) // draws.x_tau[0].size)
    tau, x = draws.tau[:count], draws.x_tau[:count]

    @jax.jit
    def rates(tau: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        def gradient(t: jax.Array, x: jax.Array) -> jax.Array:
            return jax.jacfwd(lambda y: v(t[None], t[None], y[None])[0])(x)

        jacobian = jax.vmap(gradient)(tau, x)
        symmetric = (jacobian + jacobian.swapaxes(-1, -2)) / 2
        return jnp.linalg.norm(jacobian, ord=2, axis=(-2, -1)), jnp.linalg.eigvalsh(symmetric)[:, -1]

    norms, rate = map(np.asarray, rates(tau, x))
    bins = np.minimum((np.asarray(tau) * TIME_BINS).astype(int), TIME_BINS - 1)
    tops = np.array([rate[bins == k].max() for k in range(TIME_BINS) if (bins == k).any()])
    later = np.cumsum((1 + 2 * tops[::-1]) / len(tops))
    return float(norms.max()), float(max(0.0, later.max()))


def wasserstein_bounds(
    *, tangent: float, lagrangian_s0: float, eulerian_t1: float, lipschitz: float, growth: float
) -> dict[str, float]:
    """Upper bounds on the distance W2 between one-step samples and the data, from measured losses.

        Lagrangian                     W2^2 <= 4 e^{1 + 2 L} (tangent + lagrangian_s0)
        Eulerian                       W2^2 <= 2 e (1 + e^{2 L}) (tangent + eulerian_t1)
        Lagrangian with growth         W2^2 <= 2 e^G (tangent + lagrangian_s0)

    The last one is derived here: with r the Lagrangian residual of y_t = X_{0,t}(x_0), e = v_{t,t} - b_t on the exact
    path x_t, and l_t the one-sided Lipschitz constant of v_{t,t},
    ``d/dt |y - x|^2 <= (1 + 2 l_t) |y - x|^2 + |r + e|^2``; integrate, with ``G = max_tau int_tau^1 (1 + 2 l_t) dt``.

    Args:
      tangent: mean squared error of the velocity on the diagonal.
      lagrangian_s0: mean squared Lagrangian residual at s = 0.
      eulerian_t1: mean squared Eulerian residual at t = 1.
      lipschitz: Lipschitz constant L of v_{t,t}.
      growth: G, see ``growth``.

    Returns:
      "bound_lagrangian", "bound_eulerian", "bound_growth" on W2 itself, infinite where they overflow.

    Reference: arXiv 2505.18825, Prop. 2.4. There the losses are means over all (s, t); the proof needs the slices.
    """
    with np.errstate(over="ignore"):
        squares = {
            "bound_lagrangian": 4 * np.exp(1 + 2 * lipschitz) * (tangent + lagrangian_s0),
            "bound_eulerian": 2 * np.e * (1 + np.exp(2 * lipschitz)) * (tangent + eulerian_t1),
            "bound_growth": 2 * np.exp(growth) * (tangent + lagrangian_s0),
        }
    return {name: float(np.sqrt(square)) for name, square in squares.items()}
