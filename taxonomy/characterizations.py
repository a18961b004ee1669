"""The rules that single out the flow map: each residual is zero for the exact map and for no other.

Given the tangent condition, any one of the Lagrangian, Eulerian and semigroup rules determines the map
(Boffi, Albergo, Vanden-Eijnden, arXiv 2505.18825, Prop. 2.2). Nothing is stopped here: what an objective holds
fixed is the objective's choice, see ``objectives/``.
"""

from taxonomy import flow_map
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.shapes import PerExample, Points
from taxonomy.spaces import FLAT, Space


def tangent(v: AverageVelocity, b: Velocity, t: PerExample, x: Points) -> Points:
    """``v_{t,t}(x) - b_t(x)``: on the diagonal the average velocity is the velocity.

    Args:
      v: average velocity of the map.
      b: velocity field of the path.
      t: [batch]; times in [0, 1].
      x: [batch, ...]; points at time t.

    Returns:
      [batch, ...]; residuals.

    Reference: arXiv 2505.18825, Lemma 2.1. Same time direction.
    """
    return v(t, t, x) - b(t, x)


def lagrangian(
    v: AverageVelocity, b: Velocity, s: PerExample, t: PerExample, x: Points, *, space: Space = FLAT
) -> Points:
    """``d/dt X_{s,t}(x) - b_t(X_{s,t}(x))``: moving the target time follows the velocity.

    Its squared norm is the loss ``objectives.losses.lagrangian.lagrangian`` with ``stop_gradient="none"``.

    Args:
      v: average velocity of the map.
      b: velocity field of the path; ``flow_map.diagonal(v)`` for the map's own.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, ...]; points at time s.
      space: in which the points move.

    Returns:
      [batch, ...]; residuals.

    Reference: arXiv 2505.18825, Prop. 2.2 (i). Same time direction.
    """
    mapped, d_mapped = flow_map.d_t(v, s, t, x, space=space)
    return d_mapped - b(t, mapped)


def eulerian(
    v: AverageVelocity, b: Velocity, s: PerExample, t: PerExample, x: Points, *, space: Space = FLAT
) -> Points:
    """``d/ds X_{s,t}(x) + grad X_{s,t}(x) . b_s(x)``: moving the source along the path leaves the target.

    Args:
      v: average velocity of the map.
      b: velocity field of the path; ``flow_map.diagonal(v)`` for the map's own.
      s: [batch]; source times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, ...]; points at time s.
      space: in which the points move.

    Returns:
      [batch, ...]; residuals.

    Reference: arXiv 2505.18825, Prop. 2.2 (ii). Same time direction.
    """
    return flow_map.d_source(v, s, t, x, b(s, x), space=space)[1]


def semigroup(
    v: AverageVelocity, s: PerExample, u: PerExample, t: PerExample, x: Points, *, space: Space = FLAT
) -> Points:
    """``X_{s,t}(x) - X_{u,t}(X_{s,u}(x))``: one jump equals two; on a curved space minus the logarithm between them.

    Args:
      v: average velocity of the map.
      s: [batch]; source times in [0, 1].
      u: [batch]; intermediate times in [0, 1].
      t: [batch]; target times in [0, 1].
      x: [batch, ...]; points at time s.
      space: in which the points move.

    Returns:
      [batch, ...]; residuals.

    Reference: arXiv 2505.18825, Prop. 2.2 (iii). Same time direction.
    """
    middle = flow_map.jump(v, s, u, x, space=space)
    return -space.log(flow_map.jump(v, s, t, x, space=space), flow_map.jump(v, u, t, middle, space=space))
