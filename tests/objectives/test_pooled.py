"""The velocity of samples, averaged over a pool: exact for a finite data set, without bias, and within the class."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.guided import guided
from objectives.mixture import weighted
from objectives.objective import Batch, Maps
from objectives.pooled import pooled_path, towards_posterior_mean
from taxonomy import exact_data
from taxonomy.interpolants import INTERPOLANTS, LINEAR
from taxonomy.times import Times


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def batch_of(x0, x1, s, pool, **more):
    return Batch(jnp.asarray(x0), jnp.asarray(x1), Times(s, s, s), pool=jnp.asarray(pool), **more)


def velocity_of(path, batch):
    return pooled_path(path, batch).velocity(batch.times.s, batch.x0, batch.x1)


def zero(s, t, x):
    return jnp.zeros_like(x)


def of_square(s, t, x):
    return x**2


def by_hand(batch, allowed=None):
    """In double precision, point by point, on the linear path."""
    x0, x1, s, pool = (np.asarray(a, np.float64) for a in (batch.x0, batch.x1, batch.times.s, batch.pool))
    found = []
    for i in range(len(s)):
        x = (1 - s[i]) * x0[i] + s[i] * x1[i]
        points = np.stack([x1[i], *(y for j, y in enumerate(pool) if allowed is None or allowed[i][j])])
        logits = [-np.sum((x - s[i] * y) ** 2) / (2 * ((1 - s[i]) * batch.noise_std) ** 2) for y in points]
        p = np.exp(np.array(logits) - max(logits))
        mean = np.tensordot(p / p.sum(), points, axes=1)
        found.append((mean - x) / (1 - s[i]))
    return np.stack(found)


@pytest.mark.usefixtures("x64")
def test_the_mean_is_over_the_softmax_of_likelihoods():
    x, own, pool = normal(0, 4, 2, 3), normal(1, 4, 2, 3), normal(2, 6, 2, 3)
    alpha, beta, std = np.array([0.9, 0.6, 0.3, 0.7]), np.array([0.2, 0.5, 0.8, 0.4]), 1.7
    found = towards_posterior_mean(
        x, own=own, pool=pool, alpha=jnp.asarray(alpha), beta=jnp.asarray(beta), noise_std=std
    )
    for i in range(4):
        points = np.array([own[i], *pool])
        likelihoods = [np.exp(-np.sum((x[i] - beta[i] * y) ** 2) / (2 * (alpha[i] * std) ** 2)) for y in points]
        mean = np.average(points, axis=0, weights=likelihoods)
        np.testing.assert_allclose(found[i], mean - own[i], rtol=1e-10, atol=1e-13)


@pytest.mark.usefixtures("x64")
def test_the_own_point_alone_counts_as_noise_vanishes():
    own, pool, noise = normal(1, 4, 2), normal(2, 6, 2), normal(3, 4, 2)

    def towards_mean(alpha):
        beta = jnp.full(4, 1 - alpha)
        x = alpha * noise + (1 - alpha) * own
        return towards_posterior_mean(x, own=own, pool=pool, alpha=jnp.full(4, alpha), beta=beta, noise_std=1.0)

    assert np.abs(towards_mean(0.5)).min() > 1e-3
    np.testing.assert_allclose(towards_mean(0.01), 0, atol=1e-6)
    np.testing.assert_array_equal(towards_mean(0.0), 0)
    # At pure noise nothing is known, and all seven count alike.
    mean = (np.sum(pool, axis=0, keepdims=True) + own) / 7
    np.testing.assert_allclose(towards_mean(1.0), mean - own, rtol=1e-12)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", INTERPOLANTS)
def test_with_all_data_in_the_pool_it_is_the_velocity_of_the_data_set(name):
    path, points, std = INTERPOLANTS[name], normal(4, 7, 2), 0.8
    s, x0 = jnp.array([0.05, 0.3, 0.6, 0.9]), normal(0, 4, 2)
    own = jnp.tile(points[:1], (4, 1))
    x = path.position(s, x0, own)
    flow = exact_data.empirical(path, points=points, noise_std=std)
    batch = batch_of(x0, own, s, points[1:], noise_std=std)
    np.testing.assert_allclose(velocity_of(path, batch), flow.b(s, x), rtol=1e-9, atol=1e-12)
    # Repeated in the pool, the own point counts twice.
    twice = exact_data.empirical(path, points=jnp.concatenate([points[:1], points]), noise_std=std)
    np.testing.assert_allclose(velocity_of(path, batch._replace(pool=points)), twice.b(s, x), rtol=1e-9, atol=1e-12)
    assert np.abs(twice.b(s, x) - flow.b(s, x)).max() > 1e-3


@pytest.mark.usefixtures("x64")
def test_it_has_the_mean_of_the_samples():
    # Over a set of three points, whichever of them was the own one, and over the noise by quadrature: the pooled
    # velocity and the sample's have the same mean against any function of the point, here cos(3 x). One coordinate.
    points = np.array([-1.0, 0.3, 1.2])
    nodes = np.linspace(-10, 10, 500)
    weights = np.exp(-(nodes**2) / 2)
    weights = weights / weights.sum()
    for time in (0.2, 0.7):
        pooled = sample = alone = 0.0
        for k in range(3):
            own, rest = jnp.full((500, 1), points[k]), np.delete(points, k)[:, None]
            noise, s = nodes[:, None], jnp.full(500, time)
            probe = weights[:, None] * np.cos(3 * ((1 - time) * noise + time * own))
            pooled += np.sum(probe * velocity_of(LINEAR, batch_of(noise, own, s, rest))) / 3
            sample += np.sum(probe * (own - noise)) / 3
            # Without the own point it would not: here another one is taken for it, at the same place of the path.
            other = noise - time / (1 - time)
            alone += np.sum(probe * velocity_of(LINEAR, batch_of(other, own + 1, s, rest))) / 3
        np.testing.assert_allclose(pooled, sample, rtol=1e-9)
        assert abs(alone - sample) > 1e-2 * abs(sample)


@pytest.mark.parametrize("dim", [2, 64, 3072])
@pytest.mark.parametrize("far", [0.0, 30.0])
def test_single_precision_is_enough_at_any_time_and_dimension(dim, far):
    # The pool holds copies of the example's own point as far from it as the noise that is left, which compete with it.
    alpha = jnp.array([0.999999, 0.9, 0.5, 0.1, 0.05, 0.02, 0.002])
    x0, x1 = normal(0, 7, dim), normal(1, 7, dim) + far
    near = x1 + 0.7 * jnp.minimum(alpha / (1 - alpha), 1)[:, None] * normal(3, 7, dim) / dim**0.5
    batch = batch_of(x0, x1, 1 - alpha, jnp.concatenate([normal(2, 20, dim) + far, near]))
    found, wanted, d_i = np.asarray(velocity_of(LINEAR, batch)), by_hand(batch), np.asarray(x1 - x0)
    assert found.dtype == np.float32
    noisy = np.asarray(alpha**2) > 20 * np.finfo(np.float32).eps * dim
    apart = np.linalg.norm(wanted - d_i, axis=1)
    assert apart[noisy].min() > 0.05  # others than the own point count
    error = np.linalg.norm(found - wanted, axis=1)
    assert np.all(error[noisy] < 0.1 * apart[noisy] + 1e-5 * far / alpha[noisy]), (error, apart)
    # Nearer to the data single precision cannot tell the copies apart, and the sample's own velocity is taken.
    np.testing.assert_array_equal(found[~noisy], LINEAR.velocity(1 - alpha, x0, x1)[~noisy])


def test_at_the_data_it_is_the_velocity_of_the_sample():
    s, x0, x1 = jnp.array([0.9995, 1.0]), normal(0, 2, 3), normal(1, 2, 3)
    batch = batch_of(x0, x1, s, x1 + 1e-7)
    np.testing.assert_array_equal(velocity_of(LINEAR, batch), LINEAR.velocity(s, x0, x1))


@pytest.mark.usefixtures("x64")
def test_the_pool_of_an_example_is_of_its_class_or_of_all_without_a_label():
    s, x0, x1, pool = jnp.full(3, 0.3), normal(0, 3, 2), normal(1, 3, 2), normal(2, 5, 2)
    classes = np.array([0, 1, 1, 0, 2])
    batch = batch_of(x0, x1, s, pool, label=jnp.array([1, 0, 3]), labelled=jnp.array([True, True, False]))
    batch = batch._replace(pool_label=jnp.asarray(classes))
    wanted = by_hand(batch, [classes == 1, classes == 0, classes >= 0])
    np.testing.assert_allclose(velocity_of(LINEAR, batch), wanted, rtol=1e-10)


@pytest.mark.usefixtures("x64")
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", INTERPOLANTS)
def test_the_neighbour_is_a_step_along_the_posterior_mean(name):
    """Of all data: the point split into the exact denoiser and the noise that is left, and mixed again at time u."""
    path, data, x0 = INTERPOLANTS[name], normal(5, 40, 2), normal(6, 3, 2)
    s, u = jnp.array([0.1, 0.5, 0.8]), jnp.array([0.3, 0.6, 1.0])
    x_u = pooled_path(path, batch_of(x0, data[:3], s, data[3:])).neighbour(s, u, x0, data[:3])
    x_s = path.position(s, x0, data[:3])
    for i in range(3):
        # The own point and the pool, of which the points of the other examples are no part.
        points = jnp.concatenate([data[i : i + 1], data[3:]])
        at = (s[i : i + 1], x_s[i : i + 1])
        mean = exact_data.empirical(path, points=points, noise_std=1.0).posterior_mean(*at)
        left = (at[1] - path.beta(s[i]) * mean) / path.alpha(s[i])
        np.testing.assert_allclose(x_u[i : i + 1], path.alpha(u[i]) * left + path.beta(u[i]) * mean, atol=1e-9)


def test_a_central_difference_keeps_the_path_of_the_sample():
    """The target takes the mean velocity; its neighbours stay on the example's own path, whose mean is the same."""
    term = OBJECTIVES["tim"](velocity="pooled", pool=4, cosine=0.0, step=0.1).terms[1]
    s, t, x0, x1, pool = jnp.array([0.2, 0.6]), jnp.array([0.7, 0.9]), normal(0, 2, 2), normal(1, 2, 2), normal(2, 4, 2)
    batch = batch_of(x0, x1, s, pool)._replace(times=Times(s, s, t))
    found = term.loss(Maps(of_square, of_square, None), pooled_path(LINEAR, batch), batch)
    behind, ahead = (of_square(s, t, LINEAR.position(s + step, x0, x1)) for step in (-0.1, 0.1))
    target = by_hand(batch) + (t - s)[:, None] * (ahead - behind) / 0.2
    np.testing.assert_allclose(found, np.sum((LINEAR.position(s, x0, x1) ** 2 - target) ** 2, axis=1), rtol=1e-10)


