"""Methods once more, each by the formula of its own paper, in the paper's variables and direction of time.

``library`` is what the term of a method minimizes: residual, metric, weight and likelihood. ``paper`` writes it again
from the publication, with three sets of weights: those that are trained, the same ones where they are stopped, and
those of an average or of the last stage. Values agree, and so does the gradient with the central difference of
``paper`` in the first set. A loss that is published as a dot product has no value of its own, and then the gradient
alone is compared.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.flow_map_model import OUTPUTS
from objectives.build import OBJECTIVES
from objectives.objective import Batch, Maps
from taxonomy import flow_map
from taxonomy.catalogue import CATALOGUE
from taxonomy.catalogue.method import OURS, OURS_SWAPPED_LETTERS
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times
from tests.helpers import directional, inner, tiny, tiny_params
from tests.objectives.cases_shared import denoiser_of_level, derivative, level, network_of_level, one, square, teacher

pytestmark = pytest.mark.usefixtures("x64")

# These are recomputed in their own variables in test_contract.py and its cases.
ELSEWHERE = {"mean_flow", "pid", "boot", "ctm", "ucgm", "progressive_distillation"}


class Weights(NamedTuple):
    live: dict
    held: dict
    other: dict


class Example(NamedTuple):
    noise: jax.Array
    data: jax.Array
    s: jax.Array
    u: jax.Array
    t: jax.Array
    fresh: jax.Array
    pool: jax.Array


def example(s=(0.1, 0.2, 0.35, 0.3, 0.45), u=(0.3, 0.55, 0.4, 0.75, 0.6), t=(0.6, 0.8, 0.7, 0.9, 0.95)):
    noise, data, fresh, pool = jax.random.normal(jax.random.key(3), (4, 5, 2))
    s, u, t = (jnp.zeros(5) + jnp.array(time) for time in (s, u, t))
    return Example(noise, data, s, u, t, fresh, pool[:3])


def column(t):
    return t[:, None]


def dot(a, b):
    return (a * b).sum(axis=1)


def log_variance(s, t):
    return 0.3 * s - 0.2 * t


def auxiliary(t, x):
    return jnp.cos(x - column(t))


# Noise at time 1: z_t = (1 - t) data + t noise, velocity noise - data, u(z, r, t) the average velocity from t to r < t.


def reversed_times(e):
    """The source t, the time in between and the target r."""
    return 1 - e.s, 1 - e.u, 1 - e.t


def path(e, t):
    return column(1 - t) * e.data + column(t) * e.noise


def average(params, z, r, t):
    return -tiny(params)(1 - t, 1 - r, z)


def flow(params, z, t, r):
    """The solution function f(z, t, r) = z + (r - t) F(z, t, r)."""
    return z + column(r - t) * average(params, z, r, t)


def teacher_at(z, t):
    return -teacher(1 - t, z)


def solved(z, t, r, steps):
    """The teacher's equation from t to r, by midpoint steps."""
    step = (r - t) / steps
    for k in range(steps):
        now = t + k * step
        z = z + column(step) * teacher_at(z + column(step) / 2 * teacher_at(z, now), now + step / 2)
    return z


def du_dt(params, z, r, t, tangent):
    return derivative(lambda z, t: average(params, z, r, t), (z, tangent), (t, one(t)))


def adaptive(residual, w, *, power=1.0, offset=0.01):
    return square(residual(w.live)) / (square(residual(w.held)) + offset) ** power


def alpha_flow_residual(w, e):
    # |u(z_t, r, t) - sg[ alpha v + (1 - alpha) u(z_s, r, s) ]|^2, s = alpha r + (1 - alpha) t, z_s = z_t - (t - s) v.
    t, s, r = reversed_times(e)
    alpha, velocity, z = column((t - s) / (t - r)), e.noise - e.data, path(e, t)
    target = alpha * velocity + (1 - alpha) * average(w.held, z - column(t - s) * velocity, r, s)
    return (lambda params: average(params, z, r, t) - target), alpha[:, 0]


def alpha_flow(w, e):
    residual, alpha = alpha_flow_residual(w, e)
    return square(residual(w.live)) / alpha


def alpha_flow_adaptive(w, e):
    # The published weight is alpha / (|r|^2 + c), so that alpha cancels.
    residual, alpha = alpha_flow_residual(w, e)
    return alpha * adaptive(residual, w) / alpha


