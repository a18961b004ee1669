"""Averaged targets in rules whose publications have none, and what one consistency model is made of."""

from experiments.ablations.suite import Claim, Published, Row, Suite

_DECAYS = (0.0, 0.9, 0.99)
_RULES = {
    "LSD": ("lsd", {}),
    "ESD": ("esd", {"stop_gradient": "velocity"}),
    "PSD-M": ("psd_m", {}),
    "alpha-Flow": ("alpha_flow", {"adaptive_power": 0.0, "times": "triangle", "diagonal_share": 0.5}),
    "iCT": ("ict", {}),
}
TARGET_DECAY_RULES = Suite(
    name="target_decay_rules",
    title="Averaged targets in five rules",
    paper="2511.19797",
    where="its ablation of the target's average; with 2310.14189 (iCT) and 2510.20771 (alpha-Flow)",
    setting="ImageNet and CIFAR-10; each paper has an average in one rule.",
    scale="plane",
    rows=tuple(
        Row(f"{title}, {decay:g}", method, options | {"decay": decay})
        for title, (method, options) in _RULES.items()
        for decay in _DECAYS
    ),
    published=(),
    claims=(
        Claim("better", ("LSD, 0.99", "LSD, 0"), source="2511.19797, whose rule is that of LSD"),
        Claim("better", ("iCT, 0", "iCT, 0.9"), source="2310.14189, abstract"),
        Claim("better", ("iCT, 0", "iCT, 0.99"), source="2310.14189, abstract"),
        Claim("better", ("alpha-Flow, 0", "alpha-Flow, 0.99"), source="2510.20771, of its own velocity as the shift"),
        Claim("better", ("PSD-M, 0.9", "PSD-M, 0"), source="2510.21250, of the rule with dyadic jumps"),
        Claim("same", ("ESD, 0", "ESD, 0.9"), value=0.1),
    ),
    teaches=(
        "An average of the weights gives quiet targets that lag behind. In the Lagrangian and Eulerian rules of "
        "self-distillation only the velocity is averaged; in the semigroup rule and in finite steps it is the map. A "
        "consistency model learns from the data end backwards, and a lag holds that up."
    ),
)

CONSISTENCY_CHOICES = Suite(
    name="consistency_choices",
    title="What a consistency model is made of",
    paper="2310.14189",
    where="its improvements one by one; with 2410.11081 (sCM), Figure 5, and 2502.01441 (latent iCT)",
    setting="CIFAR-10 and ImageNet-64; the results that were read are claims without values.",
    scale="plane",
    rows=(
        Row("iCT", "ict"),
        Row("iCT, squares", "ict", {"metric": "squared"}),
        Row("iCT, Cauchy", "ict", {"metric": "cauchy"}),
        Row("iCT, Huber of 0.3", "ict", {"scale": 0.3}),
        Row("iCT, uniform levels", "ict", {"levels": "uniform"}),
        Row("iCT, no weight", "ict", {"weight": "none"}),
        Row("iCT, average 0.9", "ict", {"decay": 0.9}),
        Row("iCT, coarse grid", "ict", {"last": 160}),
        Row("sCT", "sct"),
        Row("sCT, clipped", "sct", {"normalize": 0.0, "clip": 1.0}),
        Row("sCT, no learned weight", "sct", {"learned_weight": False}),
        Row("sCT, no warm-up", "sct", {"warm_up": 0.0}),
    ),
    published=(),
    claims=(
        Claim("better", ("iCT", "iCT, squares")),
        Claim("better", ("iCT", "iCT, uniform levels")),
        Claim("better", ("iCT", "iCT, average 0.9")),
        Claim("better", ("iCT", "iCT, no weight")),
        Claim("better", ("iCT, Cauchy", "iCT"), source="2502.01441"),
        Claim("same", ("sCT", "sCT, clipped"), value=0.1, source="2410.11081"),
        Claim("better", ("sCT", "sCT, no learned weight"), source="2410.11081"),
        Claim("same", ("sCT", "sCT, no warm-up"), value=0.1, source="2410.11081"),
    ),
    teaches=(
        "Improved consistency training changed five things at once: no average, a robust metric, more of the middle "
        "noise levels, a weight of one over the step, and a grid that doubles. Here each is taken back alone."
    ),
)

IMM_WEIGHT = Suite(
    name="imm_weight",
    title="Weights of the time and kernels of IMM",
    paper="2503.07565",
    where="Table 4 and its comparison of kernels",
    setting="ImageNet-256 latents, B, two steps.",
    scale="plane",
    rows=(
        Row("uniform", "imm", {"weight": "uniform"}),
        Row("ELBO", "imm", {"weight": "elbo"}),
        Row("ELBO, alpha", "imm", {"weight": "signal", "signal_power": 1.0}),
        Row("full", "imm", {"weight": "over_squares", "signal_power": 1.0}),
        Row("full, RBF", "imm", {"weight": "over_squares", "signal_power": 1.0, "kernel": "rbf"}),
    ),
    published=(
        Published(
            {"uniform": {2: 40.19}, "ELBO": {2: 96.43}, "ELBO, alpha": {2: 33.44}, "full": {2: 27.43}},
            "FID",
            "paper",
            "arXiv 2503.07565, Table 4",
        ),
    ),
    claims=(
        Claim("best", ("full", "uniform", "ELBO", "ELBO, alpha"), steps=2),
        Claim("worst", ("ELBO", "uniform", "ELBO, alpha", "full"), steps=2),
        Claim("better", ("ELBO, alpha", "uniform"), steps=2),
        Claim("better", ("full", "full, RBF")),
    ),
    teaches=(
        "The weight of the likelihood's bound grows without end towards the noise, where a jump says least. Times the "
        "signal it does not. A kernel with a long tail pulls points that are far from all targets; that of Gauss lets "
        "them lie."
    ),
)
