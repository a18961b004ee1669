"""Methods on the simplex: the rules of a flow map between distributions, beside cross entropy on the diagonal."""

from collections.abc import Callable

from objectives.losses.categorical import FLOOR, TARGETS, cross_entropy, eulerian, lagrangian, progressive
from objectives.methods.checks import check_option, check_share
from objectives.methods.shared import forward_law, source
from objectives.objective import Batch, Maps, Objective, Term, required
from taxonomy import times as time_laws
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample
from taxonomy.simplex import LogDenoiser


def _log_psi(maps: Maps) -> LogDenoiser:
    return required(maps.log_denoiser, "Maps.log_denoiser")


def _on_data(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
    return cross_entropy(_log_psi(maps), source(path, batch), batch.times.t, data=batch.x1)


def _with_diagonal(diagonal_share: float, rule: Term) -> Objective:
    diagonal = Term("diagonal", _on_data, time_laws.diagonal, diagonal_share, cost=3)
    return Objective((diagonal, rule), output="denoiser", categorical=True)


def _by_target(
    rule: Callable[..., PerExample], *, name: str, diagonal_share: float, times: str, target: str, floor: float
) -> Objective:
    """The rule whose target a jvp makes, beside the diagonal."""
    check_option("target", target, TARGETS)
    check_share("floor", floor)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, _, t = batch.times
        return rule(_log_psi(maps), source(path, batch), s, t, target=target, floor=floor)

    # The jvp, whose derivative is stopped, the backward pass through its value, and another denoiser.
    law = forward_law(times, needed_by=name)
    return _with_diagonal(diagonal_share, Term(rule.__name__, loss, law, 1 - diagonal_share, cost=2 + 2 + 1))


def categorical_lsd(
    *, diagonal_share: float = 0.75, times: str = "triangle", target: str = "quotient", floor: float = FLOOR
) -> Objective:
    """Lagrangian self-distillation of the mean denoiser (arXiv 2604.09784).

    target: of the rule, "quotient" or "sum". floor: smallest divisor, or smallest probability of it, in (0, 1].
    """
    return _by_target(
        lagrangian,
        name="categorical_lsd",
        diagonal_share=diagonal_share,
        times=times,
        target=target,
        floor=floor,
    )


def categorical_esd(
    *, diagonal_share: float = 0.75, times: str = "triangle", target: str = "quotient", floor: float = FLOOR
) -> Objective:
    """Eulerian self-distillation of the mean denoiser (arXiv 2604.09784).

    target: of the rule, "quotient" or "sum". floor: smallest divisor, or smallest probability of it, in (0, 1].
    """
    return _by_target(
        eulerian,
        name="categorical_esd",
        diagonal_share=diagonal_share,
        times=times,
        target=target,
        floor=floor,
    )


def categorical_psd(*, diagonal_share: float = 0.75, times: str = "triangle", midpoint: bool = True) -> Objective:
    """Progressive self-distillation of the mean denoiser (arXiv 2604.09784, 2602.16813).

    midpoint: whether the stop is halfway, and not uniform.
    """
    pairs = forward_law(times, needed_by="categorical_psd")
    law = time_laws.with_fraction(pairs, fraction=0.5) if midpoint else time_laws.with_uniform(pairs)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        return progressive(_log_psi(maps), source(path, batch), s, u, t)

    return _with_diagonal(diagonal_share, Term("progressive", loss, law, 1 - diagonal_share, cost=3 + 2))
