"""Gradients of the terms of an objective, example by example, and what is left of a residual at the exact map."""

from collections.abc import Callable
import functools
import math
from typing import NamedTuple

import jax
from jax.flatten_util import ravel_pytree
import jax.numpy as jnp
import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.training.draws import ExtraInputs, draw
from experiments.training.state import State
from experiments.training.step import Step, maps_of
from models.flow_map_model import Params, count_parameters
from objectives.mixture import factor, minimized
from objectives.objective import Batch, Maps, Term
from taxonomy import conversions, simplex
from taxonomy.exact import ExactFlow
from taxonomy.interpolants import Interpolant

STREAM, DATA = 6, 7  # of keys; others have the training, the reference sets and the scores
CHUNK = 2**22  # coordinates of gradients that are computed together: what caches hold
# Which fields of a batch have one entry for each example.
OF_EXAMPLES = Batch(0, 0, 0, 0, noise_std=None, progress=None, label=0, labelled=0, scale=0, dropout=0, told=0)


class Sizes(NamedTuple):
    """How much is drawn for each term.

    Attributes:
      batches: number of batches, each with a pool of its own where a term has one.
      examples: of a batch.
      seed: of the draws.
    """

    batches: int
    examples: int
    seed: int


class Residuals(NamedTuple):
    """Squared residuals of a term before metric and weight, and their times; all [batches, examples]."""

    values: np.ndarray
    s: np.ndarray
    t: np.ndarray


class Gradients(NamedTuple):
    """Gradients of a term with respect to all weights.

    Attributes:
      means: [batches, parameters]; the mean of each batch.
      squares: [batches, groups]; squared distances of a group's gradient from the mean of all. A group is one example,
        unless the loss compares examples.
      residuals: of the same examples.
    """

    means: np.ndarray
    squares: np.ndarray
    residuals: Residuals


