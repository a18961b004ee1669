# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 7. Your own data
#
# The first notebooks wrote everything by hand. Here the library does the work: data of your own, one of its methods,
# its training loop, its samplers and scores. The data are points in the plane that you can draw. Pictures and tables
# of numbers go the same way.
#
# Time: about a minute on two CPU cores.

# %%
from pathlib import Path
import tempfile

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from experiments import settings
from experiments.training.loop import train
from experiments.training.runs import load_trained

# %% [markdown]
# ## Data are an array
#
# Any array `[n, ...]` of numbers in a `.npy` file is a data set. The library centres and scales it, and gives samples
# back in your units. Here is a heart, in centimetres:

# %%
folder = Path(tempfile.mkdtemp())
random = np.random.default_rng(0)
angle = random.uniform(0, 2 * np.pi, 20_000)
heart = np.stack(
    [
        16 * np.sin(angle) ** 3,
        13 * np.cos(angle) - 5 * np.cos(2 * angle) - 2 * np.cos(3 * angle) - np.cos(4 * angle),
    ],
    axis=-1,
)
points = heart + random.normal(scale=0.6, size=heart.shape)
np.save(folder / "heart.npy", points.astype(np.float32))

# %% [markdown]
# ## A configuration, a run
#
# A configuration names everything that a run depends on. Start from one that works, and change what is yours. The
# same fields are options of the commands: `--config.training.steps=1500`.

# %%
STEPS = 1500


def run_of(method):
    config = settings.planar("two_moons", method)
    config.dataset = str(folder / "heart.npy")
    config.training.steps = STEPS
    config.training.batch_size = 512
    train(config, folder / method, quiet=True)
    return load_trained(folder / method)


runs = {method: run_of(method) for method in ("flow_matching", "lsd")}

# %% [markdown]
# ## Samples
#
# `run.sample(count, steps=N)` makes samples in your units. Flow matching takes N steps of Euler, the flow map N
# jumps. Both cost N evaluations of the network for each sample.

# %%
figure, axes = plt.subplots(2, 4, figsize=(11, 5.6), sharex=True, sharey=True, layout="constrained")
far = {}
grid = np.linspace(0, 2 * np.pi, 400)
outline = np.stack(
    [16 * np.sin(grid) ** 3, 13 * np.cos(grid) - 5 * np.cos(2 * grid) - 2 * np.cos(3 * grid) - np.cos(4 * grid)],
    axis=-1,
)
for row, (method, run) in zip(axes, runs.items(), strict=True):
    for axis, steps in zip(row, (1, 2, 8, None), strict=True):
        samples = points[:2000] if steps is None else np.asarray(run.sample(2000, steps=steps))
        # Median distance from the outline, in centimetres; the data are 0.4 away from it.
        away = np.sqrt(((samples[:, None] - outline[None]) ** 2).sum(-1)).min(1)
        far[method, steps] = float(np.median(away))
        axis.plot(*samples.T, ".", ms=1)
        axis.set_title(
            f"{'data' if steps is None else f'{method}, N = {steps}'}\n{far[method, steps]:.2f} cm", fontsize=9
        )
        axis.set_aspect("equal")
plt.show()

# %% [markdown]
# The number is the median distance from the outline. It should be that of the data and no less: eight steps of flow
# matching draw a line that is too thin.
#
# ## The map itself
#
# `run.map()` is the average velocity `v(s, t, x)` in the units of training. The jump is `x + (t - s) v(s, t, x)`, for
# any two times, in either direction. Go from noise to data and back:

# %%
v = run.map()
x = run.dataset.std * jax.random.normal(jax.random.key(1), (1000, 2))
zero, one = jnp.zeros(1000), jnp.ones(1000)
there = x + v(zero, one, x)
back = there - v(one, zero, there)
missed = float(np.median(np.linalg.norm(back - x, axis=-1)) / run.dataset.std)
print(f"there and back: a point misses its start by {missed:.2f} of the spread of the noise")

# %% [markdown]
# LSD has trained jumps forward in time alone (`times=triangle`), so that the way back is a guess. With
# `--config.objective.options.times=square` both directions are trained: [two directions](../two_directions.md).
#
# ## The same by commands
#
# ```
# python -m experiments.train --config=experiments/configs/two_moons.py:lsd --config.dataset=heart.npy \
#   --workdir=runs/heart
# python -m experiments.sample --workdir=runs/heart --samples=2000 --num_steps=1 --out=samples.npz
# python -m experiments.evaluate --workdir=runs/heart
# ```
#
# ## Exercises
#
# 1. Train `psd_m` beside the two. Which of them needs no derivative of the network?
# 2. Give the run a pool: `config.objective.options.velocity = "pooled"`. What happens to one step?
# 3. Save an array of small pictures, `[n, 8, 8, 1]` in uint8, and look for what must change. *Hint:*
#    [add_a_dataset.md](../add_a_dataset.md).
#
# ## Answers
#
# 1. `psd_m`: its rule compares one jump with two. `python -m taxonomy show psd_m` prints its line.
# 2. The velocity of a sample is averaged over a pool of data, which takes noise out of the diagonal. On the
#    checkerboard it takes a third off the KL of one step: [the recipe](../settings.md#helped-the-pooled-velocity).
# 3. The network: `--config.network.kind=unet`, as in `experiments/configs/digits.py`. Everything else stays.
