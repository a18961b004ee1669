# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 3. Three rules, fifteen lines each
#
# A flow map `X_{s,t}(x)` says where a point will be at time t if it is at x at time s. Nobody gives us pairs of start
# and end, so that a network cannot simply be shown the answers. Three rules take their place. Only the true map obeys
# them.
#
# | rule | in words |
# |---|---|
# | Lagrangian | let the target time grow a little: the end moves with the velocity at the end |
# | Eulerian | let the start move along the flow: the end stays where it is |
# | semigroup | one jump is two shorter ones |
#
# In this notebook you check the rules on a map that is known in closed form, you break it and see which rule notices,
# and you train a network by each of them.
#
# Time: about a minute on two CPU cores.

# %%
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

# %% [markdown]
# ## A map that we know
#
# The data are one Gaussian on a line, with mean 2 and standard deviation 0.5. Noise is standard normal. The path of
# one pair is straight: `I_t = (1 - t) z + t x`. The cloud of all pairs stays Gaussian. Its mean is `2 t` and its
# variance is `(1 - t)^2 + 0.25 t^2`. The flow keeps the place of each point within the cloud, counted in standard
# deviations:

# %%
MEAN, SPREAD = 2.0, 0.5


def spread(t):
    return jnp.sqrt((1 - t) ** 2 + (SPREAD * t) ** 2)


def exact_map(s, t, x):
    return MEAN * t + spread(t) / spread(s) * (x - MEAN * s)


def exact_velocity(t, x):
    growth = (SPREAD**2 * t - (1 - t)) / spread(t) ** 2
    return MEAN + growth * (x - MEAN * t)


z = np.random.default_rng(0).normal(size=20_000)
moved = exact_map(0.0, 1.0, z)
print(f"one jump from noise to data: mean {moved.mean():.3f}, standard deviation {moved.std():.3f}")

# %% [markdown]
# ## The three rules as residuals
#
# A residual is what is left when the two sides of a rule are subtracted. `jax.jvp` gives a derivative along a
# direction at about the price of one more evaluation.

# %%


def lagrangian(X, b, s, t, x):
    """d/dt X_{s,t}(x) - b_t(X_{s,t}(x))"""
    end, speed_of_end = jax.jvp(lambda t: X(s, t, x), (t,), (jnp.ones_like(t),))
    return speed_of_end - b(t, end)


def eulerian(X, b, s, t, x):
    """d/ds X_{s,t}(x) + dX_{s,t}(x)/dx b_s(x): the start moves along the flow"""
    return jax.jvp(lambda s, x: X(s, t, x), (s, x), (jnp.ones_like(s), b(s, x)))[1]


def semigroup(X, s, u, t, x):
    """X_{s,t}(x) - X_{u,t}(X_{s,u}(x))"""
    return X(s, t, x) - X(u, t, X(s, u, x))


def sizes(X):
    s, u, t, x = 0.2, 0.5, 0.9, jnp.linspace(-1.0, 2.0, 7)
    s, u, t = (jnp.full_like(x, time) for time in (s, u, t))
    found = lagrangian(X, exact_velocity, s, t, x), eulerian(X, exact_velocity, s, t, x), semigroup(X, s, u, t, x)
    return [float(jnp.abs(residual).max()) for residual in found]


print("exact map:", [f"{size:.1e}" for size in sizes(exact_map)])

# %% [markdown]
# All three are zero up to rounding. Now three maps that are wrong in different ways:

# %%
wrong = {
    "drifts to the right": lambda s, t, x: exact_map(s, t, x) + 0.1 * (t - s),
    "moves too far": lambda s, t, x: x + 1.1 * (exact_map(s, t, x) - x),
    "another flow": lambda s, t, x: x + (t - s) * MEAN,
}
for name, X in wrong.items():
    print(f"{name:20s}", [f"{size:.2f}" for size in sizes(X)])

