# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 2. A flow map, and why it is hard
#
# The first notebook followed a velocity in many steps. A **flow map** answers the question at once: where will this
# point be? Here you see the true map, you see why a network cannot simply be shown the answers, and why the true map
# is hard to draw with a smooth function.
#
# Time: about half a minute on two CPU cores.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from scipy.stats import norm

# %% [markdown]
# ## The same toy
#
# Two modes on a line, and the velocity of the cloud in closed form, as in the first notebook.

# %%
WEIGHTS, MEANS, SPREAD = jnp.array([0.3, 0.7]), jnp.array([-1.5, 1.0]), 0.25


def draw_data(key, size):
    side, noise = jax.random.split(key)
    return MEANS[jax.random.choice(side, 2, (size,), p=WEIGHTS)] + SPREAD * jax.random.normal(noise, (size,))


def velocity(t, y):
    variance = (1 - t) ** 2 + (SPREAD * t) ** 2
    mode = jax.nn.softmax(jnp.log(WEIGHTS) - (y[..., None] - t * MEANS) ** 2 / (2 * variance), axis=-1)
    of_mode = MEANS + (SPREAD**2 * t - (1 - t)) / variance * (y[..., None] - t * MEANS)
    return jnp.sum(mode * of_mode, axis=-1)


# %% [markdown]
# ## The map, by many small steps
#
# `X_{s,t}(x)` is where the flow takes the point x of time s at time t. With a thousand small steps (each by the
# velocity in its middle) it is exact enough for the eye:


# %%
def flow_map(s, t, x, steps=1000):
    h = (t - s) / steps

    def step(y, k):
        time = s + k * h
        half = y + h / 2 * velocity(time, y)
        return y + h * velocity(time + h / 2, half), None

    return jax.lax.scan(step, x, jnp.arange(steps))[0]


grid = jnp.linspace(-3, 3, 601)
end = flow_map(0.0, 1.0, grid)

# %% [markdown]
# On a line there is a check. The flow never lets two points overtake each other, so that the point at the 10 % mark
# of the noise ends at the 10 % mark of the data: the map is "quantile to quantile".

# %%
fine = np.linspace(-4, 4, 20_001)
data_below = sum(float(w) * norm.cdf((fine - float(m)) / SPREAD) for w, m in zip(WEIGHTS, MEANS, strict=True))
by_quantiles = np.interp(norm.cdf(np.asarray(grid)), data_below, fine)
print(f"largest gap between the two: {np.abs(by_quantiles - end)[20:-20].max():.1e}")

# %% [markdown]
# Two jumps in a row are one long jump, and the way back undoes the way there:

# %%
there_in_two = flow_map(0.4, 1.0, flow_map(0.0, 0.4, grid))
and_back = flow_map(1.0, 0.0, end)
print(f"two jumps against one: {jnp.abs(there_in_two - end).max():.1e}")
print(f"there and back: {jnp.abs(and_back - grid).max():.1e}")

# %% [markdown]
# ## Why not just show the network the answers?
#
# We have pairs: a noise point z and a data point x. It is tempting to train `network(z)` on x. But x was drawn
# *without looking at* z. It is not where the flow takes z. Watch what the network learns:

# %%
STEPS = 1500


def init(key, width=64):
    shapes = [(1, width), (width, width), (width, 1)]
    keys = jax.random.split(key, len(shapes))
    return [
        (jax.random.normal(k, shape) / jnp.sqrt(shape[0]), jnp.zeros((1, shape[1])))
        for k, shape in zip(keys, shapes, strict=True)
    ]


def network(params, x):
    h = x[:, None]
    for w, b in params[:-1]:
        h = jax.nn.silu(h @ w + b)
    w, b = params[-1]
    return (h @ w + b)[:, 0]


def train(target, seed=0, size=512):
    """Regresses ``target(key, z)`` on z."""
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, STEPS))

    def loss(params, key):
        k_noise, k_target = jax.random.split(key)
        z = jax.random.normal(k_noise, (size,))
        return jnp.mean((network(params, z) - target(k_target, z)) ** 2)

    def step(carry, key):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params, key), state)
        return (optax.apply_updates(params, updates), state), None

    params = init(jax.random.key(seed))
    keys = jax.random.split(jax.random.key(seed + 1), STEPS)
    return jax.jit(lambda carry: jax.lax.scan(step, carry, keys))((params, optimizer.init(params)))[0][0]


