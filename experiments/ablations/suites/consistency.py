"""Consistency models: grids, metrics, tangents and anchors; and the groups of inductive moment matching."""

from experiments.ablations.suite import Claim, Row, Suite

SLOW_TANGENT = (
    "the tangent itself is slow to learn from here, and not for the noise of a sample: with a teacher's velocity sCD "
    "ends at 0.80 and continuous CD at 0.690, where CD with finite steps has 0.343 (docs/every_method.md). The worst "
    "1 % of the examples carry 15 % of the variance of sCT's gradient, and 5 to 8 % of iCT's with 32 to 1,024 steps "
    "(the probe, on the weights of sCT)."
)
CONSISTENCY_GRID = Suite(
    name="consistency_grid",
    title="How fine the grid, which metric, and the continuous limit",
    paper="2410.11081",
    where="Figure 5; with 2310.14189 (iCT)",
    setting="CIFAR-10 and ImageNet-64; the results are curves without values.",
    scale="plane",
    rows=(
        *(Row(f"CT, last {last}", "ct", {"last": last, "decay": 0.0}) for last in (18, 150, 1280)),
        Row("iCT", "ict"),
        Row("iCT, squares", "ict", {"scale": 100.0}),
        *(Row(f"iCT, N = {n}", "ict", {"first": n, "last": n}) for n in (32, 256, 1024)),
        Row("sCT", "sct"),
        Row("sCT, raw tangent", "sct", {"normalize": 0.0}),
    ),
    published=(),
    claims=(
        Claim("better", ("iCT", "iCT, squares"), source="2310.14189, of the pseudo-Huber metric"),
        Claim("interior", ("CT, last 150", "CT, last 18", "CT, last 1280"), source="2310.14189"),
        Claim("better", ("iCT, N = 256", "iCT, N = 32")),
        *(Claim("better", ("sCT", f"iCT, N = {n}"), because=SLOW_TANGENT) for n in (32, 256, 1024)),
        Claim("collapses", ("sCT, raw tangent",), value=2),
    ),
    teaches=(
        "A coarse grid has a bias, and a fine one has noise: the error of each step is small beside the noise of its "
        "target. The continuous limit has no bias at all, and needs its tangent held within bounds."
    ),
)

_LATE_ANCHOR = (
    "no run collapsed: in the plane the jumps to the data teach a fair velocity by themselves. What an anchor adds "
    "shows where the velocity counts: at sixteen steps every row with one is more than twice as good as that without."
)
ANCHOR = Suite(
    name="anchor",
    title="A consistency model needs an anchor",
    paper="2507.03738",
    where="its ablation of flow matching",
    setting="ImageNet-256 latents after 10 epochs, one step: without flow matching the training collapses.",
    scale="plane",
    rows=(
        Row("no anchor", "ct_continuous"),
        *(
            Row(
                f"anchor {share:g}",
                "facm",
                {"diagonal_share": share, "times": "uniform", "adaptive_power": 0.0, "cosine": 0.0},
            )
            for share in (0.0625, 0.25, 0.5, 0.75)
        ),
    ),
    published=(),
    claims=(
        Claim("collapses", ("no anchor",), value=2, because=_LATE_ANCHOR),
        Claim("worst", ("no anchor",), prior="holds", because=_LATE_ANCHOR),
        Claim("same", ("anchor 0.25", "anchor 0.75"), value=0.1),
    ),
    teaches=(
        "A continuous consistency model learns its velocity only through jumps to the data. An anchor is a share of "
        "plain flow matching, which tells the network the velocity itself."
    ),
)

_ONLY_SCALE = (
    "the group changes little but the scale of the loss here. On trained weights the variance of the gradient falls "
    "with the square of the loss: 74.7 at a loss of 0.238 with groups of 1, 0.309 at 0.0148 with groups of 16 (the "
    "probe, after 2,000 steps). Muon is blind to such a scale."
)
IMM_GROUP = Suite(
    name="imm_group",
    title="How many particles match a distribution",
    paper="2503.07565",
    where="Figure 5",
    setting="ImageNet-256 latents and CIFAR-10; the results are curves without values.",
    scale="plane",
    rows=tuple(Row(f"group {group}", "imm", {"group": group}) for group in (1, 2, 4, 8, 16)),
    published=(),
    claims=(
        Claim("best", ("group 4",)),
        Claim("collapses", ("group 1",), value=2, because=_ONLY_SCALE),
        Claim("collapses", ("group 2",), value=2, because=_ONLY_SCALE),
    ),
    teaches=(
        "IMM compares two sets of jumps by a kernel. A group of one is a consistency model; larger groups also push "
        "their members apart, which keeps samples diverse."
    ),
)
