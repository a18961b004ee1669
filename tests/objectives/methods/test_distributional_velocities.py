"""Distribution matching by two velocities: what its gradient is, and where it rests."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.losses.distributional import velocity_matching
from objectives.mixture import minimized, mixture
from objectives.objective import Batch, Maps
from taxonomy import exact, flow_map, predictions
from taxonomy.curricula import law_at
from taxonomy.interpolants import INTERPOLANTS
from tests.helpers import tiny, tiny_params
from tests.objectives.test_build import draw, exact_flow

pytestmark = pytest.mark.usefixtures("x64")
# Of numpy: they are made before the precision of the session is.
MEAN, COVARIANCE = np.array([1.0, -0.5]), np.array([[0.5, 0.1], [0.1, 0.2]])


def law_of_student(p):
    """Mean and covariance of ``a z + c``, z ~ N(0, 1)."""
    return p["c"], p["a"] @ p["a"].T


def velocity(path, mean, covariance):
    """Of the path from N(0, 1) to N(mean, covariance), in closed form and with gradients."""

    def b(r, x):
        alpha, beta = path.alpha(r), path.beta(r)
        noised = (beta**2)[:, None, None] * covariance[None] + (alpha**2)[:, None, None] * jnp.eye(2)[None]
        solved = jnp.linalg.solve(noised, (x - beta[:, None] * mean[None])[..., None])[..., 0]
        e0, e1 = alpha[:, None] * solved, mean[None] + beta[:, None] * solved @ covariance
        return path.d_alpha(r)[:, None] * e0 + path.d_beta(r)[:, None] * e1

    return b


def divergence(path, r, p):
    """``KL(law of the student || N(MEAN, COVARIANCE))`` after noise is added to both, at one time."""
    alpha, beta = path.alpha(r), path.beta(r)
    mean, covariance = law_of_student(p)
    q, wanted = (beta**2 * c + alpha**2 * jnp.eye(2) for c in (covariance, COVARIANCE))
    gap = beta * (MEAN - mean)
    logs = jnp.linalg.slogdet(wanted)[1] - jnp.linalg.slogdet(q)[1]
    return (jnp.trace(jnp.linalg.solve(wanted, q)) + gap @ jnp.linalg.solve(wanted, gap) - 2 + logs) / 2


def cubature():
    """Eight points of four coordinates with the mean of every polynomial of degree 3 under N(0, 1)."""
    points = 2.0 * jnp.concatenate([jnp.eye(4), -jnp.eye(4)])
    return points[:, :2], points[:, 2:]


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_a_difference_of_velocities_is_a_positive_multiple_of_one_of_scores(name):
    # b - b' = alpha (alpha beta' - alpha' beta) / beta (score - score'), (1 - r) / r on the linear path.
    path, r, x = INTERPOLANTS[name], jnp.linspace(0.05, 0.95, 7), jax.random.normal(jax.random.key(0), (7, 2))
    means, roots = (
        jnp.array([[1.0, -0.5], [-0.3, 0.4]]),
        jnp.array([[[0.5, 0.1], [0.1, 0.2]], [[1.0, 0.0], [0.0, 0.3]]]),
    )

    def score(mean, covariance):
        noised = (path.beta(r) ** 2)[:, None, None] * covariance[None] + (path.alpha(r) ** 2)[:, None, None] * jnp.eye(
            2
        )[None]
        return -jnp.linalg.solve(noised, (x - path.beta(r)[:, None] * mean[None])[..., None])[..., 0]

    first, second = (exact.gaussian(path, mean=m, covariance=c).b(r, x) for m, c in zip(means, roots, strict=True))
    factor = path.alpha(r) * predictions.determinant(path, r) / path.beta(r)
    assert np.all(np.asarray(factor) > 0)
    expected = factor[:, None] * (score(means[0], roots[0]) - score(means[1], roots[1]))
    np.testing.assert_allclose(first - second, expected, rtol=1e-9, atol=1e-12)
    if name == "linear":
        np.testing.assert_allclose(factor, (1 - r) / r, rtol=1e-12)


@pytest.mark.parametrize("name", INTERPOLANTS)
@pytest.mark.parametrize("r", [0.2, 0.5, 0.9])
def test_the_expected_gradient_is_that_of_a_weighted_divergence(name, r):
    path, p = INTERPOLANTS[name], {"a": jnp.array([[0.9, 0.2], [-0.3, 0.6]]), "c": jnp.array([0.3, 0.7])}
    z, fresh = cubature()
    time = jnp.full(len(z), r)
    wanted, learned = velocity(path, jnp.asarray(MEAN), jnp.asarray(COVARIANCE)), velocity(path, *law_of_student(p))

    def expected(p):
        # Affine velocities and an affine map: a polynomial of degree 2 in the noise, whose mean is exact here.
        mapped = z @ p["a"].T + p["c"][None]
        noised = jax.lax.stop_gradient(path.position(time, fresh, mapped))
        return velocity_matching(mapped, learned=learned(time, noised), wanted=wanted(time, noised)).mean()

    r = jnp.asarray(r)
    # The score moves noised points by beta, the velocities have the factor of the test above.
    determinant = predictions.determinant(path, time)[0]
    weight = 2 * path.alpha(r) * determinant / path.beta(r) ** 2
    assert float(weight) > 0
    found, exactly = jax.grad(expected)(p), jax.grad(lambda p: weight * divergence(path, r, p))(p)
    for key in p:
        assert float(jnp.abs(exactly[key]).min()) > 1e-3
        np.testing.assert_allclose(found[key], exactly[key], rtol=1e-9)


def test_the_gradient_sees_the_law_and_not_the_map():
    # The exact map after a turn of the noise: another map with the same law.
    flow, turn = exact_flow(), jnp.array([[0.6, -0.8], [0.8, 0.6]])
    bump = tiny(tiny_params())

    def slope(mapped_by):
        term = OBJECTIVES["dmd"]().terms[0]
        (batch, _) = draw(OBJECTIVES["dmd"](), 200)

        def value(size):
            def student(s, t, x):
                return mapped_by(s, t, x) + size * bump(s, t, x)

            maps = Maps(student, student, teacher=flow.b, auxiliary=flow.b)
            return minimized(term, maps, INTERPOLANTS["linear"], batch)[0].mean()

        return float(jax.grad(value)(0.0))

    def turned(s, t, x):
        return flow_map.jump(flow.v, s, t, x @ turn.T) - x

    assert slope(turned) == slope(flow.v) == 0
    # A fake velocity that is exact, of another law: then it does move.
    other = exact.gaussian(INTERPOLANTS["linear"], mean=-jnp.asarray(MEAN), covariance=jnp.eye(2))
    term, (batch, _) = OBJECTIVES["dmd"]().terms[0], draw(OBJECTIVES["dmd"](), 200)
    maps = Maps(other.v, other.v, teacher=flow.b, auxiliary=other.b)
    assert float(minimized(term, maps, INTERPOLANTS["linear"], batch)[0].mean()) > 0.1


def mirrored(v):
    """The same map at negative times, as a twin at rest is."""
    return lambda s, t, x: v(jnp.abs(s), jnp.abs(t), x)


COMBINATIONS = [
    pair for pair in itertools.product(("teacher", "own"), ("auxiliary", "own", "twin")) if pair != ("own", "own")
]


@pytest.mark.parametrize(("real", "fake"), COMBINATIONS)
def test_every_combination_rests_at_the_exact_map_and_at_no_other(real, fake):
    options = {"real": real, "fake": fake, "regression": 0.125 if real == "teacher" else 0.0}
    objective = OBJECTIVES["dmd"](**options)
    assert objective.needs_teacher == (real == "teacher")
    assert objective.needs_auxiliary == (fake == "auxiliary")
    flow, batches = exact_flow(), draw(objective, 2000)
    other = exact.gaussian(INTERPOLANTS["linear"], mean=-jnp.asarray(MEAN), covariance=jnp.eye(2))

    def slope(v):
        v, bumps = mirrored(v), [tiny(tiny_params(seed=k)) for k in range(3)]

        def value(sizes):
            def student(s, t, x):
                return v(s, t, x) + sum(size * bump(s, t, x) for size, bump in zip(sizes, bumps, strict=True))

            maps = Maps(student, student, teacher=flow.b, auxiliary=flow_map.diagonal(v))
            return mixture(objective.terms, maps, INTERPOLANTS["linear"], batches)[0]

        return float(jnp.abs(jax.jit(jax.grad(value))(jnp.zeros(3))).max())

    assert slope(flow.v) < 0.2 * slope(other.v)


@pytest.mark.parametrize(("real", "fake"), COMBINATIONS)
def test_the_correction_moves_the_map_alone_and_the_second_term_the_fake_velocity_alone(real, fake):
    objective = OBJECTIVES["dmd"](real=real, fake=fake)
    params = {name: tiny_params(seed) for seed, name in enumerate(("map", "diagonal", "twin", "auxiliary", "targets"))}
    batches, teacher = draw(objective, 8), exact_flow().b

    def pieces(p, here):
        """One function of both times whose parts are told apart by the times that they are asked for."""
        parts = [tiny(p[name]) for name in ("map", "diagonal", "twin")]

        def v(s, t, x):
            mapped, still, twin = (part(s, t, x) for part in parts)
            return jnp.where((s != t)[:, None], mapped, jnp.where((s < 0)[:, None], twin, still))

        return v if here else tiny(p["targets"])

    def moved(term, batch):
        def value(p):
            auxiliary = flow_map.diagonal(tiny(p["auxiliary"]))
            maps = Maps(pieces(p, True), pieces(p, False), teacher=teacher, auxiliary=auxiliary)
            return term.loss(maps, INTERPOLANTS["linear"], batch).sum()

        gradient = jax.jit(jax.grad(value))(params)
        return {name for name, part in gradient.items() if any(np.any(g) for g in jax.tree.leaves(part))}

    expected = [{"map"}, {{"own": "diagonal"}.get(fake, fake)}]
    assert [moved(*pair) for pair in zip(objective.terms[:2], batches[:2], strict=True)] == expected


def test_normalized_is_the_difference_of_denoisers_over_the_error_of_the_real_one():
    objective, plain = OBJECTIVES["dmd"](), OBJECTIVES["dmd"](normalized=False)
    flow, v, w = exact_flow(), tiny(tiny_params()), tiny(tiny_params(1))
    maps = Maps(v, v, teacher=flow.b, auxiliary=flow_map.diagonal(w))
    batch = draw(objective, 8)[0]
    r = batch.times.u

    def slope(objective):
        def values(points):
            moved = maps._replace(student=lambda s, t, x: v(s, t, x) + points)
            return objective.terms[0].loss(moved, INTERPOLANTS["linear"], batch).sum()

        return jax.grad(values)(jnp.zeros((8, 2)))

    x = flow_map.jump(v, batch.times.s, batch.times.t, batch.x0)
    noised = r[:, None] * x + (1 - r)[:, None] * batch.fresh
    error = jnp.abs(x - noised - (1 - r)[:, None] * flow.b(r, noised)).mean(axis=1)
    np.testing.assert_allclose(slope(objective), slope(plain) * ((1 - r) / error)[:, None], rtol=1e-9, atol=1e-12)


def test_a_strength_multiplies_the_correction_alone():
    batch = draw(OBJECTIVES["dmd"](), 8)
    v = tiny(tiny_params())
    maps = Maps(v, v, teacher=exact_flow().b, auxiliary=flow_map.diagonal(tiny(tiny_params(1))))

    def values(strength):
        terms = OBJECTIVES["dmd"](strength=strength).terms
        return [minimized(term, maps, INTERPOLANTS["linear"], one)[0] for term, one in zip(terms, batch, strict=True)]

    (one, two), (same, still) = values(1.0), values(0.25)
    np.testing.assert_allclose(same, one / 4, rtol=1e-12)
    np.testing.assert_array_equal(two, still)


def test_pairs_end_where_the_teacher_does():
    objective = OBJECTIVES["dmd"](regression=0.25, teacher_steps=40)
    flow, term = exact_flow(), objective.terms[-1]
    assert (term.name, term.share, term.cost) == ("regression", 0.25, 3 + 81)
    times = law_at(term.times, 1.0)(jax.random.key(0), (50,))
    batch = Batch(jax.random.normal(jax.random.key(1), (50, 2)), jnp.zeros((50, 2)), times)
    maps = Maps(flow.v, flow.v, teacher=flow.b)
    assert float(term.loss(maps, INTERPOLANTS["linear"], batch).max()) < 1e-6
