"""Each name is its sampler, with the options, the noise and the keys that it is given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.sampling import by_name, generation
from experiments.sampling.by_name import SAMPLERS, Model, Options
from models import diffusion_samplers as classical
from models import grids, samplers
from taxonomy.interpolants import TRIGONOMETRIC

STD, GRID = 0.7, jnp.array([0.0, 0.3, 0.8, 1.0])
OPTIONS = Options(gamma=0.3, noise=0.6, eta=0.4, tolerance=1e-4, back_to=0.2, repeats=2)


def v(s, t, x):
    return jnp.cos(2 * x) + (s + 2 * t)[:, None]


def b(t, x):
    return jnp.sin(3 * x) - t[:, None]


MODEL = Model(v, b, TRIGONOMETRIC, STD)
NOISY = {"noise_std": STD}
BY_HAND = {
    "composition": lambda key, x: samplers.composition(v, x, GRID),
    "one_jump": lambda key, x: samplers.composition(v, x, jnp.array([0.0, 1.0])),
    "renoising": lambda key, x: samplers.gamma_sampling(v, TRIGONOMETRIC, key, x, GRID, gamma=1.0, **NOISY),
    "gamma": lambda key, x: samplers.gamma_sampling(v, TRIGONOMETRIC, key, x, GRID, gamma=0.3, **NOISY),
    "restart": lambda key, x: samplers.restart(v, TRIGONOMETRIC, key, x, GRID, back_to=0.2, repeats=2, **NOISY),
    "euler": lambda key, x: samplers.euler(b, x, GRID),
    "heun": lambda key, x: classical.heun(b, x, GRID),
    "ddim": lambda key, x: classical.ddim(b, TRIGONOMETRIC, x, GRID),
    "ddpm": lambda key, x: classical.ancestral(b, TRIGONOMETRIC, key, x, GRID, eta=0.4, **NOISY),
    "euler_maruyama": lambda key, x: classical.euler_maruyama(
        b, TRIGONOMETRIC, key, x, GRID, noise=classical.noise_level(TRIGONOMETRIC, level=0.6, **NOISY), **NOISY
    ),
    "adaptive": lambda key, x: classical.adaptive(b, x, tolerance=1e-4).x,
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_name_is_its_sampler_with_its_options(name):
    key, x = jax.random.key(1), STD * jax.random.normal(jax.random.key(0), (5, 2))
    found, _ = SAMPLERS[name].run(MODEL, OPTIONS, key, x, GRID)
    np.testing.assert_allclose(found, BY_HAND[name](key, x), atol=1e-5)


def test_karras_times_are_those_of_the_path():
    found = by_name.grid_of("karras", 4, [], path=TRIGONOMETRIC)
    np.testing.assert_array_equal(found, grids.karras(4, path=TRIGONOMETRIC))
    assert float(jnp.abs(found - grids.karras(4)).max()) > 0.01


def generator(sampler):
    return generation.generator(
        lambda params, label, vector: MODEL,
        {},
        sampler=sampler,
        options=OPTIONS,
        shape=(2,),
        noise_of=lambda key, count: STD * jax.random.normal(key, (count, 2)),
    )


def test_noise_of_the_start_and_of_the_steps_have_keys_of_their_own():
    start, steps = jax.random.split(jax.random.key(3))
    noise = STD * jax.random.normal(start, (6, 2))
    expected = samplers.renoising(v, TRIGONOMETRIC, steps, noise, GRID, noise_std=STD)
    np.testing.assert_allclose(generator("renoising")(GRID, 6, jax.random.key(3))[0], expected, atol=1e-5)
