"""Distribution matching: the distribution of the mapped points is matched, not each point with its own path."""

import math

import jax.numpy as jnp

from objectives import weighting
from objectives.losses import distributional
from objectives.losses.distributional import DRIFTS, KERNELS, moment_matching
from objectives.methods.checks import check_count, check_not_negative, check_option, check_share, check_used
from objectives.methods.shared import source
from objectives.objective import Batch, Maps, Objective, Term, Unit
from taxonomy import flow_map, jump_laws, laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample

# The earliest source, time 0.994 where noise is at 1; its noise level is what the published step is a share of.
EARLIEST = 0.006
# The kernel sees numbers in which the data have a standard deviation of 0.5, and distances of at least 1e-4 there.
UNIT, FLOOR = Unit(std=0.5), 1e-4
WEIGHTS = ("uniform", "elbo", "signal", "over_squares")


def imm(
    *,
    group: int = 4,
    halvings: int = 12,
    step: float = 0.0,
    weight: str = "over_squares",
    signal_power: float = 2.0,
    weight_shift: float = 4.0,
    kernel: str = "laplace",
) -> Objective:
    """Inductive moment matching (arXiv 2503.07565): groups of jumps from s and from later agree in distribution.

    halvings: the second jump starts where the noise level is lower by ``2^-halvings`` of the largest.
    step: least length of that step, in time; 0 for none.
    weight: of the time: "uniform"; "elbo", the likelihood's bound with its noise shifted by weight_shift; "signal", the
    bound times ``s^signal_power``; or "over_squares", that over ``s^2 + (1 - s)^2``, see ``weighting.shifted_elbo``.
    kernel: "laplace" or "rbf", see ``moment_matching``.
    """
    check_option("weight", weight, WEIGHTS)
    check_option("kernel", kernel, KERNELS)
    check_not_negative(step=step, signal_power=signal_power)
    check_count("halvings", halvings)
    powered = weight in ("signal", "over_squares")
    check_used("signal_power", signal_power, unused=2.0, by=powered, needs="weight = 'signal' or 'over_squares'")
    check_used("weight_shift", weight_shift, unused=4.0, by=weight != "uniform", needs="another weight than 'uniform'")
    if group < 1:
        raise ValueError(f"group = {group}; expected at least 1 example")

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        mapped = flow_map.jump(maps.student, s, t, source(path, batch))
        target = flow_map.jump(maps.target, u, t, path.position(u, batch.x0, batch.x1))
        # |c_out| is the jump's length times the data's standard deviation: the kernel sees average velocities.
        scale = jnp.maximum(t - s, 1e-6) * batch.noise_std
        return moment_matching(
            mapped,
            target=target,
            group=group,
            scale=scale,
            floor=FLOOR * batch.noise_std / UNIT.std,
            kernel=kernel,
        )

    pairs = jump_laws.source_then_target(first=EARLIEST)
    law = jump_laws.with_level_step(pairs, decrement=(1 / EARLIEST - 1) / 2**halvings, least=step)
    of_time: weighting.Weight = weighting.uniform
    if weight != "uniform":
        power = signal_power if powered else 0.0
        of_time = weighting.shifted_elbo(signal_power=power, shift=weight_shift, over_squares=weight == "over_squares")
    return Objective((Term("moments", loss, law, 1.0, of_time, cost=3 + 1, group=group),))


def drifting(*, group: int = 8, kernel: str = "laplace", temperature: float = 0.05) -> Objective:
    """Drifting models (arXiv 2602.04770): one jump moves to the data of its group and away from its other points.

    kernel: "laplace" or "gaussian", see ``drift``. temperature: length scale of the kernel, in standard deviations of
    the noise times the root of the number of coordinates.
    """
    check_option("kernel", kernel, DRIFTS)
    check_share("temperature", temperature, high=math.inf)
    if group < 2:
        raise ValueError(f"group = {group}; expected at least 2 examples: an example is compared with the others")

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        del path
        s, _, t = batch.times
        scale = temperature * batch.noise_std * math.prod(batch.x1.shape[1:]) ** 0.5
        return distributional.drifting(
            flow_map.jump(maps.student, s, t, batch.x0),
            data=batch.x1,
            group=group,
            scale=scale,
            kernel=kernel,
            label=batch.label,
        )

    return Objective(
        (Term("drift", loss, laws.all_the_way, 1.0, cost=3, group=group),), sampler="one_jump", needs_noise=True
    )
