"""Published values of what can be varied in methods whose publications have it at an end, or not at all."""

from taxonomy.catalogue.published.setting import Setting

_ALPHA = "snap-research/alphaflow@b0fef77, infra/experiments/experiments-alphaflow.yaml"
_GAP = Setting(
    name="first_gap",
    published=None,
    source="ours",
    here=1.0,
    reason="Below 1 jumps grow with the training, as in arXiv 2406.07507; no published run of this method has it.",
)
_NOISE = Setting(
    name="target_noise",
    published=None,
    source="ours",
    here=0.0,
    reason="Above 0 it is a question to the method, as in arXiv 2511.19065: what a noisy velocity does to the map.",
)
_OF_POINTS = Setting(
    name="of_points",
    published=False,
    source="arXiv 2505.18825, Sec. 3, where the factor (t - s)^2 is left out for less variance of the gradient",
)
_TANGENT = (
    Setting(name="tangent_mix", published=0.0, source="arXiv 2505.13447; arXiv 2605.09235 varies it from 0 to 1"),
    Setting(
        name="tangent_decay",
        published=None,
        source="ours",
        here=0.0,
        reason="Without a share of the network's own velocity in the tangent there is nothing to average.",
    ),
)
_PASSED = (
    Setting(name="passed", published=0.0, source="arXiv 2505.13447; arXiv 2508.17426 lets it grow from 0 to 1"),
    Setting(
        name="passed_after",
        published=None,
        source="not found",
        here=0.0,
        reason="Without a passed share nothing grows; arXiv 2508.17426 lets it grow over a number of steps.",
    ),
)

_SEGMENTS = Setting(
    name="segments",
    published=1,
    source="arXiv 2505.18825: two legs; RCGM, in the code of TwinFlow (inclusionAI/TwinFlow@f5b12c4), has 2",
)
_BACK = Setting(
    name="round_trip_share",
    published=None,
    source="ours",
    here=0.0,
    reason="MeanFlow has one direction; arXiv 2603.24942 adds a consistency of both whose form was not read.",
)

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "lsd": (_GAP, _NOISE),
    "esd": (_GAP, _NOISE),
    "psd_m": (_GAP, _NOISE, _OF_POINTS, _SEGMENTS),
    "psd_u": (_GAP, _NOISE, _OF_POINTS, _SEGMENTS),
    "mean_flow": (*_TANGENT, *_PASSED, _GAP, _NOISE, _BACK),
    "ict": (
        Setting(name="metric", published="pseudo_huber", source="arXiv 2310.14189, Table 1"),
        Setting(name="levels", published="log_normal", source="arXiv 2310.14189, Table 1"),
        Setting(name="weight", published="inverse_step", source="arXiv 2310.14189, Table 1: 1 / (sigma_s - sigma_u)"),
    ),
    "sct": (
        Setting(
            name="clip",
            published=0.0,
            source="arXiv 2410.11081, Algorithm 1, which normalizes; the text has a bound of 1 in place of that",
            unit="each coordinate of the tangent, noise of standard deviation 0.5",
        ),
        Setting(name="learned_weight", published=True, source="arXiv 2410.11081, Algorithm 1"),
    ),
    "euler_mean_flow": (
        Setting(
            name="decay",
            published=None,
            source="not found",
            here=0.0,
            reason="Whether an average makes the targets was not found in what was read.",
        ),
    ),
    "alpha_flow": (
        Setting(
            name="start",
            published=0.0,
            source=f"{_ALPHA}: over the whole run of 400,000 steps; from 600,000 to a million for XL-2",
        ),
        Setting(name="end", published=1.0, source=f"{_ALPHA}: as for start"),
        Setting(name="shift", published="sample", source="arXiv 2510.20771, whose Table 5 has both"),
    ),
}
