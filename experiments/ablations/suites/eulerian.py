"""Relatives of MeanFlow: curricula, finite differences, a first leg, and straighter pairs."""

from experiments.ablations.suite import EXACT, Claim, Published, Row, Suite
from experiments.ablations.suites.mean_flow import OTHER_VELOCITY, PLAIN

_STRAIGHT_FIRST = (
    "The curriculum spends the first half of the training on straight jumps. That trains the velocity, and leaves the "
    "whole jump less time: after 8,000 steps (one seed) the sigmoid has 0.536 at one step against 0.440 for MeanFlow "
    "with the same share, and 0.057 against 0.134 at sixteen."
)
ALPHA_FLOW = Suite(
    name="alpha_flow",
    title="From the path to the map by a curriculum",
    paper="2510.20771",
    where="Tables 2a and 5",
    setting="ImageNet-256 latents, B/2, 400,000 steps, no guidance; 75 % of flow matching in MeanFlow, 25 % otherwise.",
    scale="plane",
    rows=(
        Row("MeanFlow", "mean_flow", {"diagonal_share": 0.75} | PLAIN),
        Row("MeanFlow, share 0.25", "mean_flow", {"diagonal_share": 0.25} | PLAIN),
        Row("sigmoid", "alpha_flow", {"schedule": "sigmoid", "diagonal_share": 0.25} | PLAIN),
        *(
            Row(
                f"alpha = {alpha:g}",
                "alpha_flow",
                {"schedule": "constant", "alpha": alpha, "diagonal_share": 0.25} | PLAIN,
            )
            for alpha in (0.01, 0.005)
        ),
        *(
            Row(
                f"alpha = 0.01, {title}",
                "alpha_flow",
                {"schedule": "constant", "alpha": 0.01, "shift": "own", "decay": decay, "diagonal_share": 0.25} | PLAIN,
            )
            for title, decay in (("own velocity", 0.0), ("own velocity, averaged target", 0.99))
        ),
    ),
    published=(
        Published(
            {
                "MeanFlow": {1: 44.4},
                "sigmoid": {1: 40.0, 2: 37.1},
                "alpha = 0.01": {1: 49.7},
                "alpha = 0.005": {1: 46.2},
            },
            "FID",
            "secondary",
            "notes on arXiv 2510.20771, Tables 2a and 5",
        ),
        Published(
            {"alpha = 0.01, own velocity": {1: 59.8}, "alpha = 0.01, own velocity, averaged target": {1: 188}},
            "FID without the weight alpha / (|r|^2 + c), where the sample's velocity has 59.2",
            "secondary",
            "notes on arXiv 2510.20771, Table 5",
        ),
    ),
    claims=(
        Claim("better", ("sigmoid", "MeanFlow"), because=_STRAIGHT_FIRST),
        Claim("better", ("sigmoid", "MeanFlow, share 0.25"), because=_STRAIGHT_FIRST),
        Claim("better", ("sigmoid", "alpha = 0.005"), because=_STRAIGHT_FIRST),
        Claim("better", ("alpha = 0.005", "alpha = 0.01")),
        Claim("same", ("alpha = 0.01, own velocity", "alpha = 0.01"), value=0.1),
        Claim("collapses", ("alpha = 0.01, own velocity, averaged target", "alpha = 0.01, own velocity"), value=2),
    ),
    teaches=(
        "At alpha = 1 the method is flow matching along the path, at 0 it is MeanFlow. A curriculum from one to the "
        "other learns the velocity before the map. A small constant alpha is a finite difference with a bias of that "
        "size. The source moves along the velocity of the sample or along the network's own. An average of the "
        "weights that makes the targets lags behind, and the own velocity with it."
    ),
)

