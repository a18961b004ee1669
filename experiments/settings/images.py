"""What the configurations of images share: the papers' common setting, and a few steps of anything for a smoke test."""

from ml_collections import ConfigDict

from experiments import settings
from models.networks import KINDS
from objectives.build import OBJECTIVES, default_options


def paper_images(objective: str) -> ConfigDict:
    """What the image settings of arXiv 2505.18825 share.

    Args:
      objective: a key of ``OBJECTIVES``.

    Returns:
      the configuration.
    """
    learns = "learned_weight" in default_options(objective)
    config = settings.base(objective, changes={objective: {"learned_weight": True}} if learns else {})
    config.network.update({"kind": "edm2", "channels": 128})
    config.training.update({"optimizer": "radam", "learning_rate": 1e-2, "schedule": "sqrt", "decay_after": 35_000})
    config.training.update(
        {"grad_clip_norm": 1.0, "ema": (0.9999,), "steps_per_dispatch": 50, "checkpoint_every": 10_000}
    )
    config.evaluation.update({"ema": 0.9999, "samples": 50_000, "reference": "train", "points": 256})
    return config


def where_data_are(objective: str) -> str:
    """Where large data belong: on the "host", but on the "device" for objectives that compare with a pool of them.

    Args:
      objective: a key of ``OBJECTIVES``.

    Returns:
      the value of ``training.data``.
    """
    return "device" if any(term.pool for term in OBJECTIVES[objective]().terms) else "host"


SMOKE = {"steps": 3, "steps_per_dispatch": 1, "checkpoint_every": 3, "batch_size": 16, "data": "device"}


def smoke(config: ConfigDict, dataset: str) -> ConfigDict:
    """A configuration cut down to three steps of a small network of the same kind, on made data of the same shape.

    Args:
      config: the configuration, which is changed.
      dataset: name of the made data.

    Returns:
      the configuration.
    """
    config.dataset = dataset
    config.network.update(KINDS[config.network.kind].smoke)
    config.training.update(SMOKE)
    config.evaluation.update({"samples": 16, "steps": (1, 2), "points": 8, "triples": 8, "kid_subset": 8})
    return config
