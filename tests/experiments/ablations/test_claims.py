"""Verdicts from made-up scores: what two standard errors decide, and what diverged."""

import math

import numpy as np
import pytest

from experiments.ablations import claims
from experiments.ablations.suite import Claim
from experiments.errors import UsageError

INF, NAN = math.inf, math.nan
# Means 1, 2, 4; standard errors of three seeds 0.058, 0.115, 0.23.
ONE, TWO, FOUR = (tuple(mean * np.array([0.9, 1.0, 1.1])) for mean in (1.0, 2.0, 4.0))
NEAR_ONE = tuple(np.array(ONE) + 0.1)  # 0.1 against an error of 0.082


@pytest.mark.parametrize(
    ("lower", "higher", "factor", "expected"),
    [
        (ONE, TWO, 1.0, 1),
        (TWO, ONE, 1.0, -1),
        (ONE, NEAR_ONE, 1.0, 0),
        (ONE, tuple(np.array(ONE) + 0.17), 1.0, 1),  # 2 errors are 0.163
        (ONE, tuple(np.array(ONE) + 0.16), 1.0, 0),
        (ONE, TWO, 1.5, 1),  # 1.5 and 2 differ by 0.5; 2 errors are 0.289
        (ONE, TWO, 2.0, 0),
        (ONE, TWO, 3.0, -1),
        ((1.0,), (2.0,), 1.0, 0),  # one seed has no error
        (ONE, (INF, 1.0, 1.0), 1.0, 1),
        ((INF, INF, INF), ONE, 1.0, -1),
        ((INF,), (INF,), 1.0, 0),
        ((1.0,), (INF,), 1.0, 1),
        (ONE, (NAN, 2.0, 2.0), 1.0, 0),
        ((1.0, 1.0), (1.0, 1.0), 1.0, 0),
    ],
)
def test_an_order_is_decided_by_two_standard_errors(lower, higher, factor, expected):
    assert claims.order(lower, higher, factor=factor) == expected


def scores(**rows):
    """Scores of rows at one step, or at one and sixteen."""
    found = {}
    for label, values in rows.items():
        by_steps = values if isinstance(values, dict) else {1: values}
        found |= {(label, steps): numbers for steps, numbers in by_steps.items()}
    return found


THREE = scores(a=ONE, b=TWO, c=FOUR)


@pytest.mark.parametrize(
    ("kind", "rows", "value", "given", "expected", "effect"),
    [
        ("better", ("a", "b"), 1, THREE, "holds", 2.0),
        ("better", ("b", "a"), 1, THREE, "reverses", 0.5),
        ("better", ("a", "b"), 1, scores(a=ONE, b=NEAR_ONE), "undecided", 1.1),
        ("best", ("a",), 1, THREE, "holds", 2.0),
        ("best", ("b",), 1, THREE, "reverses", 0.5),
        ("best", ("a",), 1, scores(a=ONE, b=NEAR_ONE, c=FOUR), "undecided", 1.1),
        ("best", ("b", "c"), 1, THREE, "holds", 2.0),
        ("worst", ("b", "a"), 1, THREE, "holds", 2.0),
        ("worst", ("c",), 1, THREE, "holds", 2.0),
        ("worst", ("b",), 1, THREE, "reverses", 0.5),
        ("collapses", ("c",), 3, THREE, "holds", 4.0),
        ("collapses", ("b",), 3, THREE, "reverses", 2.0),
        ("collapses", ("b",), 2, THREE, "undecided", 2.0),
        ("same", ("a", "b"), 0.5, scores(a=ONE, b=NEAR_ONE), "holds", 1.1),
        ("same", ("a", "b"), 0.2, THREE, "reverses", 2.0),
        ("same", ("a", "b"), 0.1, scores(a=ONE, b=NEAR_ONE), "undecided", 1.1),
        ("same", ("b", "a"), 0.2, THREE, "reverses", 0.5),
        ("same", ("a", "b"), 0.2, scores(a=ONE, b=(INF, INF, INF)), "reverses", NAN),
        ("monotone", ("a", "b", "c"), 1, THREE, "holds", 4.0),
        ("monotone", ("a", "c", "b"), 1, THREE, "reverses", 2.0),
        ("monotone", ("a", "b", "c"), 1, scores(a=ONE, b=NEAR_ONE, c=FOUR), "undecided", 4.0),
        ("interior", ("a", "b", "c"), 1, THREE, "holds", 2.0),
        ("interior", ("b", "a", "c"), 1, THREE, "reverses", 0.5),
        ("best", ("a",), 1, scores(a=ONE, b=(INF, 1.0, 1.0)), "holds", INF),
        ("collapses", ("b",), 5, scores(a=ONE, b=(INF, INF, INF)), "holds", INF),
    ],
)
def test_a_claim_holds_reverses_or_is_undecided(kind, rows, value, given, expected, effect):
    claim = Claim(kind, rows, value=value)
    claims.check(claim)
    found = claims.judge(claim, given)
    assert found.word == expected
    np.testing.assert_allclose(found.effect, effect, rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "rows", "few", "many", "expected"),
    [
        ("improves_with_steps", ("a",), TWO, ONE, "holds"),
        ("improves_with_steps", ("a",), ONE, TWO, "reverses"),
        ("worsens_with_steps", ("a",), ONE, TWO, "holds"),
        ("worsens_with_steps", ("a",), ONE, NEAR_ONE, "undecided"),
        ("crosses", ("a", "b"), ONE, FOUR, "holds"),  # b is 2 at both
        ("crosses", ("b", "a"), ONE, FOUR, "reverses"),
        ("crosses", ("a", "b"), ONE, TWO, "undecided"),
    ],
)
def test_claims_about_steps_compare_the_fewest_with_the_most(kind, rows, few, many, expected):
    given = scores(a={1: few, 4: FOUR, 16: many}, b={1: TWO, 4: ONE, 16: TWO})
    assert claims.judge(Claim(kind, rows), given).word == expected


