"""Training that starts from the weights of another run: a trained flow first, the map after."""

from pathlib import Path

import jax
from ml_collections import ConfigDict

from experiments import settings
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.sampling.trained import Trained
from experiments.settings import networks
from experiments.training import others, records
from models.flow_map_model import FlowMapModel, Params, initialize

OPTION = "--config.training.start_from"
NETWORK, AUXILIARY = "network", "auxiliary"  # parts of a model, see ``FlowMapModel``


def load_start(config: ConfigDict, model: FlowMapModel, dataset: Dataset) -> Params | None:
    """The parts of the weights that a run starts with, from the run that ``training.start_from`` names.

    A part that the other run has not is left out and begins fresh, such as the log-variance of a learned weight; a
    second network begins as a copy of the first.

    Args:
      config: the configuration.
      model: its model.
      dataset: its data set.

    Returns:
      {part of the model: weights}, None if the run starts from nothing.

    Raises:
      UsageError: if the folder holds no trained run on the same data, or one of another network.
    """
    if not config.training.start_from:
        return None
    folder, ema = records.named(config.training.start_from)
    found = others.load(folder, config, dataset, option=OPTION, role="start", ema=ema)
    _check_network(found, config, model, Path(folder))
    own = jax.eval_shape(lambda: initialize(model, jax.random.key(0), dataset.shape))["params"]
    given = found.params["params"]
    parts = {name: given[name] for name in own if name in given}
    if AUXILIARY in own and AUXILIARY not in given:
        parts[AUXILIARY] = given[NETWORK]
    for name, part in parts.items():
        _check_leaves(part, own[name], part=name, folder=folder)
    return parts


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
