"""Configuration: the common defaults, parsing of variants, and the objective that a configuration names."""

from collections.abc import Mapping

from ml_collections import ConfigDict

from experiments.errors import UsageError, nearest
from experiments.settings import couplings, guidance, networks
from experiments.settings.changes import PLANE_CHANGES, with_recipe
from experiments.settings.objectives import part
from experiments.settings.protocol import Protocol
from objectives.build import OBJECTIVES, default_options

DEFAULT_OBJECTIVE = "lsd"


def parse_variant(
    variant: str | None, *, settings: tuple[str, ...], default: str = DEFAULT_OBJECTIVE
) -> tuple[str, str]:
    """Reads the words after the colon of ``--config=file.py:lsd,paper``, in any order.

    Args:
      variant: such as "lsd", "paper", "lsd,paper", "" or None.
      settings: the settings that this configuration has; the first is the default.
      default: the objective unless one is named.

    Returns:
      (objective name, setting).

    Raises:
      UsageError: on an unknown word (the nearest is suggested) or two of one kind.
    """
    words = [word for word in (variant or "").split(",") if word]
    for word in words:
        if word not in OBJECTIVES and word not in settings:
            raise UsageError(f"unknown objective or setting {word!r}; {nearest(word, [*OBJECTIVES, *settings])}")
    names = [word for word in words if word in OBJECTIVES] or [default]
    chosen = [word for word in words if word in settings] or [settings[0]]
    if len(names) > 1 or len(chosen) > 1:
        raise UsageError(f"variant {variant!r} names two of a kind; expected at most one objective and one setting")
    return names[0], chosen[0]


def base(objective: str, *, changes: Mapping[str, Mapping[str, object]] | None = None) -> ConfigDict:
    """Every field of a configuration, with the defaults that data sets share.

    Args:
      objective: a key of ``OBJECTIVES``.
      changes: {objective: {option: value}} that this configuration gives to single objectives.

    Returns:
      a ConfigDict.
    """
    changes = changes or {}
    config = ConfigDict()
    config.seed = 0
    config.dataset = ""
    config.interpolant = "linear"
    config.teacher = ""  # "exact", or the folder of a trained run whose velocity is the teacher
    config.objective = part(objective, default_options(objective) | dict(changes.get(objective, {})))
    config.objective_overrides = ConfigDict({name: dict(options) for name, options in changes.items()})
    config.network = ConfigDict(networks.defaults())
    config.guidance = ConfigDict(guidance.DEFAULTS)
    config.training = ConfigDict(
        {
            # Folder of a run whose weights this one begins with, FOLDER@0.999 for their EMA; or MODULE:FUNCTION.
            "start_from": "",
            "steps": 1000,
            "batch_size": 1024,  # over all devices
            "steps_per_dispatch": 50,
            "optimizer": "adam",  # or radam, muon (matrices and kernels; Adam for vectors), short_muon, sparse_muon
            "learning_rate": 1e-3,
            "beta2": 0.999,  # decay of the second moments of Adam and RAdam, and of the Adam of each Muon
            "schedule": "cosine",  # constant, cosine (to zero) or sqrt (constant, then lr sqrt(decay_after / step))
            "decay_after": 0,  # step at which the schedule sqrt begins to decay
            "grad_clip_norm": 10.0,  # largest global norm of the gradient
            "ema": (0.999,),  # decays of the EMAs of the weights; evaluation.ema names one of them
            "checkpoint_every": 5000,
            "keep_checkpoints": 2,  # number of newest ones; evaluation on the way keeps the best one, too
            "evaluate_every": 0,  # steps between evaluations on the way; 0 for none
            "nonfinite": "stop",  # or "skip": leave out a step whose loss or gradient is not finite
            "max_skipped": 100,  # with "skip": a run that leaves out more steps ends as diverged
            "data": "device",  # or "host": stored examples are read by grain, each once per epoch
            "device_mapping": "pmap",  # or "shard_map", its successor
            "grad_accumulation": 1,  # parts of a device's batch, computed one after the other
            "wandb": "",  # project of Weights & Biases that gets the numbers of TensorBoard, too; "" for none
            **couplings.DEFAULTS,
            "label_dropout": 0.1,  # share of examples without a label, if the network is class-conditional
        }
    )
    config.evaluation = ConfigDict(Protocol()._asdict())
    return config


def planar(dataset: str, variant: str | None) -> ConfigDict:
    """The settings of the small distributions in the plane.

    Args:
      dataset: name of the data set.
      variant: see ``parse_variant``; the settings are "laptop" and "recipe".

    Returns:
      the configuration.
    """
    objective, setting = parse_variant(variant, settings=("laptop", "recipe"))
    config = base(objective, changes=PLANE_CHANGES if setting == "laptop" else with_recipe(PLANE_CHANGES))
    config.dataset = dataset
    config.network.update({"width": 128, "point_features": 4, "time_features": 2})
    config.training.update({"steps": 5000, "learning_rate": 1e-2})
    config.training.optimizer = "muon" if setting == "laptop" else "sparse_muon"
    return config


def curved(dataset: str, variant: str | None) -> ConfigDict:
    """The settings of the distributions on the sphere and the torus.

    Args:
      dataset: name of the data set.
      variant: see ``parse_variant``; the only setting is "laptop", the objective "riemannian_lsd" unless named.

    Returns:
      the configuration.
    """
    objective, _ = parse_variant(variant, settings=("laptop",), default="riemannian_lsd")
    config = base(objective)
    config.dataset = dataset
    config.network.update({"width": 128, "depth": 4, "time_features": 2})
    config.training.update({"steps": 4000, "learning_rate": 1e-2, "optimizer": "muon"})
    # Each exact solution takes a few hundred quadratures over the space.
    config.evaluation.update({"triples": 500, "points": 2000, "tolerance": 1e-6})
    return config


def categorical(dataset: str, variant: str | None) -> ConfigDict:
    """The settings of data that are categories.

    Args:
      dataset: name of the data set.
      variant: see ``parse_variant``; the only setting is "laptop", the objective "categorical_lsd" unless named.

    Returns:
      the configuration.
    """
    objective, _ = parse_variant(variant, settings=("laptop",), default="categorical_lsd")
    # Why, with figures: docs/spaces.md.
    changes = {name: {"target": "sum"} for name in ("categorical_lsd", "categorical_esd")}
    config = base(objective, changes=changes)
    config.dataset = dataset
    config.network.update({"width": 128, "depth": 4, "time_features": 2})
    config.training.update({"steps": 4000, "learning_rate": 1e-2, "optimizer": "muon"})
    config.evaluation.update({"triples": 2000, "points": 4000})
    return config


def fields(config: Mapping, prefix: str = "") -> dict[str, object]:
    """All fields of a configuration by their dotted names."""
    flat = {}
    for name, value in config.items():
        if isinstance(value, Mapping | ConfigDict):
            flat |= fields(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
