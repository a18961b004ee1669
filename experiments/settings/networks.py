"""From the ``network`` part of a configuration to a model: which fields a kind has, and what data it can take."""

import math

import flax.linen as nn
from ml_collections import ConfigDict

from experiments.datasets.dataset import Dataset, Images
from experiments.errors import UsageError, nearest
from experiments.settings import spaces
from experiments.settings.objectives import interpolant_of
from models import networks
from models.flow_map_model import OUTPUTS, FlowMapModel
from models.networks import KINDS
from objectives.objective import Objective

# Fields of every network, whatever its kind.
COMMON: dict[str, object] = {
    "kind": "mlp",  # a key of models.networks.KINDS; a field of another kind must keep its default
    "output": "",  # velocity, denoiser or trigflow; by default that of the objective
    "conditional": False,  # whether the network is class-conditional
    # What is known of the wanted example in place of its class: noisy, coarse, upper_half, grey or stored.
    "observed": "",
}


def defaults() -> dict[str, object]:
    """Every field of every kind of network, with the value of a run that does not name it."""
    return COMMON | {name: option.default for name, option in networks.options().items()}


def check(network: ConfigDict) -> None:
    """Checks the ``network`` part of a configuration.

    Args:
      network: it.

    Raises:
      UsageError: on an unknown name, a number out of its range, or a field of another kind that was changed.
    """
    options = networks.options()
    known = {"kind": KINDS, "output": ("", *OUTPUTS)}
    known |= {name: option.choices for name, option in options.items() if option.choices}
    for name, values in known.items():
        if network[name] not in values:
            raise UsageError(
                f"unknown --config.network.{name}={network[name]!r}; {nearest(network[name], filter(None, values))}"
            )
    own = networks.fields_of(network.kind)
    for name, option in options.items():
        # A saved configuration has lists for tuples.
        if name not in own and plain(network[name]) != plain(option.default):
            kinds = [kind for kind in KINDS if name in networks.fields_of(kind)]
            raise UsageError(
                f"--config.network.{name}={network[name]} is a field of {' and '.join(kinds)}, and the network is "
                f"{network.kind}; leave it out, or take --config.network.kind={kinds[0]}"
            )
    for name, option in options.items():
        if not option.in_range(network[name]):
            raise UsageError(f"--config.network.{name}={network[name]}; expected {option.expected}")


def described(network: ConfigDict) -> str:
    """A network in the words of a report, such as "MLP of width 128 and depth 5, gelu"."""
    known = f", conditioned on {network.observed}" if network.observed else ""
    known = ", class-conditional" if network.conditional else known
    return KINDS[network.kind].describe(network.to_dict()) + known


def plain(value: object) -> object:
    """The value of a field as a file holds it: a list for a tuple."""
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

    vector, effect, beside = 0, None, 0
    if dataset.observed is not None:
        vector = dataset.observed.size
        beside = _beside(config, dataset) if KINDS[kind].on_images else 0
    if objective.told is not None:
        vector = objective.told.size(math.prod(dataset.shape))
        effect = objective.told.effect and objective.told.effect(interpolant_of(config), dataset.std)

    def network() -> nn.Module:
        inputs = {"classes": classes, "guided": config.guidance.scale_is_input, "vector": vector, "beside": beside}
        return networks.build(kind, **inputs, **_tuples(fields))

    spaces.check(objective, output=output, dataset=dataset, config=config)
    return FlowMapModel(
        network(),
        # The numbers of a curved space have a size of their own.
        std=1.0 if dataset.space.curved else dataset.std,
        output=output,
        auxiliary=network() if objective.needs_auxiliary else None,
        variance=KINDS[kind].log_variance(fields) if objective.learns_weight else None,
        size=_size(config, dataset) if KINDS[kind].on_images else None,
        effect=effect,
        space=dataset.space,
        # Of categories the mean denoiser is a distribution.
        categories=dataset.categories if output == "denoiser" else 0,
    )


def _beside(config: ConfigDict, dataset: Dataset) -> int:
    """Channels of the observed picture, which enters beside the images of a network; 0 for a vector."""
    observed = dataset.observed
    height, width, _ = _size(config, dataset)
    if not observed.is_picture:
        return 0
    kind = config.network.kind
    if "beside" not in KINDS[kind].network.__dataclass_fields__:
        raise UsageError(
            f"--config.network.observed={observed.name} is a picture, and network {kind} takes none beside its images; "
            "give it a field beside (docs/add_a_network.md), or take --config.network.kind=unet"
        )
    if observed.shape[:2] != (height, width):
        raise UsageError(
            f"--config.network.observed={observed.name}: pictures of {observed.shape[0]} x {observed.shape[1]} beside "
            f"images of {height} x {width}; expected the same size: resize them, or save them as vectors [n, k]"
        )
    return observed.shape[2]


def _tuples(fields: dict[str, object]) -> dict[str, object]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _size(config: ConfigDict, dataset: Dataset) -> tuple[int, int, int]:
    """(side, side, channels) of the images of a data set, whose side the network's divisor divides."""
    network, size = config.network, dataset.truth.size if isinstance(dataset.truth, Images) else None
    if size is None:
        raise UsageError(
            f"--config.network.kind={network.kind} takes images, and data set {dataset.name} has vectors of shape "
            f"{dataset.shape}; take --config.network.kind=mlp, or a data set of images such as digits"
        )
    height, width, channels = (*size, 1)[:3]
    divisor = KINDS[network.kind].divisor
    multiple = divisor.of(network.to_dict())
    if height != width or height % multiple:
        raise UsageError(
            f"images of data set {dataset.name} are {height} x {width}; network {network.kind} expects squares whose "
            f"side is a multiple of {multiple} (--config.network.{divisor.field}={network[divisor.field]})"
        )
    return height, width, channels