DIFFERENCE = Suite(
    name="difference",
    title="A derivative, or a difference of two jumps",
    paper="2509.04394",
    where="Table 4",
    setting="ImageNet-256 latents, B/4, 80 epochs; 1, 8 and 50 steps.",
    scale="plane",
    rows=(
        Row("jvp", "mean_flow", {"diagonal_share": 0.5} | PLAIN),
        *(
            Row(
                f"difference, {step:g}",
                "tim",
                {"step": step, "diagonal_share": 0.5, "end_share": 0.0, "gap_power": 0.0, "cosine": 0.0} | PLAIN,
            )
            for step in (0.0005, 0.005, 0.05)
        ),
    ),
    published=(
        Published(
            {"jvp": {1: 49.75, 8: 26.22, 50: 18.11}, "difference, 0.005": {1: 49.91, 8: 26.09, 50: 17.99}},
            "FID",
            "secondary",
            "notes on arXiv 2509.04394, Table 4",
        ),
    ),
    claims=(
        Claim("same", ("jvp", "difference, 0.005"), value=0.1, prior="holds"),
        Claim("same", ("jvp", "difference, 0.005"), steps=8, value=0.1, prior="holds"),
        Claim("interior", ("difference, 0.005", "difference, 0.0005", "difference, 0.05")),
    ),
    teaches=(
        "The derivative of the map along the path can be taken by forward differentiation or by a central difference "
        "of two evaluations, which every kernel allows. A step that is too short loses digits of float32, a long one "
        "has a bias."
    ),
)

SO_FLOW = Suite(
    name="so_flow",
    title="SoFlow's weight, and SoFlow against MeanFlow",
    paper="2512.15657",
    where="its ablations",
    setting="ImageNet-256 latents, B/4, 80 epochs, one step, no labels.",
    scale="plane",
    rows=(
        *(
            Row(
                f"p = {power:g}",
                "so_flow",
                {"adaptive_power": power, "times": "triangle", "diagonal_share": 0.75},
            )
            for power in (0.0, 0.5, 1.0)
        ),
        Row("first leg to 0.1", "so_flow", {"last": 0.1, "diagonal_share": 0.75} | PLAIN),
        Row("MeanFlow", "mean_flow", {"diagonal_share": 0.75} | PLAIN),
    ),
    published=(
        Published(
            {"p = 0": {1: 68.25}, "p = 1": {1: 58.57}}, "FID", "secondary", "notes on arXiv 2512.15657, its ablations"
        ),
    ),
    claims=(
        Claim("better", ("p = 1", "p = 0"), prior="reverses", because=OTHER_VELOCITY),
        Claim("same", ("p = 0.5", "p = 1"), value=0.1, because=OTHER_VELOCITY),
        Claim("better", ("p = 0", "MeanFlow")),
        Claim("better", ("p = 0", "first leg to 0.1")),
    ),
    teaches=(
        "SoFlow breaks a jump into a short first leg along the sample's velocity and the rest by the network itself, "
        "so that no derivative is needed. The first leg shrinks during training."
    ),
)

_FEW_STEPS = (
    "pairs are dear, and 400 steps are too few for a derivative. After 2,000 steps (seed 0) the two are equal at one "
    "step (0.062 and 0.063), and rectified MeanFlow is the better one from two steps on (0.024 and 0.027)."
)
RECTIFIED = Suite(
    name="rectified",
    title="MeanFlow on straighter pairs",
    paper="2511.23342",
    where="Figures 1, 12 and 13",
    setting="ImageNet-512 latents, and a mixture to a mixture in the plane for 20,000 iterations.",
    scale="plane",
    rows=(
        Row("MeanFlow", "mean_flow", {"diagonal_share": 0.75} | PLAIN),
        Row("reflow", "reflow", teacher=EXACT),
        Row("rectified MeanFlow", "rectified_mean_flow", PLAIN, teacher=EXACT),
    ),
    published=(
        Published(
            {"rectified MeanFlow": {1: 8.6}, "MeanFlow": {1: 30.9}},
            "FID, MeanFlow with twice the budget",
            "paper",
            "arXiv 2511.23342 v3, Figure 1",
        ),
    ),
    claims=(
        Claim("better", ("rectified MeanFlow", "MeanFlow")),
        Claim("better", ("rectified MeanFlow", "reflow"), because=_FEW_STEPS),
    ),
    teaches=(
        "Pairs of noise and where a first flow carries it have straighter paths than independent pairs. Here the "
        "budget includes the evaluations that make the pairs, so that each row has fewer steps than MeanFlow."
    ),
)
