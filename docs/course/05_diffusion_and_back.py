# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 5. From diffusion to flow, and back
#
# Diffusion models came first, with other words: a random walk into noise, a network that predicts the noise, a walk
# back. Here you build one on the line of the first notebooks. Then you read the same network as a velocity, without
# training it again, and find that the deterministic sampler of diffusion (DDIM) *is* Euler's method along that
# velocity. At the end the flow gives what a generator usually cannot: the density of a point.
#
# Time: about half a minute on two CPU cores.

# %%
from itertools import pairwise

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from scipy.stats import norm

WEIGHTS, MEANS, SPREAD = jnp.array([0.3, 0.7]), jnp.array([-1.5, 1.0]), 0.25


def draw_data(key, size):
    side, noise = jax.random.split(key)
    return MEANS[jax.random.choice(side, 2, (size,), p=WEIGHTS)] + SPREAD * jax.random.normal(noise, (size,))


# %% [markdown]
# ## A walk into noise
#
# Shrink a data point a little, add a little noise, and repeat: `x <- sqrt(1 - beta) x + sqrt(beta) e`. After k steps
# all the small noises together are one Gaussian, so that no walk is needed to know where it ends: `x_k = a_k x +
# sqrt(1 - a_k^2) z`, where `a_k` is the product of the shrinkings.

# %%
LEVELS = 200
beta = jnp.linspace(1e-4, 0.06, LEVELS)
a = jnp.sqrt(jnp.cumprod(1 - beta))  # what is left of the data after 1, ..., 200 steps
sigma = jnp.sqrt(1 - a**2)  # the noise beside it


def walk(x, keys):
    def step(x, k_and_key):
        k, key = k_and_key
        return jnp.sqrt(1 - beta[k]) * x + jnp.sqrt(beta[k]) * jax.random.normal(key, x.shape), None

    return jax.lax.scan(step, x, (jnp.arange(len(keys)), keys))[0]


x = draw_data(jax.random.key(0), 50_000)
walked = walk(x, jax.random.split(jax.random.key(1), 60))
at_once = a[59] * x + sigma[59] * jax.random.normal(jax.random.key(2), x.shape)
print(f"60 steps:  mean {walked.mean():.3f}, standard deviation {walked.std():.3f}")
print(f"one Gaussian: {at_once.mean():.3f}, standard deviation {at_once.std():.3f}; left after all steps: {a[-1]:.3f}")

# %% [markdown]
# ## Predict the noise
#
# A network sees `x_k` and k and guesses the noise z that is in it. Squared error again, so that it learns the average
# noise.

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


def network(params, k, x):
    h = jnp.stack([k / LEVELS, x], axis=-1)
    for w, b in params[:-1]:
        h = jax.nn.silu(h @ w + b)
    w, b = params[-1]
    return (h @ w + b)[:, 0]


def loss(params, key, size=512):
    k_data, k_noise, k_level = jax.random.split(key, 3)
    x, z = draw_data(k_data, size), jax.random.normal(k_noise, (size,))
    k = jax.random.randint(k_level, (size,), 0, LEVELS)
    return jnp.mean((network(params, k, a[k] * x + sigma[k] * z) - z) ** 2)


def train(seed):
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, STEPS))

    def step(carry, key):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params, key), state)
        return (optax.apply_updates(params, updates), state), None

    params = init(jax.random.key(seed))
    keys = jax.random.split(jax.random.key(seed + 1), STEPS)
    return jax.jit(lambda carry: jax.lax.scan(step, carry, keys))((params, optimizer.init(params)))[0][0]


params = train(0)

# %% [markdown]
# ## Two ways back
#
# Guess the noise, and with it the data: `x0 = (x_k - sigma_k z) / a_k`. Then
#
# - **DDPM** steps to the level below with fresh noise: a random walk back;
# - **DDIM** steps there with the guessed noise: nothing is random after the start.


# %%
@jax.jit
def guess(params, k, x):
    z = network(params, jnp.full(x.shape, k), x)
    return (x - sigma[k] * z) / a[k], z


def ddpm(params, x, key):
    for k in range(LEVELS - 1, 0, -1):
        key, k_noise = jax.random.split(key)
        x0, z = guess(params, k, x)
        # The spread of x_{k-1} if both x_k and x0 are known.
        fresh = sigma[k - 1] / sigma[k] * jnp.sqrt(beta[k])
        x = a[k - 1] * x0 + jnp.sqrt(sigma[k - 1] ** 2 - fresh**2) * z + fresh * jax.random.normal(k_noise, x.shape)
    return guess(params, 0, x)[0]


def ddim(params, x, levels):
    for k, below in pairwise(levels):
        x0, z = guess(params, k, x)
        x = a[below] * x0 + sigma[below] * z
    return guess(params, levels[-1], x)[0]