def so_flow(w, e):
    # The gradient of |f(x_t, t, s) - sg[f(x_l, l, s)]|^2 / 2 over (t - l) (t - s), as a dot product with F, and with
    # the weight of q, the difference of the solution functions over t - l.
    t, middle, s = reversed_times(e)
    x = path(e, t)
    near = x + column(middle - t) * (e.noise - e.data)
    q = (flow(w.held, x, t, s) - flow(w.held, near, middle, s)) / column(t - middle)
    return -dot(average(w.live, x, s, t), q) / (square(q) + 0.01)


def tim(w, e):
    # v - (t - r) dF/dt, the derivative as a central difference along the sample's own path.
    t, _, r = reversed_times(e)
    h = 0.005
    dF = (average(w.held, path(e, t + h), r, t + h) - average(w.held, path(e, t - h), r, t - h)) / (2 * h)
    return square(average(w.live, path(e, t), r, t) - (e.noise - e.data - column(t - r) * dF))


def ayf_lmd(w, e):
    # w' sign(s - t) f . sg[df/ds - v(f, s)], source t, target s < t. The method's weight, its gap, is
    # w' = 1 but for the factor 2 of a square.
    t, _, s = reversed_times(e)
    x = path(e, t)
    reached = flow(w.held, x, t, s)
    residual = derivative(lambda s: flow(w.held, x, t, s), (s, one(s))) - teacher_at(reached, s)
    return 2 * jnp.sign(s - t) * dot(flow(w.live, x, t, s), residual)


def ayf_emd(w, e):
    # w' sign(t - s) f . sg[df/dt], w' = |t - s|, with df/dt = v - F + 0.99 (s - t) dF/dt after the warm-up, normalized.
    t, _, s = reversed_times(e)
    x = path(e, t)
    velocity = teacher_at(x, t)
    df = velocity - average(w.held, x, s, t) + 0.99 * column(s - t) * du_dt(w.held, x, s, t, velocity)
    df = df / (column(square(df) ** 0.5) + 0.1)
    return 2 * jnp.abs(t - s) * jnp.sign(t - s) * dot(flow(w.live, x, t, s), df)


def tvm(w, e):
    # The displacement f = (s - t) F(x, t, s): |df/ds - sg[u'(x + f, s)]|^2, u' = F'(x, s, s) with averaged weights.
    t, _, s = reversed_times(e)
    x = path(e, t)
    terminal = derivative(lambda s: column(s - t) * average(w.live, x, s, t), (s, one(s)))
    return square(terminal - average(w.other, x + column(s - t) * average(w.held, x, s, t), s, s))


def compound(w, e, u):
    # V = u + (t - r) sg[du/dt] against noise - data, the derivative along the predicted velocity u(z, t, t).
    t, _, r = reversed_times(e)
    z = path(e, t)
    tangent = u(w.held, z, t, t)
    slope = derivative(lambda z, t: u(w.held, z, r, t), (z, tangent), (t, one(t)))
    return adaptive(lambda params: u(params, z, r, t) + column(t - r) * slope - (e.noise - e.data), w)


def improved_mean_flow(w, e):
    return compound(w, e, average)


def pixel_mean_flow(w, e):
    # The network predicts clean data, u = (z - x) / t.
    return compound(w, e, lambda params, z, r, t: (z - tiny(params)(1 - t, 1 - r, z)) / column(t))


def mean_flow_residual(w, e, velocity):
    t, _, r = reversed_times(e)
    z = path(e, t)
    target = velocity - column(t - r) * du_dt(w.held, z, r, t, velocity)
    return lambda params: average(params, z, r, t) - target


def decoupled_mean_flow(w, e):
    # log(exp(-c) mse + 0.01) + c with a mean over the D = 2 coordinates: c is our log-variance less log D.
    t, _, r = reversed_times(e)
    c = log_variance(1 - t, 1 - r) - jnp.log(2.0)
    mse = square(mean_flow_residual(w, e, e.noise - e.data)(w.live)) / 2
    return jnp.log(jnp.exp(-c) * mse + 0.01) + c + jnp.log(2.0)


def rectified_mean_flow(w, e):
    # The data of a pair is where the teacher takes its noise, from time 1 to 0.
    pair = e._replace(data=solved(e.noise, one(e.s), 0 * e.s, 2))
    return adaptive(mean_flow_residual(w, pair, pair.noise - pair.data), w, power=0.5)


