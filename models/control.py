"""Steering as optimal control of one path, without noise, weights or other points: flow map reward guidance (FMRG).

Maximize ``r(x_1) - (1 / (2 c)) int |u_t|^2 dt`` over controls of ``dx/dt = b_t(x) + u_t``. The value V solves
``d_t V + b . grad V + (c / 2) |grad V|^2 = 0``, ``V_1 = r``, and the best control is ``c grad V_t(x_t)``. To first
order in c the value is transported by the flow, ``V_t(x) = r(X_{t,1}(x))``: so the flow map appears. The law of the
ends maximizes a reward less a cost of transport. It is **not** the tilted law, which needs noise or weights.
"""

import jax

from models.grids import Grid
from models.steering import Reward, map_look_ahead, value_and_gradient, value_of
from taxonomy import flow_map
from taxonomy.arrays import expand
from taxonomy.flow_map import AverageVelocity
from taxonomy.shapes import Points


def reward_guidance(
    v: AverageVelocity, transport: AverageVelocity, reward: Reward, x: Points, grid: Grid, *, strength: float
) -> Points:
    """``x <- X_{t,t'}(x) + (t' - t) c grad_x r(X_{t,1}(x))``: a jump, and the control of first order.

    For a linear reward and an affine map the control is the best one, and every end moves by
    ``c int J_t J_t^T dt grad r`` with ``J_t = dX_{t,1}/dx``: by ``(pi / 2) c grad r`` for data and noise of one
    isotropic Gaussian. The tilted law moves by ``noise_std^2 grad r`` there.

    Args:
      v: average velocity of the map, for the look-ahead.
      transport: average velocity for the short jumps; the map itself, or Euler steps.
      reward: r, [batch, ...] -> [batch].
      x: [batch, ...]; noise.
      grid: [steps + 1]; times from 0 to 1.
      strength: c, inverse of the penalty of the control.

    Returns:
      [batch, ...]; for each step one jump, and the look-ahead with its gradient.

    Reference: Huang, Lin, Shah, Nair, Boffi, "How to guide your flow: few-step alignment via flow map reward guidance",
      arXiv 2604.27147: FMRG-J, as its code steps (github.com/jrrhuang/fmrg, sample_mode flow_map2) without the
      rescaling of gradients to the velocity's norm; its noise is at time 1. The control problem is derived here.
    """
    h = value_of(reward, map_look_ahead(v))

    def step(s: jax.Array, t: jax.Array, x: Points) -> Points:
        gradient = value_and_gradient(h, s, x)[1]
        return flow_map.jump(transport, s, t, x) + strength * expand(t - s, x) * gradient

    return flow_map.along(step, x, grid)