by_pairs = train(lambda key, z: draw_data(key, z.size))
by_ends = train(lambda key, z: jnp.interp(z, grid, end))

figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
z, x = jax.random.normal(jax.random.key(3), (400,)), draw_data(jax.random.key(4), 400)
axis.plot(z, x, ".", ms=3, color="0.75", label="pairs (z, x)")
axis.plot(grid, end, color="black", label="true map")
axis.plot(grid, network(by_pairs, grid), color="tab:red", label="trained on pairs")
axis.plot(grid, network(by_ends, grid), "--", color="tab:blue", label="trained on true ends")
axis.set(xlabel="noise z", ylabel="end", xlim=(-3, 3))
axis.legend()
plt.show()
flat = float(network(by_pairs, grid[100:-100]).mean())
print(f"trained on pairs: every z goes to about {flat:.2f}; the mean of the data is {float(WEIGHTS @ MEANS):.2f}")

# %% [markdown]
# The red line is flat. The best guess of x, if z says nothing about it, is the mean of the data. That is the reason
# why a flow map "cannot simply be supervised": **the pairs that we have are not the pairs that we need**.
#
# The dashed line was trained on true ends. That works, and it is called distillation. But each true end cost a
# thousand evaluations of the velocity, which had to be learned first.
#
# ## Why the map is hard to draw
#
# Between the modes the map is steep. Two noise points that are close to each other end far apart, one in each mode. A
# network is a smooth function, and rounds the step:

# %%
slope = jnp.diff(end) / jnp.diff(grid)
where = int(jnp.argmax(slope))
print(f"steepest at z = {float(grid[where]):.2f}: a step of 0.01 there becomes one of {0.01 * float(slope[where]):.2f}")
between = jnp.mean(jnp.abs(network(by_ends, z_many := jax.random.normal(jax.random.key(7), (20_000,))) + 0.5) < 0.5)
truly = jnp.mean(jnp.abs(jnp.interp(z_many, grid, end) + 0.5) < 0.5)
print(f"samples between the modes (-1 to 0): {float(between):.1%} by the network, {float(truly):.1%} by the true map")

# %% [markdown]
# ## The average velocity
#
# Write the map as `X_{s,t}(x) = x + (t - s) v_{s,t}(x)`. Then v is the average velocity of the journey from s to t.
# For a journey of no length it is the velocity itself:

# %%
here = jnp.array([0.3])
for length in (0.5, 0.1, 0.01):
    average = (flow_map(0.4, 0.4 + length, here) - here) / length
    print(f"journey of length {length:4}: average velocity {float(average[0]):.4f}")
print(f"velocity at the start:        {float(velocity(0.4, here)[0]):.4f}")

# %% [markdown]
# So one network with two times holds both models: on the diagonal s = t the velocity, off it the jumps. The diagonal
# can be trained from pairs (first notebook). What trains the jumps is the subject of the third.
#
# ## Exercises
#
# 1. Which share of the noise goes to the left mode? At which z does the map therefore jump?
# 2. Train on pairs `(z, x)` that are *sorted*, both in rising order, within each batch. What do you get, and why does
#    this trick stay on the line?
# 3. Make the spread of the modes smaller, 0.05. What happens to the steepest slope?
#
# ## Answers

# %%
print(f"1. {float(WEIGHTS[0]):.0%}, and so at z = {norm.ppf(float(WEIGHTS[0])):.2f}")
by_sorted = train(lambda key, z: jnp.sort(draw_data(key, z.size))[jnp.argsort(jnp.argsort(z))])
error = float(jnp.mean(jnp.abs(network(by_sorted, z_many) - jnp.interp(z_many, grid, end))))
print(
    f"2. the true map, with a mean error of {error:.3f}: sorting is the quantile map. In a plane nothing can be sorted."
)
print("3. the slope grows without bound: data that are points tear the map apart (docs/truth.md)")
