# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 6. Steering
#
# A model makes samples of all kinds, and you like some of them more. Here you write down what you like as a
# **reward**, say which law you therefore want, and try four ways to reach it without training anything: guidance,
# best of K, a draw among K, and weights. On the checkerboard the wanted law is known exactly, so that each of them
# can be measured.
#
# Time: about a minute on two CPU cores.

# %%
import functools

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr
from jax.scipy.stats import norm
import matplotlib.pyplot as plt
import numpy as np

# %% [markdown]
# ## The checkerboard, in closed form
#
# The data are the checkerboard of the fourth notebook. Nothing is trained here. A point of the path is `x_t = (1 -
# t) z + t x`. Seen from `x_t`, the datum x lies near `x_t / t`, with the spread `(1 - t) STD / t`, and on a square.
# Within a square the two coordinates are cut bell curves, whose mass and mean can be written down.

# %%
STD = 0.577  # of the data, and of the noise
LOW = jnp.arange(4) / 2 - 1  # left ends of the four columns, and lower ends of the four rows
BOARD = (jnp.arange(4)[:, None] + jnp.arange(4)[None]) % 2 == 0


def draw_data(key, size):
    column, row, inside = jax.random.split(key, 3)
    i = jax.random.randint(column, (size,), 0, 4)
    j = 2 * jax.random.randint(row, (size,), 0, 2) + i % 2
    return (jnp.stack([i, j], axis=-1) + jax.random.uniform(inside, (size, 2))) / 2 - 1


def on_board(x):
    i = jnp.floor(2 * (x + 1)).astype(int)
    return jnp.all((i >= 0) & (i < 4), axis=-1) & (i.sum(-1) % 2 == 0)


def log_masses(centre, spread):
    """Log-mass of a bell curve on each of the four intervals, for both coordinates: [n, 2, 4]."""
    a, b = (LOW - centre[..., None]) / spread, (LOW + 0.5 - centre[..., None]) / spread
    # On the right of the bell the left tail is used, where small masses have all their digits.
    a, b = jnp.where(a > 0, -b, a), jnp.where(a > 0, -a, b)
    return log_ndtr(b) + jnp.log1p(-jnp.exp(log_ndtr(a) - log_ndtr(b)))


def of_squares(mass):
    """From the intervals of both coordinates to the squares: [n, 4, 4]."""
    return jnp.where(BOARD, mass[:, 0, :, None] + mass[:, 1, None, :], -jnp.inf)


@jax.jit
def posterior_mean(t, x):
    # Before t = 0.02 the mean hardly depends on x, and rounding would take over.
    t = jnp.maximum(t, 0.02)
    centre, spread = x / t, (1 - t) * STD / t
    mass = log_masses(centre, spread)
    a, b = (LOW - centre[..., None]) / spread, (LOW + 0.5 - centre[..., None]) / spread
    cut = centre[..., None] + spread * (jnp.exp(norm.logpdf(a) - mass) - jnp.exp(norm.logpdf(b) - mass))
    share = jax.nn.softmax(of_squares(mass), axis=(1, 2))
    of_columns = jnp.stack([share.sum(2), share.sum(1)], axis=1)
    return jnp.sum(of_columns * jnp.clip(cut, LOW, LOW + 0.5), axis=-1)


def velocity(t, x):
    return (posterior_mean(t, x) - x) / (1 - t)


@functools.partial(jax.jit, static_argnames="steps")
def flow_map(s, t, x, steps=12):
    h = (t - s) / steps

    def step(y, k):
        half = y + h / 2 * velocity(s + k * h, y)
        return y + h * velocity(s + (k + 0.5) * h, half), None

    return jax.lax.scan(step, x, jnp.arange(steps))[0]


COUNT = 5000
noise = STD * jax.random.normal(jax.random.key(0), (COUNT, 2))
ends = flow_map(0.0, 1.0, noise)
print(f"on the board after one jump of the map: {float(on_board(ends).mean()):.1%}")

