"""One arm of a spiral in the plane, thin enough that one jump must bend strongly.

    python -m experiments.train --config=experiments/configs/spiral.py:lsd --workdir=runs/spiral

Variants: any objective of ``objectives.build.OBJECTIVES``, and the setting ``recipe`` (docs/settings.md). A toy of this
project, without a paper.
LSD, seed 0, about 50 s on two CPU cores: aligned KL at N = 1, 2, 4, 8, 16 of 0.098 0.053 0.046 0.035 0.024;
perfect samples have 0.003.
"""

from ml_collections import ConfigDict

from experiments import settings


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "lsd"."""
    return settings.planar("spiral", variant)
