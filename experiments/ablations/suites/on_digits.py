"""Suites on digits of 8 x 8 pixels: what two versions of a paper dispute, consistency models, and shortcut models."""

from experiments.ablations.suite import Claim, Row, Suite
from experiments.ablations.suites.images import SD_IMAGES
from experiments.ablations.suites.with_teacher import CELEBA_HQ

LEAST = 1300  # steps of LSD in five minutes on two CPU cores, after which one step draws digits
# The average that makes CT's targets must forget its first weights within so short a training (docs/settings.md).
FAST = {"decay": 0.5}

_LOUD_RULE = (
    "the Lagrangian term leads so short a training. On the weights of PSD-M its gradient has length 26.2 beside 7.84 "
    "of the diagonal, with 46 % of its variance from 1 % of the examples; the term of PSD-M has 1.62 (the probe). In "
    "the last 50 steps the diagonal loss of LSD is 19.8, and that of PSD-M 18.7. Several steps need the velocity; "
    "one step needs the rule."
)
SD_DIGITS = Suite(
    name="sd_digits",
    title="Four rules of self-distillation on digits",
    paper="2505.18825",
    where="Table 1, and the abstracts of both versions",
    setting=(
        "CIFAR-10, EDM2's U-Net, 400,000 steps, one seed. The first version of the paper says that rules without "
        "derivatives are better in high dimension, and the second that the Lagrangian one is."
    ),
    scale="digits",
    least=LEAST,
    rows=(
        Row("LSD", "lsd"),
        Row("PSD-M", "psd_m"),
        Row("PSD-U", "psd_u"),
        # With grad X . w stopped ESD diverges here, as in the plane.
        Row("ESD, velocity stopped", "esd", {"stop_gradient": "velocity"}),
    ),
    published=SD_IMAGES[0].published,  # of CIFAR-10
    claims=(
        Claim("better", ("LSD", "PSD-M")),
        Claim("better", ("LSD", "PSD-U")),
        *(Claim("better", ("LSD", "PSD-M"), steps=steps, because=_LOUD_RULE) for steps in (2, 4, 16)),
        Claim("better", ("PSD-M", "PSD-U")),
        Claim("worst", ("ESD, velocity stopped",)),
    ),
    teaches=(
        "Sixty-four dimensions lie between the plane and photographs. A rule with derivatives has a target in every "
        "example, a rule without has targets made of two jumps that must be right first."
    ),
)

CONSISTENCY_DIGITS = Suite(
    name="consistency_digits",
    title="Consistency models on digits: grid and tangent",
    paper="2410.11081",
    where="Figure 5; with 2310.14189 (iCT)",
    setting="CIFAR-10 and ImageNet-64; the results are curves without values.",
    scale="digits",
    least=LEAST,
    rows=(
        *(Row(f"CT, last {last}", "ct", {"last": last} | FAST) for last in (18, 150)),
        Row("iCT", "ict"),
        Row("sCT", "sct"),
        Row("sCT, raw tangent", "sct", {"normalize": 0.0}),
    ),
    published=(),
    claims=(
        Claim("better", ("CT, last 18", "CT, last 150"), prior="holds", source="2310.14189, of short trainings"),
        Claim("better", ("iCT", "CT, last 150"), source="2310.14189, abstract"),
        Claim("better", ("sCT", "iCT")),
        Claim("collapses", ("sCT, raw tangent",), value=2),
    ),
    teaches=(
        "The finer the grid of times, the smaller each step of a consistency model beside its noise, and the longer "
        "the training that it needs. The tangent of the continuous limit is normalized because single examples have "
        "huge ones."
    ),
)

_TARGETS_OF_NOISE = (
    "the shortcut model at its published decay of 0.999 is worse: its targets average a thousand updates, and the run "
    "has 247, so that they are nearly those of the first weights. With the decay of the next row it is better than "
    "flow matching at one step."
)
SHORTCUT_DIGITS = Suite(
    name="shortcut_digits",
    title="Shortcut models against flow matching and consistency on digits",
    paper="2410.12557",
    where="Table 1, its rows without a teacher",
    setting="DiT-B on CelebA-HQ and ImageNet-256 latents, equal budgets; 128, 4 and 1 steps.",
    scale="digits",
    least=LEAST,
    rows=(
        Row("flow matching", "flow_matching"),
        Row("consistency training", "ct", {"last": 18} | FAST),
        Row("shortcut", "shortcut"),
        Row("shortcut, decay 0.95", "shortcut", {"decay": 0.95}),
    ),
    published=(CELEBA_HQ.of("flow matching", "consistency training", "shortcut"),),
    claims=(
        Claim("worst", ("flow matching",), because=_TARGETS_OF_NOISE),
        Claim("better", ("shortcut, decay 0.95", "consistency training")),
        Claim("better", ("shortcut, decay 0.95", "consistency training"), steps=4),
        Claim("better", ("shortcut, decay 0.95", "flow matching"), steps=4),
        Claim("better", ("shortcut, decay 0.95", "shortcut")),
    ),
    teaches=(
        "A shortcut model takes the length of its jump and learns long jumps from two short ones. Its targets come "
        "from an average of the weights, which must be faster in a training of minutes than in one of days."
    ),
)
