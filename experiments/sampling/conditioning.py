"""A trained map at given classes and a given scale of guidance."""

import math

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np

from experiments import paths
from experiments.datasets import arrays
from experiments.datasets.dataset import Dataset
from experiments.datasets.examples import DTYPES, scaled
from experiments.errors import UsageError
from models.conditions import Condition, of_nothing
from models.flow_map_model import FlowMapModel, Params, bind
from objectives.guidance import classifier_free
from taxonomy.flow_map import AverageVelocity


def classes_in_turn(config: ConfigDict, dataset: Dataset, count: int) -> jax.Array | None:
    """[count]; classes 0, 1, ... in turn, equally many of each; None for a network without classes."""
    return jnp.arange(count) % dataset.classes if config.network.conditional else None


def labels_asked(config: ConfigDict, dataset: Dataset, count: int, *, label: int) -> jax.Array | None:
    """The classes of the samples that a user asks for.

    Args:
      config: the run's configuration.
      dataset: its data set.
      count: number of samples.
      label: one class for all of them; -1 for all classes in turn.

    Returns:
      [count], or None for a network without classes.

    Raises:
      UsageError: on a class that does not exist.
    """
    if label == -1:
        return classes_in_turn(config, dataset, count)
    if not config.network.conditional:
        raise UsageError(
            f"--label={label}, and this run was trained without labels; train one with "
            "--config.network.conditional=True, or leave the label out"
        )
    if not 0 <= label < dataset.classes:
        raise UsageError(f"--label={label}; data set {dataset.name} has classes 0 to {dataset.classes - 1}")
    return jnp.full(count, label)


def vectors_asked(dataset: Dataset, count: int, *, given: str) -> jax.Array | None:
    """What the network reads of the observation that a user asks for.

    Args:
      dataset: of the run.
      count: number of samples.
      given: numbers with commas, or a .npy file of one observation or of one for each sample, in the data's own units;
        "" for those of held-out examples.

    Returns:
      [count, size], or None where nothing is asked for.

    Raises:
      UsageError: if the run is conditioned on nothing, or these are not its numbers.
    """
    if not given:
        return None
    observed = dataset.observed
    if observed is None:
        raise UsageError(
            f"--observed={given}, and this run is conditioned on nothing; train one with "
            "--config.network.observed=..., or leave it out"
        )
    expected = f"expected {observed.what} as {'x'.join(map(str, observed.shape))} numbers"
    try:
        if given.endswith(".npy"):
            stored = arrays.read(paths.of_user(given, name="--observed"))[arrays.SINGLE]
            if stored.dtype.name not in DTYPES:
                raise ValueError(f"{stored.dtype}")
            numbers = scaled(stored)
        else:
            numbers = np.array([float(part) for part in given.split(",")])
    except (arrays.UnreadableError, ValueError) as error:
        raise UsageError(f"--observed={given} cannot be read ({error}); {expected}, or a .npy file of them") from error
    size = math.prod(observed.shape)
    if numbers.size not in (size, count * size):
        raise UsageError(
            f"--observed={given} holds {numbers.size} numbers; {expected}, once or for each of {count} samples"
        )
    if not np.isfinite(numbers).all():
        raise UsageError(f"--observed={given} holds NaN or infinity; {expected}")
    numbers = np.broadcast_to(numbers.reshape(-1, *observed.shape), (count, *observed.shape))
    own = dataset.centred(numbers) if observed.shape == dataset.shape else numbers
    return observed.encoded(jnp.asarray(own, jnp.float32))


def check_scale(config: ConfigDict, scale: float, *, sampler: str) -> None:
    """Checks that a trained map can be sampled at a scale of guidance.

    Args:
      config: the run's configuration.
      scale: w; 1 is what was trained.
      sampler: how the objective of the run is meant to be sampled.

    Raises:
      UsageError: if it was trained without labels, for one scale alone, or for smaller ones.
    """
    if scale == 1:
        return
    how = config.guidance
    if not (config.network.conditional or config.network.observed):
        raise UsageError(
            f"guidance scale {scale:g}, and this run was trained without labels; train one with "
            "--config.network.conditional=True, or --config.network.observed=..."
        )
    if how.scale_is_input:
        if not 1 <= scale <= how.scale:
            raise UsageError(f"guidance scale {scale:g}; this network was trained for scales from 1 to {how.scale:g}")
        return
    if sampler != "euler":
        raise UsageError(
            f"guidance scale {scale:g}: a flow map is guided in training, and this one was trained for scale "
            f"{how.scale if how.scheme else 1:g} alone; train with --config.guidance.scheme=... "
            "--config.guidance.scale_is_input=True to choose it at sampling"
        )
    if how.scheme or not config.training.label_dropout > 0:
        raise UsageError(
            f"guidance scale {scale:g} at sampling needs velocities with and without a label, trained without guidance "
            f"(this run: scheme {how.scheme or 'none'}, label_dropout {config.training.label_dropout:g})"
        )


def conditioned(
    config: ConfigDict,
    model: FlowMapModel,
    params: Params,
    label: jax.Array | None,
    *,
    scale: float = 1.0,
    vector: jax.Array | None = None,
) -> AverageVelocity:
    """The model at given classes and a scale of guidance that ``check_scale`` admits.

    Args:
      config: the run's configuration.
      model: the model.
      params: its weights.
      label: [batch] classes, or None.
      scale: w; for velocities trained without guidance, ``w v_c + (1 - w) v_u``.
      vector: [batch, size]; what the network is told, or None.

    Returns:
      (s [batch], t [batch], x [batch, ...]) -> [batch, ...].
    """
    condition, observed = Condition(label, vector=vector), bool(config.network.observed)
    known = vector if observed else label
    if config.guidance.scale_is_input and known is not None:
        return bind(model, params, condition._replace(scale=jnp.full(len(known), float(scale))))
    v = bind(model, params, condition)
    if scale == 1:
        return v
    unconditional = bind(model, params, of_nothing(condition, observed=observed))
    return lambda s, t, x: classifier_free(v_c=v(s, t, x), v_u=unconditional(s, t, x), scale=scale)
