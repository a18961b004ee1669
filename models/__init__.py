"""Networks with two times, the flow-map model around them, and how a trained map is sampled and used.

from models import FlowMapModel, bind, grids, initialize, networks, samplers

model = FlowMapModel(networks.build("mlp", width=128, depth=3), std=1.0)
v = bind(model, initialize(model, key, (2,)))
x = samplers.composition(v, noise, grids.uniform(4))
"""

from models import (
    conditions,
    control,
    diffusion_samplers,
    divergence_head,
    grids,
    likelihood,
    networks,
    noise_adapter,
    posterior,
    samplers,
    steering,
    tilting,
    two_directions,
)
from models.conditions import Condition
from models.flow_map_model import (
    FlowMapModel,
    bind,
    bind_auxiliary,
    bind_log_denoiser,
    bind_log_variance,
    count_parameters,
    initialize,
)

__all__ = [
    "Condition",
    "FlowMapModel",
    "bind",
    "bind_auxiliary",
    "bind_log_denoiser",
    "bind_log_variance",
    "conditions",
    "control",
    "count_parameters",
    "diffusion_samplers",
    "divergence_head",
    "grids",
    "initialize",
    "likelihood",
    "networks",
    "noise_adapter",
    "posterior",
    "samplers",
    "steering",
    "tilting",
    "two_directions",
]
