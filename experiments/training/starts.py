"""Training that starts from the weights of another run, or from a function's: a trained flow first, the map after."""

from pathlib import Path

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np

from experiments import importing, settings
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.sampling.trained import Trained
from experiments.settings import networks
from experiments.training import others, records
from experiments.training.state import key_of_weights
from models.flow_map_model import FlowMapModel, Params, initialize

OPTION = "--config.training.start_from"
NETWORK, AUXILIARY = "network", "auxiliary"  # parts of a model, see ``FlowMapModel``


def load_start(config: ConfigDict, model: FlowMapModel, dataset: Dataset) -> Params | None:
    """The parts of the weights that a run starts with, from what ``training.start_from`` names.

    It is the folder of a run, or "module:function" of a function from the fresh weights of the network to others of the
    same shapes. A part that the other run has not is left out and begins fresh, such as the log-variance of a learned
    weight; a second network begins as a copy of the first.

    Args:
      config: the configuration.
      model: its model.
      dataset: its data set.

    Returns:
      {part of the model: weights}, None if the run starts from nothing.

    Raises:
      UsageError: if the folder holds no trained run on the same data, or one of another network, or if there is no
        such function or it gives other weights than those of the network.
    """
    name = config.training.start_from
    if not name:
        return None
    own = jax.eval_shape(lambda: initialize(model, jax.random.key(0), dataset.shape))["params"]
    if importing.is_name(name):
        folder, given = name, {NETWORK: _made(name, config, model, dataset)}
    else:
        folder, ema = records.named(name)
        found = others.load(folder, config, dataset, option=OPTION, role="start", ema=ema)
        _check_network(found, config, model, Path(folder))
        given = found.params["params"]
    parts = {part: given[part] for part in own if part in given}
    if AUXILIARY in own and AUXILIARY not in given:
        parts[AUXILIARY] = given[NETWORK]
    for part, weights in parts.items():
        _check_leaves(weights, own[part], part=part, folder=folder)
    return parts


def _made(name: str, config: ConfigDict, model: FlowMapModel, dataset: Dataset) -> Params:
    """The network's weights by a function of the user's own."""
    function = importing.function(name, option=OPTION, expected="the folder of a run, or MODULE:FUNCTION of weights")
    fresh = initialize(model, key_of_weights(config), dataset.shape)["params"][NETWORK]
    expected = "expected a function (fresh weights of the network) -> weights of the same shapes"
    try:
        made = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), function(fresh))
    except Exception as error:  # whatever the user's function raises
        said = next(iter(str(error).splitlines()), "")
        raise UsageError(f"{OPTION}={name} fails ({type(error).__name__}: {said}); {expected}") from error
    if not isinstance(made, dict):
        raise UsageError(f"{OPTION}={name} gives {type(made).__name__}; {expected}: a dict of layers")
    for path, leaf in jax.tree_util.tree_leaves_with_path(made):
        if not np.isfinite(leaf).all():
            raise UsageError(f"{OPTION}={name}: {NETWORK}{jax.tree_util.keystr(path)} is not finite; {expected}")
    return made


def _check_network(found: Trained, config: ConfigDict, model: FlowMapModel, folder: Path) -> None:
    """UsageError unless the networks are the same, so that the first map is the old one."""
    theirs, own = (settings.fields(each.network) for each in (found.config, config))
    # An empty output stands for that of the objective.
    theirs["output"], own["output"] = found.model.output, model.output
    theirs["guided"], own["guided"] = (each.guidance.scale_is_input for each in (found.config, config))
    for name in own:
        if networks.plain(theirs[name]) != networks.plain(own[name]):
            option = "guidance.scale_is_input" if name == "guided" else f"network.{name}"
            raise UsageError(
                f"{OPTION}={folder} was trained with {option} = {theirs[name]}, this run has {own[name]}; expected the "
                f"same network: --config.{option}={theirs[name]}, or another start"
            )


def _check_leaves(given: Params, own: Params, *, part: str, folder: str) -> None:
    shapes = {jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree_util.tree_leaves_with_path(given)}
    for path, leaf in jax.tree_util.tree_leaves_with_path(own):
        name = jax.tree_util.keystr(path)
        if shapes.pop(name, None) != leaf.shape:
            raise UsageError(
                f"{OPTION}={folder}: its weights have no {part}{name} of shape {leaf.shape}; expected the same network"
            )
    if shapes:
        raise UsageError(f"{OPTION}={folder}: its weights have {part}{next(iter(shapes))}, which this network has not")