def esc(w, e):
    # sum_j softmax_j( log N(z_t; (1 - t) x_j, t^2) ) (eps_j - x_j), eps_j = (z_t - (1 - t) x_j) / t.
    t = 1 - e.s
    z, logits, velocities = path(e, t), [], []
    for x in (e.data, *e.pool[:, None]):
        eps = (z - column(1 - t) * x) / column(t)
        logits.append(-square(z - column(1 - t) * x) / (2 * t**2))
        velocities.append(eps - x)
    p = jnp.exp(jnp.stack(logits))
    velocity = ((p / p.sum(axis=0, keepdims=True))[..., None] * jnp.stack(velocities)).sum(axis=0)
    # The adaptive weight, and a learned variance on top of it.
    learned = log_variance(e.s, e.t)
    return jnp.exp(-learned) * adaptive(mean_flow_residual(w, e, velocity), w, offset=0.001) + learned


def split_mean_flow(w, e):
    # (1 - l) u(z_s, r, s) + l u(z_t, s, t) with s = (1 - l) t + l r, z_s = z_t - (t - s) u(z_t, s, t).
    t, s, r = reversed_times(e)
    z, share = path(e, t), column((t - s) / (t - r))
    second = average(w.held, z, s, t)
    first = average(w.held, z - column(t - s) * second, r, s)
    return square(average(w.live, z, r, t) - (1 - share) * first - share * second)


def split_mean_flow_boundary(w, e):
    t = 1 - e.t
    z = path(e, 1 - e.s)
    return square(average(w.live, z, t, t) - teacher_at(z, t))


def free_flow(w, e):
    # y = z - (1 - r) u(z, r, 1) obeys dy/dr = v(y, r): u = v(y, r) + (1 - r) du/dr, du/dr as a central difference.
    r, h, noise_time = 1 - e.t, 0.005, one(e.t)
    slope = average(w.held, e.noise, r + h, noise_time) - average(w.held, e.noise, r - h, noise_time)
    velocity = teacher_at(flow(w.held, e.noise, noise_time, r), r)
    return square(average(w.live, e.noise, r, noise_time) - velocity - column(1 - r) * slope / (2 * h))


def free_flow_correction(w, e):
    # x . sg[score of the generated law - score of the teacher's] at a noised copy, in a positive weight of the time:
    # the score at velocity v is -(x + (1 - r) v) / r.
    r = 1 - e.u
    x = flow(w.live, e.noise, one(r), 0 * r)
    noised = path(e._replace(data=flow(w.held, e.noise, one(r), 0 * r), noise=e.fresh), r)

    def score(velocity):
        return -(noised + column(1 - r) * velocity) / column(r)

    weight = 0.2 * r**3 / (1 - r)
    return weight * dot(x, score(-auxiliary(1 - r, noised)) - score(teacher_at(noised, r)))


def cmt(w, e):
    # The average velocity between two points of a teacher's trajectory that starts at the noise, with two times.
    t, _, r = reversed_times(e)
    start = solved(e.noise, one(t), t, 2)
    return square(average(w.live, start, r, t) - (start - solved(start, t, r, 2)) / column(t - r))


def euler_mean_flow(w, e):
    # Same direction as here: X_{s,t}(I_s) = X_{u,t}(I_s + (u - s) dI), over the lengths of the leg and of the jump.
    x, velocity = path(e, 1 - e.s), e.data - e.noise
    far = flow_map.jump(tiny(w.held), e.u, e.t, x + column(e.u - e.s) * velocity)
    return square(flow_map.jump(tiny(w.live), e.s, e.t, x) - far) / ((e.u - e.s) * (e.t - e.s))


def imm(w, e):
    # Source t, target s, r between. DDIM to s from the mean denoiser g; the Laplace kernel of scale |c_out| = t - s.
    t, r, s = reversed_times(e)

    def ddim(params, x, t):
        g = x - column(t) * average(params, x, s, t)
        alpha_t, sigma_t, alpha_s, sigma_s = (column(c) for c in (1 - t, t, 1 - s, s))
        return (alpha_s - sigma_s / sigma_t * alpha_t) * g + sigma_s / sigma_t * x

    x, y = ddim(w.live, path(e, t), t), ddim(w.held, path(e, r), r)

    def kernel(a, b):
        return jnp.exp(-jnp.sqrt(((a - b) ** 2).mean()) / (t - s)[0]) if a is not b else 1.0

    x, y = list(x), list(y)
    pairs = [(j, k) for j in range(5) for k in range(5)]
    total = sum(kernel(x[j], x[k]) + kernel(y[j], y[k]) - 2 * kernel(x[j], y[k]) for j, k in pairs)
    return jnp.full(5, total / 25)


