"""Symptoms of a velocity that is a mean: a loss with a floor, and long steps that end in the middle."""

import jax
import jax.numpy as jnp

from experiments.symptoms.row import Row
from experiments.training.runs import load_trained
from models import grids, samplers
from objectives.pooled import PooledPath
from taxonomy import LINEAR, checkerboard
from taxonomy.arrays import squared_norm
from taxonomy.exact_planar import Distribution
from taxonomy.shapes import Points

STEPS = (1, 4, 16)
MAP = "zoo:checkerboard/lsd"


def _pairs(data: Distribution, key: jax.Array, count: int) -> tuple[Points, Points]:
    """Noise [count, 2] of the data's standard deviation, and data [count, 2]."""
    of_noise, of_data = jax.random.split(key)
    return data.std * jax.random.normal(of_noise, (count, 2)), jax.vmap(data.sample)(jax.random.split(of_data, count))


def floor_of_the_loss(*, count: int = 20_000, pool: int = 512, seed: int = 0) -> list[Row]:
    """Flow matching's loss on the checkerboard where nothing is learned, and of the exact velocity, which is its least.

    The fault is the target of one pair; the cure averages it over a pool of data. Both have the same minimizer, so that
    what there is to learn, ``E|b|^2``, is the same, and only the floor is not.

    Args:
      count: number of pairs.
      pool: data points beside the example's own.
      seed: of the pairs.

    Returns:
      loss of the velocity 0, loss of the exact one, and their difference.
    """
    data = checkerboard()
    flow = data.exact_flow(LINEAR)

    def losses(key: jax.Array) -> tuple[list[jax.Array], ...]:
        of_pairs, of_times, of_pool = jax.random.split(key, 3)
        x0, x1 = _pairs(data, of_pairs, count)
        t = jax.random.uniform(of_times, (count,))
        points = jax.vmap(data.sample)(jax.random.split(of_pool, pool))
        pooled = PooledPath(LINEAR.alpha, LINEAR.beta, check=False, pool=points, noise_std=data.std, allowed=None)
        best = flow.b(t, LINEAR.position(t, x0, x1))
        targets = [path.velocity(t, x0, x1) for path in (LINEAR, pooled)]
        return tuple([jnp.mean(squared_norm(x - y)) for x in targets] for y in (jnp.zeros_like(best), best))

    of_nothing, of_the_best = ([float(loss) for loss in found] for found in jax.jit(losses)(jax.random.key(seed)))
    return [
        Row("loss of a network that always says 0", *of_nothing),
        Row("loss of the exact velocity, the least there is", *of_the_best),
        Row("what there is to learn, the difference", *(a - b for a, b in zip(of_nothing, of_the_best, strict=True))),
    ]


def grey(*, count: int = 4000, seed: int = 0) -> list[Row]:
    """Samples of the exact velocity of the checkerboard by few Euler steps, against as many jumps of a flow map.

    Args:
      count: number of samples.
      seed: of the noise.

    Returns:
      standard deviation of the samples for some numbers of steps, and of as many data.
    """
    run = load_trained(MAP)
    x0, x1 = _pairs(checkerboard(), jax.random.key(seed), count)
    b, v = checkerboard().exact_flow(LINEAR).b, run.network()
    rows = []
    for steps in STEPS:
        grid = grids.uniform(steps)
        ends = samplers.euler(b, x0, grid), samplers.composition(v, x0, grid)
        rows.append(Row(f"spread of the samples, {steps} step{'s' * (steps > 1)}", *map(_spread, ends)))
    return [*rows, Row("spread of the data", _spread(x1), _spread(x1))]


def _spread(x: Points) -> float:
    return float(jnp.std(x))
