"""Methods on curved spaces: the rules of a flow map whose jumps follow geodesics, beside flow matching on the space."""

from objectives.losses.riemannian import EULERIAN, LAGRANGIAN, eulerian, lagrangian, mean_flow, progressive
from objectives.methods.checks import check_option
from objectives.methods.shared import diagonal, forward_law, law_of, source
from objectives.objective import Batch, Maps, Objective, Term
from taxonomy import flow_map
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample


def _with_diagonal(diagonal_share: float, rule: Term, times: str) -> Objective:
    return Objective((diagonal(diagonal_share), rule), both_directions=times == "square", on_spaces=True)


def riemannian_lsd(
    *, diagonal_share: float = 0.5, times: str = "triangle", stop_gradient: str = "velocity"
) -> Objective:
    """Lagrangian self-distillation on a space, G-LSD (arXiv 2510.21608)."""
    check_option("stop_gradient", stop_gradient, LAGRANGIAN)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        own = flow_map.diagonal(maps.target)
        x_s = source(path, batch)
        return lagrangian(maps.student, own, x_s, s, t, space=path.space, stop_gradient=stop_gradient)

    cost = {"velocity": 2 + 4 + 1, "none": 2 + 4 + 1 + 2}[stop_gradient]
    return _with_diagonal(diagonal_share, Term("lagrangian", loss, law_of(times), 1 - diagonal_share, cost=cost), times)


def riemannian_esd(
    *, diagonal_share: float = 0.5, times: str = "triangle", stop_gradient: str = "advection"
) -> Objective:
    """Eulerian self-distillation on a space, G-ESD (arXiv 2510.21608)."""
    check_option("stop_gradient", stop_gradient, EULERIAN)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        x_s = source(path, batch)
        own = maps.target(s, s, x_s)
        return eulerian(maps.student, x_s, s, t, velocity=own, space=path.space, stop_gradient=stop_gradient)

    # The jvps in time and space, the backward pass through what is not stopped, and one velocity.
    cost = {"advection": 2 + 2 + 4 + 1, "velocity": 2 + 4 + 1}[stop_gradient]
    return _with_diagonal(diagonal_share, Term("eulerian", loss, law_of(times), 1 - diagonal_share, cost=cost), times)


def riemannian_mean_flow(*, diagonal_share: float = 0.75, times: str = "triangle") -> Objective:
    """Riemannian MeanFlow, the Eulerian identity with the velocity of samples (arXiv 2602.07744)."""

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        velocity = path.velocity(s, batch.x0, batch.x1)
        return mean_flow(maps.student, source(path, batch), s, t, velocity=velocity, space=path.space)

    return _with_diagonal(diagonal_share, Term("eulerian", loss, law_of(times), 1 - diagonal_share, cost=2 + 2), times)


def riemannian_psd(
    *, diagonal_share: float = 0.5, times: str = "triangle", midpoint: bool = True, of_points: bool = True
) -> Objective:
    """Progressive self-distillation on a space, G-PSD (arXiv 2510.21608), split flow (arXiv 2602.07744).

    midpoint: whether the stop is halfway, and not uniform.
    of_points: whether the residual is the distance of mapped points, and not that of average velocities.
    """
    pairs = forward_law(times, needed_by="riemannian_psd")
    law = time_laws.with_fraction(pairs, fraction=0.5) if midpoint else time_laws.with_uniform(pairs)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        x_s = source(path, batch)
        return progressive(maps.student, maps.target, x_s, s, u, t, space=path.space, of_points=of_points)

    return _with_diagonal(diagonal_share, Term("progressive", loss, law, 1 - diagonal_share, cost=3 + 2), times)
