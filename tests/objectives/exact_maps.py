"""Exact maps of methods that do not learn the map of the data set: of pairs, along paths of noise, to posteriors."""

import jax
import jax.numpy as jnp

from objectives.build import default_options
from taxonomy import exact_stochastic, flow_map, told
from taxonomy.arrays import ratio
from taxonomy.interpolants import INTERPOLANTS
from taxonomy.noise_paths import Driven


def told_of(objective, x1):
    """What the network is told of examples, the same vectors for each term; None where it is told nothing."""
    if objective.told is None:
        return None
    keys = jax.random.split(jax.random.key(9), len(x1))
    return jax.vmap(lambda key, data: objective.told.draw(key, INTERPOLANTS["linear"], data, 1.0))(keys, x1)


def straightened(flow):
    """The map along straight lines from x0 to ``X_{0,1}(x0) = A x0 + c`` of a Gaussian flow."""
    zero, one = jnp.zeros(3), jnp.ones(3)
    ends = flow_map.jump(flow.v, zero, one, jnp.concatenate([jnp.zeros((1, 2)), jnp.eye(2)]))
    c, a = ends[0], (ends[1:] - ends[:1]).T

    def v(s, t, x):
        del t
        x0 = jnp.linalg.solve(
            jnp.eye(2)[None] + s[:, None, None] * (a - jnp.eye(2))[None], (x - s[:, None] * c[None])[..., None]
        )[..., 0]
        return x0 @ a.T + c[None] - x0

    return v


def along_noise(name, batch, *, mean, covariance, interpolant="linear"):
    """The exact stochastic map of a method along the paths of noise of a batch."""
    options = default_options(name)
    driven = Driven(path=INTERPOLANTS[interpolant], noise_std=1.0, strength=options["noise"])
    paths = told.coefficients(batch.told, batch.x0, terms=options["terms"])
    return jax.jit(exact_stochastic.gaussian(driven, mean=mean, covariance=covariance)(paths))


def to_categories(second, steps=40):
    """Logits of the exact mean denoiser of two categories, the second with this probability, from standard noise.

    The difference z of the coordinates obeys ``dz/dtau = E[z1 | z] - z`` in ``tau = -log(1 - t)``: fourth-order steps.
    """
    log_odds = jnp.log((1 - second) / second)

    def posterior(tau, z):
        left = jnp.exp(-tau)
        return jnp.tanh((log_odds + (1 - left) * z / left**2) / 2)

    def logits(s, t, x):
        start, z = -jnp.log(1 - s), x[:, 0] - x[:, 1]
        h = (-jnp.log(1 - t) - start) / steps

        def slope(tau, y):
            return posterior(tau, y) - y

        def step(y, k):
            tau = start + k * h
            first = slope(tau, y)
            second = slope(tau + h / 2, y + h / 2 * first)
            third = slope(tau + h / 2, y + h / 2 * second)
            last = slope(tau + h, y + h * third)
            return y + h / 6 * (first + 2 * second + 2 * third + last), None

        end = jax.lax.scan(step, z, jnp.arange(steps))[0]
        mean = z + (1 - s) * ratio(end - z, t - s, otherwise=slope(start, z) / (1 - s))
        # Rounding, and steps that are too long next to the data.
        mean = jnp.clip(mean, -1 + 1e-9, 1 - 1e-9)
        return jnp.log(jnp.stack([1 + mean, 1 - mean], axis=-1) / 2)

    return logits


def to_posterior(batch, *, mean, covariance):
    """The exact map from noise to ``p(x1 | x_t)`` of Gaussian data at the (t, x_t) of a batch: Gaussian, too."""
    t, x_t = batch.told[:, 0], batch.told[:, 1:]
    variances, axes = jnp.linalg.eigh(covariance)
    start = (mean @ axes)[None]
    noise = ((1 - t) ** 2)[:, None]
    total = noise + (t**2)[:, None] * variances[None]
    centre = start + t[:, None] * variances[None] / total * (x_t @ axes - t[:, None] * start)
    spread = noise * variances[None] / total

    def v(r, s, z):
        def place(s):
            return s[:, None] * centre, jnp.sqrt((1 - s[:, None]) ** 2 + s[:, None] ** 2 * spread)

        (at, width), (end, last) = place(r), place(s)
        velocity = jax.jvp(place, (r,), (jnp.ones_like(r),))[1]
        offset = z @ axes - at
        moved = ratio(
            end - at + (last / width - 1) * offset, (s - r)[:, None] + 0 * z, velocity[0] + velocity[1] / width * offset
        )
        return moved @ axes.T

    return v
