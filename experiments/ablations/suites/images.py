"""Suites of images at the papers' own settings, which need a GPU: self-distillation, consistency, averaged targets."""

from experiments.ablations.suite import Claim, Published, Row, Suite
from experiments.ablations.suites.self_distillation import PUBLISHED_DECAYS

# As the paper: a learned weight, and every row for as many steps.
LEARNED = {"learned_weight": True}
NUMBERS = dict[str, tuple[float, ...]]


def _sd_images(name: str, data: str, config: str, least: int, numbers: NUMBERS, claims: tuple[Claim, ...]) -> Suite:
    by_steps = {label: dict(zip((1, 2, 4, 8, 16), values, strict=True)) for label, values in numbers.items()}
    return Suite(
        name=f"sd_images_{name}",
        title=f"Self-distillation of images: {data}",
        paper="2505.18825",
        where="Table 1",
        setting=(
            f"{data}, EDM2's U-Net, {least:,} steps, one seed, the best checkpoint for each N. The first version of "
            "the paper says that the rule without derivatives is the better one for images, and the second that it is "
            "not."
        ),
        scale="gpu",
        config=config,
        budget="steps",
        least=least,
        rows=(
            Row("LSD", "lsd", LEARNED),
            Row("PSD-M", "psd_m", LEARNED),
            Row("PSD-U", "psd_u", LEARNED),
            Row("ESD", "esd", LEARNED),
        ),
        published=(Published(by_steps, f"FID, {data}", "paper", "arXiv 2505.18825 v2, Table 1"),),
        claims=(
            *(Claim("best", ("LSD", "PSD-M", "PSD-U"), steps=steps) for steps in (1, 2, 4, 8, 16)),
            *claims,
            Claim("collapses", ("ESD",), value=5),
        ),
        teaches=(
            "The Lagrangian rule differentiates the network in a time, the semigroup rule does not. On images the "
            "paper finds the former better at every number of steps, and the Eulerian rule, which differentiates in "
            "the image, unstable even with its gradient stopped."
        ),
    )


SD_IMAGES = (
    _sd_images(
        "cifar10",
        "CIFAR-10",
        "experiments/configs/cifar10.py",
        400_000,
        {
            "LSD": (8.10, 4.37, 3.34, 3.33, 3.57),
            "PSD-M": (12.81, 8.43, 5.96, 5.07, 4.64),
            "PSD-U": (13.61, 7.95, 6.03, 5.32, 5.16),
        },
        (Claim("better", ("PSD-M", "PSD-U")), Claim("better", ("PSD-U", "PSD-M"), steps=2)),
    ),
    _sd_images(
        "celeba64",
        "CelebA at 64 x 64",
        "experiments/configs/celeba64.py",
        800_000,
        {
            "LSD": (12.22, 5.74, 3.18, 2.18, 1.96),
            "PSD-M": (19.64, 11.75, 7.89, 6.06, 5.09),
            "PSD-U": (18.81, 11.02, 7.47, 6.00, 5.63),
        },
        (Claim("better", ("PSD-U", "PSD-M")), Claim("better", ("PSD-M", "PSD-U"), steps=16)),
    ),
    _sd_images(
        "afhq64",
        "AFHQ at 64 x 64",
        "experiments/configs/afhq64.py",
        800_000,
        {
            "LSD": (11.19, 7.78, 7.00, 5.89, 5.61),
            "PSD-M": (18.86, 14.75, 14.40, 13.26, 11.07),
            "PSD-U": (14.50, 10.73, 10.99, 12.02, 11.47),
        },
        (Claim("better", ("PSD-U", "PSD-M")),),
    ),
)

