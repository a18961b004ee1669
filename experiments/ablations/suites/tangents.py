"""The direction of MeanFlow's derivative: wrong ones, and from the sample's velocity to the network's own."""

from experiments.ablations.suite import Claim, Published, Row, Suite
from experiments.ablations.suites.mean_flow import PLAIN

_WRONG = {"moving the point": "point", "moving t": "target", "moving s and t": "both"}
MEAN_FLOW_TANGENT = Suite(
    name="mean_flow_tangent",
    title="A derivative along a wrong direction",
    paper="2505.13447",
    where="Table 1b",
    setting="ImageNet-256 latents, B/4, 80 epochs, one step, no guidance.",
    scale="plane",
    rows=(
        Row("moving s", "mean_flow", {"diagonal_share": 0.75} | PLAIN),
        *(
            Row(label, "mean_flow_wrong_tangent", {"tangent": tangent, "diagonal_share": 0.75} | PLAIN)
            for label, tangent in _WRONG.items()
        ),
    ),
    published=(
        Published(
            {
                "moving s": {1: 61.06},
                "moving the point": {1: 268.06},
                "moving t": {1: 329.22},
                "moving s and t": {1: 137.96},
            },
            "FID",
            "secondary",
            "notes on arXiv 2505.13447, Table 1b",
        ),
    ),
    claims=(
        *(Claim("collapses", (label, "moving s"), value=2, prior="holds") for label in _WRONG),
        *(Claim("better", ("moving s and t", label)) for label in list(_WRONG)[:2]),
    ),
    teaches=(
        "The rule moves the source along its path and leaves the target time where it is. A derivative that leaves out "
        "the source time, or moves the target time, belongs to another equation, whose solution is not the flow map. "
        "These rows exist in this ablation alone."
    ),
)

_MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)


def _mix(config: str, data: str, published: tuple[float, float] | None) -> Suite:
    labels = [f"beta = {mix:g}" for mix in _MIXES]
    first, *inner, last = labels
    return Suite(
        name=f"tangent_{data.lower().replace(' ', '_')}",
        title=f"Along the sample's velocity or the network's own: {data}",
        paper="2605.09235",
        where="the table of six sets in the plane",
        setting="MLP of width 128 and depth 3, 200,000 steps; there the own velocity is that of an EMA.",
        scale="plane",
        config=config,
        rows=(
            *(
                Row(label, "mean_flow", {"tangent_mix": mix, "diagonal_share": 0.75} | PLAIN)
                for label, mix in zip(labels, _MIXES, strict=True)
            ),
            Row(
                "beta = 1, averaged",
                "mean_flow",
                {"tangent_mix": 1.0, "tangent_decay": 0.99, "diagonal_share": 0.75} | PLAIN,
            ),
        ),
        published=()
        if published is None
        else (
            Published(
                {first: {1: published[0]}, last: {1: published[1]}},
                "sliced W1",
                "secondary",
                "notes on arXiv 2605.09235",
            ),
        ),
        claims=(
            Claim("better", (last, first), prior="holds"),
            Claim("better", (last, first), metric="sliced_w2", prior="holds"),
            *(Claim("better", (label, first)) for label in inner),
            Claim("same", (last, "beta = 1, averaged"), value=0.1),
            Claim("lower_variance", (last, first), prior="holds"),
        ),
        probe=first,
        teaches=(
            "MeanFlow differentiates along the sample's velocity, whose noise enters the target by the derivative. "
            "Along the network's own velocity it does not, and beta is the share of that. At 1 the method is improved "
            "MeanFlow. On ImageNet the paper finds the opposite order."
        ),
    )


TANGENT = (
    _mix("experiments/configs/checkerboard.py", "checkerboard", (0.175, 0.134)),
    _mix("experiments/configs/eight_gaussians.py", "eight Gaussians", (0.098, 0.085)),
    _mix("experiments/configs/two_moons.py", "two moons", (0.093, 0.072)),
    # The paper's swiss roll is the nearest of its sets.
    _mix("experiments/configs/spiral.py", "spiral", None),
)
