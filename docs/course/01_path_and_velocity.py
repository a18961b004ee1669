# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 1. A path and its velocity
#
# Generation is a journey. At time 0 there is noise, at time 1 there are data, and between them a cloud of points
# moves. This notebook builds that journey on a line, where everything can be drawn, and teaches a network the
# velocity of the cloud. The method is called **flow matching**.
#
# Time: about half a minute on two CPU cores.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

# %% [markdown]
# ## Pairs and straight lines
#
# The data have two modes: three tenths of the points lie around -1.5, and seven tenths around 1. Noise is standard
# normal. Draw a noise point z and, without looking at it, a data point x. Connect them by a straight line: `I_t = (1
# - t) z + t x`.

# %%
WEIGHTS, MEANS, SPREAD = jnp.array([0.3, 0.7]), jnp.array([-1.5, 1.0]), 0.25


def draw_data(key, size):
    side, noise = jax.random.split(key)
    return MEANS[jax.random.choice(side, 2, (size,), p=WEIGHTS)] + SPREAD * jax.random.normal(noise, (size,))


def draw_pairs(key, size):
    k_noise, k_data = jax.random.split(key)
    return jax.random.normal(k_noise, (size,)), draw_data(k_data, size)


z, x = draw_pairs(jax.random.key(0), 60)
figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
axis.plot([0, 1], np.stack([z, x]), color="0.6", lw=0.8)
axis.set(xlabel="time t", ylabel="place", title="pairs of noise (left) and data (right)")
plt.show()

# %% [markdown]
# The lines cross. Two lines that cross have two velocities at one place, so that no point could follow both. But the
# *cloud* has one velocity at each place and time: the average of all lines that pass there.
#
# ## The average velocity
#
# Each line has the velocity `x - z`. Take very many pairs, stop at t = 0.5, and average the velocities of the lines
# that are near each place:

# %%
z, x = draw_pairs(jax.random.key(1), 400_000)
t = 0.5
place, velocity = np.asarray((1 - t) * z + t * x), np.asarray(x - z)
edges = np.linspace(-2, 2, 41)
which = np.digitize(place, edges)
middles = (edges[1:] + edges[:-1]) / 2
binned = np.array([velocity[which == k].mean() if (which == k).sum() > 100 else np.nan for k in range(1, 41)])

# %% [markdown]
# For Gaussian modes the average can be written down. A line that passes through y at time t came from mode k with a
# probability that the bell curve of that mode at time t gives, and within a mode everything is Gaussian:


# %%
def exact_velocity(t, y):
    t, y = t[..., None], y[..., None]
    variance = (1 - t) ** 2 + (SPREAD * t) ** 2
    mode = jax.nn.softmax(jnp.log(WEIGHTS) - (y - t * MEANS) ** 2 / (2 * variance), axis=-1)
    of_mode = MEANS + (SPREAD**2 * t - (1 - t)) / variance * (y - t * MEANS)
    return jnp.sum(mode * of_mode, axis=-1)


curve = exact_velocity(jnp.full(40, t), jnp.asarray(middles))
figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
axis.plot(place[:3000], velocity[:3000], ".", ms=1, color="0.75", label="single lines")
axis.plot(middles, binned, "o", ms=4, label="average of the lines near a place")
axis.plot(middles, curve, color="black", label="closed form")
axis.set(xlabel="place at t = 0.5", ylabel="velocity")
axis.legend()
plt.show()
gap = float(np.nanmax(np.abs(binned - curve)))
print(f"largest gap between the averages and the closed form: {gap:.2f}")

# %% [markdown]
# ## A network learns the average
#
# Ask a network for the velocity of a *single* line, and punish the square of its error. It cannot know which line it
# is on. The best answer to a squared error is the average, and that is what it learns.

# %%
STEPS = 3000
WIDTH = 64


