"""The exact path to data of which something was observed: a noisy reading ``y`` of the wanted example.

A point ``I_t`` and the reading are two measurements of one x1 with independent normal errors. Together they say what
one measurement says that is more precise than both, so that the posterior mean is one of the path without a reading, at
a later time and another point.
"""

from collections.abc import Callable

import jax.numpy as jnp

from taxonomy.arrays import expand
from taxonomy.exact import ExactFlow
from taxonomy.interpolants import LINEAR, Interpolant
from taxonomy.shapes import PerExample, Points

ObservedVelocity = Callable[[PerExample, Points, Points], Points]


def read(x1: Points, noise: Points, *, time: float) -> Points:
    """The reading ``y = (1 - time) n + time x1``.

    Args:
      x1: [batch, ...]; data.
      noise: [batch, ...]; independent of everything else, with the standard deviation of the path's noise.
      time: in [0, 1); 0 reads nothing of x1.

    Returns:
      [batch, ...].
    """
    return LINEAR.position(jnp.full(len(x1), time), noise, x1)


def velocity(linear: ExactFlow, path: Interpolant, *, time: float, noise_std: float) -> ObservedVelocity:
    """``b_t(x | y) = E[dI_t | I_t = x, y]`` for a reading y at one time, see ``read``.

    With ``rho = time / (1 - time)`` and ``q^2 = beta_t^2 + alpha_t^2 rho^2``, both measurements are one of the linear
    path without a reading, at ``t* = q / (alpha_t + q)`` and ``x*``, with its score ``s*`` there:

        x* = t* m,    m = (beta_t x + alpha_t^2 rho y / (1 - time)) / q^2
        E[x1 | x, y] = m + (1 - t*)^2 noise_std^2 s* / t*
        E[x0 | x, y] = alpha_t (rho^2 x - beta_t rho y / (1 - time)) / q^2
                       - alpha_t beta_t noise_std^2 s* / (q (alpha_t + q))
        b_t(x | y)   = alpha'_t E[x0 | x, y] + beta'_t E[x1 | x, y]

    Args:
      linear: the exact path of the data without a reading, on the linear interpolant and from the same noise.
      path: the interpolant of the path that is asked for.
      time: of the reading, in (0, 1).
      noise_std: standard deviation of the noise, of the path and of the reading.

    Returns:
      (t [batch] in [0, 1], x [batch, ...], y [batch, ...]) -> [batch, ...].

    Raises:
      ValueError: if the time of the reading is not between 0 and 1.

    Reference: Holderrieth et al., GLASS flows, as used by "Diamond maps", arXiv 2602.05993, and "Meta flow maps", arXiv
      2601.14430, have it on the linear path from b alone (``models.posterior``); derived here for any path, and in a
      form that is finite at t = 1. Same time direction.
    """
    if not 0 < time < 1:
        raise ValueError(f"time = {time}; expected a time of the reading between 0 and 1")
    rho = time / (1 - time)

    def b(t: PerExample, x: Points, y: Points) -> Points:
        alpha, beta = path.alpha(t), path.beta(t)
        q = jnp.sqrt(beta**2 + (alpha * rho) ** 2)
        star = q / (alpha + q)
        reading = expand(alpha**2 * rho / (1 - time), x) * y
        m = (expand(beta, x) * x + reading) / expand(q**2, x)
        score = noise_std**2 * linear.score(star, expand(star, x) * m)
        x1 = m + expand((alpha / (alpha + q)) ** 2 / star, x) * score
        own = expand(alpha * rho**2, x) * x - expand(alpha * beta * rho / (1 - time), x) * y
        x0 = own / expand(q**2, x) - expand(alpha * beta / (q * (alpha + q)), x) * score
        return expand(path.d_alpha(t), x) * x0 + expand(path.d_beta(t), x) * x1

    return b
