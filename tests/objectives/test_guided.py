"""Guidance of whole objectives: on two Gaussian classes the minimizer is the guided velocity of the effective scale."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.guided import GUIDED, SCHEMES, guided
from objectives.objective import Batch, Maps
from taxonomy import exact, times
from taxonomy.interpolants import LINEAR

MEANS = np.array([[1.0, 0.0], [-1.0, 0.5]])
COVARIANCES = np.stack([0.2 * np.eye(2), np.array([[0.3, 0.1], [0.1, 0.15]])])
SCALE, OWN = 2.5, 0.4


def flow(classes):
    count = len(classes)
    return exact.mixture(
        LINEAR, weights=np.full(count, 1 / count), means=MEANS[classes], covariances=COVARIANCES[classes], noise_std=1.0
    )


BOTH, SINGLE = flow([0, 1]).b, [flow([0]).b, flow([1]).b]


def of_class(label):
    """The exact velocity of the class of each example; of both together where the label is 2."""
    return lambda t, x: jnp.stack([SINGLE[0](t, x), SINGLE[1](t, x), BOTH(t, x)])[label, jnp.arange(len(t))]


def drawn(count, seed=0, *, labelled=0.8):
    keys = jax.random.split(jax.random.key(seed), 5)
    label = jax.random.randint(keys[0], (count,), 0, 2)
    roots = jnp.linalg.cholesky(jnp.asarray(COVARIANCES, jnp.float32))
    x1 = jnp.asarray(MEANS, jnp.float32)[label] + jnp.einsum(
        "nij,nj->ni", roots[label], jax.random.normal(keys[1], (count, 2))
    )
    told = jax.random.uniform(keys[2], (count,)) < labelled
    t = jax.random.uniform(keys[3], (count,), minval=0.2, maxval=0.8)
    x0 = jax.random.normal(keys[4], (count, 2))
    return Batch(x0, x1, times.Times(t, t, t), label=jnp.where(told, label, 2), labelled=told)


def of_scheme(name, scheme, **options):
    method = OBJECTIVES[name]()
    share = OWN if SCHEMES[scheme].mixes else 0.0
    return guided(method, scheme=scheme, terms=GUIDED[name], scale=SCALE, self_mix=share, **options)


def slopes(scheme, scales, *, count=40_000, **interval):
    """Derivatives of the loss in the size of a change of ``at_fixed_point`` of each scale, in standard errors: [scale]
    for the examples with a label and for those without."""
    term, batch = of_scheme("flow_matching", scheme, **interval).terms[0], drawn(count)
    t = batch.times.t
    x = LINEAR.position(t, batch.x0, batch.x1)
    own, all_of_them = of_class(batch.label)(t, x), BOTH(t, x)
    change = own - all_of_them + 0.3 * jnp.stack([jnp.sin(2 * x[:, 1]) + 1, x[:, 0] * t], axis=-1)

    def derivative(scale):
        g = all_of_them + jnp.where(batch.labelled, scale, 1.0)[:, None] * (own - all_of_them)

        def losses(size):
            maps = Maps(lambda *_: g + size * change, lambda *_: g, None, unconditional=lambda *_: all_of_them)
            return term.loss(maps, LINEAR, batch)

        return jax.jvp(losses, (0.0,), (1.0,))[1]

    found = np.asarray(jax.jit(jax.vmap(derivative))(jnp.asarray(scales)), np.float64)
    told = np.asarray(batch.labelled)
    return [
        rows.mean(axis=1) / (rows.std(axis=1) / np.sqrt(rows.shape[1])) for rows in (found[:, told], found[:, ~told])
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_minimizer_is_the_guided_velocity_of_the_effective_scale(scheme):
    (right, wrong), unlabelled = slopes(scheme, [SCALE, 1.0])
    assert abs(right) < 4
    assert abs(wrong) > 10
    # Examples without a label are no part of the guidance.
    assert np.abs(unlabelled).max() < 4


def test_outside_of_the_interval_there_is_no_guidance():
    """All times lie in [0.2, 0.8]: an interval beside them leaves the conditional velocity."""
    (guided_elsewhere, wrong), _ = slopes("improved_mean_flow", [1.0, SCALE], low=0.9, high=1.0)
    assert abs(guided_elsewhere) < 4
    assert abs(wrong) > 10


@pytest.mark.parametrize("name", GUIDED)
def test_the_named_terms_and_no_others_see_the_guided_velocity(name):
    objective = of_scheme(name, "improved_mean_flow")
    batch = drawn(6)
    s, gap = batch.times.s, 0.1
    batch = batch._replace(times=times.Times(s, s + gap / 2, s + gap), progress=jnp.float32(0.5))
    slope = 1.0 + batch.label[:, None]
    maps = Maps(
        lambda s, t, x: slope * jnp.sin(x) + (t - s)[:, None],
        lambda s, t, x: slope * x,
        None,
        unconditional=lambda s, t, x: -x,
    )
    for term, plain in zip(objective.terms, OBJECTIVES[name]().terms, strict=True):
        with_guidance, without = (found.loss(maps, LINEAR, batch) for found in (term, plain))
        changed = np.abs(with_guidance - without) > 1e-4
        expected = np.asarray(batch.labelled) & (term.name in GUIDED[name])
        np.testing.assert_array_equal(changed, expected, err_msg=term.name)
        assert term.cost - plain.cost == 2 * (term.name in GUIDED[name])


def test_scales_that_the_network_is_told_take_the_place_of_the_fixed_one():
    term = of_scheme("flow_matching", "terminal").terms[0]
    batch = drawn(6, labelled=1.0)
    maps = Maps(lambda s, t, x: x, lambda s, t, x: x, None, unconditional=lambda s, t, x: BOTH(t, x))
    told = batch._replace(scale=jnp.array([SCALE, 1.0, 3.0, SCALE, 1.5, 2.0]))
    t = batch.times.t
    x, d_i = LINEAR.position(t, batch.x0, batch.x1), LINEAR.velocity(t, batch.x0, batch.x1)
    w = told.scale[:, None]
    expected = jnp.sum((x - w * d_i - (1 - w) * BOTH(t, x)) ** 2, axis=1) / told.scale**2
    np.testing.assert_allclose(term.loss(maps, LINEAR, told), expected, rtol=1e-5)
    np.testing.assert_allclose(term.loss(maps, LINEAR, batch)[0], expected[0], rtol=1e-5)


def test_unknown_schemes_and_shares_that_a_scheme_does_not_have_are_refused():
    method = OBJECTIVES["lsd"]()
    with pytest.raises(ValueError, match="guidance scheme 'mean'; expected one of mean_flow, improved_mean_flow"):
        guided(method, scheme="mean", terms=("diagonal",), scale=2.0)
    with pytest.raises(ValueError, match="self_mix = 0.5 with scheme model"):
        guided(method, scheme="model", terms=("diagonal",), scale=2.0, self_mix=0.5)