def init(key):
    shapes = [(2, WIDTH), (WIDTH, WIDTH), (WIDTH, WIDTH), (WIDTH, 1)]
    keys = jax.random.split(key, len(shapes))
    return [
        (jax.random.normal(k, shape) / jnp.sqrt(shape[0]), jnp.zeros((1, shape[1])))
        for k, shape in zip(keys, shapes, strict=True)
    ]


def network(params, t, y):
    h = jnp.stack([t, y], axis=-1)
    for w, b in params[:-1]:
        h = jax.nn.silu(h @ w + b)
    w, b = params[-1]
    return (h @ w + b)[:, 0]


def loss(params, key, size=512):
    k_pairs, k_time = jax.random.split(key)
    z, x = draw_pairs(k_pairs, size)
    t = jax.random.uniform(k_time, (size,))
    return jnp.mean((network(params, t, (1 - t) * z + t * x) - (x - z)) ** 2)


def train(seed):
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, STEPS))

    def step(carry, key):
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params, key)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), value

    params = init(jax.random.key(seed))
    keys = jax.random.split(jax.random.key(seed + 1), STEPS)
    (params, _), values = jax.jit(lambda carry: jax.lax.scan(step, carry, keys))((params, optimizer.init(params)))
    return params, values


params, values = train(0)
print(f"loss at the start {float(values[:20].mean()):.2f}, at the end {float(values[-200:].mean()):.2f}")

# %% [markdown]
# The loss does not go to zero, and it must not: what is left is the spread of the single lines around their average.
# A loss that stays high is no sign of failure here.
#
# ## Follow the velocity
#
# Start with noise and take N small steps along the velocity.


# %%
def follow(velocity, z, steps):
    y = z
    for k in range(steps):
        y = y + velocity(jnp.full_like(y, k / steps), y) / steps
    return y


z = jax.random.normal(jax.random.key(5), (20_000,))
truth = draw_data(jax.random.key(6), 20_000)
figure, axes = plt.subplots(1, 4, figsize=(12, 2.8), sharey=True, layout="constrained")
distance = {}
for axis, steps in zip(axes, (1, 4, 16, 64), strict=True):
    made = follow(lambda t, y: network(params, t, y), z, steps)
    axis.hist(truth, bins=120, range=(-3, 3), density=True, color="0.8")
    axis.hist(made, bins=120, range=(-3, 3), density=True, histtype="step", color="tab:red")
    # On a line the Wasserstein distance is the mean gap of sorted samples.
    distance[steps] = float(jnp.abs(jnp.sort(made) - jnp.sort(truth)).mean())
    axis.set_title(f"N = {steps}: distance {distance[steps]:.3f}")
axes[0].set_ylim(0, 2)
plt.show()

# %% [markdown]
# One step fails: at time 0 every line from a noise point leads to some data point, and their average points to the
# mean of all data. Everything lands there. With many steps the cloud arrives. Each step costs an evaluation of the
# network, and this is what flow maps save.
#
# ## Exercises
#
# 1. Compute the mean square of the single lines around the closed form, and compare it with the last loss.
# 2. Where does one step land, exactly?
# 3. Use the closed form in place of the network in `follow`. Is the distance at N = 4 the network's fault?
#
# ## Answers

# %%
z1, x1 = draw_pairs(jax.random.key(8), 400_000)
t1 = jax.random.uniform(jax.random.key(9), z1.shape)
floor = float(jnp.mean((exact_velocity(t1, (1 - t1) * z1 + t1 * x1) - (x1 - z1)) ** 2))
print(f"1. spread of the lines {floor:.3f}, last loss {float(values[-200:].mean()):.3f}")
print(f"2. at z + (mean of the data - z) = {float(WEIGHTS @ MEANS):.2f}, whatever z is")
exact_four = follow(exact_velocity, z, 4)
of_exact = float(jnp.abs(jnp.sort(exact_four) - jnp.sort(truth)).mean())
print(f"3. four steps along the exact velocity: {of_exact:.3f}; the steps are to blame, not the network")
