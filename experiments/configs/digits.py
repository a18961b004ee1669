"""Handwritten digits of 8 x 8 pixels (scikit-learn), as vectors of 64 numbers.

    python -m experiments.compare --config=experiments/configs/digits.py \\
        --objectives=flow_matching,lsd,esd,psd_m,ct --workdir=runs/digits

Variants: any objective of ``objectives.build.OBJECTIVES``. Real data without a paper to compare with: 1,437 images to
train on, 360 held out to score against. Measured figures are in README.md, with the command that makes them.
"""

from ml_collections import ConfigDict

from experiments import settings


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "lsd"."""
    objective, _ = settings.parse_variant(variant, settings=("laptop",))
    # As on the checkerboard: with grad X . w stopped, ESD diverges here.
    config = settings.base(objective, changes={"esd": {"stop_gradient": "velocity"}})
    config.dataset = "digits"
    config.network.update({"width": 256, "depth": 5, "time_features": 2})
    config.training.update({"steps": 4000, "batch_size": 512, "optimizer": "muon", "learning_rate": 1e-2})
    config.evaluation.update({"samples": 5000, "points": 4000, "triples": 2000})
    return config
