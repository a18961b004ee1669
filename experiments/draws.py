"""The examples of a training step: noise, data and times, each from its index in the global batch alone."""

import jax
import jax.numpy as jnp

from experiments.datasets.dataset import Dataset
from objectives.mixture import Batch, Term
from taxonomy.curricula import law_at
from taxonomy.times import Times

# Streams of keys beside those of the examples, whose indices stay below.
FRESH, POOL, GROUP = 2**31, 2**31 + 1, 2**31 + 2


def draw(
    term: Term,
    dataset: Dataset,
    key: jax.Array,
    first: jax.Array | int,
    count: int,
    *,
    progress: jax.Array | float = 1.0,
    examples: jax.Array | None = None,
) -> Batch:
    """Draws examples ``first .. first + count`` of a term's global batch.

    Args:
      term: the term, for its law of times.
      dataset: the data set.
      key: typed PRNG key of this step and term.
      first: []; global index of the first example.
      count: number of examples.
      progress: []; share of the training that is done, in [0, 1].
      examples: [count, ...]; data read by the host, or None to draw them here.

    Returns:
      Batch of [count, ...]; an example depends on its global index alone.
    """
    law = law_at(term.times, progress)
    key_fresh, key_pool, key_group = (jax.random.fold_in(key, stream) for stream in (FRESH, POOL, GROUP))

    def example(index: jax.Array) -> tuple[jax.Array, jax.Array | None, Times]:
        key_data, key_noise, key_times = jax.random.split(jax.random.fold_in(key, index), 3)
        x0 = dataset.std * jax.random.normal(key_noise, dataset.shape)
        if term.group > 1:
            key_times = jax.random.fold_in(key_group, index // term.group)
        return x0, dataset.sample(key_data) if examples is None else None, law(key_times)

    def fresh(index: jax.Array) -> jax.Array:
        return dataset.std * jax.random.normal(jax.random.fold_in(key_fresh, index), dataset.shape)

    indices = first + jnp.arange(count)
    # Every device draws the same pool, so that their number changes nothing.
    pool = dataset.draw(key_pool, term.pool) if term.pool else None
    x0, x1, times = jax.vmap(example)(indices)
    x1 = x1 if examples is None else examples
    return Batch(x0, x1, times, jax.vmap(fresh)(indices), pool, dataset.std, progress)
