"""Every number about a map, on maps for which it is known."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.errors import DivergedError
from experiments.metrics import bounds, reference
from experiments.metrics import maps as map_metrics
from taxonomy import exact
from taxonomy.interpolants import LINEAR
from tests.experiments.metrics.test_reference import COVARIANCE, gaussian_dataset

DATASET = gaussian_dataset()
FLOW = exact.gaussian(
    LINEAR, mean=np.zeros(2, np.float32), covariance=COVARIANCE.astype(np.float32), noise_std=DATASET.std
)
SHIFT = np.float32([0.3, -0.4])
COUNT = 4000


def shifted(s, t, x):
    """The exact map, moved by (t - s) SHIFT."""
    return FLOW.v(s, t, x) + SHIFT[None]


def nothing(s, t, x):
    """The map that stays where it is."""
    return jnp.zeros_like(x)


@pytest.fixture(scope="module")
def solved():
    # The data set in reference tests has noise of another size than its data; here both are the same.
    dataset = DATASET._replace(
        exact_flow=lambda path: exact.gaussian(path, mean=np.zeros(2), covariance=COVARIANCE, noise_std=DATASET.std)
    )
    return reference.build(dataset, LINEAR, seed=0, triples=COUNT, tolerance=1e-8)


@pytest.fixture(scope="module")
def draws():
    return map_metrics.draw(DATASET, LINEAR, seed=0, count=COUNT)


def test_the_exact_map_has_no_error_and_obeys_every_rule(solved, draws):
    found, cells = map_metrics.truth(FLOW.v, solved, backward=True)
    assert max(found.values()) < 1e-10
    assert np.nanmax(cells) < 1e-10
    assert max(map_metrics.residuals(FLOW.v, FLOW.b, draws).values()) < 1e-8
    assert map_metrics.round_trip(FLOW.v, draws.x_0) < 1e-5
    np.testing.assert_allclose(map_metrics.curves(FLOW.v, solved.paths[0], solved.path_times), solved.paths, atol=1e-5)


def test_the_curvature_is_that_of_the_paths():
    x = jnp.ones((5, 2))
    # Straight and even: none. Straight along t^2, at the speed 2 t: the mean of (2 t - 1)^2 is a third.
    assert map_metrics.curvature(lambda t, x: jnp.full_like(x, 2.0), x) < 1e-10
    uneven = map_metrics.curvature(lambda t, x: 2 * t[:, None] * jnp.ones_like(x), x)
    np.testing.assert_allclose(uneven, 1 / 3, rtol=2e-3)
    # Half a turn at the speed pi: the way is 2, and the mean square of the velocity less the way is pi^2 - 4.
    turn = map_metrics.curvature(lambda t, x: jnp.pi * jnp.stack([-x[:, 1], x[:, 0]], axis=-1), x)
    np.testing.assert_allclose(turn, (np.pi**2 - 4) / 4, rtol=1e-2)


def test_errors_of_a_shifted_map(solved):
    found, cells = map_metrics.truth(shifted, solved, backward=True)
    gaps = np.mean((solved.t - solved.s) ** 2) * np.sum(SHIFT**2)
    np.testing.assert_allclose(found["map_error"], gaps, rtol=1e-4)
    np.testing.assert_allclose(found["backward_error"], gaps, rtol=1e-4)
    np.testing.assert_allclose(found["one_step_error"], np.sum(SHIFT**2), rtol=1e-4)
    # Cells are (s, t): the largest error is at s near 0 and t near 1, and t < s is empty.
    assert np.unravel_index(np.nanargmax(cells), cells.shape) == (0, map_metrics.CELLS - 1)
    assert np.isnan(cells[-1, 0])
    assert np.isfinite(cells[np.triu_indices(map_metrics.CELLS)]).all()
    assert map_metrics.truth(shifted, solved, backward=False)[0]["backward_error"] is None


def test_residuals_of_a_shifted_map(draws):
    s, u, t, tau = draws[:4]
    found = map_metrics.residuals(shifted, FLOW.b, draws)
    np.testing.assert_allclose(found["tangent"], np.sum(SHIFT**2), rtol=1e-4)

    def slope(t):
        """b_t(x) = A_t x for a centred Gaussian."""
        return jax.vmap(jax.jacfwd(lambda x, t: FLOW.b(t[None], x[None])[0]))(jnp.zeros((len(t), 2)), t)

    def mean_square(r):
        return float(np.mean(np.sum(np.asarray(r, np.float64) ** 2, axis=-1)))

    # d_t X + c - [b_t(X + (t - s) c) + c] = -(t - s) A_t c
    pull = jnp.einsum("nij,j->ni", slope(t), SHIFT)
    np.testing.assert_allclose(found["lagrangian"], mean_square((t - s)[:, None] * pull), rtol=1e-3)
    pull = jnp.einsum("nij,j->ni", slope(tau), SHIFT)
    np.testing.assert_allclose(found["lagrangian_s0"], mean_square(tau[:, None] * pull), rtol=1e-3)

    # d_s X - c + grad X (b_s + c) = (grad X - 1) c, with grad X the ratio of the standard deviations.
    def gradient(s, t):
        def mapped(x, s, t):
            return x + (t - s) * FLOW.v(s[None], t[None], x[None])[0]

        return jax.vmap(jax.jacfwd(mapped))(jnp.zeros((len(s), 2)), s, t) - jnp.eye(2)[None]

    push = jnp.einsum("nij,j->ni", gradient(s, t), SHIFT)
    np.testing.assert_allclose(found["eulerian"], mean_square(push), rtol=1e-3)
    push = jnp.einsum("nij,j->ni", gradient(tau, jnp.ones_like(tau)), SHIFT)
    np.testing.assert_allclose(found["eulerian_t1"], mean_square(push), rtol=1e-3)
    # X_{u,t}(X_{s,u}(x) + (u - s) c) + (t - u) c against X_{s,t}(x) + (t - s) c
    push = jnp.einsum("nij,j->ni", gradient(u, t), SHIFT) * (u - s)[:, None]
    np.testing.assert_allclose(found["semigroup"], mean_square(push), rtol=1e-3)


def test_the_map_that_stays_violates_only_the_tangent_condition(draws):
    # Its own velocity is zero, so that every rule holds: only truth can tell.
    found = map_metrics.residuals(nothing, FLOW.b, draws)
    b = np.asarray(FLOW.b(draws.tau, draws.x_tau), np.float64)
    np.testing.assert_allclose(found.pop("tangent"), np.mean(np.sum(b**2, axis=-1)), rtol=1e-5)
    assert set(found.values()) == {0.0}
    assert map_metrics.residuals(nothing, None, draws)["tangent"] is None


def test_draws_share_noise_and_data_that_are_independent(draws):
    late = np.asarray((draws.s > 0.2) & (draws.tau > 0.2))
    x_0, x_s, x_tau, s, tau = (np.asarray(getattr(draws, name))[late] for name in ("x_0", "x_s", "x_tau", "s", "tau"))
    data = (x_s - (1 - s[:, None]) * x_0) / s[:, None]
    np.testing.assert_allclose(data, (x_tau - (1 - tau[:, None]) * x_0) / tau[:, None], atol=1e-4)
    np.testing.assert_allclose(np.cov(data.T), COVARIANCE, atol=5 * 0.5 * np.sqrt(2 / len(data)))
    # Four standard errors, of each coordinate with each.
    assert np.abs(np.corrcoef(x_0.T, data.T)[:2, 2:]).max() < 4 / np.sqrt(len(data))


def test_classes_are_those_of_the_data_that_are_drawn():
    dataset = DATASET._replace(label=lambda key: (DATASET.sample(key)[0] > 0).astype(int))
    drawn = map_metrics.draw(dataset, LINEAR, seed=3, count=50)
    label = map_metrics.labels_of(dataset, seed=3, count=50)
    data = np.asarray(drawn.x_tau - (1 - drawn.tau[:, None]) * drawn.x_0)
    np.testing.assert_array_equal(label, data[:, 0] > 0)


def test_residuals_are_taken_at_points_of_their_times(draws):
    """Of a velocity that depends on the point alone, with a map of one Euler step: nothing is exact."""

    def v(s, t, x):
        return jnp.sin(2 * x)

    def mean(r):
        return float(np.mean(np.sum(np.square(np.asarray(r, np.float64)), axis=1)))

    def pulled(x, gap):
        """``b(X(x)) - b(x)``, and ``grad X(x) b(x) - b(x)``, with b = sin 2x."""
        wave = np.sin(2 * x)
        return wave - np.sin(2 * (x + gap[:, None] * wave)), 2 * gap[:, None] * np.cos(2 * x) * wave

    found = map_metrics.residuals(v, FLOW.b, draws)
    tau, gap, x_0, x_s, x_tau = (
        np.asarray(x, np.float64) for x in (draws.tau, draws.t - draws.s, draws.x_0, draws.x_s, draws.x_tau)
    )
    expected = {
        "tangent": np.sin(2 * x_tau) - np.asarray(FLOW.b(draws.tau, draws.x_tau)),
        "lagrangian": pulled(x_s, gap)[0],
        "eulerian": pulled(x_s, gap)[1],
        "lagrangian_s0": pulled(x_0, tau)[0],
        "eulerian_t1": pulled(x_tau, 1 - tau)[1],
    }
    for name, residual in expected.items():
        np.testing.assert_allclose(found[name], mean(residual), rtol=1e-4, err_msg=name)


def test_round_trip_of_a_map_that_does_not_return(draws):
    # X_{0,1} stays, X_{1,0} moves by SHIFT.
    found = map_metrics.round_trip(lambda s, t, x: s[:, None] * SHIFT[None] + 0 * x, draws.x_0)
    np.testing.assert_allclose(found, 0.5, rtol=1e-5)
    # A mean of distances, not the root of a mean of squares.
    found = map_metrics.round_trip(lambda s, t, x: s[:, None] * x, draws.x_0)
    np.testing.assert_allclose(found, np.linalg.norm(draws.x_0, axis=1).mean(), rtol=1e-5)


def test_growth_of_a_linear_velocity(draws):
    # v_{t,t}(x) = t B x, B with symmetric part diag(2, -1) and an antisymmetric part of 1.
    matrix = np.float32([[2.0, 1.0], [-1.0, -1.0]])

    def v(s, t, x):
        return t[:, None] * (x @ matrix.T)

    lipschitz, growth = bounds.growth(v, draws)
    top = float(np.max(draws.tau))
    np.testing.assert_allclose(lipschitz, top * np.linalg.norm(matrix, 2), rtol=1e-5)
    # int_0^1 (1 + 2 * 2 t) dt = 3; the largest of each bin of time lies at its end.
    np.testing.assert_allclose(growth, 3 + 2 / bounds.TIME_BINS, rtol=0.02)
    assert bounds.growth(lambda s, t, x: -x, draws) == (1.0, 0.0)
    # From where it grows to the end: int_{1/2}^1 (1 + 8 t - 4) dt = 3/2 if it shrinks before, at most int_0^{7/8}
    # of (1 + 3 - 8 t) otherwise, which would reach from the wrong end.
    _, late = bounds.growth(lambda s, t, x: (4 * t - 2)[:, None] * x, draws)
    rates = 1 + 2 * (4 * (np.arange(bounds.TIME_BINS) + 1) / bounds.TIME_BINS - 2)
    np.testing.assert_allclose(late, np.cumsum(rates[::-1]).max() / bounds.TIME_BINS, rtol=0.01)
    _, early = bounds.growth(lambda s, t, x: (1 - 4 * t)[:, None] * x, draws)
    rates = 1 + 2 * (1 - 4 * np.arange(bounds.TIME_BINS) / bounds.TIME_BINS)
    np.testing.assert_allclose(early, max(0, np.cumsum(rates[::-1]).max() / bounds.TIME_BINS), atol=0.01)


def test_the_rate_of_a_bin_is_its_largest():
    """Two points in each bin of time, of which one grows twice as fast."""
    tau = jnp.repeat((jnp.arange(bounds.TIME_BINS) + 0.5) / bounds.TIME_BINS, 2)
    x = jnp.tile(jnp.array([[0.0, 0.0], [1.0, 1.0]]), (bounds.TIME_BINS, 1))
    draws = map_metrics.Draws(tau, tau, tau, tau, x, x, x)
    # The gradient is 1 at the first point and 2 at the second.
    lipschitz, growth = bounds.growth(lambda s, t, x: x + x**2 / 2, draws)
    np.testing.assert_allclose([lipschitz, growth], [2, 1 + 2 * 2], rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_bounds_hold_for_wrong_maps(seed, solved, draws):
    """The exact map plus a smooth error: the distance from the exact samples is below what the losses allow."""
    size, turn = 0.4 * np.random.default_rng(seed).standard_normal((2, 2)).astype(np.float32)

    def v(s, t, x):
        wave = jnp.sin(x @ np.array([[1.0], [-2.0]], np.float32) + 3 * t[:, None])
        return FLOW.v(s, t, x) + size[None] * wave + (t - s)[:, None] * turn[None]

    losses = map_metrics.residuals(v, FLOW.b, draws)
    lipschitz, growth = bounds.growth(v, draws)
    found = bounds.wasserstein_bounds(
        **{name: losses[name] for name in ("tangent", "lagrangian_s0", "eulerian_t1")},
        lipschitz=lipschitz,
        growth=growth,
    )
    measured = np.sqrt(map_metrics.truth(v, solved, backward=False)[0]["one_step_error"])
    assert 0 < measured < min(found.values())


def test_bounds_are_the_formulas():
    found = bounds.wasserstein_bounds(tangent=0.01, lagrangian_s0=0.03, eulerian_t1=0.08, lipschitz=0.5, growth=2.0)
    np.testing.assert_allclose(found["bound_lagrangian"], np.sqrt(4 * np.e**2 * 0.04))
    np.testing.assert_allclose(found["bound_eulerian"], np.sqrt(2 * np.e * (1 + np.e) * 0.09))
    np.testing.assert_allclose(found["bound_growth"], np.sqrt(2 * np.e**2 * 0.04))
    huge = bounds.wasserstein_bounds(tangent=1.0, lagrangian_s0=0.0, eulerian_t1=0.0, lipschitz=1e4, growth=0.0)
    assert huge["bound_lagrangian"] == np.inf


def test_a_map_that_is_not_finite_is_named_with_its_times(solved, draws):
    def broken(s, t, x):
        return jnp.where((t > 0.9)[:, None], jnp.nan, FLOW.v(s, t, x))

    late = solved.t > 0.9
    first = np.argmax(late)
    shown = f"for {late.mean():.2%} of {COUNT} points, first at (s, t) = ({solved.s[first]:.4g}, {solved.t[first]:.4g})"
    with pytest.raises(DivergedError, match=re.escape(shown)):
        map_metrics.truth(broken, solved, backward=False)
    with pytest.raises(DivergedError, match="the lagrangian residual is NaN or infinite for .* first at"):
        map_metrics.residuals(broken, FLOW.b, draws)
