"""The rules of a flow map as equations between distributions: the mean denoiser on the simplex, compared by KL.

With the linear path and ``X_{s,t}(x) = x + (t - s) / (1 - s) (psi_{s,t}(x) - x)`` the three rules say

    semigroup:   psi_{s,t} = a psi_{s,u} + (1 - a) psi_{u,t}(X_{s,u}),   a = (1 - t)(u - s) / ((1 - u)(t - s))
    Lagrangian:  psi_{s,t} + C d/dt psi_{s,t} = psi_{t,t}(X_{s,t}),      C = (t - s)(1 - t) / (1 - s)
    Eulerian:    (1 - t) psi_{s,t} - (1 - s)(t - s) D_s psi_{s,t} = (1 - t) psi_{s,s}

where D_s is the derivative along ``dx/ds = (psi_{s,s} - x) / (1 - s)``. Only the first has a right side that is a
distribution whatever the network. For the other two there are two targets, equal at the exact map:

    "quotient"  psi is divided out of ``d psi = psi d log psi``: the target is a distribution over a positive factor, as
                published. The factor may be negative for a network, and is kept above a floor.
    "sum"       the rule as it stands, solved for psi: entries sum to 1, may be negative, and are kept above the floor.

Both are divided by their sum.
"""

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from taxonomy import simplex, times
from taxonomy.arrays import expand, ratio
from taxonomy.shapes import PerExample, Points
from taxonomy.simplex import LogDenoiser, LogProbabilities

TARGETS = ("quotient", "sum")
FLOOR = 1e-6
LARGE = 30.0  # logarithm of a ratio beyond which one of two probabilities is none


def cross_entropy(log_psi: LogDenoiser, x_t: Points, t: PerExample, *, data: Points) -> PerExample:
    """``-sum_k x1^k log psi_{t,t}^k(I_t)``: the diagonal, whose minimizer is the posterior mean ``E[x1 | I_t]``.

    Args:
      log_psi: logarithm of the student's mean denoiser.
      x_t: [batch, ...]; points ``I_t`` at time t.
      t: [batch]; times in [0, 1].
      data: [batch, ...]; x1, one-hot in each position.

    Returns:
      [batch]; summed over the positions. Its smallest mean is the entropy of x1 given ``I_t`` in each position.

    Examples:
      >>> import jax.numpy as jnp
      >>> log_psi = lambda s, t, x: jnp.log(jnp.array([[[0.25, 0.75]]]))
      >>> x_t, t = jnp.zeros((1, 2)), jnp.zeros(1)
      >>> [round(float(r), 4) for r in cross_entropy(log_psi, x_t, t, data=jnp.array([[0.0, 1.0]]))]
      [0.2877]

    Reference: Lee et al., arXiv 2602.16813; Roos et al., arXiv 2602.12233; Potaptchik et al., arXiv 2604.09784. Same
      time direction.
    """
    log = log_psi(t, t, x_t)
    return -jnp.sum(data.reshape(log.shape) * log, axis=(1, 2))


def lagrangian(
    log_psi: LogDenoiser, x_s: Points, s: PerExample, t: PerExample, *, target: str = "quotient", floor: float = FLOOR
) -> PerExample:
    """``KL( sg[q] | psi_{s,t}(I_s) )``, q that of the Lagrangian rule, ``C = (t - s)(1 - t) / (1 - s)``: LSD.

        "quotient":  q ~ psi_{t,t}(X_{s,t}(I_s)) / (1 + C d/dt log psi_{s,t}(I_s))
        "sum":       q ~ psi_{t,t}(X_{s,t}(I_s)) - C d/dt psi_{s,t}(I_s)

    Args:
      log_psi: logarithm of the student's mean denoiser; it makes the target, too.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [s, 1].
      target: one of the two above.
      floor: smallest divisor, or smallest probability before q is divided by its sum, above 0.

    Returns:
      [batch]; one divergence per example, summed over the positions; 0 at the exact map.

    Raises:
      ValueError: on an unknown target, or unless the floor is positive.

    Examples:
      >>> import jax.numpy as jnp
      >>> log_psi = lambda s, t, x: jnp.log(jnp.array([[[0.25, 0.75]]]))  # all data alike: straight paths
      >>> x_s, s, t = jnp.zeros((1, 2)), jnp.zeros(1), jnp.ones(1) / 2
      >>> [round(float(r), 6) for r in lagrangian(log_psi, x_s, s, t)]
      [0.0]

    Reference: the Lagrangian consistency of Potaptchik et al., "Discrete flow maps", arXiv 2604.09784, in logits: the
      derivative of log psi is that of the logits about its mean under psi. Same time direction. The floor and "sum" are
      ours.
    """
    _check(target, floor)
    # One jvp along C d/dt gives the product: nothing is divided by 1 - s beyond the share of the way.
    along = (1 - t) * simplex.share(s, t)
    own, change = jax.jvp(lambda t: log_psi(s, t, x_s), (t,), (along,))
    there = log_psi(t, t, sg(simplex.jump(jnp.exp(own), s, t, x_s)))
    if target == "quotient":
        return _divergence(there - jnp.log(jnp.maximum(1 + change, floor)), own)
    return _divergence(jnp.log(jnp.maximum(jnp.exp(there) - jnp.exp(own) * change, floor)), own)


