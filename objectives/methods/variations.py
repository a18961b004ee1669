"""What can be varied in a method beside its publication: averaged targets, jumps that grow, noise in the velocity."""

import dataclasses

from objectives.losses.direct import flow_matching
from objectives.methods.checks import check_not_negative, check_share
from objectives.methods.shared import constant, source
from objectives.objective import Batch, Curve, Maps, Objective, required
from taxonomy import laws
from taxonomy.curricula import Curriculum
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Scalar
from taxonomy.times import Law


def averaged(decay: float) -> Curve | None:
    """The decay of the EMA whose weights make the targets.

    Args:
      decay: in [0, 1); 0 for the current weights.

    Returns:
      the constant decay, None for the current weights.

    Raises:
      ValueError: on any other number.
    """
    curve = constant(decay)
    return curve if decay else None


def growing(law: Law, *, first_gap: float) -> Law | Curriculum:
    """Jumps of at most ``first_gap + (1 - first_gap) progress`` of their drawn length.

    Args:
      law: a distribution over (s, u, t).
      first_gap: share of the length at the start of training, in (0, 1]; 1 for the distribution itself.

    Returns:
      the distribution, or a curriculum of shorter ones.

    Raises:
      ValueError: if the share is outside (0, 1].

    Reference: the annealed gap of Boffi, Albergo, Vanden-Eijnden, arXiv 2406.07507 and its public code.
    """
    check_share("first_gap", first_gap)

    def at(progress: Scalar | float) -> Law:
        return laws.with_shorter_gap(law, factor=first_gap + (1 - first_gap) * progress)

    return Curriculum(at) if first_gap < 1 else law


def with_target_noise(objective: Objective, target_noise: float) -> Objective:
    """The objective whose diagonal is ``|v_{t,t}(I_t) - dI_t - target_noise z'|^2`` with fresh noise z'.

    The minimizer stays, and each gradient says less: a question to a method, not a help.

    Args:
      objective: with a term named "diagonal" on the velocity of samples.
      target_noise: standard deviation of the noise in units of that of z, not negative; 0 for none.

    Returns:
      the objective.

    Raises:
      ValueError: if it is negative.

    Reference: the study of MeanFlow in arXiv 2511.19065, where 0.03 on the diagonal harms the map.
    """
    check_not_negative(target_noise=target_noise)
    if not target_noise:
        return objective

    def noisy(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        t = batch.times.t
        velocity = path.velocity(t, batch.x0, batch.x1) + target_noise * required(batch.fresh, "Batch.fresh")
        return flow_matching(maps.student, source(path, batch), t, velocity=velocity)

    terms = (dataclasses.replace(term, loss=noisy) if term.name == "diagonal" else term for term in objective.terms)
    return objective._replace(terms=tuple(terms))
