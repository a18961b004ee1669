"""Integral (secant) objectives: the average velocity of a jump is the mean velocity along the way.

The exact map obeys ``v_{s,t}(x) = E_{u ~ U[s, t]} b_u(X_{s,u}(x))``: with u drawn uniformly between s and t, a plain
regression on the velocity at the point in between has the exact map as its minimizer. No derivative is needed.
"""

from jax.lax import stop_gradient as sg

from taxonomy import flow_map
from taxonomy.arrays import squared_norm
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.shapes import PerExample, Points


def interior(
    v: AverageVelocity, w: AverageVelocity, b: Velocity, x_s: Points, s: PerExample, u: PerExample, t: PerExample
) -> PerExample:
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

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_s, s, u, t = jnp.zeros((1, 2)), jnp.zeros(1), jnp.array([0.5]), jnp.ones(1)
      >>> interior(v, v, lambda t, x: 2 * jnp.ones_like(x), x_s, s, u, t).tolist()
      [0.0]

    Reference: SDEI and STEI, the secant losses of arXiv 2505.14502 that estimate the interior. Time runs in the same
      direction there, with source and target called t and s.
    """
    between = flow_map.jump(w, s, u, x_s)
    return squared_norm(v(s, t, x_s) - sg(b(u, between)))


def end(
    v: AverageVelocity,
    w: AverageVelocity,
    x_u: Points,
    s: PerExample,
    u: PerExample,
    t: PerExample,
    *,
    velocity: Points,
) -> PerExample:
    """``|v_{s,t}(x) - sg[velocity]|^2`` at ``x = sg[ Y_{u,s}(I_u) ]``: the source is estimated, going back from I_u.

    The velocity belongs to the point ``I_u`` itself, so that the sample's own ``dI_u`` may be used without bias:
    among examples with the same u and the same x its mean is ``b_u(X_{s,u}(x))``.

    Args:
      v: average velocity of the student.
      w: average velocity of the map Y that estimates the source: the model itself, trained in both directions.
      x_u: [batch, ...]; points ``I_u`` at time u.
      s: [batch]; source times in [0, 1].
      u: [batch]; times uniform between s and t.
      t: [batch]; target times in [0, 1], t < s is allowed and needed: s < u in half of the examples means that
        the map goes back from u to s.
      velocity: [batch, ...]; at ``I_u``: a teacher's ``b_u(I_u)`` (SDEE) or the sample's ``dI_u`` (STEE).

    Returns:
      [batch]; one squared residual per example.

    Examples:
      >>> import jax.numpy as jnp
      >>> v = lambda s, t, x: 2 * jnp.ones_like(x)  # X_{s,t}(x) = x + 2 (t - s)
      >>> x_u, s, u, t = jnp.ones((1, 2)), jnp.zeros(1), jnp.array([0.5]), jnp.ones(1)
      >>> end(v, v, x_u, s, u, t, velocity=2 * jnp.ones((1, 2))).tolist()
      [0.0]

    Reference: SDEE and STEE, the secant losses of arXiv 2505.14502 that estimate the end. As ``interior``.
    """
    source = sg(flow_map.jump(w, u, s, x_u))
    return squared_norm(v(s, t, source) - sg(velocity))