def eulerian(
    log_psi: LogDenoiser, x_s: Points, s: PerExample, t: PerExample, *, target: str = "quotient", floor: float = FLOOR
) -> PerExample:
    """``KL( sg[q] | psi_{s,t}(I_s) )``, q that of the Eulerian rule, ``g = (t - s) / (1 - s)``: ESD.

        "quotient":  q ~ psi_{s,s}(I_s) / (1 - t - (1 - s)(t - s) D_s log psi_{s,t}(I_s))
        "sum":       q ~ (1 - g) psi_{s,s}(I_s) + g psi_{s,t}(I_s) + (t - s) D_s psi_{s,t}(I_s)

    The sum is MeanFlow's target ``b + (t - s) D_s v`` in the mean denoiser.

    Args:
      log_psi: logarithm of the student's mean denoiser; it makes the target, too.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [s, 1]. At t = 1 the rule is ``D_s psi_{s,1} = 0``, and the quotient one of zeros.
      target: one of the two above.
      floor: as for ``lagrangian``.

    Returns:
      [batch]; one divergence per example, summed over the positions; 0 at the exact map.

    Raises:
      ValueError: on an unknown target, or unless the floor is positive.

    Examples:
      >>> import jax.numpy as jnp
      >>> log_psi = lambda s, t, x: jnp.log(jnp.array([[[0.25, 0.75]]]))
      >>> x_s, s, t = jnp.zeros((1, 2)), jnp.zeros(1), jnp.ones(1) / 2
      >>> [round(float(r), 6) for r in eulerian(log_psi, x_s, s, t)]
      [0.0]

    Reference: the Eulerian consistency of Potaptchik et al., arXiv 2604.09784, in logits, without the factor
      ``1 / (1 - t)``, which a softmax does not see. Same time direction. The floor and "sum" are ours.
    """
    _check(target, floor)
    here = sg(log_psi(s, s, x_s))
    # (1 - s) D_s: the velocity times 1 - s is psi - x, and nothing is divided.
    direction = jnp.exp(here).reshape(x_s.shape) - x_s
    own, change = jax.jvp(lambda s, x: log_psi(s, t, x), (s, x_s), (1 - s, direction))
    if target == "quotient":
        divisor = expand(1 - t, own) - expand(t - s, own) * change
        return _divergence(here - jnp.log(jnp.maximum(divisor, floor)), own)
    g = expand(simplex.share(s, t), own)  # (t - s) D_s is g times (1 - s) D_s
    total = (1 - g) * jnp.exp(here) + g * jnp.exp(own) * (1 + change)
    return _divergence(jnp.log(jnp.maximum(total, floor)), own)


def progressive(log_psi: LogDenoiser, x_s: Points, s: PerExample, u: PerExample, t: PerExample) -> PerExample:
    """``KL( sg[ a psi_{s,u}(I_s) + (1 - a) psi_{u,t}(X_{s,u}(I_s)) ] | psi_{s,t}(I_s) )``: PSD.

    Args:
      log_psi: logarithm of the student's mean denoiser; it makes the target, too.
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      u: [batch]; intermediate times between s and t.
      t: [batch]; target times in [s, 1].

    Returns:
      [batch]; one divergence per example, summed over the positions; 0 at the exact map.

    Raises:
      ValueError: outside of jit, unless s <= u <= t.

    Examples:
      >>> import jax.numpy as jnp
      >>> log_psi = lambda s, t, x: jnp.log(jnp.array([[[0.25, 0.75]]]))
      >>> x_s, s, u, t = jnp.zeros((1, 2)), jnp.zeros(1), jnp.ones(1) / 4, jnp.ones(1) / 2
      >>> [round(float(r), 6) for r in progressive(log_psi, x_s, s, u, t)]
      [0.0]

    Reference: the semigroup consistency of Potaptchik et al., arXiv 2604.09784, and of Lee et al., arXiv 2602.16813.
      Same time direction.
    """
    times.check_order(s, u, t, needed_by="progressive")
    first = sg(log_psi(s, u, x_s))
    second = log_psi(u, t, sg(simplex.jump(jnp.exp(first), s, u, x_s)))
    # Rounding may put the share of the first leg beyond its bounds; a share of 0 has the logarithm -inf.
    a = expand(jnp.clip(ratio((1 - t) * (u - s), (1 - u) * (t - s), otherwise=0.5), 0, 1), first)
    return _divergence(jnp.logaddexp(jnp.log(a) + first, jnp.log1p(-a) + second), log_psi(s, t, x_s))


def _check(target: str, floor: float) -> None:
    if target not in TARGETS:
        raise ValueError(f"target = {target!r}; expected one of {', '.join(TARGETS)}")
    if not floor > 0:
        raise ValueError(f"floor = {floor}; expected a positive number: below it there is no distribution")


def _divergence(logits: LogProbabilities, log_psi: LogProbabilities) -> PerExample:
    """``KL( sg[softmax(logits)] | psi )``, summed over the positions."""
    target = sg(jax.nn.log_softmax(logits))
    apart, psi = target - log_psi, jnp.exp(log_psi)
    # Of sum 0, the second term leaves no negative summand and no rounding of the first order in ``apart``.
    excess = jnp.where(apart < LARGE, psi * jnp.expm1(jnp.minimum(apart, LARGE)), jnp.exp(target) - psi)
    return jnp.sum(jnp.exp(target) * apart - excess, axis=(1, 2))