def of_term(step: Step, k: int, params: Params, sizes: Sizes, *, progress: float, data_of_host: bool) -> Gradients:
    """Gradients of term k, with all copies of the network at the same weights.

    Args:
      step: the fixed parts of a training step; its batch size is not used.
      k: index of the term.
      params: the weights.
      sizes: how much is drawn. The draws depend on seed, batch, term and example: alike for all methods.
      progress: share of the training that is done, in [0, 1], for what changes on the way.
      data_of_host: whether stored examples are read one by one, as in a training whose host reads them.

    Returns:
      the gradients, of the weighted loss with the term's factor in the sum.
    """
    objective, term = step.objective, step.objective.terms[k]
    # A target's average and a stage's start are this network, too.
    copies = ((params,) if objective.target_decay else (), (params,) if objective.stages > 1 else ())
    frozen = State(jnp.zeros((), jnp.int32), (), (), (), *copies)
    groups = _largest_divisor(sizes.examples // term.group, CHUNK // count_parameters(params))
    program = jax.jit(functools.partial(_chunk, step, k, groups * term.group, progress=progress))
    starts = range(0, sizes.examples, groups * term.group)

    def batch(j: int, centre: jax.Array) -> list[jax.Array]:
        key = _key(sizes.seed, j, k)
        given = _read(step.dataset, key, sizes.examples, extra=step.extra) if data_of_host else None
        found = []
        for start in starts:
            part = jax.tree.map(lambda x, start=start: x[start : start + groups * term.group], given)
            found.append(program(params, frozen, key, start, centre, part))
        means, *others = zip(*found, strict=True)
        return [jnp.mean(jnp.stack(means), axis=0), *map(jnp.concatenate, others)]

    # The same program twice: once for the mean, once for distances from it.
    nothing = jnp.zeros(count_parameters(params))
    means = jnp.stack([batch(j, nothing)[0] for j in range(sizes.batches)])
    centre = jnp.mean(means, axis=0)
    others = [batch(j, centre)[1:] for j in range(sizes.batches)]
    squares, values, s, t = (np.stack(each) for each in zip(*others, strict=True))
    return Gradients(np.asarray(means), squares, Residuals(values, s, t))


def _chunk(
    step: Step,
    k: int,
    count: int,
    params: Params,
    frozen: State,
    key: jax.Array,
    first: jax.Array,
    centre: jax.Array,
    examples: tuple[jax.Array, jax.Array | None] | None,
    *,
    progress: float,
) -> tuple[jax.Array, ...]:
    """(mean gradient, squared distances from a centre, residuals, s, t) of examples ``first .. first + count``."""
    term = step.objective.terms[k]
    batch = draw(term, step.dataset, key, first, count, progress=progress, examples=examples, extra=step.extra)

    def value(params: Params, own: Batch) -> tuple[jax.Array, jax.Array]:
        values, residuals = minimized(term, maps_of(step, params, frozen, own), step.interpolant, own)
        return factor(term, reduction=step.objective.reduction) * jnp.mean(values), residuals

    def gradient(own: Batch) -> tuple[jax.Array, jax.Array]:
        found, residuals = jax.grad(value, has_aux=True)(params, own)
        return ravel_pytree(found)[0], residuals

    flat, residuals = jax.vmap(gradient, in_axes=(OF_EXAMPLES,))(_in_groups(batch, term.group))
    squares = jnp.sum((flat - centre[None]) ** 2, axis=1)
    return jnp.mean(flat, axis=0), squares, residuals.reshape(-1), batch.times.s, batch.times.t


def _in_groups(batch: Batch, group: int) -> Batch:
    """[examples, ...] -> [groups, group, ...] in every field that has one entry for each example."""
    parts = {
        name: jax.tree.map(lambda x: x.reshape(-1, group, *x.shape[1:]), getattr(batch, name))
        for name, axis in OF_EXAMPLES._asdict().items()
        if axis == 0
    }
    return batch._replace(**parts)


def _key(seed: int, j: int, k: int) -> jax.Array:
    """Of term k in batch j: terms have independent examples, as in training."""
    stream = jax.random.fold_in(jax.random.key(seed), STREAM)
    return jax.random.fold_in(jax.random.fold_in(stream, j), k)


def _read(dataset: Dataset, key: jax.Array, count: int, *, extra: ExtraInputs) -> tuple[jax.Array, jax.Array | None]:
    key = jax.random.fold_in(key, DATA)
    if extra.stored:
        sample = jax.jit(jax.vmap(extra.observed.stored.sample))
        return dataset.draw(key, count), sample(jax.random.split(jax.random.clone(key), count))
    return dataset.draw(key, count), dataset.draw_labels(key, count) if extra.labels else None


def _largest_divisor(number: int, most: int) -> int:
    return next(divisor for divisor in range(max(1, min(number, most)), 0, -1) if number % divisor == 0)


def exact_maps(flow: ExactFlow, v: Callable[..., jax.Array], *, categories: int = 0) -> Maps:
    """The maps of an objective at its solution: the exact map for every network, the exact velocity for every velocity.

    Args:
      flow: the exact path.
      v: its average velocity.
      categories: of the data, 0 for none.

    Returns:
      the maps.
    """

    def exact(s: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
        # A jump of no length needs no integration.
        return flow.b(s, x) if s is t else v(s, t, x)

    def log_denoiser(s: jax.Array, t: jax.Array, x: jax.Array) -> jax.Array:
        return simplex.log_denoiser(conversions.denoiser_from_velocity(exact(s, t, x), s, x), categories=categories)

    return Maps(
        exact,
        exact,
        flow.b,
        stage=exact,
        auxiliary=flow.b,
        log_variance=lambda s, t: jnp.zeros_like(s),
        log_denoiser=log_denoiser if categories else None,
    )


def at_exact_map(
    term: Term, k: int, maps: Maps, dataset: Dataset, path: Interpolant, sizes: Sizes, *, progress: float
) -> Residuals:
    """What a term leaves at the exact map: with a target that is right in the mean, the noise of the target.

    Args:
      term: the term.
      k: its index.
      maps: from ``exact_maps``.
      dataset: source of the examples.
      path: the interpolant.
      sizes: how much is drawn; the examples are those of ``of_term``.
      progress: share of the training that is done.

    Returns:
      the squared residuals.
    """

    @jax.jit
    def program(key: jax.Array) -> tuple[jax.Array, ...]:
        batch = draw(term, dataset, key, 0, sizes.examples, progress=progress)
        return minimized(term, maps, path, batch)[1], batch.times.s, batch.times.t

    found = [program(_key(sizes.seed, j, k)) for j in range(sizes.batches)]
    return Residuals(*(np.stack(each) for each in zip(*found, strict=True)))


def divides(term: Term, sizes: Sizes) -> bool:
    """Whether a batch of the probe holds whole groups of a term."""
    return math.gcd(sizes.examples, term.group) == term.group
