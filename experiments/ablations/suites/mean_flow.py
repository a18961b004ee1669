"""MeanFlow: the share of jumps, the weight and the times of arXiv 2505.13447."""

from experiments.ablations.suite import Claim, Published, Row, Suite

# Knobs of other tables of the same paper are held at what the plane needs (docs/settings.md).
PLAIN = {"adaptive_power": 0.0, "times": "triangle"}

_FEW_JUMPS = (
    "jumps are what the budget lacks here. More of them lower the KL of one step and raise that of sixteen, which ask "
    "for little but the velocity: the plane teaches a velocity early, and it can pay for jumps."
)
OTHER_VELOCITY = (
    "the weight moves the velocity and not the jumps alone. Sixteen steps ask for little but the velocity, and their "
    "KL rises with p twofold and then tenfold. Through one point of the plane pass samples with a few different "
    "velocities, and the weighted minimizer takes sides."
)
_NO_SOURCE = (
    "one step is a jump from s = 0. Of the sources drawn by logits 0.9 % lie below 0.1, of those of a sorted uniform "
    "pair 19 %. From four steps on, most of whose sources lie inside, the two laws are alike."
)

MEAN_FLOW_RATIO = Suite(
    name="mean_flow_ratio",
    title="How many examples train jumps",
    paper="2505.13447",
    where="Table 1a",
    setting="ImageNet-256 latents, B/4, 80 epochs, one step, no guidance.",
    scale="plane",
    rows=(
        Row("0 %", "flow_matching"),
        Row("25 %", "mean_flow", {"diagonal_share": 0.75} | PLAIN),
        Row("50 %", "mean_flow", {"diagonal_share": 0.5} | PLAIN),
        Row("100 %", "mean_flow", {"diagonal_share": 0.0} | PLAIN),
    ),
    published=(
        Published({"25 %": {1: 61.06}}, "FID", "paper", "arXiv 2505.13447, Table 1a"),
        Published({"0 %": {1: 328.91}, "100 %": {1: 67.32}}, "FID", "secondary", "notes on arXiv 2505.13447, Table 1a"),
        Published({"25 %": {1: 58.74}}, "FID", "re-run by others", "github.com/zhuyu-cs/MeanFlow, README"),
    ),
    claims=(
        Claim("best", ("25 %",), because=_FEW_JUMPS),
        Claim("collapses", ("0 %",), value=5, prior="holds"),
        Claim("better", ("25 %", "100 %"), because=_FEW_JUMPS),
        Claim("better", ("25 %", "50 %"), because=_FEW_JUMPS),
    ),
    teaches=(
        "Without jumps there is no map: one step of a velocity fails at any budget. With jumps alone the velocity is "
        "learned as the limit of short ones. The best share is a matter of noise: a jump costs more and says less."
    ),
)

MEAN_FLOW_WEIGHT = Suite(
    name="mean_flow_weight",
    title="The adaptive weight and the times of MeanFlow",
    paper="2505.13447",
    where="Tables 1d and 1e",
    setting="ImageNet-256 latents, B/4, 80 epochs, one step, no guidance.",
    scale="plane",
    rows=tuple(
        Row(
            f"p = {power:g}, {name}",
            "mean_flow",
            {"adaptive_power": power, "times": times, "diagonal_share": 0.75},
        )
        for name, times in (("logits", "logit_normal"), ("uniform", "triangle"))
        for power in (0.0, 0.5, 1.0)
    ),
    published=(
        Published({"p = 1, logits": {1: 61.06}}, "FID", "paper", "arXiv 2505.13447, Table 1"),
        Published(
            {"p = 0, logits": {1: 79.75}, "p = 0.5, logits": {1: 63.98}},
            "FID",
            "secondary",
            "notes on arXiv 2505.13447, Table 1e",
        ),
    ),
    claims=(
        Claim("better", ("p = 1, logits", "p = 0, logits"), prior="reverses"),
        Claim("better", ("p = 1, uniform", "p = 0, uniform"), prior="reverses", because=OTHER_VELOCITY),
        Claim("better", ("p = 1, uniform", "p = 0, uniform"), steps=16, prior="reverses", because=OTHER_VELOCITY),
        Claim("same", ("p = 0.5, logits", "p = 1, logits"), value=0.05),
        Claim("better", ("p = 1, logits", "p = 1, uniform"), because=_NO_SOURCE),
        Claim("better", ("p = 0, logits", "p = 0, uniform"), prior="reverses", because=_NO_SOURCE),
    ),
    teaches=(
        "The weight 1 / (|r|^2 + c)^p of a residual that carries the noise of a sample moves the minimizer away from "
        "the mean. On images the residuals of all examples are alike and little moves. In the plane they differ, and "
        "the weighted minimizer is another velocity. Times by logits leave out the noise, where one step begins."
    ),
)

