import jax
import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import exact_data, flow_map
from taxonomy.interpolants import LINEAR
from tests.helpers import inputs, tiny, tiny_params

pytestmark = pytest.mark.usefixtures("x64")
STEP = 1e-5


def difference(f):
    return (f(STEP) - f(-STEP)) / (2 * STEP)


def test_jump_is_the_chord():
    v = tiny(tiny_params())
    s, _, t, x, _ = inputs()
    expected = np.stack([x[i] + (t[i] - s[i]) * v(s[i : i + 1], t[i : i + 1], x[i : i + 1])[0] for i in range(5)])
    np.testing.assert_allclose(flow_map.jump(v, s, t, x), expected, atol=1e-14)
    np.testing.assert_array_equal(flow_map.jump(v, s, s, x), x)


def test_derivatives_equal_central_differences():
    v = tiny(tiny_params())
    s, _, t, x, w = inputs()

    def jump(s, t, x):
        return flow_map.jump(v, s, t, x)

    cases = {
        "d_t": (flow_map.d_t(v, s, t, x), difference(lambda h: jump(s, t + h, x))),
        "d_s": (flow_map.d_s(v, s, t, x), difference(lambda h: jump(s + h, t, x))),
        "advect": (flow_map.advect(v, s, t, x, w), difference(lambda h: jump(s, t, x + h * w))),
        "d_source": (flow_map.d_source(v, s, t, x, w), difference(lambda h: jump(s + h, t, x + h * w))),
    }
    for name, ((value, derivative), expected) in cases.items():
        np.testing.assert_array_equal(value, jump(s, t, x), err_msg=name)
        np.testing.assert_allclose(derivative, expected, atol=1e-9, err_msg=name)
    value, derivative = flow_map.total_derivative(v, s, t, x, w)
    np.testing.assert_array_equal(value, v(s, t, x))
    np.testing.assert_allclose(derivative, difference(lambda h: v(s + h, t, x + h * w)), atol=1e-9)


def test_eulerian_derivative_in_terms_of_the_average_velocity():
    # d_s X + grad X . w = w - v + (t - s) D_s[w] v for any network.
    v = tiny(tiny_params())
    s, _, t, x, w = inputs()
    average, derivative = flow_map.total_derivative(v, s, t, x, w)
    expected = w - average + (t - s)[:, None] * derivative
    np.testing.assert_allclose(flow_map.d_source(v, s, t, x, w)[1], expected, atol=1e-13)


def spin(t, x):
    """A velocity field with the closed-form flow: rotation by the angle t^2 / 2."""
    return t[:, None] * jnp.stack([-x[:, 1], x[:, 0]], axis=-1)


def rotate(angle, x):
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([cos * x[:, 0] - sin * x[:, 1], sin * x[:, 0] + cos * x[:, 1]], axis=-1)


def test_integrated_map_converges_at_second_order():
    s, _, t, x, _ = inputs()
    exact = rotate((t**2 - s**2) / 2, x)
    errors = [
        float(jnp.abs(flow_map.jump(flow_map.integrated(spin, steps=n), s, t, x) - exact).max()) for n in (32, 64, 128)
    ]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 2, atol=0.1)


def test_integrated_map_has_the_velocity_on_its_diagonal_and_finite_derivatives_there():
    s, _, _, x, _ = inputs()
    v = flow_map.integrated(spin, steps=2)
    np.testing.assert_allclose(v(s, s, x), spin(s, x), atol=1e-15)
    assert np.isfinite(jax.jacobian(lambda x: v(s, s, x))(x)).all()
    with pytest.raises(ValueError, match="steps = 0"):
        flow_map.integrated(spin, steps=0)


@pytest.mark.parametrize(("s", "t"), [(0.98, 1.0), (0.9, 0.9999)])
def test_a_midpoint_step_to_the_end_does_not_throw_points_away(s, t):
    # Off the data, as in the gap between two boxes, the exact velocity is singular at t = 1; Heun's method asks for it.
    flow = exact_data.boxes(LINEAR, lows=np.array([[-0.5], [0.02]]), highs=np.array([[0.0], [0.52]]))
    rng = np.random.default_rng(0)
    x1 = rng.choice([-0.5, 0.02], size=(2000, 1)) + 0.5 * rng.random((2000, 1))
    x = jnp.asarray((1 - s) * rng.standard_normal((2000, 1)) + s * x1)
    start, end = jnp.full(2000, s), jnp.full(2000, t)

    def largest_move(y):
        return float(jnp.abs(y - x).max())

    first = flow.b(start, x)
    heun = x + (t - s) * (first + flow.b(end, x + (t - s) * first)) / 2
    assert largest_move(flow_map.midpoint_step(flow.b, start, end, x)) < 6 * (t - s)
    assert largest_move(heun) > 3
