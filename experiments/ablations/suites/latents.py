"""Suites in the latents of ImageNet at the papers' own settings, which need a GPU: MeanFlow, its successor, teachers.

Latents have no FID before they are decoded (docs/images.md): here claims are judged in a classifier's features of them.
"""

from experiments.ablations.suite import TRAINED, Claim, Published, Row, Suite

B4, B2 = (f"experiments/configs/imagenet256_latent.py:lsd,{size}" for size in ("b4", "b2"))


def _guided(scheme: str, scale: float, **fields: float | bool) -> dict[str, object]:
    named = {"scheme": scheme, "scale": scale} | fields
    return {f"guidance.{name}": value for name, value in named.items()}


def _embedded(times: str) -> Row:
    return Row(f"embedding {times}", "mean_flow", fields={"network.time_embedding": times})


MEAN_FLOW_TABLE1 = Suite(
    name="mean_flow_table1",
    title="MeanFlow's own ablations",
    paper="2505.13447",
    where="Table 1, without b",
    setting=(
        "ImageNet-256 latents, DiT-B/4, 80 epochs (400,000 steps of 256), one step; no guidance but for omega and "
        "kappa. The base has a quarter of jumps, times of logits N(-0.4, 1), p = 1, and the network takes s and t - s."
    ),
    scale="gpu",
    config=B4,
    fields={"training.steps": 400_000},
    budget="steps",
    least=400_000,
    rows=(
        Row("base", "mean_flow"),
        Row("0 % jumps", "flow_matching"),
        Row("50 % jumps", "mean_flow", {"diagonal_share": 0.5}),
        Row(
            "100 % jumps",
            "mean_flow",
            fields={
                "objective.characterization": "eulerian",
                "objective.velocity": "sample",
                "objective.stop_gradient": "target",
                "objective.times": "logit_normal",
                "objective.adaptive_power": 1.0,
            },
        ),
        *(_embedded(times) for times in ("ends", "all", "gap")),
        Row("uniform times", "mean_flow", {"times": "triangle"}),
        *(Row(f"p = {power:g}", "mean_flow", {"adaptive_power": power}) for power in (0.0, 0.5, 2.0)),
        *(Row(f"omega = {scale:g}", "mean_flow", fields=_guided("mean_flow", scale)) for scale in (2.0, 3.0, 5.0)),
        Row("omega = 2, kappa = 0.9", "mean_flow", fields=_guided("mean_flow", 2.0, self_mix=0.9)),
    ),
    published=(
        Published({"base": {1: 61.06}}, "FID", "paper", "arXiv 2505.13447, Table 1"),
        Published(
            {
                "0 % jumps": {1: 328.91},
                "100 % jumps": {1: 67.32},
                "embedding ends": {1: 61.75},
                "embedding all": {1: 63.98},
                "embedding gap": {1: 63.13},
                "p = 0": {1: 79.75},
                "p = 0.5": {1: 63.98},
                "omega = 2": {1: 20.15},
                "omega = 3": {1: 15.53},
                "omega = 5": {1: 20.75},
                "omega = 2, kappa = 0.9": {1: 18.63},
            },
            "FID",
            "secondary",
            "notes on arXiv 2505.13447, Table 1 and appendix",
        ),
        Published(
            {"base": {1: 58.74}, "omega = 3": {1: 15.43}},
            "FID",
            "re-run by others",
            "github.com/zhuyu-cs/MeanFlow, README",
        ),
    ),
    claims=(
        Claim("collapses", ("0 % jumps", "base"), value=5),
        Claim("better", ("base", "50 % jumps")),
        Claim("better", ("base", "100 % jumps")),
        *(Claim("same", ("base", f"embedding {times}"), value=0.05) for times in ("ends", "all", "gap")),
        Claim("better", ("base", "uniform times")),
        Claim("interior", ("base", "p = 0", "p = 2")),
        Claim("same", ("base", "p = 0.5"), value=0.05),
        Claim("interior", ("omega = 3", "omega = 2", "omega = 5")),
        Claim("better", ("omega = 2, kappa = 0.9", "omega = 2")),
    ),
    teaches=(
        "What the plane says of the share, the weight, the law and the embedding of times is in suites of their "
        "own. Gaps below four percent are within what a second run by others differs from the paper."
    ),
)

