"""Points whose coordinates, or channels, have scales of their own."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import latents, record
from experiments.errors import UsageError
from experiments.metrics import maps, reference
from experiments.settings import interpolant_of
from experiments.uses.finetuning import finetune
from experiments.uses.finetuning.plan import Plan
from experiments.uses.rewards import of_map
from taxonomy import characterizations
from tests.experiments.datasets.helpers import drawn
from tests.experiments.small_runs import small

Z = np.random.default_rng(0).standard_normal((60, 2))
SPREADS, PLACE = np.array([20, 0.001]), np.array([50, -3])
X = SPREADS * Z + PLACE


def put(folder, x, options="scale=coordinates", **others):
    np.savez(folder / "x.npz", x=x, **others)
    return datasets.load(f"{folder / 'x.npz'},{options}")


def stored(dataset):
    return np.stack([dataset.records[i] for i in range(len(dataset.records))])


def test_every_coordinate_has_mean_zero_and_spread_one(tmp_path):
    dataset = put(tmp_path, X)
    records = stored(dataset)
    # The centre is kept in single precision, whose steps at -3 are 2e-7: a spread of 0.001 sees them.
    np.testing.assert_allclose(records.mean(axis=0), 0, atol=3e-4)
    np.testing.assert_allclose(records.std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(dataset.std, 1, rtol=1e-5)
    np.testing.assert_allclose(dataset.own_std, np.sqrt(np.mean(X[dataset.records.rows].var(axis=0))), rtol=1e-5)
    assert {row.tobytes() for row in drawn(dataset, 200)} <= {row.tobytes() for row in records}
    # The numbers of the file, to single precision.
    np.testing.assert_allclose(dataset.truth.train, X[dataset.records.rows], rtol=1e-7)
    np.testing.assert_allclose(dataset.in_own_units(records), dataset.truth.train, rtol=2e-7, atol=5e-6)
    np.testing.assert_allclose(dataset.centred(dataset.truth.train), records, atol=3e-4)


def test_what_is_said_and_kept(tmp_path):
    plain, scaled = put(tmp_path, X, "range=none"), put(tmp_path, X)
    assert any("scale=coordinates scales each" in part for part in plain.told)
    assert not any("scale=coordinates" in part for part in scaled.told)
    assert any("divided by their spreads (0.00" in part for part in scaled.told)
    assert record.digest(plain) != record.digest(scaled)
    known = json.loads(json.dumps(record.of(scaled, address="x.npz,scale=coordinates")))
    record.check_form(known)
    record.check(known, put(tmp_path, X), where="runs/a")
    with pytest.raises(UsageError, match="was trained on"):
        record.check(known, plain, where="runs/a")
    np.testing.assert_array_equal(record.without_data(known).in_own_units(Z), scaled.in_own_units(Z))
    assert datasets.absolute(f"{tmp_path}/x.npz,scale=coordinates") == f"{tmp_path}/x.npz,scale=coordinates"


def test_a_channel_of_a_series_has_one_scale(tmp_path):
    random = np.random.default_rng(1)
    series = random.standard_normal((200, 5, 3)) * [1, 40, 0.01] + random.standard_normal((5, 3))
    dataset = put(tmp_path, series, "range=none,scale=channels")
    scale = dataset.scale.reshape(5, 3)
    np.testing.assert_array_equal(scale, np.broadcast_to(scale[0], scale.shape))
    kept = series[dataset.records.rows]
    np.testing.assert_allclose(scale[0], np.sqrt(kept.var(axis=0).mean(axis=0)), rtol=1e-6)
    np.testing.assert_allclose(dataset.centre, kept.mean(axis=0).reshape(-1), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("constant", [3.0, 0.0, -1e4])
def test_a_constant_coordinate_stays_constant(tmp_path, constant):
    dataset = put(tmp_path, np.stack([Z[:, 0], np.full(60, constant)], axis=1))
    np.testing.assert_array_equal(stored(dataset)[:, 1], 0)
    made = dataset.in_own_units(np.random.default_rng(0).standard_normal((9, 2)).astype(np.float32))
    np.testing.assert_allclose(made[:, 1], constant, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (Z, "scale=coordinate", "unknown scale=coordinate of data set .*did you mean 'coordinates'"),
        (Z, "scale=2", "unknown scale=2 of data set .*Known: channels, coordinates"),
        (np.tanh(Z.reshape(30, 2, 2)), "scale=channels", "scale=channels holds pictures, which have one scale"),
        (np.tanh(Z), "range=-1..1,scale=coordinates", "scale=coordinates holds numbers of a range, which have one"),
        ((100 * abs(Z)).astype(np.uint8), "scale=coordinates", "scale=coordinates holds numbers of a range"),
        (np.append(Z, [[1e5, 0]], axis=0).repeat([1] * 60 + [1], axis=0), "range=none", "say scale=coordinates, or"),
        (np.ones((60, 2)), "scale=coordinates", "all examples are the same"),
    ],
)
def test_what_cannot_be_scaled_is_named(tmp_path, x, options, message):
    with pytest.raises(UsageError, match=message):
        put(tmp_path, x, options)


@pytest.mark.parametrize("form", ["npz", "shards"])
def test_channels_of_latents(tmp_path, form):
    x = np.random.default_rng(0).standard_normal((80, 4, 4, 3)) * [1, 5, 20] + [0, -7, 40]
    path = tmp_path / "x.npz"
    if form == "shards":
        path = tmp_path / "x"
        latents.write(path, ((row.astype(np.float32), None) for row in x))
    else:
        np.savez(path, x=x)
    dataset = datasets.load(f"latents:{path},scale=channels")
    records = stored(dataset).reshape(-1, 16, 3)
    np.testing.assert_allclose(records.mean(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(records.std(axis=(0, 1)), 1, rtol=1e-4)
    np.testing.assert_allclose(dataset.in_own_units(records.reshape(-1, 48)), dataset.truth.train, atol=1e-4)
    np.testing.assert_allclose(dataset.truth.train, x[dataset.records.rows].reshape(-1, 48), rtol=1e-6)
    with pytest.raises(UsageError, match="scale=channel; expected a number, or channels"):
        datasets.load(f"latents:{path},scale=channel")


def test_numbers_of_a_map_are_in_the_units_of_the_data(tmp_path):
    dataset = put(tmp_path, X)
    path = interpolant_of(small())
    draws = maps.draw(dataset, path, seed=0, count=50)

    def v(s, t, x):
        return jnp.sin(x[:, ::-1] + s[:, None]) * t[:, None]

    found = maps.residuals(maps.stretched(v, dataset), maps.stretched(lambda t, x: x, dataset), draws)
    x_s, x_tau = (jnp.asarray(np.asarray(x) / dataset.scale) for x in (draws.x_s, draws.x_tau))
    semigroup = characterizations.semigroup(v, draws.s, draws.u, draws.t, x_s)
    tangent = characterizations.tangent(v, lambda t, x: x, draws.tau, x_tau)
    for name, residual in (("semigroup", semigroup), ("tangent", tangent)):
        expected = np.mean(np.sum((np.asarray(residual) * SPREADS) ** 2, axis=1))
        np.testing.assert_allclose(found[name], expected, rtol=0.2)  # the spreads of 54 examples
    same = reference.Reference(*[np.ones((3, 2))] * len(reference.Reference._fields))
    np.testing.assert_array_equal(reference.stretched(same, dataset).x_t, np.ones((3, 2)) * dataset.scale)


def test_rewards_and_optima_of_scaled_points(tmp_path):
    dataset = put(tmp_path, X)
    aim, strength, penalty = PLACE + SPREADS, np.array([0.01, 1e4]), 2.0

    def reward(x):
        return -jnp.sum(strength.astype(np.float32)[None] * (x - aim.astype(np.float32)[None]) ** 2, axis=1) / 2

    z = np.float32(Z[:20])
    before = dataset.in_own_units(z)
    np.testing.assert_allclose(jax.jit(of_map(reward, dataset))(z), reward(before), rtol=1e-4)
    task = SimpleNamespace(run=SimpleNamespace(dataset=dataset), reward=reward)
    best = finetune._optimum(task, before, Plan(penalty=penalty))
    # r(S z + c) - p / 2 |z - z_0|^2 is largest where S k (S z + c - a) = p (z_0 - z).
    scale, centre, p = dataset.scale, dataset.centre, penalty / dataset.std**2
    expected = (p * z - scale * strength * (centre - aim)) / (p + strength * scale**2)
    np.testing.assert_allclose(dataset.centred(best), expected, atol=0.02)
