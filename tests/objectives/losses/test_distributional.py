import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.losses.distributional import drift, drifting, moment_matching, velocity_matching

pytestmark = pytest.mark.usefixtures("x64")


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def test_mmd_is_a_double_loop():
    x, y = normal(0, 6, 2, 3), normal(1, 6, 2, 3)
    scales = np.array([0.4, 0.4, 0.4, 2.0, 2.0, 2.0])
    found = moment_matching(x, target=y, group=3, scale=jnp.asarray(scales))
    for first in (0, 3):
        members, total = range(first, first + 3), 0.0
        for i in members:
            for j in members:
                for a, b, sign in ((x, x, 1), (x, y, -2), (y, y, 1)):
                    # The norm, divided by the number of coordinates, of which there are six.
                    distance = np.linalg.norm(a[i] - b[j]) / 6
                    total += sign * np.exp(-distance / scales[first])
        np.testing.assert_allclose(found[first : first + 3], total / 9, rtol=1e-12)


def test_mmd_of_equal_groups_is_zero_in_any_order():
    x = normal(0, 8, 2)
    order = np.array([2, 0, 3, 1, 7, 6, 5, 4])
    scale = jnp.full(8, 0.5)
    np.testing.assert_allclose(moment_matching(x, target=x[order], group=4, scale=scale), 0, atol=1e-15)
    assert moment_matching(x, target=x[::-1], group=4, scale=scale).min() > 1e-2
    # A minimum: no gradient either, though every distance has one without end there.
    gradient = jax.grad(lambda x, y: moment_matching(x, target=y, group=4, scale=scale).sum())
    shifted = x + 1e-7 * normal(3, 8, 2)
    assert np.all(np.isfinite(gradient(x, x)))
    assert float(moment_matching(shifted, target=x, group=4, scale=scale).max()) < 1e-6


def test_a_group_of_one_is_pulled_to_its_target():
    x, y = normal(0, 5, 3), normal(1, 5, 3)
    gradient = jax.grad(lambda x: moment_matching(x, target=y, group=1, scale=jnp.full(5, 0.7)).sum())(x)
    distance = np.linalg.norm(x - y, axis=1, keepdims=True)
    # d/dx of 2 - 2 exp(-|x - y| / (3 scale)): away from y.
    expected = 2 / 2.1 * np.exp(-distance / 2.1) * (x - y) / distance
    np.testing.assert_allclose(gradient, expected, rtol=1e-11)


def test_points_nearer_than_the_floor_count_as_equal():
    y = normal(1, 5, 3)
    x = y + jnp.array([0.01, 0.02, 0.04, 0.08, 0.16])[:, None] * jnp.array([[0.6, 0.0, 0.8]])

    def loss(x):
        return moment_matching(x, target=y, group=1, scale=jnp.full(5, 0.7), floor=0.05)

    found = loss(x)
    np.testing.assert_allclose(found[:3], 0, atol=1e-15)
    np.testing.assert_allclose(
        found[3:], 2 * np.exp(-0.05 / 2.1) - 2 * np.exp(-np.array([0.08, 0.16]) / 2.1), rtol=1e-9
    )
    moved = np.abs(jax.grad(lambda x: loss(x).sum())(x)).max(axis=1)
    assert not moved[:3].any()
    assert np.all(moved[3:] > 0.1)


def test_targets_receive_no_gradient():
    x, y = normal(0, 6, 2), normal(1, 6, 2)
    assert not np.any(jax.grad(lambda y: moment_matching(x, target=y, group=3, scale=jnp.ones(6)).sum())(y))
    for name in ("learned", "wanted"):
        given = {"learned": y, "wanted": x + y}
        slope = jax.grad(lambda a, name=name, given=given: velocity_matching(x, **given | {name: a}).sum())
        assert not np.any(slope(given[name]))


@pytest.mark.parametrize("group", [0, 4])
def test_a_group_that_does_not_divide_is_named(group):
    x = normal(0, 6, 2)
    with pytest.raises(ValueError, match=f"group = {group} and a batch of 6; expected a group size that divides"):
        moment_matching(x, target=x, group=group, scale=jnp.ones(6))


def test_velocity_matching_moves_points_along_the_difference():
    x, learned, wanted = normal(0, 4, 2, 2), normal(1, 4, 2, 2), normal(2, 4, 2, 2)
    found, gradient = jax.value_and_grad(lambda x: velocity_matching(x, learned=learned, wanted=wanted).sum())(x)
    np.testing.assert_allclose(found, np.sum((learned - wanted) ** 2), rtol=1e-12)
    # Going down, from the learned velocity to the wanted one.
    np.testing.assert_allclose(-gradient, 2 * (wanted - learned), rtol=1e-10)


def test_velocity_matching_is_the_divergence_of_noised_gaussians():
    # x = z + m against N(0, 1): the average of the gradient has the sign of m at every time, and is zero at m = 0.
    z, noise = normal(0, 20_000, 1), normal(1, 20_000, 1)

    def velocity(mean):
        # Of the linear path from N(0, 1) to N(mean, 1).
        return lambda r, x: mean + (2 * r - 1) * (x - r * mean) / ((1 - r) ** 2 + r**2)

    for r in (0.2, 0.5, 0.9):
        for mean in (-0.5, 0.0, 0.5):

            def loss(m, r=r, mean=mean):
                x = z + m
                noised = jax.lax.stop_gradient((1 - r) * noise + r * x)
                return velocity_matching(x, learned=velocity(mean)(r, noised), wanted=velocity(0.0)(r, noised)).mean()

            # b' - b = m (1 - (2 r - 1) r / N^2) = m (1 - r) / N^2, the same everywhere.
            np.testing.assert_allclose(jax.grad(loss)(mean), 2 * mean * (1 - r) / ((1 - r) ** 2 + r**2), atol=1e-12)