start = jax.random.normal(jax.random.key(5), (20_000,))
truth = draw_data(jax.random.key(6), 20_000)
some = np.linspace(LEVELS - 1, 0, 20).astype(int)
samples = {
    f"DDPM, {LEVELS} steps": ddpm(params, start, jax.random.key(7)),
    "DDIM, 20 steps": ddim(params, start, some),
}
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharey=True, layout="constrained")
distance = {}
for axis, (name, made) in zip(axes, samples.items(), strict=True):
    axis.hist(truth, bins=120, range=(-3, 3), density=True, color="0.8")
    axis.hist(made, bins=120, range=(-3, 3), density=True, histtype="step", color="tab:red")
    distance[name] = float(jnp.abs(jnp.sort(made) - jnp.sort(truth)).mean())
    axis.set_title(f"{name}: distance {distance[name]:.3f}")
plt.show()

# %% [markdown]
# ## The same network as a velocity
#
# The walk lives on another path than our straight lines: it keeps `a^2 + sigma^2 = 1`, straight lines keep `t + (1 -
# t) = 1`. Divide by `a + sigma` and they are the same:
#
# `x_k / (a + sigma) = t x + (1 - t) z`, with `t = a / (a + sigma)`.
#
# And the velocity of a straight line is `x - z`: guessed data minus guessed noise. So a noise predictor is a velocity
# in other coordinates. Now take one DDIM step, and one step of Euler along that velocity:

# %%
k, below = 150, 120
t, t_below = a[k] / (a[k] + sigma[k]), a[below] / (a[below] + sigma[below])
y = start / (a[k] + sigma[k])
x0, z = guess(params, k, start)
euler = y + (t_below - t) * (x0 - z)
of_ddim = (a[below] * x0 + sigma[below] * z) / (a[below] + sigma[below])
same = float(jnp.abs(euler - of_ddim).max())
print(f"largest difference between Euler and DDIM: {same:.1e}")

# %% [markdown]
# They are equal up to rounding. Diffusion and flow matching train the same thing. They differ in the path, in which
# levels they draw, in how they weigh them, and in whether the way back is random. [The random
# walk](../random_walk.md) tells this story from the other end.
#
# ## What a flow knows about density
#
# As the cloud moves, it gets denser where the velocity converges: along the way of a point, `d log p / dt = - d b /
# dx`. Start at a data point, go back to the noise, collect this on the way, and add the log-density of the noise
# where you arrive. This is the log-likelihood of a *continuous normalizing flow*. With the closed form of the first
# notebook as the velocity:


# %%
def velocity(t, y):
    variance = (1 - t) ** 2 + (SPREAD * t) ** 2
    mode = jax.nn.softmax(jnp.log(WEIGHTS) - (y - t * MEANS) ** 2 / (2 * variance))
    return jnp.sum(mode * (MEANS + (SPREAD**2 * t - (1 - t)) / variance * (y - t * MEANS)))


def log_density(x, steps=500):
    def step(carry, k):
        y, gathered = carry
        t = 1 - (k + 0.5) / steps
        half = y - velocity(t + 0.5 / steps, y) * 0.5 / steps
        b, slope = jax.value_and_grad(velocity, argnums=1)(t, half)
        return (y - b / steps, gathered - slope / steps), None

    (noise, gathered), _ = jax.lax.scan(step, (x, 0.0), jnp.arange(steps))
    return jax.scipy.stats.norm.logpdf(noise) + gathered


points = jnp.linspace(-2.3, 1.8, 42)
by_flow = jax.jit(jax.vmap(log_density))(points)
exact = np.log(sum(float(w) * norm.pdf(points, float(m), SPREAD) for w, m in zip(WEIGHTS, MEANS, strict=True)))
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(points, exact, color="black", label="density of the data")
axis.plot(points, by_flow, "o", ms=4, label="by the flow")
axis.set(xlabel="x", ylabel="log p(x)")
axis.legend()
plt.show()
off = float(np.abs(by_flow - exact).max())
print(f"largest error of log p: {off:.3f}")

# %% [markdown]
# A *normalizing flow* of the older kind does the same in one go: an invertible network whose Jacobian is cheap. A
# flow map is such a thing without the constraint on the network: `X_{1,0}` goes back in one jump, and the logarithm
# of its derivative takes the place of the integral. [Likelihood](../likelihood.md) measures how good that is.
#
# ## Exercises
#
# 1. Write the score `d log p_k(x) / dx` with the noise predictor.
# 2. Sample with DDIM in 5 steps. Is it worse than 20? Why can no number of training steps mend it?
# 3. DDPM forgets its start. Show it: sample twice from one start with other keys, and once with DDIM twice.
#
# ## Answers

# %%
print("1. -z / sigma_k: the average noise points away from where the data are dense")
five = ddim(params, start, np.linspace(LEVELS - 1, 0, 5).astype(int))
of_five = float(jnp.abs(jnp.sort(five) - jnp.sort(truth)).mean())
print(f"2. distance {of_five:.3f}: the steps are too long for a velocity that turns. A flow map has no such error")
one, other = (ddpm(params, start[:2000], jax.random.key(seed)) for seed in (8, 9))
moved = float(jnp.corrcoef(one, other)[0, 1])
print(f"3. correlation of the two ends by DDPM {moved:.2f}; by DDIM it is 1")
