"""The checkerboard of arXiv 2505.18825 (Boffi, Albergo, Vanden-Eijnden, "How to build a consistency model").

    python -m experiments.train --config=experiments/configs/checkerboard.py:lsd --workdir=runs/lsd
    python -m experiments.train --config=experiments/configs/checkerboard.py:lsd,paper --workdir=runs/lsd_paper

Variants: any objective of ``objectives.build.OBJECTIVES``, and a setting:

laptop (default)  an MLP of width 128 with Fourier features, 71,042 parameters; about two minutes on two CPU cores.
                  Measured figures are in README.md, with the command that makes them.
recipe            the laptop setting with what a search added (docs/settings.md): a pool of data for the velocity of
                  samples, a bounded weight of LSD's rule, more jumps from the noise, and Muon on every second step.
paper             the paper's own: MLP of 1,054,210 parameters, batch 100,000, RAdam, 150,000 steps on one 40 GB A100
                  (Table 1, one seed). The paper's text says 150,000 steps, its sample count and the authors' public
                  configuration 250,000. Expected KL of the paper's estimator (floor 0.066) at N = 1, 2, 4, 8, 16:
                    lsd    0.086 0.077 0.071 0.070 0.071        psd_m  0.146 0.089 0.081 0.072 0.069
                    esd    0.098 0.092 0.083 0.082 0.075        psd_u  0.111 0.107 0.075 0.073 0.068
                  Not run here: there was no GPU. The paper sums the two means (reduction "per_term"), the authors' code
                  takes one mean (--config.objective.options.reduction=per_example).
two_core_paper    the paper's network, optimizer, schedule and averages with batches of 1,024, for two minutes on two
                  CPU cores; for experiments.time_to_quality.
"""

import math

from ml_collections import ConfigDict

from experiments import settings
from experiments.settings.changes import PLANE_CHANGES, with_recipe
from models.networks import fields_of
from models.networks.mlp import paper_checkerboard

STD = math.sqrt(1 / 3)

# Why, with figures: docs/settings.md.
LAPTOP_CHANGES = PLANE_CHANGES | {
    # With Muon and Fourier features ESD diverges if grad X . w is stopped, but not if the velocity alone is.
    "esd": {"stop_gradient": "velocity"},
    # Between the squares the exact velocity grows like 1 / (1 - t): without the weight the loss has no finite mean.
    "lmd": {"stop_gradient": "velocity", "adaptive_power": 1.0},
}


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "lsd" or "lsd,paper"."""
    objective, setting = settings.parse_variant(variant, settings=("laptop", "recipe", "paper", "two_core_paper"))
    changes = {"laptop": LAPTOP_CHANGES, "recipe": with_recipe(LAPTOP_CHANGES)}.get(setting, {})
    config = settings.base(objective, changes=changes)
    config.dataset = "checkerboard"
    if setting in ("paper", "two_core_paper"):
        network = paper_checkerboard()
        config.network.update({field: getattr(network, field) for field in fields_of("mlp")})
        config.training.update(
            {
                "steps": 150_000,
                "batch_size": 100_000,
                "optimizer": "radam",
                "learning_rate": 1e-3,
                "schedule": "sqrt",
                "decay_after": 35_000,
                "grad_clip_norm": 10.0,
                "ema": (0.999, 0.9999),
            }
        )
        if setting == "two_core_paper":
            config.training.update({"batch_size": 1024, "steps": 1500, "steps_per_dispatch": 10})
        return config
    # Harmonics of the points start at a period of 4, twice the board.
    config.network.update({"width": 128, "depth": 5, "activation": "silu"})
    config.network.update({"point_features": 4, "point_base": math.pi / 2 * STD, "time_features": 4})
    config.training.update({"steps": 12_000, "batch_size": 1024, "optimizer": "muon", "learning_rate": 1e-2})
    if setting == "recipe":
        config.training.update({"optimizer": "sparse_muon", "steps": 8000})
    return config
