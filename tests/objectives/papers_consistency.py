"""Consistency methods, written again from their papers."""

import jax.numpy as jnp

from tests.helpers import tiny
from tests.objectives.cases_shared import denoiser_of_level, derivative, level, network_of_level, one, square, teacher
from tests.objectives.papers import Case, auxiliary, column, dot, log_variance

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
    return square(consistency_function(w.live, x, level(e.s)) - consistency_function(w.held, near, level(e.u)))


def pseudo_huber(squared, c):
    return jnp.sqrt(squared + c**2) - c


def improved(w, e, *, scale, target=consistency_function):
    # d(f(x_n+1, sigma_n+1), sg[f(x_n, sigma_n)]) / (sigma_n+1 - sigma_n), d = sqrt(|.|^2 + c^2) - c. The papers' data,
    # of a standard deviation of 0.5, are half of those here; a distance over a level has no unit, its square over c and
    # the level has that of the data: twice the number.
    far, near = level(e.s), level(e.u)
    distance = square(consistency_function(w.live, noisy(e, e.s), far) - target(w.held, noisy(e, e.u), near))
    return 2 * pseudo_huber(distance / 4, scale) / (far / 2 - near / 2)[:, 0]


def ict(w, e):
    # c = 0.00054 sqrt(D), D = 2; a factor of sqrt(D) belongs to all examples.
    return 2**0.5 * improved(w, e, scale=0.00054 * 2**0.5)


def ect(w, e):
    return improved(w, e, scale=1e-8)


def tcm(w, e):
    # Below the threshold, sigma = 1 where the data have 0.5, the first stage's model makes the target.
    def truncated(params, x, sigma):
        current, frozen = (consistency_function(weights, x, sigma) for weights in (params, w.other))
        return jnp.where(sigma >= 2, current, frozen)

    return improved(w, e, scale=1e-8, target=truncated)


def tcm_boundary(w, e):
    # At the threshold: the student there against the first stage's model at the next level, times 0.1.
    return 0.1 * tcm(w, e)


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
    # exp(w) / (D sigma_data tan(tau)) |F - sg[F] - g / (|g| + 0.1)|^2 - w, D = 2, for data with sigma_data = 0.5: g has
    # their unit there and is half of that here.
    tau = jnp.arctan((1 - e.s) / e.s)
    cos, sin = column(jnp.cos(tau)), column(jnp.sin(tau))
    x = cos * e.data + sin * e.noise

    def F(params, x, tau):
        return tiny(params)(1 / (1 + jnp.tan(tau)), one(tau), x)

    dx = velocity(x, cos, sin)
    dF = derivative(lambda x, tau: F(w.held, x, tau), (x, dx), (tau, one(tau)))
    g = -(cos**2) * (F(w.held, x, tau) - dx) - cos * sin * (x + dF)
    g = g / 2
    g = g / (column(square(g) ** 0.5) + 0.1)
    log_precision = -log_variance(e.s, e.t)
    loss = square(F(w.live, x, tau) - F(w.held, x, tau) - g) / (0.5 * jnp.tan(tau))
    return jnp.exp(log_precision) / 2 * loss - log_precision


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
    # The neighbour is one step of the teacher away; c is compared with a root mean square over D = 2 coordinates.
    x, (alpha, _), (alpha_near, _) = noisy(e, e.s), signal_and_noise(e.s), signal_and_noise(e.u)
    near = alpha_near * teacher_step(x, level(e.s), level(e.u))
    distance = square(ddim_to_end(w.live, alpha * x, e.s, e.t) - ddim_to_end(w.held, near, e.u, e.t))
    return 2 * pseudo_huber(distance / 2, 0.001) / (e.u - e.s)


def rcm(w, e):
    # |F - sg[F] - g / (|g| + 0.1)|^2, data of unit standard deviation, without a weight.
    tau = jnp.arctan((1 - e.s) / e.s)
    cos, sin = column(jnp.cos(tau)), column(jnp.sin(tau))
    x = cos * e.data + sin * e.noise

    def F(params, x, tau):
        return tiny(params)(1 / (1 + jnp.tan(tau)), one(tau), x)

    D = denoiser_of_level(teacher, x / cos, sin / cos)
    dx = cos * (x - cos * D) / sin - sin * D
    dF = derivative(lambda x, tau: F(w.held, x, tau), (x, dx), (tau, one(tau)))
    g = -(cos**2) * (F(w.held, x, tau) - dx) - cos * sin * (x + dF)
    return square(F(w.live, x, tau) - F(w.held, x, tau) - g / (column(square(g) ** 0.5) + 0.1))


def rcm_correction(w, e):
    # (x - sg[x - (D_fake - D_real) / mean|x - D_real|])^2 on the circle, a hundredth of it; x = -F(noise, pi / 2).
    tau = jnp.arctan((1 - e.u) / e.u)
    cos, sin = column(jnp.cos(tau)), column(jnp.sin(tau))

    def generated(params):
        return -tiny(params)(0 * tau, one(tau), e.noise)

    held = generated(w.held)
    x_tau = cos * held + sin * e.fresh
    real, fake = (denoiser_of_level(b, x_tau / cos, sin / cos) for b in (teacher, auxiliary))
    gradient = (fake - real) / column(jnp.abs(held - real).mean(axis=1))
    return 0.01 * square(generated(w.live) - held + gradient)


def dmd(w, e):
    # x . (D_fake(x_sigma) - D_real(x_sigma)) over the mean of |x - D_real(x_sigma)| over the coordinates, from mean
    # denoisers, x_sigma = x + sigma noise.
    sigma = level(e.u)

    def generated(params):
        return e.noise + column(e.t - e.s) * tiny(params)(e.s, e.t, e.noise)

    x = generated(w.held)
    real = denoiser_of_level(teacher, x + sigma * e.fresh, sigma)
    fake = denoiser_of_level(auxiliary, x + sigma * e.fresh, sigma)
    error = jnp.abs(x - real).mean(axis=1)
    # Half of the square whose gradient this is.
    return 2 * dot(generated(w.live), fake - real) / error


TO_DATA = {"u": (0.3, 0.55, 0.4, 1.0, 0.6), "t": 1.0}  # one neighbour is the data itself
CASES = {
    "ct": Case("ct", ct, times=TO_DATA),
    "cd": Case("cd", cd, times={"t": 1.0}),
    "ict": Case("ict", ict, times=TO_DATA),
    "ect": Case("ect", ect, times=TO_DATA),
    "tcm": Case("tcm", tcm, term="consistency", times=TO_DATA),
    "tcm, boundary": Case("tcm", tcm_boundary, term="boundary", times={"s": 1 / 3, "u": 0.4, "t": 1.0}),
    "ct_continuous": Case("ct_continuous", ct_continuous, times={"t": 1.0}, product=True),
    "cd_continuous": Case("cd_continuous", cd_continuous, times={"t": 1.0}, product=True),
    "sct": Case("sct", sct, times={"t": 1.0}),
    "scd": Case("scd", scd, times={"t": 1.0}),
    "dmd": Case("dmd", dmd, term="correction", times={"s": 0.0, "t": 1.0}, product=True),
    "rcm": Case("rcm", rcm, term="consistency", times={"t": 1.0}),
    "rcm, correction": Case("rcm", rcm_correction, term="correction", times={"s": 0.0, "t": 1.0}),
    "multistep_cm": Case("multistep_cm", multistep_cm),
    "phased_cm": Case("phased_cm", phased_cm),
}
