"""Interpolants ``I_t = alpha_t x0 + beta_t x1``: the path that carries noise (t = 0) to data (t = 1)."""

from collections.abc import Callable
import dataclasses

import jax
import jax.numpy as jnp

from taxonomy.arrays import expand
from taxonomy.spaces import FLAT, Space

Coefficient = Callable[[jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class Interpolant:
    """The path ``I_t = alpha(t) x0 + beta(t) x1``, given by its two coefficients.

    Time derivatives are taken by forward-mode differentiation of the two callables, hence exact; a new path is
    a new pair of callables: ``Interpolant(alpha=lambda t: (1 - t) ** 2, beta=lambda t: t)``.

    Attributes:
      alpha: elementwise function of times in [0, 1], with alpha(0) = 1 and alpha(1) = 0.
      beta: elementwise function of times in [0, 1], with beta(0) = 0 and beta(1) = 1.
      check: whether ``check_boundary`` is called when the path is made. It computes on a device: a path that is made
        while a module is imported, before the program has chosen its devices, is made without.
      space: in which the points move. On a curved one the path is the geodesic ``exp_{x0}(beta(t) log_{x0}(x1))``, and
        alpha is not used.

    Raises:
      ValueError: if the path does not go from the noise to the data.

    Reference: Albergo, Boffi, Vanden-Eijnden, "Stochastic interpolants", arXiv 2303.08797 (without latent
      noise). Same time direction.
    """

    alpha: Coefficient
    beta: Coefficient
    check: dataclasses.InitVar[bool] = True
    space: Space = FLAT

    def __post_init__(self, check: bool) -> None:
        if check:
            check_boundary(self)

    def d_alpha(self, t: jax.Array) -> jax.Array:
        """d alpha / dt at each time; same shape as t."""
        return _derivative(self.alpha, t)

    def d_beta(self, t: jax.Array) -> jax.Array:
        """d beta / dt at each time; same shape as t."""
        return _derivative(self.beta, t)

    def position(self, t: jax.Array, x0: jax.Array, x1: jax.Array) -> jax.Array:
        """``I_t = alpha_t x0 + beta_t x1``; t [batch] in [0, 1], x0 (noise) and x1 (data) [batch, ...]."""
        if self.space.curved:
            return self.space.exp(x0, expand(self.beta(t), x0) * self.space.log(x0, x1))
        return expand(self.alpha(t), x0) * x0 + expand(self.beta(t), x1) * x1

    def velocity(self, t: jax.Array, x0: jax.Array, x1: jax.Array) -> jax.Array:
        """``dI_t = alpha'_t x0 + beta'_t x1``; t [batch] in [0, 1], x0 (noise) and x1 (data) [batch, ...]."""
        if self.space.curved:
            return jax.jvp(lambda t: self.position(t, x0, x1), (t,), (jnp.ones_like(t),))[1]
        return expand(self.d_alpha(t), x0) * x0 + expand(self.d_beta(t), x1) * x1

    def neighbour(self, s: jax.Array, u: jax.Array, x0: jax.Array, x1: jax.Array) -> jax.Array:
        """The point at time u that belongs to ``I_s``: ``I_u`` of the same noise and data; s, u [batch] in [0, 1]."""
        return self.position(u, x0, x1)


def _derivative(f: Coefficient, t: jax.Array) -> jax.Array:
    t = jnp.asarray(t)
    return jax.jvp(f, (t,), (jnp.ones_like(t),))[1]


LINEAR = Interpolant(alpha=lambda t: 1 - t, beta=lambda t: t, check=False)
TRIGONOMETRIC = Interpolant(
    alpha=lambda t: jnp.cos(jnp.pi / 2 * t), beta=lambda t: jnp.sin(jnp.pi / 2 * t), check=False
)

INTERPOLANTS = {"linear": LINEAR, "trigonometric": TRIGONOMETRIC}


def check_boundary(interpolant: Interpolant, *, tolerance: float = 1e-6) -> None:
    """Checks that a path starts at the noise and ends at the data.

    Args:
      interpolant: the path.
      tolerance: largest accepted difference from 0 and 1.

    Raises:
      ValueError: outside of jit; names the coefficient, the value found and the value expected.
    """
    for name, value, expected in (
        ("alpha(0)", interpolant.alpha(jnp.zeros(())), 1.0),
        ("alpha(1)", interpolant.alpha(jnp.ones(())), 0.0),
        ("beta(0)", interpolant.beta(jnp.zeros(())), 0.0),
        ("beta(1)", interpolant.beta(jnp.ones(())), 1.0),
    ):
        # Within jit only a coefficient that does not depend on the time is known.
        if isinstance(value, jax.core.Tracer):
            continue
        # Written so that NaN fails too.
        if not abs(float(value) - expected) <= tolerance:
            raise ValueError(
                f"interpolant has {name} = {float(value):g}; expected {expected:g}: "
                "I_0 must be the noise and I_1 the data"
            )
