"""Divergence heads that are trained beside an exact map, and the likelihoods by them."""

import csv
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.errors import DivergedError, UsageError
from experiments.training.loop import train
from experiments.uses.likelihood import head as heads
from experiments.uses.likelihood import measure as likelihood
from experiments.uses.likelihood import scores
from experiments.uses.likelihood.head import Examples, Plan
from models import divergence_head, networks
from models.divergence_head import DivergenceHead
from taxonomy import exact, times
from taxonomy.interpolants import LINEAR
from tests.experiments.small_runs import small

MEAN, SPREAD = np.float32([0.2, -0.1]), np.float32([0.5, 0.2])
PLAN = Plan(steps=300, batch_size=128)


def fitted(plan, *, law=times.triangle):
    """A small head beside the exact map of a Gaussian that is longer than wide."""
    flow = exact.gaussian(LINEAR, mean=MEAN, covariance=np.diag(SPREAD))

    def draw(key, count):
        keys = jax.random.split(key, 2)
        s, u, t = times.with_fraction(law, fraction=0.5)(keys[0], (count,))
        still = jnp.arange(count) < count // 2
        x = jax.random.normal(keys[1], (count, 2))
        return Examples(x, s, jnp.where(still, s, u), jnp.where(still, s, t))

    head = DivergenceHead(networks.build("mlp", width=32, depth=2), std=1.0)
    params = divergence_head.initialize(head, jax.random.key(0), (2,))
    return heads.fit(head, params, flow.v, draw, plan)


@pytest.mark.parametrize(("rule", "probes"), [("lagrangian", 0), ("eulerian", 1), ("semigroup", 0)])
def test_every_rule_finds_the_divergence_of_an_exact_map(rule, probes):
    d = fitted(PLAN._replace(rule=rule, probes=probes)).d
    x = jax.random.normal(jax.random.key(1), (50, 2))
    zero, one = jnp.zeros(50), jnp.ones(50)
    expected = 0.5 * np.log(SPREAD).sum()
    found, still = d(zero, one, x), d(zero, zero, x)
    np.testing.assert_allclose(found, expected, atol=0.2)
    np.testing.assert_allclose(still, -2, atol=0.2)
    np.testing.assert_allclose(found.mean(), expected, atol=0.1)


def test_examples_are_half_on_the_diagonal_and_go_where_the_map_does():
    def drawn(*, both):
        objective = SimpleNamespace(both_directions=both)
        run = SimpleNamespace(objective=objective, dataset=datasets.load("two_moons"), interpolant=LINEAR)
        return heads.examples(run, jax.random.key(0), 64)

    at = drawn(both=False)
    assert int((at.s == at.t).sum()) == 32
    np.testing.assert_allclose(at.u, (at.s + at.t) / 2, atol=1e-6)
    assert (at.s <= at.t).all()
    assert 8 < int((drawn(both=True).s > drawn(both=True).t).sum()) < 24


def test_a_loss_that_is_not_finite_ends_the_training():
    with pytest.raises(DivergedError, match="by the eulerian rule has a loss that is not finite before update 100"):
        fitted(PLAN._replace(rule="eulerian", learning_rate=1e30))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "euler"}, "unknown --rule='euler'; did you mean 'eulerian'"),
        ({"rule": "eulerian,eulerian"}, "expected each named once"),
        ({"plan": Plan(steps=0)}, "--head_steps=0; expected a whole number from 1"),
        ({"plan": Plan(batch_size=0)}, "--head_batch_size=0; expected a whole number from 1"),
        ({"plan": Plan(probes=-1)}, "--head_probes=-1; expected 0"),
        ({"plan": Plan(learning_rate=-1.0)}, "--head_learning_rate=-1.0; expected a positive number"),
    ],
)
def test_what_cannot_be_used_is_refused(options, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        likelihood.measure(tmp_path, **options)


def test_heads_join_the_methods_with_as_many_determinants_and_euler_steps():
    found = scores.methods(
        lambda s, t, x: x, lambda t, x: x, ode_steps=2, probes=1, seed=0, heads={"eulerian": lambda s, t, x: x[:, 0]}
    )
    names = [method.name for method in found]
    assert names[:4] == ["1 jump", "2 jumps", "4 jumps", "8 jumps"]
    assert names[4:8] == [f"eulerian head, {n}" for n in names[:4]]
    assert names[8:12] == ["ODE, 1 Euler step", "ODE, 2 Euler steps", "ODE, 4 Euler steps", "ODE, 8 Euler steps"]
    assert [method.evaluations for method in found[:12]] == [3, 6, 12, 24, 2, 4, 8, 16, 3, 6, 12, 24]
    assert [method.drawn for method in found[:8]] == 2 * [True, False, True, False]
    x, zero, one = jnp.array([[0.3, -0.2]]), jnp.zeros(1), jnp.ones(1)
    np.testing.assert_allclose(found[4].transport(x, jnp.array([zero[0], one[0]])).log_det, 0.3, rtol=1e-6)
    # Euler's step of dx/dt = x, whose divergence is 2.
    np.testing.assert_allclose(found[8].transport(x, found[8].grid).x, 2 * x, rtol=1e-6)
    np.testing.assert_allclose(found[8].transport(x, found[8].grid).log_det, 2, rtol=1e-6)


def test_correlation_where_the_exact_density_varies():
    class Truth:
        @staticmethod
        def density(x):
            return np.exp(x[:, 0])

    x = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert scores._compared(np.array([1.0, 2.0, 3.0]), x, Truth)["correlation"] == pytest.approx(1)
    assert scores._compared(np.array([3.0, 2.0, 1.0]), x, Truth)["correlation"] == pytest.approx(-1)
    assert scores._compared(np.array([3.0, 3.0, 3.0]), x, Truth)["correlation"] is None
    assert scores._compared(np.array([1.0, 2.0, 3.0]), 0 * x, Truth)["correlation"] is None


@pytest.mark.slow
def test_the_command_with_a_rule(tmp_path):
    train(small(), tmp_path / "run")
    plan = Plan(steps=3, batch_size=8)
    rows = likelihood.measure(
        tmp_path / "run", out=str(tmp_path / "out"), points=20, ode_steps=1, rule="semigroup", plan=plan
    )
    assert [row["method"] for row in rows].count("semigroup head, 1 jump") == 2
    with (tmp_path / "out" / "likelihood.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    text = (tmp_path / "out" / "likelihood.md").read_text()
    assert "was trained beside it for 3 updates of 8 examples" in text
    assert "--rule=semigroup --head_steps=3 --head_batch_size=8" in text