# Noise levels: x_sigma = data + sigma noise. D is the teacher's denoiser; F sees x_sigma / sqrt(sigma^2 + 1).


def noisy(e, t):
    return e.data + level(t) * e.noise


def consistency_function(params, x, sigma):
    """f = c_skip x + c_out F, with data of unit standard deviation."""
    F = -tiny(params)(1 / (1 + sigma[:, 0]), one(sigma[:, 0]), x / jnp.sqrt(sigma**2 + 1))
    return x / (sigma**2 + 1) + sigma / jnp.sqrt(sigma**2 + 1) * F


def teacher_step(x, sigma, sigma_next):
    """The midpoint step of the method, whose middle is that of our times: x_u / u = (s x + (u - s) (D - eps)) / u."""
    s, u = 1 / (1 + sigma), 1 / (1 + sigma_next)
    middle = 2 / (s + u) - 1
    y = x + (middle - sigma) * (x - denoiser_of_level(teacher, x, sigma)) / sigma
    D = denoiser_of_level(teacher, y, middle)
    return (s * x + (u - s) * (D - (y - D) / middle)) / u


def heun_step(x, sigma, sigma_next):
    """The step of the paper for dx/dsigma = (x - D(x, sigma)) / sigma."""
    slope = (x - denoiser_of_level(teacher, x, sigma)) / sigma
    y = x + (sigma_next - sigma) * slope
    return x + (sigma_next - sigma) * (slope + (y - denoiser_of_level(teacher, y, sigma_next)) / sigma_next) / 2


def ct(w, e):
    here = consistency_function(w.live, noisy(e, e.s), level(e.s))
    return square(here - consistency_function(w.other, noisy(e, e.u), level(e.u)))


def cd(w, e):
    x = noisy(e, e.s)
    near = teacher_step(x, level(e.s), level(e.u))
    return square(consistency_function(w.live, x, level(e.s)) - consistency_function(w.other, near, level(e.u)))


def pseudo_huber(squared, c):
    return jnp.sqrt(squared + c**2) - c


def improved(w, e, *, scale, target=consistency_function):
    # d(f(x_n+1, sigma_n+1), sg[f(x_n, sigma_n)]) / (sigma_n+1 - sigma_n), d = sqrt(|.|^2 + c^2) - c.
    far, near = level(e.s), level(e.u)
    distance = square(consistency_function(w.live, noisy(e, e.s), far) - target(w.held, noisy(e, e.u), near))
    return pseudo_huber(distance, scale) / (far - near)[:, 0]


def ict(w, e):
    return improved(w, e, scale=0.03)


def ect(w, e):
    return improved(w, e, scale=0.001)


def tcm(w, e):
    # Below the threshold, sigma = 1, the first stage's model makes the target.
    def truncated(params, x, sigma):
        current, frozen = (consistency_function(weights, x, sigma) for weights in (params, w.other))
        return jnp.where(sigma >= 1, current, frozen)

    return improved(w, e, scale=0.03, target=truncated)


def tcm_boundary(w, e):
    x, sigma = noisy(e, e.s), level(e.s)
    return pseudo_huber(square(consistency_function(w.live, x, sigma) - consistency_function(w.other, x, sigma)), 0.03)


def continuous(w, e, slope):
    # 2 lambda f . sg[df/dsigma]; a uniform weight in our time is lambda = (1 + sigma)^2, from dsigma/ds.
    x, sigma = noisy(e, e.s), 1 / e.s - 1

    def f(params, x, sigma):
        return network_of_level(params, x, column(sigma), 0 * column(sigma))

    df = derivative(lambda x, sigma: f(w.held, x, sigma), (x, slope(x, column(sigma))), (sigma, one(sigma)))
    return 2 * (1 + sigma) ** 2 * dot(f(w.live, x, sigma), df)


def ct_continuous(w, e):
    return continuous(w, e, lambda x, sigma: e.noise)


def cd_continuous(w, e):
    return continuous(w, e, lambda x, sigma: (x - denoiser_of_level(teacher, x, sigma)) / sigma)


# TrigFlow: x = cos(tau) data + sin(tau) noise, f = cos(tau) x - sin(tau) F(x, tau).


