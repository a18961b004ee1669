"""Integral (secant) objectives: the average velocity of a jump is the mean velocity along the way.

The exact map obeys ``v_{s,t}(x) = E_{u ~ U[s, t]} b_u(X_{s,u}(x))``: with u drawn uniformly between s and t, a plain
regression on the velocity at the point in between has the exact map as its minimizer. No derivative is needed.
"""

import jax
from jax.lax import stop_gradient as sg

from taxonomy import flow_map
from taxonomy.arrays import squared_norm
from taxonomy.flow_map import AverageVelocity, Velocity


def interior(
    v: AverageVelocity, w: AverageVelocity, b: Velocity, x_s: jax.Array, s: jax.Array, u: jax.Array, t: jax.Array
) -> jax.Array:
    """``|v_{s,t}(I_s) - sg[ b_u( Y_{s,u}(I_s) ) ]|^2``: the point in between is estimated, going forward from I_s.

    Args:
      v: average velocity of the student.
      w: average velocity of the map Y that estimates the point in between: the model itself.
      b: velocity field: a teacher's (SDEI) or ``flow_map.diagonal(v)``, the model's own (STEI).
      x_s: [batch, ...]; points ``I_s`` at time s.
      s: [batch]; source times in [0, 1].
      u: [batch]; times uniform between s and t.
      t: [batch]; target times in [0, 1], t < s is allowed.

    Returns:
      [batch]; one squared residual per example. At the exact map it is not zero: its gradient is, on average over u.

    Reference: SDEI and STEI, the secant losses of arXiv 2505.14502 that estimate the interior. Time runs in the same
      direction there, with source and target called t and s.
    """
    between = flow_map.jump(w, s, u, x_s)
    return squared_norm(v(s, t, x_s) - sg(b(u, between)))


def end(
    v: AverageVelocity,
    w: AverageVelocity,
    velocity: jax.Array,
    x_u: jax.Array,
    s: jax.Array,
    u: jax.Array,
    t: jax.Array,
) -> jax.Array:
    """``|v_{s,t}(x) - sg[velocity]|^2`` at ``x = sg[ Y_{u,s}(I_u) ]``: the source is estimated, going back from I_u.

    The velocity belongs to the point ``I_u`` itself, so that the sample's own ``dI_u`` may be used without bias:
    among examples with the same u and the same x its mean is ``b_u(X_{s,u}(x))``.

    Args:
      v: average velocity of the student.
      w: average velocity of the map Y that estimates the source: the model itself, trained in both directions.
      velocity: [batch, ...]; at ``I_u``: a teacher's ``b_u(I_u)`` (SDEE) or the sample's ``dI_u`` (STEE).
      x_u: [batch, ...]; points ``I_u`` at time u.
      s: [batch]; source times in [0, 1].
      u: [batch]; times uniform between s and t.
      t: [batch]; target times in [0, 1], t < s is allowed and needed: s < u in half of the examples means that
        the map goes back from u to s.

    Returns:
      [batch]; one squared residual per example.

    Reference: SDEE and STEE, the secant losses of arXiv 2505.14502 that estimate the end. As ``interior``.
    """
    source = sg(flow_map.jump(w, u, s, x_u))
    return squared_norm(v(s, t, source) - sg(velocity))
