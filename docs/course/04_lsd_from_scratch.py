# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 4. LSD in a hundred lines
#
# Here is a whole flow map in plain JAX: data, network, loss, training, sampling, a score, and a comparison with the
# exact map. It is Lagrangian self-distillation (LSD) of Boffi, Albergo and Vanden-Eijnden
# ([2505.18825](https://arxiv.org/abs/2505.18825)). You need nothing but the three cells of code before "What came
# out".
#
# Time: about a minute and a half on two CPU cores.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

from experiments import datasets
from taxonomy import exact_map, interpolants

# %% [markdown]
# ## Data and network
#
# The checkerboard: eight of the sixteen squares of `[-1, 1]^2`, all alike. Noise is Gaussian with the spread of the
# data.
#
# The network takes both times. A few sines of the times and of the point help it with sharp edges. Its output is the
# average velocity v, and the map is `X_{s,t}(x) = x + (t - s) v_{s,t}(x)`.

# %%
STD = 0.577  # of the data, and of the noise
WIDTH, DEPTH = 128, 4


def checkerboard(key, size):
    column, row, inside = jax.random.split(key, 3)
    i = jax.random.randint(column, (size,), 0, 4)
    j = 2 * jax.random.randint(row, (size,), 0, 2) + i % 2  # every other square of a column
    return (jnp.stack([i, j], axis=-1) + jax.random.uniform(inside, (size, 2))) / 2 - 1


def features(s, t, x):
    waves = jnp.arange(1, 5)[None]
    times = jnp.stack([s, t], axis=-1)
    angles = [jnp.pi * (waves[:, :, None] * each[:, None, :]).reshape(len(x), -1) for each in (times, x)]
    return jnp.concatenate([times, x, *map(jnp.sin, angles), *map(jnp.cos, angles)], axis=-1)


def init(key):
    sizes = [features(*jnp.zeros((2, 1)), jnp.zeros((1, 2))).shape[1], *[WIDTH] * DEPTH, 2]
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        (jax.random.normal(k, (m, n)) / jnp.sqrt(m), jnp.zeros((1, n)))
        for k, m, n in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]


def average_velocity(params, s, t, x):
    h = features(s, t, x)
    for w, b in params[:-1]:
        h = jax.nn.silu(h @ w + b)
    w, b = params[-1]
    return h @ w + b


def jump(params, s, t, x):
    return x + (t - s)[:, None] * average_velocity(params, s, t, x)


# %% [markdown]
# ## The loss
#
# Three quarters of the batch train the **diagonal**: `v_{t,t}(I_t)` against the velocity of the pair, `x1 - x0`. This
# is flow matching.
#
# One quarter trains the **Lagrangian rule** off the diagonal: as the target time grows, the end of the jump must move
# with the velocity at the end. The model's own diagonal is that velocity. It is stopped: the rule bends the map to
# the velocity, and not the velocity to the map.

# %%
STEPS, BATCH, RULE = 6000, 1024, 256


def interpolate(t, x0, x1):
    return (1 - t)[:, None] * x0 + t[:, None] * x1


def loss(params, key):
    k_noise, k_data, k_diagonal, k_jump = jax.random.split(key, 4)
    x0, x1 = STD * jax.random.normal(k_noise, (BATCH, 2)), checkerboard(k_data, BATCH)

    t = jax.random.uniform(k_diagonal, (BATCH - RULE,))
    x_t = interpolate(t, x0[RULE:], x1[RULE:])
    diagonal = average_velocity(params, t, t, x_t) - (x1 - x0)[RULE:]

    s, t = jnp.sort(jax.random.uniform(k_jump, (2, RULE)), axis=0)
    x_s = interpolate(s, x0[:RULE], x1[:RULE])
    end, speed_of_end = jax.jvp(lambda t: jump(params, s, t, x_s), (t,), (jnp.ones_like(t),))
    velocity_there = jax.lax.stop_gradient(average_velocity(params, t, t, end))
    rule = speed_of_end - velocity_there

    return jnp.mean(jnp.sum(diagonal**2, axis=-1)) + jnp.mean(jnp.sum(rule**2, axis=-1))


def train(seed):
    optimizer = optax.adam(optax.cosine_decay_schedule(2e-3, STEPS))

    def step(carry, key):
        params, state, average = carry
        value, gradient = jax.value_and_grad(loss)(params, key)
        updates, state = optimizer.update(gradient, state)
        params = optax.apply_updates(params, updates)
        return (params, state, optax.incremental_update(params, average, 0.005)), value

    params = init(jax.random.key(seed))
    keys = jax.random.split(jax.random.key(seed + 1), STEPS)
    run = jax.jit(lambda carry: jax.lax.scan(step, carry, keys))
    (_, _, average), values = run((params, optimizer.init(params), params))
    return average, values


