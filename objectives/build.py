"""The table from a published name to the terms that train it.

A row is a function of keyword options with defaults that returns an ``Objective``; a new method is one more function
in ``objectives/rows`` and one more line in ``OBJECTIVES``. The formulas, with their sources, stand in the losses.
Options that rows share:

diagonal_share  share of the batch on the diagonal term, in (0, 1); the rest goes to the row's own rule
times           law over (s, t) of the row's own rule: "triangle" (s <= t), "square" (both directions), "logit_normal"
                (a sorted pair), "gap" (a law over t - s); with the last two the diagonal is drawn by logits too
stop_gradient   what the row's own rule holds fixed, see the loss
reduction       "paper" (a mean per term, added) or "code" (one mean over the batch), see ``mixture``
step            length of the finite step in time, in (0, 1]
learned_weight  whether each pair (s, t) has a learned weight ``exp(-w_{s,t})``, with the penalty w
power           of the adaptive weight, 0 for none, see ``weighting.adaptive``

A row raises ValueError on a value that is none of these.
"""

from collections.abc import Callable
import inspect

from objectives.mixture import Objective
from objectives.rows import (
    consistency,
    continuous,
    direct,
    eulerian,
    finite_step,
    from_noise,
    integral,
    lagrangian,
    neighbours,
    progressive,
    segments,
)

OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "flow_matching": direct.flow_matching,
    "reflow": direct.reflow,
    "endpoint_regression": direct.endpoint_regression,
    "cmt": direct.cmt,
    "lmd": lagrangian.lmd,
    "lsd": lagrangian.lsd,
    "ayf_lmd": lagrangian.ayf_lmd,
    "tvm": lagrangian.tvm,
    "fmm": lagrangian.fmm,
    "lmf": lagrangian.lmf,
    "free_flow": from_noise.free_flow,
    "pid": from_noise.pid,
    "boot": from_noise.boot,
    "sdei": integral.sdei,
    "stei": integral.stei,
    "sdee": integral.sdee,
    "stee": integral.stee,
    "emd": eulerian.emd,
    "esd": eulerian.esd,
    "ayf_emd": eulerian.ayf_emd,
    "mean_flow": eulerian.mean_flow,
    "improved_mean_flow": eulerian.improved_mean_flow,
    "pixel_mean_flow": eulerian.pixel_mean_flow,
    "alpha_flow": finite_step.alpha_flow,
    "so_flow": finite_step.so_flow,
    "decoupled_mean_flow": eulerian.decoupled_mean_flow,
    "rectified_mean_flow": eulerian.rectified_mean_flow,
    "tim": finite_step.tim,
    "esc": eulerian.esc,
    "euler_mean_flow": finite_step.euler_mean_flow,
    "progressive_distillation": progressive.progressive_distillation,
    "shortcut": progressive.shortcut,
    "psd_m": progressive.psd_m,
    "psd_u": progressive.psd_u,
    "split_mean_flow": progressive.split_mean_flow,
    "pfmm": progressive.pfmm,
    "cd": consistency.cd,
    "ct": consistency.ct,
    "ict": consistency.ict,
    "ect": consistency.ect,
    "cd_continuous": continuous.cd_continuous,
    "ct_continuous": continuous.ct_continuous,
    "scd": continuous.scd,
    "sct": continuous.sct,
    "tcm": consistency.tcm,
    "ctm": segments.ctm,
    "phased_cm": segments.phased_cm,
    "multistep_cm": segments.multistep_cm,
    "consistency_fm": segments.consistency_fm,
    "facm": continuous.facm,
    "ucgm": continuous.ucgm,
    "imm": neighbours.imm,
}


def default_options(row: str | Callable[..., Objective]) -> dict[str, float | int | str]:
    """The options of an objective with their defaults.

    Args:
      row: a key of ``OBJECTIVES``, or a row itself.

    Returns:
      {option: default}.
    """
    function = OBJECTIVES[row] if isinstance(row, str) else row
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}
