"""Methods of maps between any two times, written again from their papers."""

import jax.numpy as jnp

from taxonomy import flow_map
from tests.helpers import tiny
from tests.objectives.cases_shared import derivative, one, square
from tests.objectives.papers import (
    Case,
    adaptive,
    adaptive_mean,
    auxiliary,
    average,
    column,
    dot,
    du_dt,
    flow,
    log_variance,
    path,
    reversed_times,
    solved,
    teacher_at,
)


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
    # The published weight of the residual itself is alpha / (mean |r|^2 + c), which holds the 1 / alpha of the paper.
    residual, alpha = alpha_flow_residual(w, e)
    return alpha * adaptive_mean(residual, w, offset=0.001)


def so_flow(w, e):
    # The gradient of |f(x_t, t, s) - sg[f(x_l, l, s)]|^2 / 2 over (t - l) (t - s), as a dot product with F, and with
    # the weight of q, the difference of the solution functions over t - l.
    t, middle, s = reversed_times(e)
    x = path(e, t)
    near = x + column(middle - t) * (e.noise - e.data)
    q = (flow(w.held, x, t, s) - flow(w.held, near, middle, s)) / column(t - middle)
    return -dot(average(w.live, x, s, t), q) / (square(q) / 2 + 0.01)


def tim_parts(w, e):
    # v - (t - r) dF/dt, the derivative as a central difference along the sample's own path.
    t, _, r = reversed_times(e)
    h = 0.005
    dF = (average(w.held, path(e, t + h), r, t + h) - average(w.held, path(e, t - h), r, t - h)) / (2 * h)
    return path(e, t), e.noise - e.data - column(t - r) * dF, r, t


def tim(w, e):
    z, target, r, t = tim_parts(w, e)
    return square(average(w.live, z, r, t) - target)


def tim_weighted(w, e):
    # Mean square and one minus the cosine, over what they are, and over the root of 1 + tan t - tan r.
    z, target, r, t = tim_parts(w, e)

    def loss(params):
        u = average(params, z, r, t)
        cosine = dot(u, target) / (square(u) * square(target)) ** 0.5
        return square(u - target) / 2 + 1 - cosine

    return 2 * loss(w.live) / (loss(w.held) + 1e-5) / (1 + jnp.tan(t) - jnp.tan(r)) ** 0.5


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
    # log(exp(-c) mse + 0.01) + c with a mean over the D = 2 coordinates.
    t, _, r = reversed_times(e)
    c = log_variance(1 - t, 1 - r)
    mse = square(mean_flow_residual(w, e, e.noise - e.data)(w.live)) / 2
    return jnp.log(jnp.exp(-c) * mse + 0.01) + c


def rectified_mean_flow(w, e):
    # The data of a pair is where the teacher takes its noise, from time 1 to 0.
    pair = e._replace(data=solved(e.noise, one(e.s), 0 * e.s, 2))
    return adaptive_mean(mean_flow_residual(w, pair, pair.noise - pair.data), w, power=0.5)


def posterior_velocity(e):
    # sum_j softmax_j( log N(z_t; (1 - t) x_j, t^2) ) (eps_j - x_j), eps_j = (z_t - (1 - t) x_j) / t.
    t = 1 - e.s
    z, logits, velocities = path(e, t), [], []
    for x in (e.data, *e.pool[:, None]):
        eps = (z - column(1 - t) * x) / column(t)
        logits.append(-square(z - column(1 - t) * x) / (2 * t**2))
        velocities.append(eps - x)
    p = jnp.exp(jnp.stack(logits))
    return ((p / p.sum(axis=0, keepdims=True))[..., None] * jnp.stack(velocities)).sum(axis=0)


def esc(w, e):
    # The adaptive weight, and a learned variance on top of it. With r = t, on the diagonal, the residual is u - v.
    learned = log_variance(e.s, e.t)
    weighted = adaptive(mean_flow_residual(w, e, posterior_velocity(e)), w, offset=0.001)
    return jnp.exp(-learned) * weighted + learned


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


def any_flow_correction(w, e, *, last=False):
    # From time 1 to t_g, a fine step to t_g+1, and on to 0; denoised from velocity and time, x - t u.
    t_g, t, t_next = reversed_times(e)

    def generated(params, before):
        x = flow(before, e.noise, one(t), t_g)
        # The last jump of positive length is the fine step where it ends at the data.
        fine = [flow(weights, x, t_g, t_next) for weights in (params, before)]
        x = jnp.where(column(t_next == 0), *fine)
        return flow(params, x, t_next, 0 * t)

    held = generated(w.held, w.held)
    noised = path(e._replace(data=held, noise=e.fresh), t)
    real = noised - column(t) * teacher_at(noised, t)
    fake = noised + column(t) * auxiliary(1 - t, noised)
    gradient = (fake - real) / column(jnp.abs(held - real).mean(axis=1))
    return square(generated(w.live, w.held if last else w.live) - held + gradient)


