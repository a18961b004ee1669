"""Methods of maps that are told more than a point: a path of noise, or a point on the way to the data."""

from objectives import weighting
from objectives.losses.stochastic import driven_matching
from objectives.methods.checks import check_option
from objectives.methods.lagrangian import lagrangian_term
from objectives.methods.progressive import progressive_term
from objectives.methods.shared import diagonal, source
from objectives.methods.variations import averaged
from objectives.mixture import REDUCTIONS
from objectives.objective import Batch, Maps, Objective, Term, required
from taxonomy import times as time_laws
from taxonomy import told
from taxonomy.interpolants import Interpolant
from taxonomy.noise_paths import Driven
from taxonomy.shapes import PerExample

RULES = ("lagrangian", "semigroup")


def _driven_diagonal(share: float, *, terms: int, noise: float) -> Term:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        t = batch.times.t
        driven = Driven(path=path, noise_std=batch.noise_std, strength=noise)
        coefficients = told.coefficients(required(batch.told, "Batch.told"), batch.x0, terms=terms)
        return driven_matching(
            maps.student,
            source(path, batch),
            t,
            velocity=path.velocity(t, batch.x0, batch.x1),
            noise=batch.x0,
            pull=driven.pull(t),
            push=driven.push(coefficients, t),
        )

    return Term("diagonal", loss, time_laws.diagonal, share, cost=3)


def _midpoint(share: float, weight: weighting.Weight) -> Term:
    return progressive_term(share, time_laws.with_fraction(time_laws.triangle, fraction=0.5), "target", weight)


def ssfm(
    *,
    diagonal_share: float = 0.75,
    terms: int = 3,
    noise: float = 1.0,
    decay: float = 0.999,
    reduction: str = "per_example",
) -> Objective:
    """Strong stochastic flow maps (arXiv 2606.01086): one jump equals two along the same path of noise.

    terms: polynomials that a path of noise has. noise: strength of the noise, ``sigma_t = noise std alpha_t``.
    """
    check_option("reduction", reduction, REDUCTIONS)
    record = told.noise_path(terms=terms, strength=noise)
    rule = _midpoint(1 - diagonal_share, weighting.gap)
    still = _driven_diagonal(diagonal_share, terms=terms, noise=noise)
    return Objective((still, rule), reduction, target_decay=averaged(decay), needs_noise=True, told=record)


def ito_map(
    *,
    diagonal_share: float = 0.75,
    terms: int = 3,
    noise: float = 1.0,
    stop_gradient: str = "velocity",
    reduction: str = "per_term",
) -> Objective:
    """Ito maps (arXiv 2606.11156): the end of a jump moves with the drift and the noise at it.

    terms: polynomials that a path of noise has. noise: strength of the noise, ``sigma_t = noise std alpha_t``.
    """
    check_option("reduction", reduction, REDUCTIONS)
    record = told.noise_path(terms=terms, strength=noise)
    rule = lagrangian_term("self", 1 - diagonal_share, "triangle", stop_gradient)
    still = _driven_diagonal(diagonal_share, terms=terms, noise=noise)
    return Objective((still, rule), reduction, needs_noise=True, told=record)


def posterior_map(*, diagonal_share: float = 0.75, rule: str = "lagrangian", reduction: str = "per_term") -> Objective:
    """Maps from noise to the posterior ``p(x1 | x_t)`` of a point on the way (arXiv 2601.14430, 2602.05993).

    rule: "lagrangian" (LSD) or "semigroup" (PSD with the stop at the midpoint), for each (t, x_t) on its own.
    """
    check_option("reduction", reduction, REDUCTIONS)
    check_option("rule", rule, RULES)
    share = 1 - diagonal_share
    if rule == "lagrangian":
        distill = lagrangian_term("self", share, "triangle", "velocity")
    else:
        distill = _midpoint(share, weighting.uniform)
    return Objective((diagonal(diagonal_share), distill), reduction, needs_noise=True, told=told.point_on_the_way())
