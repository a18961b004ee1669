"""Three categories as the corners of a triangle, with probabilities of 0.5, 0.3 and 0.2; the law is known exactly.

    python -m experiments.train --config=experiments/configs/categories.py:categorical_lsd --workdir=runs/categories

Variants: any objective of ``objectives.build.OBJECTIVES``; categorical_lsd, categorical_esd and categorical_psd compare
distributions, all others points. A toy of this project, without a paper. Scores: docs/spaces.md.
"""

from ml_collections import ConfigDict

from experiments import settings


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "categorical_lsd"."""
    return settings.categorical("categories", variant)
