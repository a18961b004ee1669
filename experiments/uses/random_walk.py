"""Two targets with one optimum: the noise of a random walk's last step, and the mean of all its noise so far.

Two small networks learn to predict the targets from (n, x_n). Walks start on the spiral, so that the optimum is known.
"""

from collections.abc import Callable
import functools
from pathlib import Path
import time

import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import optax

from experiments import datasets, files
from experiments.datasets.dataset import Dataset
from experiments.reporting import plots
from models.networks.mlp import MLP
from taxonomy import random_walk
from taxonomy.interpolants import LINEAR

DATASET, STEPS, STD = "spiral", 40, 0.08
TARGETS = {"last step's noise": random_walk.last_noise, "mean of all noise": random_walk.mean_noise}
BATCH, LEARNING_RATE = 64, 3e-3
SHOWN = (2, 10, 40)
Field = Callable[[jax.Array, jax.Array], jax.Array]  # (n [batch], x [batch, 2]) -> [batch, 2]


def learn(dataset: Dataset, target: Callable[[random_walk.Walk, int], jax.Array], *, updates: int, seed: int) -> Field:
    """A small network that predicts a target by least squares, at all numbers of steps.

    Args:
      dataset: where walks start.
      target: (walk, n) -> [batch, 2].
      updates: of Adam, each on walks of its own: every batch has all n from 1 to STEPS.
      seed: of weights and walks; the same for both targets.

    Returns:
      the prediction.
    """
    network = MLP(width=128, depth=3, point_features=4, time_features=2)

    def predict(params: object, n: jax.Array, x: jax.Array) -> jax.Array:
        level = n / STEPS
        return network.apply(params, level, level, x / dataset.std)

    def loss(params: object, key: jax.Array) -> jax.Array:
        key_data, key_walk = jax.random.split(key)
        start = jax.vmap(dataset.sample)(jax.random.split(key_data, BATCH))
        walks = random_walk.walk(key_walk, start, steps=STEPS, std=STD)
        wanted = jnp.concatenate([target(walks, n) for n in range(1, STEPS + 1)])
        n = jnp.repeat(jnp.arange(1, STEPS + 1, dtype=start.dtype), BATCH)
        predicted = predict(params, n, walks.points[1:].reshape(-1, 2))
        return jnp.mean(jnp.sum(jnp.square(predicted - wanted), axis=-1))

    transformation = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, updates))
    params = network.init(jax.random.key(seed), jnp.ones(1), jnp.ones(1), jnp.zeros((1, 2)))

    def step(carry: tuple, key: jax.Array) -> tuple[tuple, None]:
        params, state = carry
        change, state = transformation.update(jax.grad(loss)(params, key), state, params)
        return (optax.apply_updates(params, change), state), None

    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), 1), updates)
    (params, _), _ = jax.jit(lambda carry: jax.lax.scan(step, carry, keys))((params, transformation.init(params)))
    return jax.jit(functools.partial(predict, params))


def measure(dataset: Dataset, fields: dict[str, Field], exact: Field, *, count: int, seed: int) -> dict[int, dict]:
    """Errors of both networks and variances of both targets, on fresh walks.

    Args:
      dataset: where walks start.
      fields: {name of the target: network}.
      exact: the optimum.
      count: number of walks.
      seed: of the walks.

    Returns:
      {n: {"size": mean square of the optimum, and for each target "error ..." (mean squared distance of the network
      from the optimum) and "variance ..." (of the target around the optimum)}}, per coordinate.
    """
    key_data, key_walk = jax.random.split(jax.random.key(seed))
    walks = random_walk.walk(key_walk, dataset.draw(key_data, count), steps=STEPS, std=STD)
    errors = {}
    for n in SHOWN:
        x, times = walks.points[n], jnp.full(count, float(n))
        best = exact(times, x)
        errors[n] = {"size": float(jnp.mean(jnp.square(best)))}
        for name, target in TARGETS.items():
            errors[n][f"error, {name}"] = float(jnp.mean(jnp.square(fields[name](times, x) - best)))
            errors[n][f"variance, {name}"] = float(jnp.mean(jnp.square(target(walks, n) - best)))
    return errors


