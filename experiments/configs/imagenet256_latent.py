"""ImageNet at 256 x 256 in the 32 x 32 x 4 latents of the Stable Diffusion autoencoder, by diffusion transformers.

    python -m experiments.train --config=experiments/configs/imagenet256_latent.py:mean_flow,xl2 --workdir=runs/mf \\
        --config.dataset=latents:PATH

Variants: an objective, and the size of the network, b4 (default), b2, l2 or xl2; or smoke. Guidance stands in the
targets of the objectives that have it in their papers:

objective            guidance here                                            expected one-step FID, XL/2 (two steps)
mean_flow            own output and v_u, effective scale 2.5, kappa 0.92       3.43; B/4 11.4      arXiv 2505.13447
improved_mean_flow   scale as input up to 8, tokens instead of modulation     1.72 (1.54)         arXiv 2512.02012
alpha_flow           as mean_flow                                             2.58, XL/2+ (2.15)  arXiv 2510.20771
tvm                  scale 2, terminal                                        3.29                arXiv 2511.19797
shortcut             scale 1.5 at the shortest jump                           10.6                arXiv 2410.12557

All others train without guidance. Batch 256, 1.2 million steps (240 epochs) of Adam at 1e-4 with beta2 0.95, averages
of the weights at 0.9999, activations in bfloat16, on eight 80 GB GPUs: MeanFlow's setting for all of them, so that
objectives can be compared, and therefore not the own setting of the other papers, which differ in batch, length and
network (tvm, alpha_flow and improved_mean_flow train longer). improved MeanFlow's interval as an input, and its second
head, are not here. FID needs decoded images, which the autoencoder's owner makes: score them by
``experiments.image_score``. None of this was run by us: there was no GPU. smoke: three steps of a small network on made
data of the same shape.
"""

from ml_collections import ConfigDict

from experiments import settings
from experiments.settings import images as image_settings
from models.networks.dit import PRESETS

SIZES = {"b4": "B/4", "b2": "B/2", "l2": "L/2", "xl2": "XL/2"}
GUIDANCE = {
    "mean_flow": {"scheme": "mean_flow", "scale": 2.5, "self_mix": 0.92},
    "alpha_flow": {"scheme": "mean_flow", "scale": 2.5, "self_mix": 0.92},
    "improved_mean_flow": {"scheme": "improved_mean_flow", "scale": 8.0, "scale_is_input": True},
    "tvm": {"scheme": "terminal", "scale": 2.0},
    "shortcut": {"scheme": "terminal", "scale": 1.5},
}


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "mean_flow,xl2"."""
    objective, setting = settings.parse_variant(variant, settings=(*SIZES, "smoke"))
    config = settings.base(objective)
    config.dataset = "latents:imagenet256_latents"
    config.network.update({"kind": "dit", "conditional": True, "dtype": "bfloat16"})
    config.network.update(PRESETS[SIZES.get(setting, "B/4")])
    if objective == "improved_mean_flow":
        config.network.time_tokens = 4
    config.guidance.update(GUIDANCE.get(objective, {}))
    config.training.update({"steps": 1_200_000, "batch_size": 256, "learning_rate": 1e-4, "beta2": 0.95})
    config.training.update({"schedule": "constant", "grad_clip_norm": 1.0, "ema": (0.9999,)})
    config.training.update({"steps_per_dispatch": 50, "checkpoint_every": 20_000})
    config.training.data = image_settings.where_data_are(objective)
    config.evaluation.update({"ema": 0.9999, "samples": 50_000, "reference": "train", "points": 256})
    return image_settings.smoke(config, "generated:32x32x4,classes=10,count=64") if setting == "smoke" else config
