"""Two interleaved half circles in the plane, blurred.

    python -m experiments.train --config=experiments/configs/two_moons.py:lsd --workdir=runs/two_moons

Variants: any objective of ``objectives.build.OBJECTIVES``, and the setting ``recipe`` (docs/settings.md). A toy of this
project, without a paper.
LSD, seed 0, about 50 s on two CPU cores: aligned KL at N = 1, 2, 4, 8, 16 of 0.037 0.022 0.019 0.014 0.012;
perfect samples have 0.004.
"""

from ml_collections import ConfigDict

from experiments import settings


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "lsd"."""
    return settings.planar("two_moons", variant)