# %% [markdown]
# The map is made of twelve small steps here. A trained one, such as that of the fourth notebook, gives the end in
# one evaluation.
#
# ## A reward, and the law that we want
#
# The reward prefers the neighbourhood of one place, and that place is in the middle of a *white* square. So the
# best points are no data at all.
#
# The law that we want is not "the best point". It is the data with their probabilities changed: `p(x) e^{r(x)} /
# Z`, the **tilted law**. Its points are data, and good ones are more frequent. Since `r <= 0` here, it can be drawn
# exactly: draw data, and keep each with the probability `e^r`.

# %%
PLACE, WIDTH = jnp.array([0.75, 0.25]), 0.3


def reward(x):
    return -jnp.sum((x - PLACE) ** 2, axis=-1) / (2 * WIDTH**2)


@functools.cache
def draw_tilted(seed, strength=1.0):
    k_data, k_keep = jax.random.split(jax.random.key(seed))
    x = draw_data(k_data, 1_000_000)
    r = strength * reward(x)
    # Divided by its largest value, so that a strong reward still keeps some.
    keep = jnp.log(jax.random.uniform(k_keep, (len(x),))) < r - r.max()
    return np.asarray(x[keep][:COUNT])


def distance(samples, strength=1.0):
    """Wasserstein-1 distance to exact samples, averaged over 16 directions."""
    exact = draw_tilted(1, strength)
    angle = np.arange(16) * np.pi / 16
    lines = np.stack([np.cos(angle), np.sin(angle)])
    marks = np.linspace(0, 1, 1001)
    here, there = (np.quantile(np.asarray(x) @ lines, marks, axis=0) for x in (samples, exact))
    return float(np.abs(here - there).mean())


perfect = draw_tilted(2)
print(f"data {distance(draw_data(jax.random.key(2), COUNT)):.3f}, perfect samples {distance(perfect):.3f}")

# %% [markdown]
# On a line the Wasserstein distance is the mean gap of sorted samples. In the plane it is averaged over directions
# here. Even perfect samples are not at 0, since there are five thousand of them and no more.
#
# ## Where is this point heading?
#
# A reward knows data. To steer on the way one must judge a point `x_t` that is half noise, and therefore guess
# where it is heading. There are two cheap guesses:
#
# - the **posterior mean** `E[x | x_t] = x_t + (1 - t) velocity`, which every diffusion model has;
# - the **end of the flow map** `X_{t,1}(x_t)`, where the point does go if nothing is changed.

# %%
t = 0.45
z, x = STD * jax.random.normal(jax.random.key(3), (2000, 2)), draw_data(jax.random.key(4), 2000)
x_t = (1 - t) * z + t * x
pool = draw_data(jax.random.key(5), 20_000)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharex=True, sharey=True, layout="constrained")
means, ahead = posterior_mean(t, x_t), flow_map(t, 1.0, x_t)
between = np.flatnonzero(~np.asarray(on_board(means)))
for axis, one in zip(axes, (1, *between[:2]), strict=True):
    # Which data can have made this point: those that need a likely noise.
    needed = (x_t[one] - t * pool) / (1 - t)
    likely = jax.nn.softmax(-jnp.sum(needed**2, axis=-1) / (2 * STD**2))
    chosen = jax.random.choice(jax.random.key(6), len(pool), (800,), p=likely)
    axis.imshow(BOARD.T, extent=(-1, 1, -1, 1), origin="lower", cmap="Greys", alpha=0.25)
    axis.plot(*pool[chosen].T, ".", ms=2, color="0.4", label="what it may become")
    axis.plot(*x_t[one], "k+", ms=10, label="the point")
    axis.plot(*means[one], "o", color="tab:red", label="posterior mean")
    axis.plot(*ahead[one], "o", color="tab:blue", label="end of the map")
axes[0].legend(fontsize=7, loc="lower left")
plt.show()

heading = {}
for t in (0.2, 0.45, 0.7, 0.9):
    x_t = (1 - t) * z + t * x
    guesses = posterior_mean(t, x_t), flow_map(t, 1.0, x_t)
    heading[t] = [float(on_board(guess).mean()) for guess in guesses]
    print(f"t = {t}: on the board {heading[t][0]:.0%} of the means, {heading[t][1]:.0%} of the ends")

