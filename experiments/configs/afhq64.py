"""AFHQ at 64 x 64 as in arXiv 2505.18825 (Boffi, Albergo, Vanden-Eijnden, "How to build a consistency model").

    python -m experiments.train --config=experiments/configs/afhq64.py:lsd --workdir=runs/afhq64_lsd \\
        --config.dataset=images:afhq,side=64,filter=box
    python -m experiments.evaluate --workdir=runs/afhq64_lsd --inception=PATH

Variants: any objective of ``objectives.build.OBJECTIVES`` (the paper's are lsd, psd_m, psd_u; its esd diverged), and

paper (default)  EDM2 U-Net of 124,264,485 parameters with the learned weight, activations in bfloat16; batch 256,
                 800,000 steps of RAdam, weights at unit norm after each; four H100, 36 hours. FID is against the
                 training images; they are few (about 15,000), and one-step samples get worse late in the training.
                 Expected FID (best checkpoint for each N) at N = 1, 2, 4, 8, 16:
                   lsd   11.19  7.78  7.00  5.89  5.61     psd_m  18.86 14.75 14.40 13.26 11.07
                   psd_u 14.50 10.73 10.99 12.02 11.47
                 Not run by us: there was no GPU.
smoke            three steps of a small network of the same kind on made data of the same shape.
"""

from ml_collections import ConfigDict

from experiments import settings
from experiments.settings import images as image_settings


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "lsd" or "psd_m,smoke"."""
    objective, setting = settings.parse_variant(variant, settings=("paper", "smoke"))
    config = image_settings.paper_images(objective)
    config.dataset = "images:afhq,side=64,filter=box"
    config.network.update({"multipliers": (1, 2, 3, 4), "blocks": 3, "attention": (16, 8), "dtype": "bfloat16"})
    config.training.update({"steps": 800_000, "batch_size": 256, "data": image_settings.where_data_are(objective)})
    return image_settings.smoke(config, "generated:64x64x3,count=32") if setting == "smoke" else config
