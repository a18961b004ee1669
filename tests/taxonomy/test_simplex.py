"""Points of categories: corners and back, jumps by the mean denoiser, and the line about a point that is none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import conversions, flow_map, simplex
from tests.helpers import inputs, softmaxed, tiny, tiny_params


def test_corners_and_back():
    codes = np.array([[0, 2], [1, 1], [2, 0]])
    points = simplex.corners(codes, categories=3)
    np.testing.assert_array_equal(points[0], [1, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(simplex.nearest(points, categories=3), codes)
    simplex.check_on(points, categories=3, name="points")
    noise = 0.2 * np.random.default_rng(0).standard_normal(points.shape)
    np.testing.assert_array_equal(simplex.nearest(points + noise, categories=3), codes)
    with pytest.raises(ValueError, match="codes from 0 to 2 of 2 categories; expected 0 to 1"):
        simplex.corners(codes, categories=2)


@pytest.mark.usefixtures("x64")
def test_a_jump_is_that_of_the_average_velocity_of_the_denoiser():
    s, _, t, x, _ = inputs()
    psi = jnp.exp(softmaxed(tiny(tiny_params()))(s, t, x))
    velocity = conversions.velocity_from_denoiser(psi.reshape(x.shape), s, x)
    expected = flow_map.jump(lambda s, t, x: velocity, s, t, x)
    np.testing.assert_allclose(simplex.jump(psi, s, t, x), expected, rtol=1e-12)
    one = jnp.ones_like(s)
    np.testing.assert_allclose(simplex.jump(psi, s, one, x), psi.reshape(x.shape), rtol=1e-12)
    np.testing.assert_allclose(simplex.jump(psi, s, s, x), x, rtol=1e-12)
    np.testing.assert_array_equal(simplex.share(one, one), one)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0.5, 0.6]], r"1 of 1 points are no distributions, first position 0 of number 0: \(0.5, 0.6\) sums to 1.1; "),
        ([[0.5, 0.5], [1.2, -0.2]], r"first position 0 of number 1: \(1.2, -0.2\) sums to 1; expected 2 numbers"),
        ([[0.0, 1.0, np.nan, 1.0]], "first position 1 of number 0"),
        ([[1.0, 0.0, 0.0]], "points have 3 numbers each; expected a multiple of 2 categories"),
    ],
)
def test_a_point_that_is_no_distribution_is_named_in_one_line(points, message):
    with pytest.raises(ValueError, match=message) as caught:
        simplex.check_on(points, categories=2, name="points")
    assert "\n" not in str(caught.value)


def test_logarithms_of_known_denoisers_are_finite():
    psi = jnp.array([[1.0, 0.0, 0.25, 0.75]])
    found = simplex.log_denoiser(psi, categories=2)
    assert found.shape == (1, 2, 2)
    np.testing.assert_allclose(jax.nn.softmax(found).reshape(1, 4), psi, atol=1e-6)
    assert np.isfinite(found).all()
