"""The examples of a training step: noise, data and times, each from its index in the global batch alone."""

from collections.abc import Callable
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np

from experiments.datasets import couplings
from experiments.datasets.dataset import Dataset
from experiments.datasets.observation import Observation
from objectives.objective import Batch, Objective, Term
from taxonomy.curricula import law_at
from taxonomy.interpolants import Interpolant
from taxonomy.times import Times

# Streams of keys; the examples' own streams are their indices, which stay below.
FRESH, POOL, GROUP, LABEL, SCALE, DROPOUT, TOLD, OBSERVED = (2**31 + k for k in range(8))


class ExtraInputs(NamedTuple):
    """What the network takes in addition to times and points.

    Attributes:
      labels: whether the network is class-conditional.
      label_dropout: share of the examples without a label, or without what is observed of them, in [0, 1).
      largest_scale: upper end of the guidance scales, drawn log-uniformly from 1 on; None if the scale is no input.
      dropout: whether the network drops activations.
      told: (key, data of one example) -> the vector that the network is told of it, [size]; None for no vector.
      observed: what the network is conditioned on beside classes, or None.
    """

    labels: bool = False
    label_dropout: float = 0.0
    largest_scale: float | None = None
    dropout: bool = False
    told: Callable[[jax.Array, jax.Array], jax.Array] | None = None
    observed: Observation | None = None

    @property
    def stored(self) -> bool:
        """Whether a file says what is observed of each example."""
        return self.observed is not None and self.observed.stored is not None


NO_EXTRA_INPUTS = ExtraInputs()


def draw(
    term: Term,
    dataset: Dataset,
    key: jax.Array,
    first: jax.Array | int,
    count: int,
    *,
    progress: jax.Array | float = 1.0,
    examples: tuple[jax.Array, jax.Array | None] | None = None,
    extra: ExtraInputs = NO_EXTRA_INPUTS,
) -> Batch:
    """Draws examples ``first .. first + count`` of a term's global batch.

    Args:
      term: for its time distribution, groups and pool.
      dataset: source of the examples.
      key: typed PRNG key of this step and term.
      first: []; global index of the first example.
      count: number of examples.
      progress: []; share of the training that is done, in [0, 1]; time distributions may depend on it.
      examples: data read by the host [count, ...], and their classes [count], what a file says of them [count, ...], or
        None; None to draw them here.
      extra: what the network takes in addition to times and points.

    Returns:
      Batch of [count, ...]; an example depends on its global index alone.
    """
    law = law_at(term.times, progress)
    paired = dataset.start is not None and dataset.start.coupling == couplings.PAIRED
    group = dataset.start.group if dataset.start else 0
    key_fresh, key_pool, key_group = (jax.random.fold_in(key, stream) for stream in (FRESH, POOL, GROUP))

    def example(index: jax.Array) -> tuple[jax.Array, tuple[jax.Array | None, jax.Array | None], Times]:
        key_data, key_noise, key_times = jax.random.split(jax.random.fold_in(key, index), 3)
        # A start that is paired with its end comes from the key of that.
        x0 = dataset.start_of(jax.random.clone(key_data) if paired else key_noise)
        if term.group > 1:
            key_times = jax.random.fold_in(key_group, index // term.group)
        data = known = None
        if examples is None:
            # The label belongs to the example that the same key draws, and so does what a file says of it.
            known = dataset.label(jax.random.clone(key_data)) if extra.labels else None
            known = extra.observed.stored.sample(jax.random.clone(key_data)) if extra.stored else known
            data = dataset.sample(key_data)
        return x0, (data, known), law(key_times)

    def fresh(index: jax.Array) -> jax.Array:
        return dataset.noise(jax.random.fold_in(key_fresh, index))

    indices = first + jnp.arange(count)
    # What is matched is drawn in whole groups, which lie in the global batch where they lie for any other device.
    begin, total = couplings.enclosing(first, count, group=group) if group else (first, count)
    # Every device draws the same pool: the number of devices changes nothing.
    pool = dataset.draw(key_pool, term.pool) if term.pool else None
    pool_label = dataset.draw_labels(key_pool, term.pool) if term.pool and extra.labels else None
    x0, drawn, times = jax.vmap(example)(begin + jnp.arange(total))
    x1, known = drawn if examples is None else examples
    if group:
        x0 = couplings.matched(x0, x1, group=group)
        own = functools.partial(jax.lax.dynamic_slice_in_dim, start_index=first - begin, slice_size=count)
        x0, x1, times = jax.tree.map(own, (x0, x1, times))
    batch = Batch(x0, x1, times, jax.vmap(fresh)(indices), pool, pool_label, dataset.std, progress)
    return _with_extra(batch, extra, key, indices, known, classes=dataset.classes)


def _with_extra(
    batch: Batch, extra: ExtraInputs, key: jax.Array, indices: jax.Array, known: jax.Array | None, *, classes: int
) -> Batch:
    """The batch with labels or observations, some of them dropped, guidance scales, dropout keys and told vectors."""

    def keys(stream: int) -> jax.Array:
        return jax.vmap(lambda index: jax.random.fold_in(jax.random.fold_in(key, stream), index))(indices)

    if extra.labels or extra.observed is not None:
        labelled = jax.vmap(lambda key: jax.random.uniform(key) >= extra.label_dropout)(keys(LABEL))
        batch = batch._replace(labelled=labelled)
    if extra.labels:
        batch = batch._replace(label=jnp.where(labelled, known, classes))
    elif extra.observed is not None:
        if not extra.stored:
            own = jax.vmap(lambda key, data: extra.observed.of(key, data[None])[0])
            known = own(keys(OBSERVED), batch.x1)
        batch = batch._replace(told=extra.observed.encoded(known, kept=labelled))
    if extra.largest_scale is not None:
        power = jax.vmap(jax.random.uniform)(keys(SCALE))
        scale = extra.largest_scale**power
        # Without a label there is nothing to guide by.
        batch = batch._replace(scale=scale if batch.labelled is None else jnp.where(batch.labelled, scale, 1.0))
    if extra.told is not None:
        batch = batch._replace(told=jax.vmap(extra.told)(keys(TOLD), batch.x1))
    return batch._replace(dropout=keys(DROPOUT)) if extra.dropout else batch


def read_beside(config: ConfigDict, dataset: Dataset) -> np.ndarray | None:
    """What the host reads with each record: classes, or what a file says of the examples; [records, ...] or None.

    Args:
      config: the configuration.
      dataset: its data set.

    Returns:
      the array, or None where the network is conditioned on neither.
    """
    if config.network.conditional:
        return dataset.labels
    if dataset.observed is not None and dataset.observed.stored is not None:
        return dataset.observed.stored.train
    return None


def told_of(objective: Objective, dataset: Dataset, path: Interpolant) -> Callable[..., jax.Array] | None:
    """How training draws the vector that an objective tells the network of an example, see ``ExtraInputs.told``.

    Args:
      objective: what is minimized.
      dataset: for the standard deviation of the noise.
      path: the interpolant.

    Returns:
      (key, data [...]) -> [size], or None where nothing is told.
    """
    record = objective.told
    return None if record is None else lambda key, data: record.draw(key, path, data, dataset.std)