def test_a_variance_is_judged_by_the_seeds_of_its_own_metric():
    claim = Claim("lower_variance", ("a", "b"))
    claims.check(claim)
    assert claims.metric(claim) == "gradient_variance"
    assert claims.metric(Claim("better", ("a", "b"))) == ""
    assert claims.metric(Claim("better", ("a", "b"), metric="map_error")) == "map_error"
    # The numbers of steps have the same values.
    for a, b, expected, effect in (
        (ONE, TWO, "holds", 2.0),
        (TWO, ONE, "reverses", 0.5),
        (ONE, NEAR_ONE, "undecided", 1.1),
    ):
        found = claims.judge(claim, scores(a={1: a, 4: a}, b={1: b, 4: b}))
        assert found.word == expected
        np.testing.assert_allclose(found.effect, effect, rtol=1e-9)
    assert claims.judge(claim, scores(a=ONE, b=(NAN, NAN, NAN))).word == "undecided"


def test_claims_are_words():
    assert (
        claims.text(Claim("lower_variance", ("a", "b"))) == "the gradient of `a` has a lower variance than that of `b`"
    )
    assert claims.text(Claim("collapses", ("a",), steps=4, value=5)) == "`a` is at least 5 times the best at N = 4"
    assert claims.text(Claim("monotone", ("a", "b", "c"))) == "`a`, `b`, `c` is the order from best to worst at N = 1"
    assert claims.text(Claim("best", ("a", "b"))) == "`a` is the best at N = 1 (against `b`)"
    assert claims.text(Claim("same", ("a", "b"), value=0.05)) == "`a` and `b` are within 5% of each other at N = 1"
    assert claims.text(Claim("better", ("a", "b"), metric="map_error")).endswith("at N = 1 (map_error)")


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (Claim("bettre", ("a", "b")), "unknown claim 'bettre'; did you mean 'better'"),
        (Claim("better", ("a",)), "claim better names a; expected 2 labels"),
        (Claim("better", ("a", "b", "c")), "claim better names a, b, c; expected 2 labels"),
        (Claim("best", ()), "claim best names nothing; expected 1 or more labels"),
        (Claim("monotone", ("a",)), "expected 2 or more labels"),
        (Claim("collapses", ("a",)), "claim collapses has the value 1.0; expected a factor above 1"),
        (Claim("lower_variance", ("a",)), "claim lower_variance names a; expected 2 labels"),
        (Claim("lower_variance", ("a", "b"), metric="kl"), "claim lower_variance has the metric kl; expected none"),
        (Claim("same", ("a", "b"), value=2), r"expected a relative tolerance in \(0, 1\)"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused(claim, message):
    with pytest.raises(UsageError, match=message):
        claims.check(claim)