# %% [markdown]
# The mean is a blend of many squares. Half way, it lies between them as often as a dart thrown at the board. Its
# reward is the reward of something that does not exist. The end of the map is always a datum.
#
# ## Guidance
#
# Add the gradient of the guess's reward to the velocity, and walk: `dx = (velocity + gain grad r(guess)) dt`. The
# gain `STD^2 (1 - t) / t` turns a change of the log-density into a change of the velocity. For the map it is
# multiplied by t: its end is decided already at the noise, and the reward is let in little by little.
#
# Where the map tears the plane, the gradient of its end has no bound. A single push could throw a point out of the
# picture, and so pushes are cut to a length.

# %%
STEPS = 24
LONGEST = 10.0


@functools.partial(jax.jit, static_argnames=("value", "gain", "steps"))
def guided(value, gain, x, strength=1.0, steps=STEPS):
    def step(x, k):
        t = k / steps
        push = strength * jax.grad(lambda x: jnp.sum(value(t, x)))(x)
        length = jnp.linalg.norm(push, axis=-1, keepdims=True)
        push = push * jnp.minimum(1, LONGEST / length)
        return x + (velocity(t, x) + gain(t) * push) / steps, None

    return jax.lax.scan(step, x, jnp.arange(steps))[0]


def of_mean(t, x):
    return reward(posterior_mean(t, x))


def of_end(t, x):
    return reward(flow_map(t, 1.0, x))


def full(t):
    return STD**2 * (1 - t) / jnp.maximum(t, 1 / 25)


def by_degrees(t):
    return t * full(t)


# %% [markdown]
# ## Best of K, and a draw among K
#
# Make K samples and keep the one of the highest reward. Or draw one of them, with probabilities in proportion to
# `e^r`.


# %%
def candidates(count):
    z = STD * jax.random.normal(jax.random.key(7), (count * COUNT, 2))
    return flow_map(0.0, 1.0, z).reshape(count, COUNT, 2)


def best_of(x, strength=1.0):
    return x[jnp.argmax(strength * reward(x), axis=0), jnp.arange(COUNT)]


def drawn_of(x, strength=1.0):
    return x[jax.random.categorical(jax.random.key(8), strength * reward(x), axis=0), jnp.arange(COUNT)]


# %% [markdown]
# ## Weigh and resample
#
# Make all samples first, and give each the weight `e^r`. Then draw the samples again by their weights. This is
# right for any reward, if there are enough samples. The **effective share** `(sum w)^2 / (n sum w^2)` says how many
# of them count.


# %%
def weighted(x, strength=1.0):
    w = jax.nn.softmax(strength * reward(x))
    share = float(1 / (len(w) * jnp.sum(w**2)))
    return x[jax.random.choice(jax.random.key(9), len(x), (COUNT,), p=w)], share


sixteen = candidates(16)
resampled, share = weighted(ends)
found = {
    "not steered": (ends, 1),
    "guidance, posterior mean": (guided(of_mean, full, noise), 4 * STEPS),
    "guidance, map": (guided(of_end, by_degrees, noise), 4 * STEPS),
    "best of 16": (best_of(sixteen), 16),
    "drawn of 16": (drawn_of(sixteen), 16),
    "weights": (resampled, 1),
    "perfect samples": (perfect, None),
}

# %% [markdown]
# ## What each reaches
#
# Evaluations are counted for a trained map: a gradient costs three.

# %%
figure, axes = plt.subplots(1, 7, figsize=(15, 2.7), sharex=True, sharey=True, layout="constrained")
table = {}
print(f"{'':26s}{'evaluations':>12s}{'reward':>9s}{'on the board':>14s}{'distance':>10s}")
for axis, (name, (samples, cost)) in zip(axes, found.items(), strict=True):
    table[name] = float(jnp.mean(reward(samples))), float(jnp.mean(on_board(samples))), distance(samples)
    value, on, off = table[name]
    print(f"{name:26s}{'-' if cost is None else cost:>12}{value:9.2f}{on:14.1%}{off:10.3f}")
    axis.hist2d(*np.asarray(samples).T, bins=60, range=[[-1.25, 1.25]] * 2, cmap="magma")
    axis.set_title(f"{name}\n{off:.3f}", fontsize=8)
    axis.set_aspect("equal")
plt.show()
print(f"effective share of the weights: {share:.1%}")

