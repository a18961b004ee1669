"""Twelve words of four letters, each letter a one-hot vector of five numbers; the law of the words is known exactly.

    python -m experiments.train --config=experiments/configs/words.py:categorical_lsd --workdir=runs/words

Variants: any objective of ``objectives.build.OBJECTIVES``; categorical_lsd, categorical_esd and categorical_psd compare
distributions, all others points. A toy of this project, without a paper. Scores: docs/spaces.md.
"""

from ml_collections import ConfigDict

from experiments import settings


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "categorical_lsd"."""
    return settings.categorical("words", variant)
