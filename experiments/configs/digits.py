"""Handwritten digits of 8 x 8 pixels (scikit-learn).

    python -m experiments.train --config=experiments/configs/digits.py:lsd,unet --workdir=runs/digits_lsd
    python -m experiments.compare --config=experiments/configs/digits.py:lsd,unet --config.training.steps=400 \\
        --objectives=flow_matching,lsd,psd_m,mean_flow,improved_mean_flow,ct,sct --workdir=runs/digits_unet

Variants: any objective of ``objectives.build.OBJECTIVES``, and a setting. Real data without a paper to compare with:
1,437 images to train on, 360 held out to score against.

laptop (default)  an MLP on vectors of 64 numbers, no classes: fast, for steering and reward learning.
unet              a small class-conditional U-Net: one-step digits in five minutes. Measured: docs/images.md.
smoke             three steps of the latter, smaller, on made data of the same shape.
"""

from ml_collections import ConfigDict

from experiments import settings
from experiments.settings import images as image_settings
from experiments.settings.changes import IMAGE_CHANGES


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "lsd" or "lsd,unet"."""
    objective, setting = settings.parse_variant(variant, settings=("laptop", "unet", "smoke"))
    # The laptop setting trains ten times as long and keeps the paper's CT.
    changes = {name: IMAGE_CHANGES[name] for name in ("sdei", "esd")} if setting == "laptop" else IMAGE_CHANGES
    config = settings.base(objective, changes=changes)
    config.dataset = "digits"
    if setting == "laptop":
        config.network.update({"width": 256, "depth": 5, "time_features": 2})
        config.training.update({"steps": 4000, "batch_size": 512, "optimizer": "muon", "learning_rate": 1e-2})
        config.evaluation.update({"samples": 5000, "points": 4000, "triples": 2000})
        return config
    config.network.update({"kind": "unet", "channels": 32, "multipliers": (1, 2), "blocks": 1, "attention": (4,)})
    config.network.conditional = True
    # One step per dispatch: derivatives of convolutions within a loop are slow on CPUs.
    config.training.update({"steps": 1300, "batch_size": 128, "steps_per_dispatch": 1, "checkpoint_every": 500})
    config.training.update({"optimizer": "muon", "learning_rate": 1e-2, "ema": (0.99,)})
    config.evaluation.update({"samples": 2000, "points": 256, "triples": 256, "ema": 0.99})
    return image_settings.smoke(config, "generated:8x8x1,classes=10,count=64") if setting == "smoke" else config
