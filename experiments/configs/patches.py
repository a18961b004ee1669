"""Natural colour patches of 32 x 32 pixels, cut from scikit-learn's two sample photographs.

    python -m experiments.train --config=experiments/configs/patches.py:lsd --workdir=runs/patches_lsd

Variants: any objective of ``objectives.build.OBJECTIVES``, and a setting. Patches to train on and held-out ones
come from different regions of the photographs; the class is the photograph.

laptop (default)  a small class-conditional U-Net, for a few minutes on two CPU cores. Measured: docs/images.md.
smoke             three steps of a smaller one, on made data of the same shape.
"""

from ml_collections import ConfigDict

from experiments import settings
from experiments.settings import images as image_settings
from experiments.settings.changes import IMAGE_CHANGES


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "lsd"."""
    objective, setting = settings.parse_variant(variant, settings=("laptop", "smoke"))
    config = settings.base(objective, changes=IMAGE_CHANGES)
    config.dataset = "patches:"
    config.network.update({"kind": "unet", "channels": 16, "multipliers": (1, 2, 4), "blocks": 1, "attention": (8,)})
    config.network.conditional = True
    config.training.update({"steps": 1000, "batch_size": 64, "steps_per_dispatch": 1, "checkpoint_every": 500})
    config.training.update({"optimizer": "muon", "learning_rate": 1e-2, "ema": (0.99,)})
    config.evaluation.update(
        {"samples": 500, "points": 64, "triples": 64, "kid_subset": 500, "reference": "train", "ema": 0.99}
    )
    return image_settings.smoke(config, "generated:32x32x3,classes=2,count=64") if setting == "smoke" else config