def simplified(w, e, velocity):
    # exp(w) / (D tan(tau)) |F - sg[F] - g / (|g| + 0.1)|^2 - w, w the log-precision of a mean over D = 2 coordinates.
    tau = jnp.arctan((1 - e.s) / e.s)
    cos, sin = column(jnp.cos(tau)), column(jnp.sin(tau))
    x = cos * e.data + sin * e.noise

    def F(params, x, tau):
        return tiny(params)(1 / (1 + jnp.tan(tau)), one(tau), x)

    dx = velocity(x, cos, sin)
    dF = derivative(lambda x, tau: F(w.held, x, tau), (x, dx), (tau, one(tau)))
    g = -(cos**2) * (F(w.held, x, tau) - dx) - cos * sin * (x + dF)
    g = g / (column(square(g) ** 0.5) + 0.1)
    log_precision = jnp.log(2.0) - log_variance(e.s, e.t)
    loss = square(F(w.live, x, tau) - F(w.held, x, tau) - g) / jnp.tan(tau)
    return jnp.exp(log_precision) / 2 * loss - log_precision + jnp.log(2.0)


def sct(w, e):
    return simplified(w, e, lambda x, cos, sin: cos * e.noise - sin * e.data)


def scd(w, e):
    # The teacher's F = cos(tau) eps - sin(tau) D, from its denoiser.
    def of_teacher(x, cos, sin):
        D = denoiser_of_level(teacher, x / cos, sin / cos)
        return cos * (x - cos * D) / sin - sin * D

    return simplified(w, e, of_teacher)


# x = alpha data + sigma noise on the circle. A jump to the end of the segment is a step of DDIM; lengths there are in
# units of alpha + sigma.


def signal_and_noise(t):
    norm = jnp.sqrt(t**2 + (1 - t) ** 2)
    return column(t / norm), column((1 - t) / norm)


def ddim_to_end(params, x, t, end):
    (alpha, sigma), (alpha_end, sigma_end) = signal_and_noise(t), signal_and_noise(end)
    D = network_of_level(params, x / alpha, sigma / alpha, sigma_end / alpha_end)
    eps = (x - alpha * D) / sigma
    return (alpha_end * D + sigma_end * eps) / (alpha_end + sigma_end)


def multistep_cm(w, e):
    here, there = (signal_and_noise(t)[0] * noisy(e, t) for t in (e.s, e.u))
    return square(ddim_to_end(w.live, here, e.s, e.t) - ddim_to_end(w.held, there, e.u, e.t)) / (e.u - e.s)


def phased_cm(w, e):
    # The neighbour is one step of the teacher away, and averaged weights make the target.
    x, (alpha, _), (alpha_near, _) = noisy(e, e.s), signal_and_noise(e.s), signal_and_noise(e.u)
    near = alpha_near * teacher_step(x, level(e.s), level(e.u))
    distance = square(ddim_to_end(w.live, alpha * x, e.s, e.t) - ddim_to_end(w.other, near, e.u, e.t))
    return pseudo_huber(distance, 0.03) / (e.u - e.s)


class Case(NamedTuple):
    method: str
    paper: object  # (Weights, Example) -> [5]
    term: str = ""  # the last one if empty
    options: dict = {}
    times: dict = {}
    product: bool = False  # published as a dot product: its gradient alone is compared