# Left out: the interval of guidance as an input, the second head, and the better block, which no network here has; and
# so the published numbers of the rows that build on them.
IMF_TABLE1 = Suite(
    name="imf_table1",
    title="From MeanFlow to improved MeanFlow",
    paper="2512.02012",
    where="Table 1",
    setting="ImageNet-256 latents, DiT-B/2, 240 epochs (1.2 million steps of 256), one step, guided and not.",
    scale="gpu",
    config=B2,
    budget="steps",
    least=1_200_000,
    rows=(
        Row("MeanFlow", "mean_flow", {"diagonal_share": 0.75}),
        Row("own velocity", "improved_mean_flow", {"diagonal_share": 0.75}),
        Row("MeanFlow, guided", "mean_flow", {"diagonal_share": 0.75}, _guided("mean_flow", 2.5, self_mix=0.92)),
        Row(
            "own velocity, guided",
            "improved_mean_flow",
            {"diagonal_share": 0.75},
            _guided("improved_mean_flow", 2.5),
        ),
        Row(
            "scale as input",
            "improved_mean_flow",
            {"diagonal_share": 0.75},
            _guided("improved_mean_flow", 8.0, scale_is_input=True),
        ),
        Row(
            "scale as input, tokens",
            "improved_mean_flow",
            {"diagonal_share": 0.75},
            _guided("improved_mean_flow", 8.0, scale_is_input=True) | {"network.time_tokens": 4},
        ),
    ),
    published=(
        Published(
            {
                "MeanFlow": {1: 32.69},
                "own velocity": {1: 29.42},
                "MeanFlow, guided": {1: 6.17},
                "own velocity, guided": {1: 5.97},
                "scale as input": {1: 25.15},
            },
            "FID",
            "secondary",
            "notes on arXiv 2512.02012, Table 1",
        ),
    ),
    claims=(
        Claim("better", ("own velocity", "MeanFlow")),
        Claim("better", ("own velocity, guided", "MeanFlow, guided")),
        Claim("better", ("scale as input", "own velocity")),
        Claim("better", ("scale as input, tokens", "scale as input")),
    ),
    teaches=(
        "The derivative along the network's own velocity has no noise of a sample in it. A scale of guidance that is "
        "an input makes one training serve all scales, and the scale of 1 profits. It is scored at 1 here, without "
        "guidance."
    ),
)

# Left out: autoguidance, which needs a second and weaker teacher; CMT and ECT after it, and decoupled MeanFlow at other
# depths, which begin with the weights of another run.
DISTILLATION = Suite(
    name="distillation",
    title="Distillation of a trained velocity",
    paper="2506.14603",
    where="Table 5; with 2511.19428 (FreeFlow), 2511.23342 (rectified MeanFlow)",
    setting=(
        "ImageNet-512 latents, each paper with a teacher of its own. Here ImageNet-256 latents, DiT-B/2 and one "
        "teacher for all rows: a run of flow_matching in the same configuration."
    ),
    scale="gpu",
    config=B2,
    budget="steps",
    least=1_200_000,
    rows=(
        Row("AYF-EMD", "ayf_emd", teacher=TRAINED),
        Row("AYF-LMD", "ayf_lmd", teacher=TRAINED),
        Row("AYF-EMD, guided", "ayf_emd", fields=_guided("teacher", 2.0), teacher=TRAINED),
        Row("FreeFlow", "free_flow", teacher=TRAINED),
        Row("FreeFlow, strength 0", "free_flow", {"strength": 0.0}, teacher=TRAINED),
        Row("rectified MeanFlow", "rectified_mean_flow", teacher=TRAINED),
    ),
    published=(
        Published(
            {"AYF-EMD": {4: 1.70}, "AYF-LMD": {4: 6.70}},
            "FID, ImageNet-512, with autoguidance",
            "secondary",
            "notes on arXiv 2506.14603, Table 5",
        ),
        Published({"rectified MeanFlow": {1: 8.6}}, "FID, ImageNet-512", "paper", "arXiv 2511.23342 v3, Figure 1"),
    ),
    claims=(
        Claim("better", ("AYF-EMD", "AYF-LMD"), steps=4),
        Claim("better", ("AYF-EMD, guided", "AYF-EMD"), steps=4),
        Claim("improves_with_steps", ("AYF-EMD",)),
        Claim("better", ("FreeFlow", "FreeFlow, strength 0"), source="2511.19428, Table 1"),
    ),
    teaches=(
        "On images the paper finds the Eulerian rule the better one to distil by, and in the plane the Lagrangian "
        "one. FreeFlow starts from noise alone, and its correction compares the teacher with a velocity learned on "
        "its own samples."
    ),
)
