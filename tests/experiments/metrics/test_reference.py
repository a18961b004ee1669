import json
import os
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.errors import UsageError
from experiments.metrics import reference
from experiments.settings import files as config_files
from taxonomy import exact
from taxonomy.interpolants import INTERPOLANTS, LINEAR

COVARIANCE = np.array([[0.4, 0.1], [0.1, 0.3]])


def gaussian_dataset():
    """A data set whose flow map is known in closed form."""
    root = np.linalg.cholesky(COVARIANCE)
    return datasets.Dataset(
        name="gaussian",
        shape=(2,),
        std=float(np.sqrt(np.trace(COVARIANCE) / 2)),
        sample=lambda key: jax.numpy.float32(root) @ jax.random.normal(key, (2,)),
        truth=None,
        exact_flow=lambda path: exact.gaussian(path, mean=np.zeros(2), covariance=COVARIANCE, noise_std=0.5),
    )


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWMAP_CACHE", str(tmp_path / "cache"))
    config = config_files.load("experiments/configs/eight_gaussians.py:lsd")
    config.evaluation.triples = 20
    return config


@pytest.mark.parametrize("name", ["linear", pytest.param("trigonometric", marks=pytest.mark.slow)])
def test_solutions_are_those_of_the_closed_form(name):
    dataset, path = gaussian_dataset(), INTERPOLANTS[name]
    found = reference.build(dataset, path, seed=0, triples=30, tolerance=1e-9)
    with jax.enable_x64(True):
        v = dataset.exact_flow(path).v

        def mapped(s, t, x):
            return x + (t - s)[:, None] * np.asarray(v(*map(jnp.asarray, (s, t, x))))

        ones = np.ones(len(found.x_0))
        np.testing.assert_allclose(found.x_t, mapped(found.s, found.t, found.x_s), atol=1e-8)
        np.testing.assert_allclose(found.x_1, mapped(0 * ones, ones, found.x_0), atol=1e-8)
        for time, points in zip(found.path_times, found.paths, strict=True):
            np.testing.assert_allclose(points, mapped(0 * ones, time * ones, found.paths[0]), atol=1e-7)
        # The error that is stated is that of the solutions, one number for each.
        distances = np.linalg.norm(found.x_t - mapped(found.s, found.t, found.x_s), axis=-1)
        np.testing.assert_allclose(found.error, distances, rtol=0.1, atol=1e-12)
    assert found.s.dtype == found.x_t.dtype == np.float64
    assert np.all(found.s <= found.t)
    assert found.error.max() < 1e-8
    assert found.x_0.shape == (6, 2)


def test_points_are_those_of_the_path():
    dataset = datasets.load("checkerboard")
    s, t, x_s, x_0 = reference.draw(dataset, LINEAR, seed=0, count=20_000)
    x_1 = (x_s - (1 - s)[:, None] * x_0) / s[:, None]
    inside = s > 0.05
    assert np.mean(dataset.truth.in_support(x_1[inside])) > 0.999
    # (s, t) uniform on the triangle: means 1/3 and 2/3.
    np.testing.assert_allclose([s.mean(), t.mean()], [1 / 3, 2 / 3], atol=0.01)
    np.testing.assert_allclose(x_0.std(), dataset.std, rtol=0.02)


@pytest.mark.slow
def test_the_second_time_it_comes_from_the_cache(config, monkeypatch):
    dataset = datasets.load(config.dataset)
    built = reference.load_or_build(config, dataset)
    path = reference.path_of(config, dataset)
    assert path.exists()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    monkeypatch.setattr(reference, "build", None)
    for found, expected in zip(reference.load_or_build(config, dataset), built, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert "20 exact triples" in reference.describe(built)


@pytest.mark.parametrize(
    ("field", "value"),
    [("interpolant", "trigonometric"), ("evaluation.seed", 7), ("evaluation.tolerance", 1e-6)],
)
def test_other_settings_make_another_file(config, field, value):
    dataset = datasets.load(config.dataset)
    before = reference.path_of(config, dataset)
    config.update_from_flattened_dict({field: value})
    assert reference.path_of(config, dataset) != before


@pytest.mark.slow
def test_a_file_of_other_settings_is_refused_and_kept(config):
    dataset = datasets.load(config.dataset)
    reference.load_or_build(config, dataset)
    made = reference.path_of(config, dataset)
    config.evaluation.seed = 7
    wrong = reference.path_of(config, dataset)
    os.link(made, wrong)
    message = f"made by other settings (seed is 1234 there, 7 here); delete {wrong}"
    with pytest.raises(UsageError, match=re.escape(message)):
        reference.load_or_build(config, dataset)
    assert wrong.exists()


def rewrite(path, **changes):
    with np.load(path) as file:
        arrays = dict(file) | changes
    made_by = json.loads(str(arrays.pop("settings")))
    made_by[reference.DIGEST] = reference.digest_of(arrays)
    np.savez(path, settings=json.dumps(made_by), **arrays)


@pytest.mark.slow
def test_a_damaged_file_is_named(config):
    dataset = datasets.load(config.dataset)
    built = reference.load_or_build(config, dataset)
    path = reference.path_of(config, dataset)
    rewrite(path, x_t=np.full_like(built.x_t, np.nan))
    with pytest.raises(UsageError, match="contains NaN or infinity; delete"):
        reference.load_or_build(config, dataset)
    rewrite(path, x_t=built.x_t, probe_b=built.probe_b + 1e-3)
    with pytest.raises(UsageError, match="made with another velocity of data set eight_gaussians; delete"):
        reference.load_or_build(config, dataset)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UsageError, match="reference set is damaged .*; delete"):
        reference.load_or_build(config, dataset)
    np.savez(path, settings=json.dumps({}))
    with pytest.raises(UsageError, match="reference set is damaged .no array s in it"):
        reference.load_or_build(config, dataset)


def test_a_data_set_without_exact_velocity_is_named(config):
    dataset = datasets.load(config.dataset)._replace(exact_flow=None)
    with pytest.raises(UsageError, match="data set eight_gaussians has no exact velocity; take a data set"):
        reference.load_or_build(config, dataset)
    assert not reference.path_of(config, dataset).exists()


def test_a_cache_that_cannot_be_written_is_named(config, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FLOWMAP_CACHE", str(tmp_path / "file"))
    # Before anything is solved.
    monkeypatch.delattr(reference, "build")
    with pytest.raises(UsageError, match=r"cannot write into FLOWMAP_CACHE=.*file \(.*\); name a folder that you may"):
        reference.load_or_build(config, datasets.load(config.dataset))
