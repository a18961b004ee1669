"""Two interleaved half circles in the plane, blurred.

    python -m experiments.train --config=experiments/configs/two_moons.py:lsd --workdir=runs/two_moons

Variants: any objective of ``objectives.build.OBJECTIVES``. A toy of this project, without a paper.
"""

from ml_collections import ConfigDict

from experiments import settings


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "lsd"."""
    return settings.planar("two_moons", variant)
