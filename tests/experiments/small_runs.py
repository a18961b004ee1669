"""Runs that train within seconds."""

from experiments.settings import files as config_files

CONFIG = "experiments/configs/two_moons.py"


def small(name="lsd", **training):
    config = config_files.load(f"{CONFIG}:{name}")
    config.network.update({"width": 8, "depth": 1})
    config.training.update({"batch_size": 64, "steps": 20, "steps_per_dispatch": 5, "checkpoint_every": 10} | training)
    config.evaluation.update({"samples": 500, "steps": (1, 2), "projections": 4, "pairs": 100})
    config.evaluation.update({"points": 200, "triples": 60})
    return config
