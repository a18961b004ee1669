"""Questions of this project that no paper that was read answers: rows, claims and verdicts, without numbers."""

from experiments.ablations.suite import Claim, Row, Suite
from experiments.ablations.suites.mean_flow import PLAIN

_WEAK_GRADIENT = (
    "the average over a jump says less than the derivative at its end. On the weights of LSD the gradients of both "
    "are as noisy (variances 23.8 and 21.9), and that of STEE is two fifths as long: signal over noise 0.22 against "
    "1.5 (the probe, after 2,000 steps)."
)
_ROUND_TRIP = (
    "FMM has a second term, the round trip, which holds long jumps by themselves. It pays with noise (signal over "
    "noise 0.82 against 1.5 on the weights of LSD), and from two steps on LMF is ahead."
)
UNTESTED_RULES = Suite(
    name="untested_rules",
    title="The end-point rules beside the known ones",
    paper="",
    where="",
    setting="STEE and LMF have no published comparison with LSD, MeanFlow and TVM at equal evaluations.",
    scale="plane",
    rows=(
        Row("LSD", "lsd"),
        Row("MeanFlow", "mean_flow", {"diagonal_share": 0.75} | PLAIN),
        Row("TVM", "tvm", {"times": "triangle", "decay": 0.9}),
        Row("STEE", "stee"),
        Row("LMF", "lmf"),
        Row("FMM", "fmm"),
    ),
    published=(),
    claims=(
        *(Claim("better", ("LSD", label)) for label in ("STEE", "LMF")),
        *(Claim("better", (label, "MeanFlow")) for label in ("STEE", "LMF")),
        Claim("better", ("STEE", "LMF"), because=_WEAK_GRADIENT),
        Claim("better", ("LMF", "FMM"), because=_ROUND_TRIP),
        *(Claim("improves_with_steps", (label,)) for label in ("STEE", "LMF")),
    ),
    teaches=(
        "STEE and LMF have the velocity of samples as a target at the end of a jump, where other rules need that of "
        "the network. They train both directions of time, so that half of their examples are no help for sampling."
    ),
)

LEAD_OF_LSD = Suite(
    name="lead_of_lsd",
    title="How much of LSD's lead is the gradient through d_t v",
    paper="",
    where="",
    setting="The Lagrangian rule with and without that gradient, beside other rules with all of the target stopped.",
    scale="plane",
    rows=(
        Row("LSD", "lsd"),
        Row("LSD, all stopped", "lsd", {"stop_gradient": "target"}),
        Row("ESD, velocity stopped", "esd", {"stop_gradient": "velocity"}),
        Row("ESD, all stopped", "esd", {"stop_gradient": "target"}),
        Row("PSD-M", "psd_m"),
        Row("PSD-M, of points", "psd_m", {"of_points": True}),
    ),
    published=(),
    claims=(
        Claim("better", ("LSD", "LSD, all stopped")),
        Claim("better", ("LSD, all stopped", "ESD, all stopped")),
        Claim("better", ("LSD, all stopped", "PSD-M")),
        Claim("better", ("ESD, velocity stopped", "ESD, all stopped")),
        Claim("better", ("PSD-M", "PSD-M, of points")),
    ),
    teaches=(
        "LSD differs from its relatives in the rule and in what its gradient passes through. With all of the target "
        "stopped only the rule is left. It also costs less, so that it has more steps on the same budget."
    ),
)

_START = "velocity, half"
_RULES = {
    "LSD": ("lsd", {}),
    "ESD": ("esd", {"stop_gradient": "velocity"}),
    "PSD-M": ("psd_m", {}),
    "MeanFlow": ("mean_flow", {"diagonal_share": 0.75} | PLAIN),
}
_NOT_WAITING = (
    "jumps take the steps, and not the velocity. Flow matching alone with half of the budget has a velocity error of "
    "0.0020, and LSD learns one of 0.0022 beside its jumps. The started rows train their rule for half as long, and "
    "the Lagrangian residual of their maps is 1.3 to 1.5 times as large. A start that costs nothing did not help "
    "either: from zoo:checkerboard/flow_matching, with all 2,000 steps for the map, the KL at one step is 0.257 (LSD), "
    "0.417 (ESD) and 0.484 (PSD-M), one seed, 16,000 samples with a floor of 0.037."
)
VELOCITY_START = Suite(
    name="velocity_start",
    title="A trained velocity as the start of each rule",
    paper="",
    where="",
    setting="Half of the budget on flow matching and half on the map, against all of it on both at once.",
    scale="plane",
    rows=(
        Row(_START, "flow_matching", share=0.5),
        *(Row(title, method, options) for title, (method, options) in _RULES.items()),
        *(
            Row(f"{title}, started", method, options, start=_START, share=0.5)
            for title, (method, options) in _RULES.items()
        ),
    ),
    published=(),
    claims=(
        *(Claim("better", (f"{title}, started", title), because=_NOT_WAITING) for title in _RULES),
        *(Claim("better", (f"{title}, started", title), steps=4, because=_NOT_WAITING) for title in _RULES),
        Claim("best", ("LSD, started", *(f"{title}, started" for title in _RULES if title != "LSD"))),
    ),
    teaches=(
        "Every rule ties the map to its own velocity or to that of samples. If a map waits for a good velocity, then "
        "half of the budget spent on it first is no loss. What remains between the started rows is the rule."
    ),
)