params, values = train(0)

# %% [markdown]
# ## What came out
#
# N equal jumps from noise to data. One jump is one evaluation of the network.


# %%
def sample(params, key, count, steps):
    x = STD * jax.random.normal(key, (count, 2))
    for k in range(steps):
        x = jump(params, jnp.full(count, k / steps), jnp.full(count, (k + 1) / steps), x)
    return x


def kl(samples, bins=40, reach=1.25):
    """KL of the data to the samples, on squares; perfect samples of this size have about 0.01."""
    counts, *_ = np.histogram2d(*np.asarray(samples).T, bins=bins, range=[[-reach, reach]] * 2)
    edges = (np.arange(8 * bins) + 0.5) / (8 * bins) * 2 * reach - reach
    x, y = np.meshgrid(edges, edges, indexing="ij")
    dark = (np.floor(2 * (x + 1)) + np.floor(2 * (y + 1))) % 2 == 0
    exact = (dark & (np.abs(x) < 1) & (np.abs(y) < 1)).reshape(bins, 8, bins, 8).mean((1, 3))
    exact, made = exact / exact.sum(), (counts + 0.5) / (counts + 0.5).sum()
    return float(np.sum(np.where(exact > 0, exact * np.log(np.maximum(exact, 1e-12) / made), 0)))


figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
scores = {}
for axis, steps in zip(axes, (1, 2, 4, None), strict=True):
    key = jax.random.key(5)
    made = checkerboard(key, 50_000) if steps is None else sample(params, key, 50_000, steps)
    scores[steps] = kl(made)
    axis.hist2d(*np.asarray(made).T, bins=80, range=[[-1.25, 1.25]] * 2, cmap="magma", vmax=40)
    axis.set_title(f"data, KL {scores[None]:.3f}" if steps is None else f"N = {steps}, KL {scores[steps]:.3f}")
    axis.set_aspect("equal")
plt.show()
print({steps or "data": round(value, 3) for steps, value in scores.items()})

# %% [markdown]
# ## Against the exact map
#
# The velocity of the checkerboard is known in closed form, and so its flow map can be computed to many digits. Start
# from a few points of noise and compare where the flow takes them with where one jump does.

# %%
dataset = datasets.load("checkerboard")
exact = dataset.exact_flow(interpolants.LINEAR)
noise = STD * jax.random.normal(jax.random.key(7), (300, 2))
zero, one = jnp.zeros(300), jnp.ones(300)
end = exact_map.solve(exact.b, zero, one, noise, tolerance=1e-4, until=exact.until)
learned = jump(params, zero, one, noise)

figure, axis = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
axis.plot(*np.stack([end, learned], axis=1).transpose(2, 1, 0), color="0.7", lw=0.8)
axis.plot(*np.asarray(end).T, ".", ms=4, color="black", label="exact end")
axis.plot(*np.asarray(learned).T, ".", ms=4, color="tab:red", label="one jump")
axis.legend()
axis.set_aspect("equal")
plt.show()
error = jnp.sqrt(jnp.sum((learned - end) ** 2, axis=-1))
print(f"median distance of a jump from the exact end: {jnp.median(error):.3f}; the side of a square is 0.5")

# %% [markdown]
# Most jumps end close to the right place. The long grey lines belong to points that start near the border between two
# squares' basins. The exact map tears the plane there: two neighbours end in different squares. A network is smooth,
# and blurs the tear.
#
# ## Exercises
#
# 1. Set `RULE = 0` in your head: what is left of the loss, and what would one jump give?
# 2. Remove the `stop_gradient`. Which part of the loss gets worse?
# 3. Replace the Lagrangian rule by the semigroup rule of the third notebook. It needs no `jvp`. Compare KL at N = 1
#    and N = 4.
#
# ## Answers
#
# 1. Flow matching. Off the diagonal nothing is trained, and one jump goes to the mean of the data: it is a velocity
#    that was asked to be a map.
# 2. The diagonal: the velocity is then bent until it fits the map's errors, and all numbers of steps suffer. The
#    suite [`stop_gradient`](../ablations.md) measures it.
# 3. It is worse in one step and catches up with more: the suite [`sd_table1`](../ablations.md) measures that too.
