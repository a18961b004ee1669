"""More of MeanFlow's relatives: shares down to zero, when alpha falls, which jumps, and the velocity before the map."""

from experiments.ablations.suite import Claim, Published, Row, Suite
from experiments.ablations.suites.mean_flow import PLAIN

_SHARES = (0.0, 0.25, 0.5, 0.75)
NO_DIAGONAL = Suite(
    name="no_diagonal",
    title="Flow matching beside the rule, down to none",
    paper="2510.20771",
    where="Table 2b; with 2512.15657 (SoFlow)",
    setting="ImageNet-256 latents, one step: B/2 and 400,000 steps; B/4 and 80 epochs without labels for SoFlow.",
    scale="plane",
    rows=(
        *(Row(f"MeanFlow, {share:g}", "mean_flow", {"diagonal_share": share} | PLAIN) for share in _SHARES),
        *(Row(f"alpha-Flow, {share:g}", "alpha_flow", {"diagonal_share": share} | PLAIN) for share in _SHARES),
        *(Row(f"SoFlow, {share:g}", "so_flow", {"diagonal_share": share} | PLAIN) for share in (0.0, 0.75)),
    ),
    published=(
        Published(
            {"MeanFlow, 0.75": {1: 43.1}, "alpha-Flow, 0.25": {1: 40.0}},
            "FID",
            "secondary",
            "notes on arXiv 2510.20771, Table 2b",
        ),
        Published(
            {"SoFlow, 0": {1: 66.36}, "SoFlow, 0.75": {1: 58.57}},
            "FID",
            "secondary",
            "notes on arXiv 2512.15657, its ablations",
        ),
    ),
    claims=(
        *(Claim("better", (f"alpha-Flow, {share:g}", f"MeanFlow, {share:g}")) for share in _SHARES),
        Claim("best", ("MeanFlow, 0.75", *(f"MeanFlow, {share:g}" for share in _SHARES[:-1]))),
        Claim("best", ("alpha-Flow, 0.25", *(f"alpha-Flow, {share:g}" for share in _SHARES if share != 0.25))),
        Claim("better", ("SoFlow, 0.75", "SoFlow, 0"), source="2512.15657"),
    ),
    teaches=(
        "These rules have the sample's velocity as a target, so that they learn it without flow matching: it is the "
        "limit of their short jumps. A share on the diagonal teaches it at once, and takes examples from the jumps. A "
        "curriculum that begins with the velocity needs a smaller share."
    ),
)

ALPHA_SCHEDULE = Suite(
    name="alpha_schedule",
    title="When alpha falls",
    paper="2510.20771",
    where="Table 2a",
    setting="ImageNet-256 latents, B/2, 400,000 steps, no guidance.",
    scale="plane",
    rows=(
        Row("MeanFlow", "mean_flow", {"diagonal_share": 0.25} | PLAIN),
        Row("middle quarter", "alpha_flow", {"start": 0.375, "end": 0.625, "diagonal_share": 0.25} | PLAIN),
        Row("whole run", "alpha_flow", {"start": 0.0, "end": 1.0, "diagonal_share": 0.25} | PLAIN),
        Row("whole run, floor 0.1", "alpha_flow", {"floor": 0.1, "diagonal_share": 0.25} | PLAIN),
    ),
    published=(
        Published(
            {"MeanFlow": {1: 44.4}, "middle quarter": {1: 41.3}, "whole run": {1: 40.0, 2: 37.1}},
            "FID",
            "secondary",
            "notes on arXiv 2510.20771, Table 2a",
        ),
    ),
    claims=(
        Claim("better", ("whole run", "MeanFlow")),
        Claim("better", ("whole run", "middle quarter")),
        Claim("better", ("middle quarter", "MeanFlow")),
        Claim("same", ("whole run", "whole run, floor 0.1"), value=0.1),
    ),
    teaches=(
        "Alpha falls along a sigmoid from flow matching along whole jumps to MeanFlow. The longer it takes, the longer "
        "targets have a bias and the less they disturb the velocity. The floor is where the finite step ends and the "
        "derivative begins."
    ),
)

