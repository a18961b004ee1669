"""Eight Gaussians on a circle: well separated modes that one jump must not connect.

    python -m experiments.train --config=experiments/configs/eight_gaussians.py:lsd --workdir=runs/eight_gaussians

Variants: any objective of ``objectives.build.OBJECTIVES``, and the setting ``recipe`` (docs/settings.md). A toy of this
project, without a paper.
LSD, seed 0, about 50 s on two CPU cores: aligned KL at N = 1, 2, 4, 8, 16 of 0.097 0.061 0.043 0.025 0.020;
perfect samples have 0.003.
"""

from ml_collections import ConfigDict

from experiments import settings


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "lsd"."""
    return settings.planar("eight_gaussians", variant)