# Left out: ECT from the weights of a diffusion model, as published; the suite trains every row from nothing.
CIFAR_CONSISTENCY = Suite(
    name="cifar_consistency",
    title="One budget for what reports CIFAR-10",
    paper="2410.11081",
    where="Table 1 and Figure 5; with 2310.14189 (iCT), 2406.14548 (ECT), 2505.13447 (MeanFlow), 2512.15657 (SoFlow)",
    setting=(
        "CIFAR-10, each paper with a network and a length of its own; ECT begins with a diffusion model. Here all rows "
        "begin at nothing and have the network and the 400,000 steps of arXiv 2505.18825."
    ),
    scale="gpu",
    config="experiments/configs/cifar10.py",
    budget="steps",
    least=400_000,
    rows=(
        Row("CT", "ct"),
        Row("iCT", "ict"),
        Row("iCT, N = 32", "ict", {"first": 32, "last": 32}),
        Row("iCT, N = 1024", "ict", {"first": 1024, "last": 1024}),
        Row("ECT", "ect"),
        Row("sCT", "sct"),
        Row("MeanFlow", "mean_flow", {"diagonal_share": 0.25, "adaptive_power": 0.75}),
        Row("SoFlow", "so_flow"),
    ),
    published=(
        Published(
            {"iCT": {1: 2.83, 2: 2.46}, "sCT": {1: 2.97, 2: 2.06}},
            "FID, networks of their own",
            "paper",
            "arXiv 2410.11081 v1, Table 1 (which quotes iCT)",
        ),
        Published(
            {"ECT": {1: 3.60, 2: 2.11}},
            "FID after 400,000 steps from a diffusion model",
            "authors' code",
            "github.com/locuslab/ect, README; arXiv 2406.14548",
        ),
        Published(
            {"MeanFlow": {1: 2.92}, "SoFlow": {1: 2.86, 2: 2.28}},
            "FID, networks of their own",
            "secondary",
            "notes on arXiv 2505.13447 and arXiv 2512.15657",
        ),
    ),
    claims=(
        Claim("better", ("iCT", "CT"), source="2310.14189, abstract"),
        Claim("better", ("iCT, N = 1024", "iCT, N = 32")),
        *(Claim("better", ("sCT", f"iCT, N = {n}")) for n in (32, 1024)),
        Claim("better", ("SoFlow", "MeanFlow"), source="2512.15657"),
        Claim("improves_with_steps", ("ECT",), source="2406.14548"),
    ),
    teaches=(
        "Published scores of CIFAR-10 differ in network, length and first weights as much as in the method. With all "
        "of that equal, what remains is how fine a grid of times is best, and whether its limit is better than every "
        "grid."
    ),
)

# Left out: the higher-order targets of RCGM, which are no method of this project.
TARGET_DECAY_IMAGES = Suite(
    name="target_decay_images",
    title="Averaged targets on images",
    paper="2511.19797",
    where="its ablation of the target's average; with 2510.21250 (improved shortcut)",
    setting=(
        "ImageNet-256 latents with guidance. Here CIFAR-10, which needs no guidance, with the network and the 400,000 "
        "steps of arXiv 2505.18825."
    ),
    scale="gpu",
    config="experiments/configs/cifar10.py",
    budget="steps",
    least=400_000,
    rows=(
        *(Row(f"TVM, {decay:g}", "tvm", {"decay": decay}) for decay in (0.0, 0.99, 0.999)),
        *(Row(f"shortcut, {decay:g}", "shortcut", {"decay": decay}) for decay in (0.95, 0.999, 0.9999)),
    ),
    published=PUBLISHED_DECAYS,
    claims=(
        Claim("better", ("TVM, 0.99", "TVM, 0")),
        Claim("interior", ("TVM, 0.99", "TVM, 0", "TVM, 0.999")),
        Claim("monotone", ("shortcut, 0.95", "shortcut, 0.999", "shortcut, 0.9999"), source="2510.21250"),
    ),
    teaches=(
        "The average of the weights that makes the targets is the largest single effect of several papers, and they "
        "disagree about its length. In the plane a run is too short for the slow ones."
    ),
)
