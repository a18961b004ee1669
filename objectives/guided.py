"""Guidance in the target of a whole objective: the sample's velocity ``dI_t`` gives way to a guided one in its terms.

The scale is the effective one in every scheme: the trained map is that of ``w v_c + (1 - w) v_u``. What a paper calls
omega or kappa follows from it (``guidance.effective_scale_*``).
"""

from collections.abc import Callable
import dataclasses
from typing import NamedTuple

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from objectives import guidance
from objectives.guidance import Scale
from objectives.objective import Batch, Maps, Objective, Term
from taxonomy.interpolants import Interpolant


class Scheme(NamedTuple):
    """A way to guide a target.

    Attributes:
      velocity: (dI, v_c, v_u, w [batch], own share) -> guided velocity, all velocities [batch, ...].
      cost: evaluations of the network that it adds to each use of the sample's velocity.
      mixes: whether a share of the model's own output in its target is an option.
    """

    velocity: Callable[[jax.Array, jax.Array, jax.Array, Scale, float], jax.Array]
    cost: int
    mixes: bool = False


def _mean_flow(d_i: jax.Array, v_c: jax.Array, v_u: jax.Array, w: Scale, own: float) -> jax.Array:
    return guidance.mean_flow_guided(d_i, v_u, v_c, omega=w * (1 - own), kappa=own)


def _improved(d_i: jax.Array, v_c: jax.Array, v_u: jax.Array, w: Scale, own: float) -> jax.Array:
    del own
    return guidance.improved_mean_flow_guided(d_i, v_c, v_u, omega=w)


def _model(d_i: jax.Array, v_c: jax.Array, v_u: jax.Array, w: Scale, own: float) -> jax.Array:
    del own
    return guidance.model_guided(d_i, v_c, v_u, omega=1 - 1 / w)


def _terminal(d_i: jax.Array, v_c: jax.Array, v_u: jax.Array, w: Scale, own: float) -> jax.Array:
    del v_c, own
    return guidance.terminal_guided(d_i, v_u, scale=w)


def _so_flow(d_i: jax.Array, v_c: jax.Array, v_u: jax.Array, w: Scale, own: float) -> jax.Array:
    return guidance.so_flow_guided(d_i, v_u, v_c, scale=w, mixing=1 - own)


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
      guide: (t [batch], dI_t [batch, ...], I_t [batch, ...]) -> [batch, ...].
    """

    guide: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]

    def velocity(self, t: jax.Array, x0: jax.Array, x1: jax.Array) -> jax.Array:
        """The guided velocity at ``I_t``; t [batch] in [0, 1], x0 (noise) and x1 (data) [batch, ...]."""
        return self.guide(t, super().velocity(t, x0, x1), self.position(t, x0, x1))


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

        def loss(maps: Maps, path: Interpolant, batch: Batch) -> jax.Array:
            w = batch.scale if batch.scale is not None else jnp.full_like(batch.times.s, scale)

            def guide(t: jax.Array, d_i: jax.Array, x: jax.Array) -> jax.Array:
                v_c, v_u = sg(maps.target(t, t, x)), sg(maps.unconditional(t, t, x))
                here = guidance.within_interval(w, t, low=low, high=high)
                return guidance.keep_unlabelled(chosen.velocity(d_i, v_c, v_u, here, self_mix), d_i, batch.labelled)

            used = GuidedPath(path.alpha, path.beta, guide) if inside else path
            value = term.loss(maps, used, batch)
            if scheme != "terminal":
                return value
            here = guidance.within_interval(w, batch.times.t, low=low, high=high)
            return jnp.where(batch.labelled, guidance.terminal_weight(here), 1.0) * value

        return dataclasses.replace(term, loss=loss, cost=term.cost + chosen.cost * inside)

    return objective._replace(terms=tuple(map(with_guidance, objective.terms)))
