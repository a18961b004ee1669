"""Optimizers and learning-rate schedules by name, and the EMA of the weights."""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import optax
from optax import contrib

from experiments.errors import UsageError, nearest
from experiments.training.muon import sparse_muon


def _as_matrices(params: Any) -> Any:
    """Which weights Muon orthogonalizes, and as what: matrices, and the kernels of convolutions as one matrix each."""
    kernel = contrib.MuonDimensionNumbers(reduction_axis=(0, 1, 2), output_axis=3)
    return jax.tree.map(lambda leaf: {2: contrib.MuonDimensionNumbers(), 4: kernel}.get(leaf.ndim), params)


OPTIMIZERS = {
    "adam": lambda rate, beta2: optax.adam(rate, b2=beta2),
    "radam": lambda rate, beta2: optax.radam(rate, b2=beta2),
    # Orthogonalized momentum for matrices and kernels, Adam for vectors.
    "muon": lambda rate, beta2: contrib.muon(rate, adam_b2=beta2, muon_weight_dimension_numbers=_as_matrices),
    # The same in nine products of matrices in place of fifteen; and on every second step alone.
    "short_muon": lambda rate, beta2: sparse_muon(rate, beta2, every=1),
    "sparse_muon": lambda rate, beta2: sparse_muon(rate, beta2, every=2),
}


def schedule(training: ConfigDict) -> optax.Schedule:
    """Learning rate by step: constant, cosine to zero at the last step, or constant and then inverse square root.

    Args:
      training: the ``training`` part of a configuration.

    Returns:
      an optax schedule.

    Raises:
      UsageError: on an unknown name, or "sqrt" without decay_after.
    """
    peak = training.learning_rate
    if training.schedule == "constant":
        return optax.constant_schedule(peak)
    if training.schedule == "cosine":
        return optax.cosine_decay_schedule(peak, training.steps)
    if training.schedule == "sqrt":
        if training.decay_after < 1:
            raise UsageError("--config.training.schedule=sqrt needs --config.training.decay_after=STEP, at least 1")
        return lambda step: peak * jnp.sqrt(training.decay_after / jnp.maximum(step, training.decay_after))
    known = nearest(training.schedule, ("constant", "cosine", "sqrt"))
    raise UsageError(f"unknown --config.training.schedule={training.schedule!r}; {known}")


def optimizer(training: ConfigDict) -> optax.GradientTransformation:
    """Global-norm clipping, then the named optimizer under the named schedule.

    Args:
      training: the ``training`` part of a configuration.

    Returns:
      an optax transformation.

    Raises:
      UsageError: on an unknown name.
    """
    if training.optimizer not in OPTIMIZERS:
        raise UsageError(
            f"unknown --config.training.optimizer={training.optimizer!r}; {nearest(training.optimizer, OPTIMIZERS)}"
        )
    return optax.chain(
        optax.clip_by_global_norm(training.grad_clip_norm),
        OPTIMIZERS[training.optimizer](schedule(training), training.beta2),
    )


def update_ema(average: Any, params: Any, *, decay: float, step: jax.Array) -> Any:
    """``average <- d average + (1 - d) params`` with ``d = min(decay, (1 + step) / (10 + step))``.

    The smaller decay of the first steps lets the EMA forget the initial weights.

    Args:
      average: EMA before the update.
      params: weights after the update.
      decay: limit of the decay, in (0, 1).
      step: []; number of updates before this one.

    Returns:
      the new EMA.
    """
    step = step.astype(jnp.float32)
    rate = 1 - jnp.minimum(decay, (1 + step) / (10 + step))
    return optax.incremental_update(params, average, rate)