# %% [markdown]
# Look at the last line. The map `x + 2 (t - s)` obeys the semigroup rule perfectly: two jumps of it are one. It is
# the map of *a* flow, and not of ours. The semigroup rule alone does not say whose map it is. Something must say what
# the velocity is, and that is the job of the diagonal `s = t`.
#
# ## A network of two times
#
# Write the map as `X_{s,t}(x) = x + (t - s) v(s, t, x)`. A jump of no length is then right by construction, and on
# the diagonal `v(t, t, x)` is the velocity. One small network gives v:

# %%
WIDTH = 64


def init(key):
    keys = jax.random.split(key, 4)
    shapes = [(3, WIDTH), (WIDTH, WIDTH), (WIDTH, WIDTH), (WIDTH, 1)]
    return [
        (jax.random.normal(k, shape) / jnp.sqrt(shape[0]), jnp.zeros((1, shape[1])))
        for k, shape in zip(keys, shapes, strict=True)
    ]


def average_velocity(params, s, t, x):
    h = jnp.stack([s, t, x], axis=-1)
    for w, b in params[:-1]:
        h = jax.nn.silu(h @ w + b)
    w, b = params[-1]
    return (h @ w + b)[:, 0]


def jump(params, s, t, x):
    return x + (t - s) * average_velocity(params, s, t, x)


# %% [markdown]
# ## Three losses
#
# The data now have two modes, so that the map is not a straight line. Each loss has two parts. The diagonal learns
# the velocity from pairs (this is flow matching). The rule carries it to long jumps. `stop` marks what is taken as a
# number and not trained: the velocity in the rule is a target.

# %%
stop = jax.lax.stop_gradient


def diagonal(params, batch):
    x = (1 - batch["u"]) * batch["z"] + batch["u"] * batch["data"]
    return average_velocity(params, batch["u"], batch["u"], x) - (batch["data"] - batch["z"])


def own_velocity(params):
    return lambda t, x: stop(average_velocity(stop(params), t, t, stop(x)))


def lagrangian_loss(params, batch):
    x = (1 - batch["s"]) * batch["z"] + batch["s"] * batch["data"]
    return lagrangian(partial(jump, params), own_velocity(params), batch["s"], batch["t"], x)


def eulerian_loss(params, batch):
    x = (1 - batch["s"]) * batch["z"] + batch["s"] * batch["data"]
    return eulerian(partial(jump, params), own_velocity(params), batch["s"], batch["t"], x)


def semigroup_loss(params, batch):
    x = (1 - batch["s"]) * batch["z"] + batch["s"] * batch["data"]
    s, t = batch["s"], batch["t"]
    middle = (s + t) / 2
    two_legs = stop(jump(params, middle, t, jump(params, s, middle, x)))
    # Average velocities are compared, so that a long jump does not outweigh the short ones.
    return (jump(params, s, t, x) - two_legs) / jnp.maximum(t - s, 1e-3)


# %% [markdown]
# ## Train and look

# %%
STEPS = 2000
RULES = {"Lagrangian": lagrangian_loss, "Eulerian": eulerian_loss, "semigroup": semigroup_loss}


def draw_data(key, shape):
    side, noise = jax.random.split(key)
    return jnp.where(jax.random.bernoulli(side, 0.3, shape), -1.5, 1.0) + 0.25 * jax.random.normal(noise, shape)


def draw(key, size=512):
    k_z, k_data, k_times, k_u = jax.random.split(key, 4)
    times = jnp.sort(jax.random.uniform(k_times, (2, size)), axis=0)
    return {
        "z": jax.random.normal(k_z, (size,)),
        "data": draw_data(k_data, (size,)),
        "s": times[0],
        "t": times[1],
        "u": jax.random.uniform(k_u, (size,)),
    }