MEAN_FLOW_TIME_EMBEDDING = Suite(
    name="mean_flow_time_embedding",
    title="Which times the network takes",
    paper="2505.13447",
    where="Table 1c; the last row 2410.11081 (sCM), Figure 5",
    setting="ImageNet-256 latents, B/4, 80 epochs, one step, no guidance.",
    scale="plane",
    rows=(
        *(
            Row(label, "mean_flow", {"diagonal_share": 0.75} | PLAIN, {"network.time_embedding": times})
            for label, times in (
                ("s and t", "ends"),
                ("s and t - s", "source_gap"),
                ("s, t and t - s", "all"),
                ("t - s alone", "gap"),
            )
        ),
        Row("s and t, 16 times as fast", "mean_flow", {"diagonal_share": 0.75} | PLAIN, {"network.time_scale": 16.0}),
    ),
    published=(
        Published({"s and t - s": {1: 61.06}}, "FID", "paper", "arXiv 2505.13447, Table 1c"),
        Published(
            {"s and t": {1: 61.75}, "s, t and t - s": {1: 63.98}, "t - s alone": {1: 63.13}},
            "FID",
            "secondary",
            "notes on arXiv 2505.13447, Table 1c",
        ),
    ),
    claims=(
        *(Claim("same", ("s and t - s", row), value=0.05) for row in ("s and t", "s, t and t - s")),
        Claim("same", ("s and t - s", "t - s alone"), value=0.05),
        Claim("collapses", ("s and t, 16 times as fast",), value=2, source="2410.11081, Figure 5"),
    ),
    teaches=(
        "The map depends on both times, but on images how noisy a point is can be read off the point itself, so that "
        "the length of the jump may be enough. In the plane one point says little of its time. Fast features of a "
        "time make its derivative large, and the targets of MeanFlow contain that derivative."
    ),
)

PLUG_IN = Suite(
    name="plug_in",
    title="The velocity of a sample, or a mean over a pool of data",
    paper="2512.11831",
    where="its ablations",
    setting="ImageNet-256 latents, SiT-B/2, one step, with guidance; the mean there is over the batch.",
    scale="plane",
    rows=tuple(
        Row(f"{method}, {name}", key, own | velocity)
        for method, key, own in (
            ("MeanFlow", "mean_flow", {"diagonal_share": 0.75} | PLAIN),
            ("flow matching", "flow_matching", {}),
        )
        for name, velocity in (("sample", {"velocity": "sample"}), ("plug-in", {"velocity": "pooled", "pool": 256}))
    ),
    published=(
        Published(
            {"MeanFlow, sample": {1: 6.09}, "MeanFlow, plug-in": {1: 6.01}},
            "FID",
            "secondary",
            "notes on arXiv 2512.11831, its ablations",
        ),
    ),
    claims=(
        Claim("better", ("MeanFlow, plug-in", "MeanFlow, sample")),
        Claim("lower_variance", ("MeanFlow, plug-in", "MeanFlow, sample"), prior="holds"),
        Claim(
            "lower_variance",
            ("flow matching, plug-in", "flow matching, sample"),
            prior="holds",
            source="2302.00670",
        ),
    ),
    teaches=(
        "The velocity of a sample is right in the mean and noisy. Averaged over a pool of data by the probability that "
        "each of them has made the point, its mean is the same and its noise less. The pool costs no evaluation of the "
        "network. In the plane a pool of 256 nearly covers the data."
    ),
    probe="MeanFlow, sample",
)
