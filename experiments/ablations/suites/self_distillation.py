"""The self-distilled rules of arXiv 2505.18825, what they hold fixed, and averaged targets across papers."""

from experiments.ablations.suite import EXACT, Claim, Published, Row, Suite

# ESD with grad X . w stopped is unstable with the features and the optimizer of the plane (docs/settings.md): there are
# rows with and without, and the claims about the best are against the sound one.
SOUND = ("LSD", "ESD, velocity stopped", "PSD-M", "PSD-U")
SD_TABLE1 = Suite(
    name="sd_table1",
    title="Four rules of self-distillation",
    paper="2505.18825",
    where="Table 1",
    setting="Checkerboard, an MLP of 1.05 million parameters, 150,000 steps of 100,000 points, one seed.",
    scale="plane",
    rows=(
        Row("LSD", "lsd"),
        Row("ESD", "esd"),
        Row("ESD, velocity stopped", "esd", {"stop_gradient": "velocity"}),
        Row("PSD-M", "psd_m"),
        Row("PSD-U", "psd_u"),
    ),
    published=(
        Published(
            {
                "LSD": {1: 0.086, 2: 0.077, 4: 0.071, 8: 0.070, 16: 0.071},
                "ESD": {1: 0.098, 2: 0.092, 4: 0.083, 8: 0.082, 16: 0.075},
                "PSD-M": {1: 0.146, 2: 0.089, 4: 0.081, 8: 0.072, 16: 0.069},
                "PSD-U": {1: 0.111, 2: 0.107, 4: 0.075, 8: 0.073, 16: 0.068},
            },
            "KL by the paper's estimator (perfect samples have 0.066)",
            "paper",
            "arXiv 2505.18825 v2, Table 1",
        ),
        Published(
            {
                "LSD": {1: 0.458, 2: 0.430, 4: 0.352, 8: 0.265, 16: 0.251},
                "PSD-M": {1: 1.589, 2: 0.893, 4: 0.520, 8: 0.322, 16: 0.267},
            },
            "KL on a checkerboard",
            "re-run by others",
            "github.com/NathanVanier/flow-map-self-distillation, README",
        ),
    ),
    claims=(
        *(Claim("best", SOUND, steps=steps, prior="holds") for steps in (1, 2)),
        *(Claim("best", SOUND, steps=steps) for steps in (4, 8)),
        Claim("better", ("LSD", "ESD, velocity stopped"), prior="holds"),
        Claim("better", ("LSD", "PSD-M"), prior="holds"),
        Claim("better", ("PSD-U", "PSD-M")),
        Claim("better", ("PSD-M", "PSD-U"), steps=2),
    ),
    teaches=(
        "One network learns its velocity on the diagonal and the map off it; the rows differ in the rule that ties the "
        "two. The Lagrangian rule gives the best single step. The semigroup rule needs no derivative and catches up "
        "with more steps."
    ),
)

STOP_GRADIENT = Suite(
    name="stop_gradient",
    title="What each rule holds fixed",
    paper="2505.18825",
    where="left open there",
    setting="The paper names the choice and does not vary it; the defaults are the authors'.",
    scale="plane",
    rows=(
        *(Row(f"LSD, {stopped}", "lsd", {"stop_gradient": stopped}) for stopped in ("velocity", "none", "target")),
        *(Row(f"ESD, {stopped}", "esd", {"stop_gradient": stopped}) for stopped in ("advection", "velocity", "target")),
        *(Row(f"PSD-M, {stopped}", "psd_m", {"stop_gradient": stopped}) for stopped in ("target", "none")),
        *(
            # Without its weight LMD has no finite loss with an exact teacher (docs/settings.md).
            Row(f"LMD, {stopped}", "lmd", {"stop_gradient": stopped, "adaptive_power": 1.0}, teacher=EXACT)
            for stopped in ("none", "velocity")
        ),
    ),
    published=(),
    claims=(
        Claim("better", ("LSD, velocity", "LSD, none")),
        Claim("better", ("LSD, velocity", "LSD, target")),
        Claim("better", ("ESD, velocity", "ESD, advection"), prior="holds"),
        Claim("better", ("ESD, velocity", "ESD, target")),
        Claim("better", ("PSD-M, target", "PSD-M, none")),
        Claim("better", ("LMD, velocity", "LMD, none"), metric="map_error", prior="holds"),
    ),
    teaches=(
        "A rule has two sides, and a gradient may flow through both. Where it flows through the own velocity, that "
        "velocity is bent towards the map's errors. Where all of the target is stopped, the derivative of the map is a "
        "number and not something to be trained."
    ),
)

PUBLISHED_DECAYS = (
    Published(
        {"TVM, 0": {1: 10.24}, "TVM, 0.99": {1: 4.90}},
        "FID, ImageNet-256",
        "secondary",
        "notes on arXiv 2511.19797",
    ),
    Published(
        {"shortcut, 0.95": {1: 6.56}, "shortcut, 0.999": {1: 7.43}, "shortcut, 0.9999": {1: 7.97}},
        "FID, ImageNet-256",
        "secondary",
        "notes on arXiv 2510.21250",
    ),
)
TARGET_DECAY = Suite(
    name="target_decay",
    title="Averaged targets, rule by rule",
    paper="2511.19797",
    where="its ablation of the target's average; with 2310.14189 (iCT) and 2510.21250 (improved shortcut)",
    setting="Three papers on ImageNet and CIFAR-10 set the decay of the weights that make their targets.",
    scale="plane",
    rows=(
        *(Row(f"TVM, {decay:g}", "tvm", {"decay": decay, "times": "triangle"}) for decay in (0.0, 0.9, 0.99, 0.999)),
        *(Row(f"CT, {decay:g}", "ct", {"decay": decay}) for decay in (0.0, 0.5, 0.9)),
        *(Row(f"shortcut, {decay:g}", "shortcut", {"decay": decay}) for decay in (0.95, 0.999, 0.9999)),
    ),
    published=PUBLISHED_DECAYS,
    claims=(
        Claim("better", ("TVM, 0.99", "TVM, 0"), source="2511.19797"),
        Claim("interior", ("TVM, 0.99", "TVM, 0", "TVM, 0.999"), source="2511.19797"),
        Claim("monotone", ("shortcut, 0.95", "shortcut, 0.999", "shortcut, 0.9999"), source="2510.21250"),
        Claim("better", ("CT, 0", "CT, 0.9"), source="2310.14189, abstract"),
    ),
    teaches=(
        "Targets can be made by the current weights or by an average of them, which is quieter and lags behind. How "
        "much lag a rule bears depends on the length of training: a decay of 0.999 averages over a thousand steps."
    ),
)
