"""Methods that are wrong on purpose, so that an ablation can show what the right ones need.

They are in ``build.UNSOUND`` and not in its table of methods: nothing but an ablation trains them.
"""

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from objectives import weighting
from objectives.methods.checks import check_option
from objectives.methods.shared import forward_laws, self_distilled, source, unit_of_offset
from objectives.objective import Batch, Loss, Maps, Objective, Term
from taxonomy.arrays import expand, squared_norm
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample

# Whether the derivative moves s, and whether it moves t; the point moves in all. The right one moves s alone.
TANGENTS = {"point": (0.0, 0.0), "target": (0.0, 1.0), "both": (1.0, 1.0)}


def mean_flow_wrong_tangent(
    *, tangent: str = "point", diagonal_share: float = 0.75, times: str = "triangle", adaptive_power: float = 0.0
) -> Objective:
    """MeanFlow (arXiv 2505.13447) with a derivative along a direction that its rule has not (there Table 1b).

    tangent: "point" moves the point without a time, "target" with the target time, "both" with both times.
    """
    check_option("tangent", tangent, TANGENTS)
    both = forward_laws(times, needed_by="mean_flow_wrong_tangent")
    weight, unit = weighting.adaptive(power=adaptive_power), unit_of_offset(adaptive_power)
    distill = Term("eulerian", along(*TANGENTS[tangent]), both.jumps, 1 - diagonal_share, weight, cost=2 + 2)
    return self_distilled(diagonal_share, distill, "per_example", weight, law=both.diagonal, unit=unit)


def along(source_rate: float, target_rate: float) -> Loss:
    """``|v_{s,t}(I_s) - sg[ dI_s + (t - s) (a d/ds + b d/dt + dI_s . grad) v_{s,t}(I_s) ]|^2``.

    Args:
      source_rate: a; 1 with b = 0 for MeanFlow.
      target_rate: b.

    Returns:
      the loss.
    """

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        x_s, velocity = source(path, batch), path.velocity(s, batch.x0, batch.x1)
        rates = (source_rate * jnp.ones_like(s), target_rate * jnp.ones_like(t), velocity)
        average, derivative = jax.jvp(maps.student, (s, t, x_s), rates)
        return squared_norm(average - sg(velocity + expand(t - s, x_s) * derivative))

    return loss
