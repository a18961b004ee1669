"""The table from a published name to the terms that train it.

A row is a function of keyword options with defaults that returns an ``Objective``; a new method is one more function
in ``objectives/rows`` and one more line in ``OBJECTIVES``. The formulas, with their sources, stand in the losses.
Options that rows share:

diagonal_share  share of the batch on the diagonal term, in (0, 1); the rest goes to the row's own rule
times           law over (s, t) of the row's own rule: "triangle" (s <= t) or "square" (both directions)
stop_gradient   what the row's own rule holds fixed, see the loss
reduction       "paper" (a mean per term, added) or "code" (one mean over the batch), see ``mixture``
step            length of the finite step in time, in (0, 1]
power           of the adaptive weight, 0 for none, see ``weighting.adaptive``

A row raises ValueError on a value that is none of these.
"""

from collections.abc import Callable
import inspect

from objectives.mixture import Objective
from objectives.rows import consistency, eulerian, integral, lagrangian, progressive
from objectives.rows.shared import diagonal


def flow_matching() -> Objective:
    """Flow matching alone: learns the velocity; sampled by Euler steps along the diagonal."""
    return Objective((diagonal(1.0),), sampler="euler")


OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "flow_matching": flow_matching,
    "lsd": lagrangian.lsd,
    "lmd": lagrangian.lmd,
    "fmm": lagrangian.fmm,
    "lmf": lagrangian.lmf,
    "esd": eulerian.esd,
    "emd": eulerian.emd,
    "mean_flow": eulerian.mean_flow,
    "improved_mean_flow": eulerian.improved_mean_flow,
    "alpha_flow": eulerian.alpha_flow,
    "tim": eulerian.tim,
    "psd_m": progressive.psd_m,
    "psd_u": progressive.psd_u,
    "split_mean_flow": progressive.split_mean_flow,
    "pfmm": progressive.pfmm,
    "sdei": integral.sdei,
    "stei": integral.stei,
    "sdee": integral.sdee,
    "stee": integral.stee,
    "ct": consistency.ct,
    "cd": consistency.cd,
    "ct_continuous": consistency.ct_continuous,
    "cd_continuous": consistency.cd_continuous,
}


def default_options(name: str) -> dict[str, float | int | str]:
    """The options of an objective with their defaults.

    Args:
      name: a key of ``OBJECTIVES``.

    Returns:
      {option: default}.
    """
    parameters = inspect.signature(OBJECTIVES[name]).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}
