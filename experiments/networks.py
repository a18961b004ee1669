"""From the ``network`` part of a configuration to a model: which fields a kind has, and what data it can take."""

from ml_collections import ConfigDict

from experiments.datasets.dataset import Dataset, Images
from experiments.errors import UsageError, nearest
from models import dit, networks
from models.flow_map_model import OUTPUTS, FlowMapModel
from models.mlp import ACTIVATIONS, DTYPES
from objectives.mixture import Objective

# Every field of every kind, with the default of a run that does not name it.
DEFAULTS: dict[str, object] = {
    "kind": "mlp",  # mlp, unet, edm2 or dit; a field of another kind must keep its default
    "output": "",  # velocity, denoiser or trigflow; by default that of the objective
    "conditional": False,  # whether the network is told the class
    "dtype": "float32",  # or bfloat16: of activations; parameters, times and points stay float32
    "remat": False,  # compute activations again in the backward pass
    # mlp, and width and depth of dit
    "width": 256,
    "depth": 5,
    "activation": "gelu",
    "point_features": 0,
    "point_base": 1.0,
    "time_features": 0,
    # unet and edm2
    "channels": 32,
    "multipliers": (1, 2),
    "blocks": 2,
    "attention": (4,),
    "dropout": 0.0,  # of dit too
    # dit
    "heads": 4,
    "patch": 2,
    "times": "both",
    "decoupled": 0,
    "tokens": 0,
}
COMMON = ("kind", "output", "conditional")
NOT_NEGATIVE = ("point_features", "time_features", "decoupled", "tokens")
POSITIVE = ("width", "depth", "channels", "blocks", "heads", "patch")


def check(network: ConfigDict) -> None:
    """Checks the ``network`` part of a configuration.

    Args:
      network: it.

    Raises:
      UsageError: on an unknown name, a number out of its range, or a field of another kind that was changed.
    """
    known = {"kind": networks.KINDS, "activation": ACTIVATIONS, "dtype": DTYPES, "times": dit.TIMES}
    for name, values in (known | {"output": ("", *OUTPUTS)}).items():
        if network[name] not in values:
            raise UsageError(
                f"unknown --config.network.{name}={network[name]!r}; {nearest(network[name], filter(None, values))}"
            )
    own = (*COMMON, *networks.fields_of(network.kind))
    for name, default in DEFAULTS.items():
        # A saved configuration has lists for tuples.
        if name not in own and _plain(network[name]) != _plain(default):
            kinds = [kind for kind in networks.KINDS if name in networks.fields_of(kind)]
            raise UsageError(
                f"--config.network.{name}={network[name]} is a field of {' and '.join(kinds)}, and the network is "
                f"{network.kind}; leave it out, or take --config.network.kind={kinds[0]}"
            )
    for name in (*POSITIVE, *NOT_NEGATIVE):
        if network[name] < (name in POSITIVE):
            expected = "a positive number" if name in POSITIVE else "0 (none) or a positive number"
            raise UsageError(f"--config.network.{name}={network[name]}; expected {expected}")
    if not 0 <= network.dropout < 1:
        raise UsageError(f"--config.network.dropout={network.dropout}; expected a share in [0, 1)")
    if len(network.multipliers) == 0 or min(network.multipliers) < 1:
        raise UsageError(f"--config.network.multipliers={network.multipliers}; expected numbers such as (1, 2)")


def described(network: ConfigDict) -> str:
    """A network in the words of a report, such as "MLP of width 128 and depth 5, gelu"."""
    if network.kind == "mlp":
        text = f"MLP of width {network.width} and depth {network.depth}, {network.activation}"
    elif network.kind == "dit":
        text = (
            f"DiT of width {network.width} and depth {network.depth}, {network.heads} heads, patches of {network.patch}"
        )
    else:
        name = {"unet": "U-Net", "edm2": "EDM2's U-Net"}[network.kind]
        levels = ", ".join(str(network.channels * factor) for factor in network.multipliers)
        text = f"{name} of {levels} channels, {network.blocks} blocks a level"
    return text + (", told the class" if network.conditional else "")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple | list) else value


def build(config: ConfigDict, objective: Objective, dataset: Dataset) -> FlowMapModel:
    """The model that a configuration describes, with the parts that its objective needs.

    Args:
      config: a checked configuration.
      objective: what it trains.
      dataset: the data set, for its standard deviation, the size of its images and its classes.

    Returns:
      the model.

    Raises:
      UsageError: if the network cannot take such data.
    """
    fields = config.network.to_dict()
    kind, output = fields.pop("kind"), fields["output"] or objective.output
    classes = dataset.classes if config.network.conditional else 0
    if config.network.conditional and not classes:
        raise UsageError(
            f"--config.network.conditional=True and data set {dataset.name} has no classes; take data with classes "
            'such as digits, an array "y" beside "x" in a .npz file, or leave it out'
        )

    def network() -> object:
        return networks.build(kind, classes=classes, guided=config.guidance.scale_is_input, **_tuples(fields))

    return FlowMapModel(
        network(),
        std=dataset.std,
        output=output,
        auxiliary=network() if objective.needs_auxiliary else None,
        variance=networks.log_variance(kind, channels=fields["channels"]) if objective.learns_weight else None,
        size=_size(config, dataset) if kind in networks.ON_IMAGES else None,
    )


def _tuples(fields: dict[str, object]) -> dict[str, object]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _size(config: ConfigDict, dataset: Dataset) -> tuple[int, int, int]:
    """(side, side, colours) of the images of a data set, that a network can halve or cut into patches."""
    network, size = config.network, dataset.truth.size if isinstance(dataset.truth, Images) else None
    if size is None:
        raise UsageError(
            f"--config.network.kind={network.kind} takes images, and data set {dataset.name} has vectors of shape "
            f"{dataset.shape}; take --config.network.kind=mlp, or a data set of images such as digits"
        )
    height, width, colours = (*size, 1)[:3]
    multiple = network.patch if network.kind == "dit" else 2 ** (len(network.multipliers) - 1)
    if height != width or height % multiple:
        way = "patch" if network.kind == "dit" else "multipliers"
        raise UsageError(
            f"images of data set {dataset.name} are {height} x {width}; network {network.kind} expects squares whose "
            f"side is a multiple of {multiple} (--config.network.{way}={network[way]})"
        )
    return height, width, colours
