"""A map in a file: read back with the header alone, it is the map of the run within the error of half precision."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.errors import UsageError
from experiments.training import runs
from experiments.training.loop import train
from experiments.uses.export_explorer import export, scores_of, weights_of
from tests.experiments.small_runs import small
from tests.exported import read


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "lsd"
    config = small()
    config.network.update(
        {"activation": "silu", "depth": 2, "point_features": 3, "time_features": 2, "time_embedding": "source_gap"}
    )
    train(config, folder)
    return folder


def of_file(described, arrays, s, t, x):
    """v(s, t, x) in float64 from the file alone, for silu and the pair (s, t - s)."""
    network = described["network"]
    assert (network["activation"], network["time_embedding"]) == ("silu", "source_gap")
    x = x / described["std"]
    time = network["time_scale"] * np.stack([s, t - s], axis=-1)
    h = [time, x]
    for values, count, base in (
        (x, network["point_features"], network["point_base"]),
        (time, network["time_features"], np.pi),
    ):
        angles = (values[:, :, None] * base * np.arange(1, count + 1)).reshape(len(x), -1)
        h += [np.sin(angles), np.cos(angles)]
    h = np.concatenate(h, axis=-1)
    for k in range(network["depth"] + 1):
        h = h @ arrays[f"Dense_{k}.kernel"].astype(float) + arrays[f"Dense_{k}.bias"].astype(float)
        if k < network["depth"]:
            h = h / (1 + np.exp(-h))
    return described["std"] * h


def test_the_file_alone_gives_the_map(run, tmp_path):
    size = export(run, tmp_path / "map.safetensors", command="python -m experiments.export_explorer")
    header, described, arrays = read(tmp_path / "map.safetensors")
    assert size == (tmp_path / "map.safetensors").stat().st_size
    assert {entry["dtype"] for entry in header.values()} == {"F16"}

    rng = np.random.default_rng(0)
    s, t = np.sort(rng.uniform(size=(2, 200)), axis=0)
    x = rng.normal(size=(200, 2)) * described["std"]
    loaded = runs.load_trained(run)
    exact = np.asarray(loaded.network()(*map(jnp.float32, (s, t, x))))
    found = of_file(described, arrays, s, t, x)
    # Half precision has 11 bits; a layer adds up some ten of them.
    np.testing.assert_allclose(found, exact, atol=4e-3 * np.abs(exact).max())
    assert np.abs(found - exact).max() > 0  # and it is half precision
    assert np.abs(exact).max() > 0.1

    assert (described["method"], described["steps"], described["sampler"]) == ("lsd", 20, "composition")
    assert described["data"]["kind"] == "gaussians"
    assert np.shape(described["data"]["places"]) == (400, 2)
    assert described["command"] == "python -m experiments.export_explorer"


def test_scores_are_those_of_the_same_step(tmp_path):
    assert scores_of(tmp_path, step=20) == {}
    (tmp_path / "metrics.csv").write_text("objective,trained_steps,N,kl\nlsd,20,1,0.5\nlsd,20,2,0.25\nperfect,,,0.01\n")
    assert scores_of(tmp_path, step=20) == {"1": {"kl": 0.5}, "2": {"kl": 0.25}, "perfect": {"kl": 0.01}}
    assert scores_of(tmp_path, step=40) == {}


def test_weights_that_half_precision_lacks_are_refused(run):
    loaded = runs.load_trained(run)
    loaded.params["params"]["network"]["Dense_0"]["bias"] = jnp.full(8, 1e5)
    with pytest.raises(UsageError, match=r"Dense_0.bias has weights beyond 65504"):
        weights_of(loaded)
