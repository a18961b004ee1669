"""Generates samples in parts that fit into memory, and checks that they are finite."""

from collections.abc import Callable
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from experiments.errors import DivergedError, UsageError
from experiments.sampling import by_name
from experiments.sampling.by_name import Model, Options
from models.flow_map_model import Params

TOLD = 2**31  # stream of what the network is told; samplers split their key or fold small numbers in
AT_ONCE = 2**21  # numbers (samples x dimensions) in one part
# (grid [N + 1], count, key, classes [count] or None) -> (samples [count, ...], NFE per sample)
Generator = Callable[..., tuple[np.ndarray, int]]


def generator(
    model_of: Callable[[Params, jax.Array | None, jax.Array | None], Model],
    params: Params,
    *,
    sampler: str,
    options: Options,
    shape: tuple[int, ...],
    noise_of: Callable[[jax.Array, int], jax.Array],
    starts: Callable[[jax.Array, int], jax.Array] | None = None,
    finish: Callable[[np.ndarray], np.ndarray] = lambda samples: samples,
    told: Callable[[jax.Array, int], jax.Array | None] = lambda key, count: None,
    observed: Callable[[jax.Array, int], jax.Array] | None = None,
) -> Generator:
    """A function that generates samples; it compiles once for each number of steps and of samples.

    Args:
      model_of: (weights, classes [count] or None, told vectors [count, size] or None) -> what the sampler works with.
      params: the weights, an input of the compiled program.
      sampler: a key of ``by_name.SAMPLERS``.
      options: of the sampler.
      shape: of one sample.
      noise_of: (key, count) -> noise [count, *shape], such as ``Dataset.noise``.
      starts: (key, count) -> what samples start from, [count, ...]; None for noise.
      finish: what the map has made -> the samples, such as ``Dataset.in_own_units``.
      told: (key, count) -> what the network is told of each sample, or None.
      observed: the same, of stored examples, which no compiled program should hold; None where ``told`` says it.

    Returns:
      (grid [N + 1], count, key, classes [count] or None) -> (samples [count, ...], NFE per sample). Equal keys start
      from equal noise on any grid; ``noise=`` [count, ...] replaces it, and ``vector=`` [count, size] what the network
      is told. The function raises DivergedError if samples are not finite, with the first jump (s, t) after which they
      are not; UsageError if the sampler refuses its options.
    """
    run = by_name.get(sampler).run
    most = max(1, AT_ONCE // math.prod(shape))

    @functools.partial(jax.jit, static_argnums=1)
    def generate(
        params: Params,
        count: int,
        key: jax.Array,
        grid: jax.Array,
        label: jax.Array | None,
        noise: jax.Array | None,
        vector: jax.Array | None,
    ) -> by_name.Points:
        key_start, key_steps = jax.random.split(key)
        if noise is None:
            noise = noise_of(key_start, count)
        # Of a stream of its own: what is told changes no other number.
        if vector is None:
            vector = told(jax.random.fold_in(key_steps, TOLD), count)
        return run(model_of(params, label, vector), options, key_steps, noise, grid)

    def in_parts(grid: jax.Array, count: int, key: jax.Array, *beside: jax.Array | None) -> tuple[np.ndarray, int]:
        if count <= most:
            samples, evaluations = generate(params, count, key, grid, *beside)
            return np.asarray(samples), int(evaluations)
        parts, evaluations = [], 0
        for start in range(0, count, most):
            # The last part is generated whole and cut, so that all parts have one shape and compile once.
            at = start + jnp.arange(most)
            own = (None if x is None else jnp.take(x, at, axis=0, mode="wrap") for x in beside)
            samples, evaluations = generate(params, most, jax.random.fold_in(key, start), grid, *own)
            parts.append(np.asarray(samples))
        return np.concatenate(parts)[:count], int(evaluations)

    def checked(
        grid: jax.Array,
        count: int,
        key: jax.Array,
        label: jax.Array | None = None,
        *,
        noise: jax.Array | None = None,
        vector: jax.Array | None = None,
    ) -> tuple[np.ndarray, int]:
        if observed is not None and vector is None:
            vector = observed(jax.random.fold_in(jax.random.clone(key), TOLD), count)
        if starts is not None and noise is None:
            noise = starts(jax.random.split(jax.random.clone(key))[0], count)
        try:
            samples, evaluations = in_parts(grid, count, key, label, noise, vector)
        except ValueError as error:
            raise UsageError(f"sampler {sampler}: {error}") from error
        if np.isfinite(samples).all():
            return finish(samples), evaluations
        for legs in range(1, len(grid)):
            last = legs == len(grid) - 1
            bad = _bad(samples if last else in_parts(grid[: legs + 1], count, key, label, noise, vector)[0])
            if bad.any():
                break
        s, t = float(grid[legs - 1]), 1.0 if sampler == "renoising" else float(grid[legs])
        raise DivergedError(
            f"with {len(grid) - 1} steps of {sampler}, {bad.mean():.2%} of {count} generated samples are NaN or "
            f"infinite after the jump (s, t) = ({s:.4g}, {t:.4g}); the training has diverged, or the sampler asks too "
            "much of this map: lower --config.training.learning_rate and train again, or take another sampler"
        )

    return checked


def _bad(samples: np.ndarray) -> np.ndarray:
    return ~np.isfinite(samples.reshape(len(samples), -1)).all(axis=1)
