import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import exact, tilted
from taxonomy.interpolants import LINEAR
from taxonomy.tilted import LinearQuadratic

pytestmark = pytest.mark.usefixtures("x64")

WEIGHTS = np.array([0.3, 0.7])
MEANS = np.array([[-0.8, 0.3], [0.6, -0.2]])
COVARIANCES = np.array([[[0.3, 0.1], [0.1, 0.2]], [[0.1, 0.0], [0.0, 0.4]]])
SIDE = np.linspace(-8, 8, 801)
POINTS = np.stack(np.meshgrid(SIDE, SIDE, indexing="ij"), -1).reshape(-1, 2)


def parts():
    return {"weights": WEIGHTS, "means": MEANS, "covariances": COVARIANCES}


def density(weights, means, covariances):
    total = 0.0
    for w, m, c in zip(weights, means, covariances, strict=True):
        y = POINTS - np.asarray(m)
        square = np.einsum("ni,ij,nj->n", y, np.linalg.inv(c), y)
        total = total + w * np.exp(-square / 2) / (2 * np.pi * np.sqrt(np.linalg.det(c)))
    return total


def reward():
    return LinearQuadratic(jnp.asarray(0.4), jnp.array([1.5, -0.7]), jnp.array([[1.2, 0.3], [0.3, -0.5]]))


def test_tilted_mixture_is_the_integrated_one():
    found = tilted.tilt(reward(), **parts())
    # The trapezoidal rule on a grid that holds the whole mass converges exponentially.
    unnormalized = density(**parts()) * np.exp(np.asarray(reward()(jnp.asarray(POINTS))))
    z = unnormalized.sum() * (SIDE[1] - SIDE[0]) ** 2
    np.testing.assert_allclose(found.log_z, np.log(z), rtol=1e-10)
    np.testing.assert_allclose(density(*found[:3]), unnormalized / z, atol=1e-10)
    mean = (unnormalized[:, None] * POINTS).sum(0) / unnormalized.sum()
    second = np.einsum("n,ni,nj->ij", unnormalized, POINTS, POINTS) / unnormalized.sum()
    np.testing.assert_allclose(found.mean, mean, atol=1e-10)
    np.testing.assert_allclose(found.covariance, second - np.outer(mean, mean), atol=1e-10)


def test_a_constant_reward_changes_only_the_normalization():
    constant = LinearQuadratic(jnp.asarray(2.0), jnp.zeros(2), jnp.zeros((2, 2)))
    found = tilted.tilt(constant, **parts())
    for name, value in parts().items():
        np.testing.assert_allclose(getattr(found, name), value, rtol=1e-14)
    np.testing.assert_allclose(found.log_z, 2.0, rtol=1e-14)


def test_atoms_are_reweighted_in_place():
    found = tilted.tilt(reward(), weights=WEIGHTS, means=MEANS, covariances=np.zeros((2, 2, 2)))
    expected = WEIGHTS * np.exp(np.asarray(reward()(jnp.asarray(MEANS))))
    np.testing.assert_allclose(found.weights, expected / expected.sum(), rtol=1e-12)
    np.testing.assert_allclose(found.means, MEANS, rtol=1e-14)


def test_a_tilt_without_a_normalization_is_refused():
    # C^{-1} + Q of the second component has the eigenvalue 1 / 0.4 - 2.6 < 0.
    with pytest.raises(ValueError, match=r"component 1 after the tilt is not positive definite: .* of -0.04"):
        tilted.tilt(LinearQuadratic(jnp.zeros(()), jnp.zeros(2), jnp.diag(jnp.array([0.0, -2.6]))), **parts())
    with pytest.raises(ValueError, match="not symmetric"):
        tilted.tilt(LinearQuadratic(jnp.zeros(()), jnp.zeros(2), jnp.array([[1.0, 0.5], [0.0, 1.0]])), **parts())
    with pytest.raises(ValueError, match=r"a \(3,\)"):
        tilted.tilt(LinearQuadratic(jnp.zeros(()), jnp.zeros(3), jnp.eye(2)), **parts())
    with pytest.raises(ValueError, match=r"y \(2,\); expected \(measured, dim\)"):
        tilted.measurement(jnp.ones((1, 2)), jnp.ones(2), noise_std=1.0)
    with pytest.raises(ValueError, match="noise_std = 0"):
        tilted.measurement(jnp.ones((1, 2)), jnp.ones(1), noise_std=0.0)


def test_a_measured_coordinate_gives_the_conditional_law():
    matrix, y, noise_std = jnp.array([[1.0, 0.0]]), jnp.array([0.35]), 0.2
    found = tilted.tilt(tilted.measurement(matrix, y, noise_std=noise_std), **parts())
    # The evidence is the density of y ~ sum_k w_k N(m_k1, C_k11 + noise^2).
    variance = COVARIANCES[:, 0, 0] + noise_std**2
    evidence = WEIGHTS * np.exp(-((0.35 - MEANS[:, 0]) ** 2) / 2 / variance) / np.sqrt(2 * np.pi * variance)
    np.testing.assert_allclose(found.log_z, np.log(evidence.sum()), rtol=1e-12)
    np.testing.assert_allclose(found.weights, evidence / evidence.sum(), rtol=1e-12)
    # Kalman's gain.
    gain = COVARIANCES[:, :, 0] / variance[:, None]
    np.testing.assert_allclose(found.means, MEANS + gain * (0.35 - MEANS[:, :1]), rtol=1e-12)
    expected = COVARIANCES - gain[:, :, None] * COVARIANCES[:, None, 0, :]
    np.testing.assert_allclose(found.covariances, expected, atol=1e-14)


def test_a_point_of_the_path_measures_the_data():
    noise_std, t, x = 0.7, 0.4, jnp.array([0.1, -0.3])
    flow = exact.mixture(LINEAR, **parts(), noise_std=noise_std)
    found = tilted.tilt(tilted.measurement(t * jnp.eye(2), x, noise_std=(1 - t) * noise_std), **parts())
    time = jnp.array([t])
    np.testing.assert_allclose(found.mean, flow.posterior_mean(time, x[None])[0], rtol=1e-12)
    np.testing.assert_allclose(found.log_z, flow.log_density(time, x[None])[0], rtol=1e-12)