# %% [markdown]
# Read the columns against each other. Three methods have *more* reward than perfect samples, and that is no virtue:
# they have left the law that we want.
#
# - **Guidance is not the tilted law.** It pushes each point on its own towards a better place. With the posterior
#   mean many points end between the squares, since the guess was there. With the map they stay on the board, and
#   are half as far from the law. That is still far: the end of one path is not all that a point may become.
# - **Best of K** crowds where the board comes nearest to the place. From some K on, more candidates lead away from
#   the law (second exercise).
# - **A draw among K, and weights** ask the right question. They are limited by what the map makes at all.
#
# ## Too strong a reward
#
# Multiply the reward. The wanted law becomes narrow:

# %%
strong = {}
for strength in (1.0, 4.0, 16.0):
    resampled, counted = weighted(ends, strength)
    strong[strength] = {
        "effective share": counted,
        "weights": distance(resampled, strength),
        "drawn of 16": distance(drawn_of(sixteen, strength), strength),
        "guidance, map": distance(guided(of_end, by_degrees, noise, strength), strength),
        "perfect samples": distance(draw_tilted(2, strength), strength),
    }
    print(f"reward x {strength:4.0f}: " + ", ".join(f"{name} {value:.3f}" for name, value in strong[strength].items()))

# %% [markdown]
# The share of samples that count shrinks: of five thousand, fewer than a hundred are left at the end. A draw among
# sixteen fails before that, because none of the sixteen is good. Guidance needs no luck, and stays wrong by more
# than ten times what perfect samples have.
#
# What combines both moves weighted points along the flow, lets them drift towards the reward, and resamples on the
# way: [steering](../steering.md) derives it and measures it on the same board. Training a map towards a reward aims
# at yet another law: [reward-based learning](../reward_learning.md).
#
# ## Exercises
#
# 1. Follow a point along the flow from t = 0.1 to 0.9 and write down the reward of both guesses. Which one is
#    constant?
# 2. Best of K for K = 1, 2, 4, 8, 16. Which K comes closest to the tilted law? Is it the one of the highest reward?
# 3. Guidance is exact with the right value, `V_t(x) = log E[e^r | x_t = x]`, and the full gain. Here V is known: a
#    bell times a bell is a bell. Compute it and put it into `guided`.
#
# ## Answers

# %%
times = (0.1, 0.3, 0.5, 0.7, 0.9)
on_the_way = [flow_map(0.0, t, noise[:1000], steps=40) for t in times]
of_guess = {
    "mean": [reward(posterior_mean(t, x)) for t, x in zip(times, on_the_way, strict=True)],
    "end": [reward(flow_map(t, 1.0, x, steps=40)) for t, x in zip(times, on_the_way, strict=True)],
}
change = {name: float(jnp.median(jnp.abs(rewards[-1] - rewards[0]))) for name, rewards in of_guess.items()}
print(
    f"1. median change of the reward on the way: of the mean {change['mean']:.2f}, of the map's end {change['end']:.2f}"
)

of_k = {k: distance(best_of(sixteen[:k])) for k in (1, 2, 4, 8, 16)}
print("2. distance by K: " + ", ".join(f"{k}: {off:.3f}" for k, off in of_k.items()))


# %%
def log_mean(t, x, tilt):
    """log of the mass of the data seen from x, each multiplied by e^r if tilt is 1."""
    t = jnp.maximum(t, 0.02)
    centre, spread = x / t, (1 - t) * STD / t
    precision = 1 / spread**2 + tilt / WIDTH**2
    middle = (centre / spread**2 + tilt * PLACE / WIDTH**2) / precision
    apart = jnp.sum((centre - PLACE) ** 2, axis=-1) / (2 * (spread**2 + WIDTH**2))
    scale = -tilt * apart - jnp.log(spread**2 * precision)
    return scale + jax.nn.logsumexp(of_squares(log_masses(middle, precision**-0.5)), axis=(1, 2))


def exact_value(t, x):
    return log_mean(t, x, 1.0) - log_mean(t, x, 0.0)


by_value = guided(exact_value, full, noise, steps=4 * STEPS)
exact = distance(by_value)
print(f"3. guidance by V: distance {exact:.3f}, perfect samples {table['perfect samples'][2]:.3f}")