TO_DATA = {"u": (0.3, 0.55, 0.4, 1.0, 0.6), "t": 1.0}  # one neighbour is the data itself
FROM_NOISE = {"s": 0.0}
GENERATED = {"s": 0.0, "t": 1.0}
CASES = {
    "alpha_flow": Case("alpha_flow", alpha_flow, options={"schedule": "constant", "adaptive_power": 0.0}),
    "alpha_flow, adaptive": Case("alpha_flow", alpha_flow_adaptive, options={"schedule": "constant"}),
    "so_flow": Case("so_flow", so_flow, product=True),
    "tim": Case("tim", tim),
    "ayf_lmd": Case("ayf_lmd", ayf_lmd, product=True),
    "ayf_emd": Case("ayf_emd", ayf_emd, product=True),
    "tvm": Case("tvm", tvm),
    "improved_mean_flow": Case("improved_mean_flow", improved_mean_flow),
    "pixel_mean_flow": Case("pixel_mean_flow", pixel_mean_flow),
    "decoupled_mean_flow": Case("decoupled_mean_flow", decoupled_mean_flow),
    "rectified_mean_flow": Case("rectified_mean_flow", rectified_mean_flow, options={"teacher_steps": 2}),
    "esc": Case("esc", esc, term="plug_in"),
    "split_mean_flow": Case("split_mean_flow", split_mean_flow),
    "split_mean_flow, boundary": Case(
        "split_mean_flow", split_mean_flow_boundary, term="diagonal", times={"u": 0.6, "s": 0.6, "t": 0.6}
    ),
    "free_flow": Case("free_flow", free_flow, term="lagrangian", times=FROM_NOISE),
    "free_flow, correction": Case("free_flow", free_flow_correction, term="correction", times=GENERATED, product=True),
    "cmt": Case("cmt", cmt, options={"teacher_steps": 2}),
    "euler_mean_flow": Case("euler_mean_flow", euler_mean_flow),
    "imm": Case("imm", imm, options={"group": 5}, times={"s": 0.2, "u": 0.3, "t": 0.7}),
    "ct": Case("ct", ct, times=TO_DATA),
    "cd": Case("cd", cd, times={"t": 1.0}),
    "ict": Case("ict", ict, times=TO_DATA),
    "ect": Case("ect", ect, times=TO_DATA),
    "tcm": Case("tcm", tcm, term="consistency", times=TO_DATA),
    "tcm, boundary": Case("tcm", tcm_boundary, term="boundary", times={"s": 0.5, "u": 0.5, "t": 1.0}),
    "ct_continuous": Case("ct_continuous", ct_continuous, times={"t": 1.0}, product=True),
    "cd_continuous": Case("cd_continuous", cd_continuous, times={"t": 1.0}, product=True),
    "sct": Case("sct", sct, times={"t": 1.0}),
    "scd": Case("scd", scd, times={"t": 1.0}),
    "multistep_cm": Case("multistep_cm", multistep_cm),
    "phased_cm": Case("phased_cm", phased_cm),
}


def library(case, e, other):
    """What the term minimizes, as a function of the weights that are trained."""
    method = OBJECTIVES[case.method](**case.options)
    term = next(term for term in method.terms[::-1] if case.term in ("", term.name))
    output, times = OUTPUTS[method.output], Times(e.s, e.u, e.t)
    batch = Batch(e.noise, e.data, times, fresh=e.fresh, pool=e.pool)

    def model(params):
        return lambda s, t, x: output.velocity(tiny(params)(s, t, output.scaled(s, x)), s, x)

    def minimized(params):
        target = params if method.target_decay is None else other
        maps = Maps(model(params), model(target), teacher, model(other), auxiliary, log_variance)
        loss = term.loss(maps, LINEAR, batch)
        value = term.weight(times, loss) * term.metric(loss)
        return term.likelihood(value, log_variance=log_variance(e.s, e.t)) if term.likelihood else value

    return minimized


@pytest.mark.parametrize("name", CASES)
def test_a_method_is_the_formula_of_its_paper(name):
    case, e = CASES[name], example(**CASES[name].times)
    p, other, direction = (tiny_params(seed) for seed in (0, 4, 9))
    minimized = library(case, e, other)

    def with_sum(params):
        values = minimized(params)
        return values.sum(), values

    gradient, values = jax.grad(with_sum, has_aux=True)(p)
    assert values.shape == (5,)
    assert values.dtype == jnp.float64
    if not case.product:
        np.testing.assert_allclose(case.paper(Weights(p, p, other), e), values, rtol=1e-10)
    expected = directional(lambda q: case.paper(Weights(q, p, other), e).sum(), p, direction, 1e-5)
    assert abs(expected) > 1e-4
    np.testing.assert_allclose(inner(gradient, direction), expected, rtol=1e-7)


def test_every_method_in_another_convention_is_recomputed_in_its_own():
    other = {name for name, method in CATALOGUE.items() if method.translation not in (OURS, OURS_SWAPPED_LETTERS)}
    assert other <= ELSEWHERE | {case.method for case in CASES.values()}


def test_the_step_of_a_teacher_is_that_of_heun_up_to_third_order():
    # Consistency distillation steps by Heun's method in the noise level, the methods by the midpoint method in time.
    x, errors = noisy(example(), example().s), []
    for step in (1e-2, 5e-3):
        sigma, near = level(example().s), level(example().s + step)
        errors.append(float(jnp.abs(teacher_step(x, sigma, near) - heun_step(x, sigma, near)).max()))
    np.testing.assert_allclose(errors[0] / errors[1], 8, rtol=0.15)
    s, u = example().s, example().u
    found = flow_map.midpoint_step(teacher, s, u, column(s) * x) / column(u)
    np.testing.assert_allclose(found, teacher_step(x, level(s), level(u)), rtol=1e-12)
