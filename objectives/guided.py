"""Guidance in the target of a whole objective: the sample's velocity ``dI_t`` gives way to a guided one in its terms.

The scale is the effective one in every scheme: the trained map is that of ``w v_c + (1 - w) v_u``. What a paper calls
omega or kappa follows from it (``guidance.effective_scale_*``).
"""

from collections.abc import Callable
import dataclasses
from typing import NamedTuple

from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from objectives import guidance
from objectives.guidance import Scale
from objectives.objective import Batch, Maps, Objective, Term, required
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points


class Scheme(NamedTuple):
    """A way to guide a target.

    Attributes:
      velocity: (dI, *, v_c, v_u, w [batch], mix) -> guided velocity, all velocities [batch, ...].
      cost: NFE that it adds to each use of the sample's velocity.
      mixes: whether a share of the model's own output in its target is an option.
    """

    velocity: Callable[..., Points]
    cost: int
    mixes: bool = False


def _mean_flow(d_i: Points, *, v_c: Points, v_u: Points, w: Scale, mix: float) -> Points:
    return guidance.mean_flow_guided(d_i, v_c=v_c, v_u=v_u, omega=w * (1 - mix), kappa=mix)


def _improved(d_i: Points, *, v_c: Points, v_u: Points, w: Scale, mix: float) -> Points:
    del mix
    return guidance.improved_mean_flow_guided(d_i, v_c=v_c, v_u=v_u, omega=w)


def _model(d_i: Points, *, v_c: Points, v_u: Points, w: Scale, mix: float) -> Points:
    del mix
    return guidance.model_guided(d_i, v_c=v_c, v_u=v_u, omega=1 - 1 / w)


def _terminal(d_i: Points, *, v_c: Points, v_u: Points, w: Scale, mix: float) -> Points:
    del v_c, mix
    return guidance.terminal_guided(d_i, v_u=v_u, scale=w)


def _so_flow(d_i: Points, *, v_c: Points, v_u: Points, w: Scale, mix: float) -> Points:
    return guidance.so_flow_guided(d_i, v_c=v_c, v_u=v_u, scale=w, mixing=1 - mix)


SCHEMES = {
    "mean_flow": Scheme(_mean_flow, 2, mixes=True),
    "improved_mean_flow": Scheme(_improved, 2),
    "model": Scheme(_model, 2),
    "terminal": Scheme(_terminal, 1),
    "so_flow": Scheme(_so_flow, 2, mixes=True),
}
# Methods that use the data only in ``I_s`` and in the sample's velocity, and the terms that use that velocity. Methods
# that compare neighbours on the sample's own path (ct, tim, ...) would follow the path without guidance.
GUIDED = {
    **dict.fromkeys(("flow_matching", "lsd", "esd", "psd_m", "psd_u", "tvm"), ("diagonal",)),
    **dict.fromkeys(
        ("mean_flow", "improved_mean_flow", "pixel_mean_flow", "decoupled_mean_flow", "alpha_flow", "so_flow"),
        ("diagonal", "eulerian"),
    ),
    "euler_mean_flow": ("diagonal", "eulerian"),
    "shortcut": ("shortest",),
}


@dataclasses.dataclass(frozen=True)
class GuidedPath(Interpolant):
    """A path whose points are those of another one, and whose velocity is guided.

    Attributes:
      of: that one.
      guide: (t [batch], I_t [batch, ...], *, velocity = dI_t [batch, ...]) -> [batch, ...].
    """

    of: Interpolant = dataclasses.field(kw_only=True)
    guide: Callable[..., Points] = dataclasses.field(kw_only=True)

    def velocity(self, t: PerExample, x0: Points, x1: Points) -> Points:
        """The guided velocity at ``I_t``; t [batch] in [0, 1], x0 (noise) and x1 (data) [batch, ...]."""
        return self.guide(t, self.position(t, x0, x1), velocity=self.of.velocity(t, x0, x1))


def guided(
    objective: Objective,
    *,
    scheme: str,
    terms: tuple[str, ...],
    scale: float,
    self_mix: float = 0.0,
    low: float = 0.0,
    high: float = 1.0,
) -> Objective:
    """The objective whose map is that of ``w v_c + (1 - w) v_u``.

    Examples without a label keep ``dI_t``: they train v_u. The velocities v_c (of the model with the label, guided as
    far as it is trained) and v_u are those of the weights that make targets, stopped.

    Args:
      objective: it, with a velocity of samples in the named terms.
      scheme: a key of ``SCHEMES``.
      terms: names of the terms that use the sample's velocity.
      scale: w, positive; ``Batch.scale`` takes its place where it is given.
      self_mix: share of v_c in its own target, in [0, 1): kappa of MeanFlow, 1 - m of SoFlow.
      low: first time with guidance.
      high: last time with guidance, in [low, 1]; elsewhere w is 1.

    Returns:
      the objective.

    Raises:
      ValueError: on an unknown scheme, or a share that the scheme does not have.

    Reference: see ``objectives.guidance``. Terminal velocity matching weighs all terms by ``1 / w^2``.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"guidance scheme {scheme!r}; expected one of {', '.join(SCHEMES)}")
    chosen = SCHEMES[scheme]
    if self_mix and not chosen.mixes:
        raise ValueError(f"self_mix = {self_mix} with scheme {scheme}, whose targets hold no share of its own output")

    def with_guidance(term: Term) -> Term:
        inside = term.name in terms

        def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
            w = batch.scale if batch.scale is not None else jnp.full_like(batch.times.s, scale)

            def guide(t: PerExample, x: Points, *, velocity: Points) -> Points:
                unconditional = required(maps.unconditional, "Maps.unconditional")
                v_c, v_u = sg(maps.target(t, t, x)), sg(unconditional(t, t, x))
                here = guidance.within_interval(w, t=t, low=low, high=high)
                target = chosen.velocity(velocity, v_c=v_c, v_u=v_u, w=here, mix=self_mix)
                labelled = required(batch.labelled, "Batch.labelled")
                return guidance.keep_unlabelled(target, velocity=velocity, labelled=labelled)

            used = GuidedPath(path.alpha, path.beta, check=False, of=path, guide=guide) if inside else path
            value = term.loss(maps, used, batch)
            if scheme != "terminal":
                return value
            here = guidance.within_interval(w, t=batch.times.t, low=low, high=high)
            labelled = required(batch.labelled, "Batch.labelled")
            return jnp.where(labelled, guidance.terminal_weight(here), 1.0) * value

        return dataclasses.replace(term, loss=loss, cost=term.cost + chosen.cost * inside)

    return objective._replace(terms=tuple(map(with_guidance, objective.terms)))