def train(rule, seed=0):
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, STEPS))

    def loss(params, batch):
        return jnp.mean(diagonal(params, batch) ** 2) + jnp.mean(rule(params, batch) ** 2)

    def step(carry, key):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params, draw(key)), state)
        return (optax.apply_updates(params, updates), state), None

    params = init(jax.random.key(seed))
    keys = jax.random.split(jax.random.key(seed + 1), STEPS)
    return jax.jit(lambda carry: jax.lax.scan(step, carry, keys))((params, optimizer.init(params)))[0][0]


trained = {name: train(rule) for name, rule in RULES.items()}

# %% [markdown]
# One jump from noise to data, by each of the three:

# %%
z = jax.random.normal(jax.random.key(9), (20_000,))
truth = draw_data(jax.random.key(10), (20_000,))
figure, axes = plt.subplots(1, 3, figsize=(11, 3), sharey=True, layout="constrained")
distance = {}
for axis, (name, params) in zip(axes, trained.items(), strict=True):
    made = jump(params, jnp.zeros_like(z), jnp.ones_like(z), z)
    axis.hist(truth, bins=120, range=(-3, 3), density=True, color="0.8", label="data")
    axis.hist(made, bins=120, range=(-3, 3), density=True, histtype="step", color="tab:red", label="one jump")
    axis.set_title(name)
    # On a line the Wasserstein distance is the mean gap of sorted samples.
    distance[name] = float(jnp.abs(jnp.sort(made) - jnp.sort(truth)).mean())
axes[0].legend()
plt.show()
for name, value in distance.items():
    print(f"{name:12s} Wasserstein-1 distance to the data {value:.3f}")

# %% [markdown]
# Every rule turns the velocity on the diagonal into a map that jumps all the way. They differ in what they must
# differentiate, in where noise enters, and in how errors of short jumps reach the long ones. On this toy the
# differences are small. On the checkerboard of the next notebook they are not: [every method](../every_method.md)
# compares them on one budget.
#
# ## Exercises
#
# 1. **Which rule notices what?** Add a wrong map that obeys the Eulerian rule and breaks the Lagrangian one, with the
#    exact velocity. *Hint:* the end may be moved after the fact, by anything that does not depend on the start.
# 2. **Take the diagonal away.** Train the semigroup rule without `diagonal`. What map do you get, and why does it
#    obey the rule?
# 3. **Do not stop.** Remove `stop` around `two_legs`. Does the map get better or worse?
#
# ## Answers
#
# 1. `X(s, t, x) = f(t, exact_map(s, t, x))` for any f, such as `f = exact_map(s, t, x) + 0.3 * t`. Moving the start
#    along the flow leaves the exact end where it is, and so every function of it. The rule knows about starts, and it
#    needs `X_{s,s}(x) = x` to fix the end.


# %%
def moved_end(s, t, x):
    return exact_map(s, t, x) + 0.3 * t


print("moved end:", [f"{size:.2f}" for size in sizes(moved_end)])

# %% [markdown]
# 2. The network keeps whatever flow it started with, and with fresh weights that is nearly no motion at all. Two
#    jumps of no motion are one: the residual is zero, and nothing has been learned.
# 3. The gradient then also pulls the two short legs towards the long jump, which is the worse of the two. Compare the
#    distances: with `stop` the better side teaches the worse one.


# %%
def without_stop(params, batch):
    x = (1 - batch["s"]) * batch["z"] + batch["s"] * batch["data"]
    s, t = batch["s"], batch["t"]
    middle = (s + t) / 2
    two_legs = jump(params, middle, t, jump(params, s, middle, x))
    return (jump(params, s, t, x) - two_legs) / jnp.maximum(t - s, 1e-3)


not_stopped = train(without_stop)
made = jump(not_stopped, jnp.zeros_like(z), jnp.ones_like(z), z)
distance["not stopped"] = float(jnp.abs(jnp.sort(made) - jnp.sort(truth)).mean())
print(f"semigroup, not stopped: {distance['not stopped']:.3f}, stopped: {distance['semigroup']:.3f}")
