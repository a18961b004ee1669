"""Roll-outs by jumps, and when their law is corrected."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.methods.distributional_hybrids import ROLL_OUTS, one_of_many, rolled_out
from objectives.mixture import minimized
from objectives.objective import Batch, Maps
from taxonomy import flow_map
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times
from tests.helpers import tiny, tiny_params
from tests.objectives.test_build import draw, exact_flow

pytestmark = pytest.mark.usefixtures("x64")


def test_a_roll_out_of_the_exact_map_ends_where_one_jump_does():
    flow, z = exact_flow(), jax.random.normal(jax.random.key(0), (200, 2))
    times = one_of_many(0)(jax.random.key(1), (200,))
    batch = Batch(z, z, times)
    zero = jnp.zeros(200)
    for gradient in ("all", "last"):
        np.testing.assert_allclose(
            rolled_out(gradient)(flow.v, batch), flow_map.jump(flow.v, zero, zero + 1, z), atol=1e-6
        )


@pytest.mark.parametrize("jumps", [0, 1, 3])
def test_the_jumps_are_those_of_equal_roll_outs(jumps):
    s, u, t = (np.asarray(a) for a in one_of_many(jumps)(jax.random.key(0), (60_000,)))
    numbers = np.array([jumps] if jumps else ROLL_OUTS)
    n = np.round(1 / (t - s)).astype(int)
    assert set(n) == set(numbers)
    np.testing.assert_allclose(n * s, np.round(n * s), atol=1e-4)
    for number in numbers:
        chosen = n == number
        np.testing.assert_allclose(chosen.mean(), 1 / len(numbers), atol=0.01)
        np.testing.assert_allclose(
            np.bincount(np.round(n * s)[chosen].astype(int)) / chosen.sum(), 1 / number, atol=0.02
        )
        # The end is the data itself, not nearly.
        assert np.all(t[chosen & (np.round(n * s) == number - 1)] == 1)
    np.testing.assert_allclose([u.mean(), u.std()], [1 / 2, 1 / 12**0.5], atol=0.01)


def test_the_gradient_passes_the_last_jump_of_positive_length_or_all():
    # One function of both times for each jump: which of them are moved?
    a, b = jnp.array([0.5, 0.0, 0.25]), jnp.array([1.0, 0.5, 0.5])
    z = jax.random.normal(jax.random.key(0), (3, 2))
    batch = Batch(z, z, Times(a, b, b))

    def moved(gradient, example):
        def value(sizes):
            def v(s, t, x):
                # To a, from a to b, and on; of a jump without length nothing is seen.
                which = jnp.where(t <= a, 0, jnp.where(s < b, 1, 2))
                return jnp.sin(x) + sizes[which][:, None]

            return rolled_out(gradient)(v, batch)[example].sum()

        return [k for k, slope in enumerate(jax.grad(value)(jnp.zeros(3))) if abs(float(slope)) > 1e-9]

    assert [moved("all", example) for example in range(3)] == [[0, 1], [1, 2], [0, 1, 2]]
    assert [moved("last", example) for example in range(3)] == [[1], [2], [2]]


def test_the_correction_begins_late_and_the_second_network_at_once():
    objective = OBJECTIVES["any_flow"](begin=0.4)
    v, w = tiny(tiny_params()), flow_map.diagonal(tiny(tiny_params(1)))
    maps = Maps(v, v, teacher=exact_flow().b, auxiliary=w)
    found = {}
    for progress in (0.0, 0.39, 0.4, 1.0):
        batches = draw(objective, 8, progress=progress)
        for term, batch in zip(objective.terms, batches, strict=True):
            found[term.name, progress] = float(minimized(term, maps, LINEAR, batch)[0].mean())
    assert [found["correction", progress] > 0 for progress in (0.0, 0.39, 0.4, 1.0)] == [False, False, True, True]
    assert all(found[name, 0.0] == found[name, 1.0] > 0 for name in ("diagonal", "eulerian", "auxiliary"))


def test_the_shares_of_the_map_are_those_of_its_own_training():
    terms = {term.name: term for term in OBJECTIVES["any_flow"](correction_share=0.2, fake_share=0.2).terms}
    assert {name: round(term.share, 6) for name, term in terms.items()} == {
        "diagonal": 0.3,
        "eulerian": 0.3,
        "correction": 0.2,
        "auxiliary": 0.2,
    }
    # A quarter of the map's examples ends at the data: half of those off the diagonal.
    times = terms["eulerian"].times(jax.random.key(0), (20_000,))
    np.testing.assert_allclose((np.asarray(times.t) == 1).mean(), 0.5, atol=0.015)


def test_without_strength_rcm_is_scd_with_other_times_and_no_learned_weight():
    rcm, scd = OBJECTIVES["rcm"](strength=0.0, normalize=0.2, warm_up=0.3), OBJECTIVES["scd"](warm_up=0.3)
    v = tiny(tiny_params())
    maps = Maps(v, v, teacher=exact_flow().b, auxiliary=exact_flow().b)
    batches = draw(rcm, 8, progress=0.2)
    np.testing.assert_array_equal(
        rcm.terms[0].loss(maps, LINEAR, batches[0]), scd.terms[0].loss(maps, LINEAR, batches[0])
    )
    assert not np.any(minimized(rcm.terms[1], maps, LINEAR, batches[1])[0])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("drifting", {"group": 1}, "group = 1; expected at least 2 examples: an example is compared with the others"),
        ("drifting", {"kernel": "rbf"}, "kernel = 'rbf'; expected one of laplace, gaussian"),
        ("drifting", {"temperature": 0.0}, "temperature = 0.0; expected a number in"),
        ("rcm", {"correction_share": 0.5, "fake_share": 0.5}, "fake_share = 0.5; expected a sum below 1: the rest of"),
        ("rcm", {"strength": -1.0}, "strength = -1.0; expected a number that is not negative"),
        ("any_flow", {"gradient": "first"}, "gradient = 'first'; expected one of all, last"),
        ("any_flow", {"jumps": -1}, "jumps = -1; expected a whole number of jumps, or 0 to draw it"),
        ("any_flow", {"begin": 1.5}, "begin = 1.5; expected a number in"),
        ("dmd", {"real": "own", "fake": "own"}, "real = 'own' and fake = 'own': one diagonal cannot be the velocity"),
        ("dmd", {"real": "own", "regression": 0.2}, "regression = 0.2 needs the pairs of a teacher; expected real ="),
        ("dmd", {"fake": "other"}, "fake = 'other'; expected one of auxiliary, own, twin"),
        ("dmd", {"diagonal_share": 0.5}, "diagonal_share = 0.5 changes nothing here; it needs real = 'own'"),
        ("dmd", {"teacher_steps": 4}, "teacher_steps = 4 changes nothing here; it needs regression above 0"),
        ("dmd", {"fake_share": 1.0}, "shares of the batch for all but the correction sum to 1; expected less than 1"),
    ],
)
def test_bad_options_of_the_family_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        OBJECTIVES[name](**options)
