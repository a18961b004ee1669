"""The table from a published name to the terms that train it.

A method is a function of keyword options with defaults that returns an ``Objective``. A new one is one more function in
``objectives/methods`` and one more line in ``OBJECTIVES``. The formulas and their sources are in ``objectives/losses``.
Options that methods share:

diagonal_share  share of the batch on the diagonal term, in (0, 1); the rest goes to the method's own rule. 0 leaves the
                diagonal out, where the rule itself has the velocity of samples as a target
times           distribution of (s, t) in the method's own rule: "triangle" (s <= t), "square" (both directions),
                "logit_normal" (by logits, as the method's publication does; a sorted pair if it does not), "gap" (of
                t - s and t), "ends" (s near both ends and t - s); these three have their own diagonal; "noise_end"
                (s <= t, three tenths of them from s = 0); or "to_data" (s uniform, t = 1)
stop_gradient   what the method's own rule holds fixed, see the loss
reduction       "per_term" (a mean per term, added) or "per_example" (one mean over the batch), see ``mixture``
velocity        of samples where it is a target: "sample", dI of the example, or "pooled", its mean over the example's
                own data point and ``pool`` others, see ``pooled``
decay           of the EMA of the weights that makes the targets, in [0, 1); 0 for the current weights
first_gap       length of the longest jump at the start of training, which grows to 1, in (0, 1]
target_noise    standard deviation, in units of the noise, of noise that is added to the velocity on the diagonal
step            length of the finite step in time, in (0, 1]
learned_weight  whether each pair (s, t) has a learned weight ``exp(-w_{s,t})``, with the penalty w
adaptive_power  power of the adaptive weight, 0 for none, see ``weighting.adaptive``

A method raises ValueError on any other value.
"""

from collections.abc import Callable
import inspect

from objectives.methods import (
    categorical,
    consistency,
    consistency_continuous,
    consistency_segments,
    direct,
    distributional,
    distributional_hybrids,
    distributional_velocities,
    eulerian,
    eulerian_finite_step,
    eulerian_of_samples,
    integral,
    lagrangian,
    lagrangian_from_noise,
    progressive,
    riemannian,
    stochastic,
    unsound,
)
from objectives.objective import Objective

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
    "free_flow": lagrangian_from_noise.free_flow,
    "pid": lagrangian_from_noise.pid,
    "boot": lagrangian_from_noise.boot,
    "sdei": integral.sdei,
    "stei": integral.stei,
    "sdee": integral.sdee,
    "stee": integral.stee,
    "emd": eulerian.emd,
    "esd": eulerian.esd,
    "ayf_emd": eulerian.ayf_emd,
    "mean_flow": eulerian_of_samples.mean_flow,
    "improved_mean_flow": eulerian_of_samples.improved_mean_flow,
    "pixel_mean_flow": eulerian_of_samples.pixel_mean_flow,
    "alpha_flow": eulerian_finite_step.alpha_flow,
    "so_flow": eulerian_finite_step.so_flow,
    "decoupled_mean_flow": eulerian_of_samples.decoupled_mean_flow,
    "rectified_mean_flow": eulerian_of_samples.rectified_mean_flow,
    "tim": eulerian_finite_step.tim,
    "esc": eulerian_of_samples.esc,
    "euler_mean_flow": eulerian_finite_step.euler_mean_flow,
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
    "cd_continuous": consistency_continuous.cd_continuous,
    "ct_continuous": consistency_continuous.ct_continuous,
    "scd": consistency_continuous.scd,
    "sct": consistency_continuous.sct,
    "tcm": consistency.tcm,
    "ctm": consistency_segments.ctm,
    "phased_cm": consistency_segments.phased_cm,
    "multistep_cm": consistency_segments.multistep_cm,
    "consistency_fm": consistency_segments.consistency_fm,
    "facm": consistency_continuous.facm,
    "ucgm": consistency_continuous.ucgm,
    "imm": distributional.imm,
    "drifting": distributional.drifting,
    "dmd": distributional_velocities.dmd,
    "rcm": distributional_hybrids.rcm,
    "any_flow": distributional_hybrids.any_flow,
    "ssfm": stochastic.ssfm,
    "ito_map": stochastic.ito_map,
    "posterior_map": stochastic.posterior_map,
    "riemannian_lsd": riemannian.riemannian_lsd,
    "riemannian_esd": riemannian.riemannian_esd,
    "riemannian_psd": riemannian.riemannian_psd,
    "riemannian_mean_flow": riemannian.riemannian_mean_flow,
    "categorical_lsd": categorical.categorical_lsd,
    "categorical_esd": categorical.categorical_esd,
    "categorical_psd": categorical.categorical_psd,
}
# Wrong on purpose: rows of ablations, and nothing else.
UNSOUND: dict[str, Callable[..., Objective]] = {"mean_flow_wrong_tangent": unsound.mean_flow_wrong_tangent}
TRAINABLE = OBJECTIVES | UNSOUND


def default_options(method: str | Callable[..., Objective]) -> dict[str, float | int | str]:
    """The options of a method with their defaults.

    Args:
      method: a key of ``TRAINABLE``, or the function itself.

    Returns:
      {option: default}.
    """
    function = TRAINABLE[method] if isinstance(method, str) else method
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}