def any_flow_last(w, e):
    return any_flow_correction(w, e, last=True)


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
    # Source t, target s, r between. DDIM to s from the mean denoiser g; the Laplace kernel with w = 1 / |c_out| and
    # c_out = -(t - s) sigma_data in the paper's numbers, where sigma_data is 0.5 and ours is 1; and the weight of t.
    t, r, s = reversed_times(e)

    def ddim(params, x, t):
        g = x - column(t) * average(params, x, s, t)
        alpha_t, sigma_t, alpha_s, sigma_s = (column(c) for c in (1 - t, t, 1 - s, s))
        return (alpha_s - sigma_s / sigma_t * alpha_t) * g + sigma_s / sigma_t * x

    x, y = ddim(w.live, path(e, t), t), ddim(w.held, path(e, r), r)

    sigma_data = 0.5
    w = 1 / ((t - s)[0] * sigma_data)

    def kernel(a, b):
        distance = jnp.sqrt(((sigma_data * (a - b)) ** 2).sum()) if a is not b else 0.0
        return jnp.exp(-w * jnp.maximum(distance, 1e-4) / 2)

    x, y = list(x), list(y)
    pairs = [(j, k) for j in range(5) for k in range(5)]
    total = sum(kernel(x[j], x[k]) + kernel(y[j], y[k]) - 2 * kernel(x[j], y[k]) for j, k in pairs)
    lam = 2 * jnp.log((1 - t) / t)
    weight = 0.5 * 1 / (1 + jnp.exp(lam - 4)) * 2 / (t * (1 - t)) * (1 - t) ** 2 / ((1 - t) ** 2 + t**2)
    return weight * total / 25


def ssfm(w, e):
    # |X(y_s, s, t) - sg[ X'(X'(y_s, s, m), m, t) ]|^2 / h with h = s - t, along one path of noise, X' of the EMA.
    s, middle, t = reversed_times(e)
    y = path(e, s)
    target = flow(w.other, flow(w.other, y, s, middle), middle, t)
    return square(flow(w.live, y, s, t) - target) / (s - t)


FROM_NOISE = {"s": 0.0}
GENERATED = {"s": 0.0, "t": 1.0}
# Fine steps of roll-outs of 2, 4, 8 and 50 jumps and of a single one: first, last and between.
ROLLED_OUT = {"s": (0.5, 0.0, 0.25, 0.98, 0.0), "t": (1.0, 0.25, 0.375, 1.0, 1.0)}
CASES = {
    "alpha_flow": Case("alpha_flow", alpha_flow, options={"schedule": "constant", "adaptive_power": 0.0}),
    "alpha_flow, adaptive": Case("alpha_flow", alpha_flow_adaptive, options={"schedule": "constant"}),
    "so_flow": Case("so_flow", so_flow, product=True),
    "tim": Case("tim", tim, options={"adaptive_power": 0.0, "gap_power": 0.0, "cosine": 0.0}),
    "tim, weighted": Case("tim", tim_weighted),
    "ayf_lmd": Case("ayf_lmd", ayf_lmd, product=True),
    "ayf_emd": Case("ayf_emd", ayf_emd, product=True),
    "tvm": Case("tvm", tvm),
    "improved_mean_flow": Case("improved_mean_flow", improved_mean_flow),
    "pixel_mean_flow": Case("pixel_mean_flow", pixel_mean_flow),
    "decoupled_mean_flow": Case("decoupled_mean_flow", decoupled_mean_flow),
    "rectified_mean_flow": Case("rectified_mean_flow", rectified_mean_flow, options={"teacher_steps": 2}),
    "esc": Case("esc", esc, term="plug_in"),
    "esc, diagonal": Case("esc", esc, term="plug_in_diagonal", times={"u": 0.6, "s": 0.6, "t": 0.6}),
    "split_mean_flow": Case("split_mean_flow", split_mean_flow),
    "split_mean_flow, boundary": Case(
        "split_mean_flow", split_mean_flow_boundary, term="diagonal", times={"u": 0.6, "s": 0.6, "t": 0.6}
    ),
    "free_flow": Case("free_flow", free_flow, term="lagrangian", times=FROM_NOISE),
    "free_flow, correction": Case("free_flow", free_flow_correction, term="correction", times=GENERATED, product=True),
    "any_flow": Case("any_flow", tim, term="eulerian"),
    "any_flow, correction": Case("any_flow", any_flow_correction, term="correction", times=ROLLED_OUT),
    "any_flow, last jump": Case(
        "any_flow", any_flow_last, term="correction", options={"gradient": "last"}, times=ROLLED_OUT
    ),
    "cmt": Case("cmt", cmt, options={"teacher_steps": 2}),
    "euler_mean_flow": Case("euler_mean_flow", euler_mean_flow),
    "ssfm": Case("ssfm", ssfm),
    "imm": Case("imm", imm, options={"group": 5}, times={"s": 0.2, "u": 0.3, "t": 0.7}),
}