JUMP_TIMES = Suite(
    name="jump_times",
    title="Which jumps are trained",
    paper="2601.22158",
    where="Table 3b",
    setting="ImageNet-256 in pixels, one step; r = t is the diagonal and r = 0 is the jump to the data.",
    scale="plane",
    rows=(
        Row("diagonal", "flow_matching"),
        Row("to the data", "mean_flow", {"diagonal_share": 0.0, "tangent_mix": 1.0} | PLAIN | {"times": "to_data"}),
        Row("both", "mean_flow", {"diagonal_share": 0.5, "tangent_mix": 1.0} | PLAIN | {"times": "to_data"}),
        Row("all", "mean_flow", {"diagonal_share": 0.5, "tangent_mix": 1.0} | PLAIN),
        Row("both, sample's tangent", "mean_flow", {"diagonal_share": 0.5} | PLAIN | {"times": "to_data"}),
    ),
    published=(
        Published(
            {"diagonal": {1: 194.53}, "to the data": {1: 389.28}, "both": {1: 106.59}, "all": {1: 3.53}},
            "FID",
            "paper",
            "arXiv 2601.22158, Table 3b",
        ),
    ),
    claims=(
        Claim("best", ("all", "diagonal", "to the data", "both")),
        *(Claim("collapses", (label, "all"), value=2) for label in ("diagonal", "to the data", "both")),
        Claim("better", ("both", "diagonal"), prior="holds"),
        Claim("better", ("both", "to the data")),
    ),
    teaches=(
        "Jumps to the data alone are a consistency model, whose own velocity, along which the derivative is taken, is "
        "then learned nowhere. With the diagonal it is. Jumps between all times are what the published method has: on "
        "images the two ends alone are not enough."
    ),
)

_LONG_JUMPS_LAST = (
    "Jumps of the full length are drawn only at the very end of the training, and one step needs just these. The gain "
    "is in the short ones: at sixteen steps the same maps have 0.080 against 0.092 (LSD) and 0.092 against 0.100 "
    "(MeanFlow)."
)
_GAPS, _NOISES = (0.05, 0.3), (0.03, 0.1)
VELOCITY_FIRST = Suite(
    name="velocity_first",
    title="The velocity before the map",
    paper="2511.19065",
    where="its study of MeanFlow",
    setting="ImageNet-256 latents, B/4 with guidance, one and two steps.",
    scale="plane",
    rows=tuple(
        Row(f"{title}{label}", method, plain | options)
        for title, method, plain in (("MeanFlow", "mean_flow", {"diagonal_share": 0.75} | PLAIN), ("LSD", "lsd", {}))
        for label, options in (
            ("", {}),
            *((f", gaps from {gap:g}", {"first_gap": gap}) for gap in _GAPS),
            *((f", noise {noise:g}", {"target_noise": noise}) for noise in _NOISES),
        )
    ),
    published=(),
    claims=tuple(
        claim
        for title in ("MeanFlow", "LSD")
        for claim in (
            *(Claim("better", (f"{title}, gaps from {gap:g}", title), because=_LONG_JUMPS_LAST) for gap in _GAPS),
            *(Claim("better", (title, f"{title}, noise {noise:g}")) for noise in _NOISES),
            Claim("better", (f"{title}, gaps from {_GAPS[0]:g}", title), steps=2, because=_LONG_JUMPS_LAST),
        )
    ),
    teaches=(
        "A map integrates a velocity, and can be no better than it. Jumps that grow with the training let the velocity "
        "come first. Noise that is added to the velocity of each sample leaves its mean where it is, and asks what a "
        "slower velocity costs the map. In the paper a progressive weight of long jumps gains 5 %, and noise of 0.03 "
        "harms the map badly."
    ),
)
