"""A run that was never trained."""

import jax

from experiments import settings
from experiments.sampling.trained import trained
from experiments.settings import chosen_data, networks
from models.flow_map_model import initialize


def untrained(config, *, step=5):
    dataset = chosen_data.load(config)
    model = networks.build(config, settings.objective_of(config), dataset)
    return trained(config, dataset, model, initialize(model, jax.random.key(0), dataset.shape), step=step)