@pytest.mark.usefixtures("x64")
def test_a_term_with_a_pool_regresses_on_the_averaged_velocity():
    term = OBJECTIVES["flow_matching"](velocity="pooled", pool=4).terms[0]
    s, x0, x1, pool = jnp.array([0.2, 0.6]), normal(0, 2, 2), normal(1, 2, 2), normal(2, 4, 2)
    batch = batch_of(x0, x1, s, pool)
    _, losses = weighted(term, Maps(zero, zero, None), LINEAR, batch)
    np.testing.assert_allclose(losses, np.sum(by_hand(batch) ** 2, axis=1), rtol=1e-10)


@pytest.mark.usefixtures("x64")
def test_guidance_guides_the_averaged_velocity():
    method = OBJECTIVES["flow_matching"](velocity="pooled", pool=4)
    term = guided(method, scheme="terminal", terms=("diagonal",), scale=2.0).terms[0]
    s, x0, x1, pool = jnp.array([0.2, 0.6]), normal(0, 2, 2), normal(1, 2, 2), normal(2, 4, 2)
    batch = batch_of(x0, x1, s, pool, label=jnp.zeros(2, int), labelled=jnp.ones(2, bool))
    batch = batch._replace(pool_label=jnp.zeros(4, int))
    _, losses = weighted(term, Maps(zero, zero, None, unconditional=zero), LINEAR, batch)
    # w times the velocity, and the loss over w^2.
    np.testing.assert_allclose(losses, np.sum(by_hand(batch) ** 2, axis=1), rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("lsd", {"diagonal"}),
        ("shortcut", {"shortest"}),
        ("mean_flow", {"diagonal", "eulerian"}),
        ("alpha_flow", {"diagonal"}),  # its finite step follows the sample
        ("stee", {"integral"}),
        ("lmf", {"lagrangian"}),
        ("fmm", {"lagrangian"}),
        ("ctm", {"diagonal"}),
        ("ct_continuous", {"consistency"}),
        ("ct", {"consistency"}),  # the neighbour follows it
        ("ict", {"consistency"}),
        ("ect", {"consistency"}),
    ],
)
def test_the_terms_in_which_the_velocity_is_a_linear_target_are_pooled(name, terms):
    method = OBJECTIVES[name](velocity="pooled", pool=7)
    assert {term.name for term in method.terms if term.pool == 7} == terms
    assert method.cost == OBJECTIVES[name]().cost
    assert not any(term.pool for term in OBJECTIVES[name]().terms)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lsd", {"velocity": "teacher"}, "velocity = 'teacher'; expected one of sample, pooled"),
        ("lsd", {"velocity": "pooled", "pool": 0}, "pool = 0; expected a whole number, at least 1"),
        ("lsd", {"pool": 64}, "pool = 64 with velocity = 'sample', which has no pool; set velocity = 'pooled'"),
        ("tim", {"velocity": "pooled"}, "velocity = 'pooled' with cosine = 1.0: .*; set cosine = 0"),
        ("sct", {"velocity": "pooled"}, "velocity = 'pooled' with normalize = 0.1: .*; set normalize = 0"),
    ],
)
def test_what_would_be_biased_or_empty_is_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        OBJECTIVES[name](**options)