def density(points, scale):
    """Logarithm of the mean of Gaussians of that width around points, as a function of one point."""

    def log_density(x):
        return jax.nn.logsumexp(-jnp.sum((x[None] - points) ** 2, axis=1) / (2 * scale**2))

    return log_density


def test_a_gaussian_drift_is_a_difference_of_the_scores_of_smoothed_points():
    x, data, scale = normal(0, 7, 3), 0.5 + normal(1, 7, 3), 0.8
    found = drift(x, data=data, group=7, scale=scale, kernel="gaussian")
    for i in range(7):
        others = np.array([j for j in range(7) if j != i])
        wanted, own = (jax.grad(density(points[others], scale))(x[i]) for points in (data, x))
        np.testing.assert_allclose(found[i], scale**2 * (wanted - own), rtol=1e-10)


def test_the_mean_drift_is_a_difference_of_scores_in_closed_form():
    # One point among many, asked for at a place of its own: N(mean, variance) smoothed is N(mean, variance + scale^2).
    count, scale, place = 200_000, 0.6, 0.3
    x, data = jnp.sqrt(0.5) * normal(0, count, 1) - 0.2, 0.4 + normal(1, count, 1)
    x = x.at[0].set(place)

    def score(mean, variance):
        return (mean - place) / (variance + scale**2)

    squares = ((place - points[1:, 0]) ** 2 for points in (data, x))
    weights = [jnp.exp(-square / (2 * scale**2)) for square in squares]
    wanted, own = ((w * p[1:, 0]).sum() / w.sum() for w, p in zip(weights, (data, x), strict=True))
    # The library on a part that fits in memory, and the same sums on all points.
    found = drift(x[:500], data=data[:500], group=500, scale=scale, kernel="gaussian")[0, 0]
    few = [(w[:499] * p[1:500, 0]).sum() / w[:499].sum() for w, p in zip(weights, (data, x), strict=True)]
    np.testing.assert_allclose(found, few[0] - few[1], rtol=1e-9)
    np.testing.assert_allclose(wanted - own, scale**2 * (score(0.4, 1.0) - score(-0.2, 0.5)), atol=0.01)


@pytest.mark.parametrize("kernel", ["laplace", "gaussian"])
@pytest.mark.parametrize("group", [2, 5])
def test_the_drift_between_equal_laws_is_zero_on_average_and_changes_sign_with_the_sides(kernel, group):
    x, data = normal(0, 20_000, 2), normal(1, 20_000, 2)
    moved = drift(x, data=data, group=group, scale=0.7, kernel=kernel)
    # Four standard errors, of the drift itself and of its component along the point, which a bias would have.
    for value in (moved[:, 0], moved[:, 1], jnp.sum(moved * x, axis=1)):
        assert abs(float(value.mean())) < 4 * float(value.std()) * group**0.5 / 20_000**0.5
    # At a place of its own, data and other points exchanged: minus the drift.
    places = x[::group][:100]

    def at(points, others):
        groups = [a.reshape(-1, group, 2)[:100, 1:] for a in (points, others)]
        first = places[:, None]
        given, wanted = (jnp.concatenate([first, a], axis=1).reshape(-1, 2) for a in groups)
        return drift(given, data=wanted, group=group, scale=0.7, kernel=kernel)[::group]

    np.testing.assert_allclose(at(x, data), -at(data, x), rtol=1e-9, atol=1e-12)


def test_a_drift_stays_within_a_class_and_far_points_follow_the_nearest():
    x, data, label = normal(0, 6, 2), normal(1, 6, 2), jnp.array([0, 0, 1, 1, 1, 2])
    found = drift(x, data=data, group=6, scale=0.5, label=label)
    for part in (slice(0, 2), slice(2, 5)):
        size = part.stop - part.start
        np.testing.assert_allclose(found[part], drift(x[part], data=data[part], group=size, scale=0.5), rtol=1e-11)
    np.testing.assert_array_equal(found[5], 0)
    # Farther than an exponential function reaches.
    far = drift(x, data=1e4 + data, group=6, scale=0.5, kernel="gaussian")
    nearest = jnp.argmin(jnp.linalg.norm(x[:1] - 1e4 - data[1:], axis=1)) + 1
    own = drift(x, data=x, group=6, scale=0.5, kernel="gaussian")
    assert np.all(np.isfinite(far))
    np.testing.assert_array_equal(own, 0)
    np.testing.assert_allclose(
        far[0] - drift(x, data=0 * x, group=6, scale=0.5, kernel="gaussian")[0], 1e4 + data[nearest], rtol=1e-9
    )


def test_a_drift_receives_no_gradient():
    x, data = normal(0, 6, 2), normal(1, 6, 2)
    assert not np.any(jax.grad(lambda y: drifting(x, data=y, group=3, scale=1.0).sum())(data))
    gradient = jax.grad(lambda x: drifting(x, data=data, group=3, scale=1.0).sum())(x)
    np.testing.assert_allclose(gradient, -2 * drift(x, data=data, group=3, scale=1.0), rtol=1e-9)


@pytest.mark.parametrize("group", [1, 4])
def test_a_drift_needs_others(group):
    x = normal(0, 6, 2)
    with pytest.raises(ValueError, match=f"group = {group} and a batch of 6; expected a group size of at least 2"):
        drift(x, data=x, group=group, scale=1.0)
    with pytest.raises(ValueError, match="kernel = 'rbf'; expected one of laplace, gaussian"):
        drift(x, data=x, group=3, scale=1.0, kernel="rbf")
