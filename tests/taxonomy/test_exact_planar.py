"""Distributions in the plane: what they draw has the moments, the density and the path that they state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import exact_map, exact_planar
from taxonomy.interpolants import INTERPOLANTS, LINEAR

ALL = {
    "checkerboard": exact_planar.checkerboard,
    "spiral": exact_planar.spiral,
    "two_moons": exact_planar.two_moons,
    "eight_gaussians": exact_planar.eight_gaussians,
}


@pytest.fixture(scope="module")
def examples():
    keys = jax.random.split(jax.random.key(0), 20_000)
    return {name: np.asarray(jax.jit(jax.vmap(make().sample))(keys)) for name, make in ALL.items()}


@pytest.mark.parametrize("name", ALL)
def test_examples_have_the_stated_moments(name, examples):
    data = ALL[name]()
    assert data.name == name
    assert examples[name].shape == (20_000, 2)
    assert abs(np.sqrt(np.mean(examples[name] ** 2)) - data.std) < 0.01
    np.testing.assert_allclose(examples[name].mean(axis=0), 0, atol=0.02)


def test_examples_of_the_checkerboard_lie_on_its_squares(examples):
    data = exact_planar.checkerboard()
    inside = (data.places[None] <= examples["checkerboard"][:, None]) & (
        examples["checkerboard"][:, None] <= data.places[None] + data.width
    )
    counts = inside.all(axis=-1).sum(axis=0)
    assert counts.sum() == 20_000
    assert np.abs(counts / 20_000 - 1 / 8).max() < 0.01


def test_labels_name_the_nearest_centre(examples):
    data = exact_planar.eight_gaussians()
    labels = jax.vmap(data.label)(jax.random.split(jax.random.key(0), 20_000))
    distances = np.linalg.norm(examples["eight_gaussians"][:, None] - data.places[None], axis=-1)
    assert np.mean(distances.argmin(axis=1) == np.asarray(labels)) > 0.999
    assert data.classes == 8
    assert all(ALL[name]().label is None for name in ("checkerboard", "spiral", "two_moons"))


@pytest.mark.parametrize("interpolant", INTERPOLANTS)
@pytest.mark.parametrize("name", ALL)
def test_the_velocity_is_the_mean_of_the_velocities_of_examples(name, interpolant, examples):
    """Least squares: on examples the exact velocity leaves what is orthogonal to it."""
    data, path = ALL[name](), INTERPOLANTS[interpolant]
    x1 = jnp.asarray(examples[name][:3000])
    x0 = data.std * jax.random.normal(jax.random.key(1), x1.shape)
    t = jax.random.uniform(jax.random.key(2), x1.shape[:1], maxval=0.9)
    b = data.exact_flow(path).b(t, path.position(t, x0, x1))
    residual = np.asarray(jnp.sum((path.velocity(t, x0, x1) - b) * b, axis=-1), np.float64)
    assert abs(residual.mean()) < 4 * residual.std() / np.sqrt(residual.size)


@pytest.mark.usefixtures("x64")
def test_the_flow_map_of_the_checkerboard_ends_on_its_squares():
    data = exact_planar.checkerboard()
    x = data.std * jax.random.normal(jax.random.key(3), (16, 2))
    ends = np.asarray(exact_map.solve(data.exact_flow(LINEAR).b, jnp.zeros(16), jnp.ones(16), x, tolerance=1e-6))
    inside = (data.places[None] - 1e-3 <= ends[:, None]) & (ends[:, None] <= data.places[None] + data.width + 1e-3)
    assert inside.all(axis=-1).any(axis=1).all()