def draw(path: Path, dataset: Dataset, fields: dict[str, Field], exact: Field) -> None:
    """The walk, and at some n the ways back to the data that both networks and the optimum point out.

    Args:
      path: the png file.
      dataset: where walks start.
      fields: {name of the target: network}.
      exact: the optimum.
    """
    figure, axes = plt.subplots(1, 1 + len(SHOWN), figsize=(4 * (1 + len(SHOWN)), 4.3), layout="constrained")
    key_data, key_walk = jax.random.split(jax.random.key(3))
    walks = random_walk.walk(key_walk, dataset.draw(key_data, 3000), steps=STEPS, std=STD)
    for axis in axes:
        plots.draw_target(axis, dataset)
        axis.set(xticks=[], yticks=[], aspect="equal")
    for k in range(4):
        axes[0].plot(*np.asarray(walks.points[:, k]).T, "-o", ms=2, lw=0.8)
    axes[0].autoscale()
    axes[0].set_title(f"{STEPS} steps from data to noise")
    styles = {"last step's noise": ("C0", 0.012), "mean of all noise": ("C1", 0.007)}
    for axis, n in zip(axes[1:], SHOWN, strict=True):
        points = np.asarray(walks.points[n])
        reach = float(np.quantile(np.abs(points), 0.95))
        side = np.linspace(-reach, reach, 9)
        x = jnp.asarray(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2), jnp.float32)
        times = jnp.full(len(x), float(n))
        longest = float(jnp.sqrt(jnp.sum(jnp.square(exact(times, x)), axis=-1)).max())
        axis.plot(*points.T, ".", color="grey", ms=1, alpha=0.4)
        for name, field in (*fields.items(), ("exact", exact)):
            colour, width = styles.get(name, ("black", 0.003))
            # Of one length at most, so that arrows of neighbours do not meet.
            way = -np.asarray(field(times, x)) / longest * 1.5 * (side[1] - side[0])
            axis.quiver(*x.T, *way.T, color=colour, width=width, angles="xy", scale_units="xy", scale=1, label=name)
        axis.set(
            title=f"the way back from $x_{{{n}}}$", xlim=(-1.2 * reach, 1.2 * reach), ylim=(-1.2 * reach, 1.2 * reach)
        )
    handles, names = axes[-1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    files.write_figure(path, figure, dpi=100)
    plt.close(figure)


def compare(out: Path, *, updates: int, count: int = 100_000) -> str:
    """Learns both targets, compares and draws.

    Args:
      out: the png file.
      updates: of each network.
      count: walks that the comparison is made on.

    Returns:
      text.
    """
    began = time.perf_counter()
    dataset = datasets.load(DATASET)
    mean = dataset.exact_path(LINEAR).posterior_mean
    exact = jax.jit(lambda n, x: random_walk.optimum(mean, n, x, std=STD, noise_std=dataset.std))
    fields = {name: learn(dataset, target, updates=updates, seed=0) for name, target in TARGETS.items()}
    lines = []
    for n, errors in measure(dataset, fields, exact, count=count, seed=5).items():
        relative = ", ".join(f"{errors[f'error, {name}'] / errors['size']:.2%} ({name})" for name in TARGETS)
        last, other = (errors[f"variance, {name}"] for name in TARGETS)
        lines.append(
            f"n = {n}: squared error of the networks against the optimum's square: {relative}; variance of the targets "
            f"around it {last:.4f} and {other:.4f}, difference {last - other:.4f}, by theory 1 - 1/n = {1 - 1 / n:.4f}"
        )
    draw(out, dataset, fields, exact)
    lines.append(f"{out}: {updates} updates each, {count} walks; {time.perf_counter() - began:.0f} s")
    return "\n".join(lines)
