"""A trained map at given classes and a given scale of guidance."""

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from models.conditions import Condition
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
    if not config.network.conditional:
        raise UsageError(
            f"guidance scale {scale:g}, and this run was trained without labels; train one with "
            "--config.network.conditional=True"
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
    if config.guidance.scale_is_input and label is not None:
        return bind(model, params, Condition(label, jnp.full(label.shape, float(scale)), vector=vector))
    v = bind(model, params, Condition(label, vector=vector))
    if scale == 1:
        return v
    unconditional = bind(model, params, Condition(vector=vector))
    return lambda s, t, x: classifier_free(v_c=v(s, t, x), v_u=unconditional(s, t, x), scale=scale)
