"""What the network predicts, when data of two dimensions lie in a space of many."""

from experiments.ablations.suite import Claim, Published, Row, Suite
from experiments.ablations.suites.mean_flow import PLAIN

DIMENSIONS = (2, 8, 16, 512)
OUTPUTS = {"x": "denoiser", "u": "velocity"}


def _row(output: str, dim: int, **training: object) -> Row:
    label = f"{output}, D = {dim}" + (", Adam" if training else "")
    fields = {"dataset": f"embedded:spiral,dimensions={dim}", "network.output": OUTPUTS[output]}
    fields |= {f"training.{name}": value for name, value in training.items()}
    return Row(label, "pixel_mean_flow", {"diagonal_share": 0.5} | PLAIN, fields)


PREDICTION_DIMENSION = Suite(
    name="prediction_dimension",
    title="Predict the data or the velocity",
    paper="2601.22158",
    where="Figures 2 and 3a, Table 2",
    setting=(
        "A swiss roll in D dimensions by a fixed orthonormal matrix, an MLP of width 256 and depth 7 with ReLU; and "
        "ImageNet in pixels. There x and u have the FID 3.80 and 3.82 with patches of 4 pixels, 9.56 and 164.89 with "
        "patches of 16."
    ),
    scale="plane",
    config="experiments/configs/spiral.py",
    # The network of the paper's figure in half its width, with raw points: the spans of its layers are below 512.
    fields={
        "network.width": 128,
        "network.depth": 7,
        "network.activation": "relu",
        "network.point_features": 0,
        # Solutions in 512 dimensions are large.
        "evaluation.triples": 2000,
        "evaluation.points": 2000,
    },
    rows=(
        *(_row(output, dim) for dim in DIMENSIONS for output in OUTPUTS),
        *(_row(output, 512, optimizer="adam", learning_rate=1e-3) for output in OUTPUTS),
    ),
    published=(
        Published(
            {"x, D = 512": {1: 9.56}, "x, D = 512, Adam": {1: 18.88}},
            "FID, ImageNet in pixels: Muon and Adam, 160 epochs",
            "paper",
            "arXiv 2601.22158, Figure 3a",
        ),
    ),
    claims=(
        Claim("same", ("x, D = 2", "u, D = 2"), value=0.2),
        *(Claim("better", (f"x, D = {dim}", f"u, D = {dim}")) for dim in DIMENSIONS[1:]),
        Claim(
            "collapses",
            ("u, D = 512", "x, D = 512"),
            value=2,
            because="In a run this short one step of x is not good either. In two steps x has 0.469 and u still 1.738, "
            "in eight 0.094 and 1.740, and off the plane u is 7,000 times as far in one.",
        ),
        Claim("better", ("x, D = 512", "u, D = 512"), metric="off_plane"),
        Claim("better", ("x, D = 512", "x, D = 512, Adam")),
    ),
    teaches=(
        "Data fill two dimensions, noise fills all of them. A velocity has the noise in it, so that a network "
        "narrower than the space cannot say it; the data it can. Samples are scored in the plane, and what lies off "
        "it is counted by itself."
    ),
)
