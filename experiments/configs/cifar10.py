"""CIFAR-10 as in arXiv 2505.18825 (Boffi, Albergo, Vanden-Eijnden, "How to build a consistency model"), Table 1.

    python -m experiments.train --config=experiments/configs/cifar10.py:lsd --workdir=runs/cifar10_lsd \\
        --config.dataset=cifar10:PATH/cifar-10-python.tar.gz
    python -m experiments.evaluate --workdir=runs/cifar10_lsd --inception=PATH

Variants: any objective of ``objectives.build.OBJECTIVES`` (the paper's are lsd, psd_m, psd_u; its esd diverged), and

paper (default)  EDM2 U-Net of 54,673,314 parameters with the learned weight, float32, dropout 0.13; batch 512,
                 400,000 steps of RAdam, weights at unit norm after each; four H100, 24 hours. Noise has the standard
                 deviation of the data, about 0.5, as in the paper. Expected FID (50,000 samples against the
                 50,000 training images; best checkpoint for each N) at N = 1, 2, 4, 8, 16:
                   lsd    8.10  4.37 3.34 3.33 3.57     psd_m  12.81 8.43 5.96 5.07 4.64
                   psd_u 13.61  7.95 6.03 5.32 5.16
                 Not run by us: there was no GPU.
smoke            three steps of a small network of the same kind on made data of the same shape.
"""

from ml_collections import ConfigDict

from experiments import settings
from experiments.settings import images as image_settings

STEPS, BATCH = 400_000, 512


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "lsd" or "psd_m,smoke"."""
    objective, setting = settings.parse_variant(variant, settings=("paper", "smoke"))
    config = image_settings.paper_images(objective)
    config.dataset = "cifar10:cifar-10-python.tar.gz"
    config.network.update({"multipliers": (2, 2, 2), "blocks": 4, "attention": (16,), "dropout": 0.13})
    config.training.update({"steps": STEPS, "batch_size": BATCH})
    return image_settings.smoke(config, "generated:32x32x3,classes=10,count=64") if setting == "smoke" else config
