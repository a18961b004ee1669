import hashlib
import json
import math
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from experiments.errors import UsageError
from experiments.images import inception, inception_weights


def correlate(x, kernel, stride, padding):
    """Cross-correlation of [channels, height, width] with [out, channels, h, w]."""
    (rows, columns), (h, w) = padding, kernel.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, ((0, 0), (rows, rows), (columns, columns))), (h, w), axis=(1, 2)
    )[:, ::stride, ::stride]
    return np.einsum("cijhw,ochw->oij", windows, kernel, optimize=True)


def pool(x, kind, stride, padding):
    """Mean or maximum over the 3 x 3 neighbours that exist."""
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
    return (np.nanmean if kind == "mean" else np.nanmax)(windows, axis=(3, 4))


class Source:
    """The network as PyTorch's names and layout describe it, in float64; its weights are drawn at the first use."""

    def __init__(self, last_pool="max"):
        self.state, self.rng, self.last_pool = {}, np.random.default_rng(0), last_pool

    def conv(self, x, name, out, size=1, stride=1):
        h, w = (size, size) if isinstance(size, int) else size
        # Of stride 1 and within a block: as large as before. The first layers of the network are listed with it.
        padding = (h // 2, w // 2) if stride == 1 else (0, 0)
        return self.layer(x, name, out, (h, w), stride, padding)

    def layer(self, x, name, out, size, stride, padding):
        if f"{name}.conv.weight" not in self.state:
            scale = np.sqrt(2 / (len(x) * math.prod(size)))
            self.state |= {
                f"{name}.conv.weight": scale * self.rng.standard_normal((out, len(x), *size)),
                f"{name}.bn.weight": self.rng.uniform(0.7, 1.3, out),
                f"{name}.bn.bias": 0.2 * self.rng.standard_normal(out),
                f"{name}.bn.running_mean": 0.2 * self.rng.standard_normal(out),
                f"{name}.bn.running_var": self.rng.uniform(0.5, 1.5, out),
            }
        read = {part: np.float64(self.state[f"{name}.{part}"]) for part in ("conv.weight", "bn.weight", "bn.bias")}
        # Convolution and normalization folded into one.
        factor = read["bn.weight"] / np.sqrt(self.state[f"{name}.bn.running_var"] + 0.001)
        shift = read["bn.bias"] - factor * self.state[f"{name}.bn.running_mean"]
        y = correlate(x, read["conv.weight"] * factor[:, None, None, None], stride, padding)
        return np.maximum(y + shift[:, None, None], 0)

    def chain(self, x, prefix, *layers, stride=1):
        for i, (name, out, size) in enumerate(layers):
            x = self.conv(x, f"{prefix}.{name}", out, size, stride if i == len(layers) - 1 else 1)
        return x

    def __call__(self, x):
        x = self.layer(x, "Conv2d_1a_3x3", 32, (3, 3), 2, (0, 0))
        x = self.layer(x, "Conv2d_2a_3x3", 32, (3, 3), 1, (0, 0))
        x = self.layer(x, "Conv2d_2b_3x3", 64, (3, 3), 1, (1, 1))
        x = self.layer(pool(x, "max", 2, 0), "Conv2d_3b_1x1", 80, (1, 1), 1, (0, 0))
        x = self.layer(x, "Conv2d_4a_3x3", 192, (3, 3), 1, (0, 0))
        x = pool(x, "max", 2, 0)
        for block, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = np.concatenate([
                self.chain(x, block, ("branch1x1", 64, 1)),
                self.chain(x, block, ("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)),
                self.chain(x, block, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)),
                self.chain(pool(x, "mean", 1, 1), block, ("branch_pool", pooled, 1)),
            ])  # fmt: skip
        x = np.concatenate([
            self.chain(x, "Mixed_6a", ("branch3x3", 384, 3), stride=2),
            self.chain(x, "Mixed_6a", ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3),
                       ("branch3x3dbl_3", 96, 3), stride=2),
            pool(x, "max", 2, 0),
        ])  # fmt: skip
        for block, c in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = np.concatenate([
                self.chain(x, block, ("branch1x1", 192, 1)),
                self.chain(x, block, ("branch7x7_1", c, 1), ("branch7x7_2", c, (1, 7)), ("branch7x7_3", 192, (7, 1))),
                self.chain(x, block, ("branch7x7dbl_1", c, 1), ("branch7x7dbl_2", c, (7, 1)),
                           ("branch7x7dbl_3", c, (1, 7)), ("branch7x7dbl_4", c, (7, 1)),
                           ("branch7x7dbl_5", 192, (1, 7))),
                self.chain(pool(x, "mean", 1, 1), block, ("branch_pool", 192, 1)),
            ])  # fmt: skip
        x = np.concatenate([
            self.chain(x, "Mixed_7a", ("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3), stride=2),
            self.chain(x, "Mixed_7a", ("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, (1, 7)),
                       ("branch7x7x3_3", 192, (7, 1)), ("branch7x7x3_4", 192, 3), stride=2),
            pool(x, "max", 2, 0),
        ])  # fmt: skip
        for block, kind in (("Mixed_7b", "mean"), ("Mixed_7c", self.last_pool)):
            once = self.chain(x, block, ("branch3x3_1", 384, 1))
            twice = self.chain(x, block, ("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3))
            x = np.concatenate([
                self.chain(x, block, ("branch1x1", 320, 1)),
                self.chain(once, block, ("branch3x3_2a", 384, (1, 3))),
                self.chain(once, block, ("branch3x3_2b", 384, (3, 1))),
                self.chain(twice, block, ("branch3x3dbl_3a", 384, (1, 3))),
                self.chain(twice, block, ("branch3x3dbl_3b", 384, (3, 1))),
                self.chain(pool(x, kind, 1, 1), block, ("branch_pool", 192, 1)),
            ])  # fmt: skip
        return x.mean(axis=(1, 2))


IMAGES = np.random.default_rng(1).uniform(-1, 1, (1, 107, 75, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def source():
    """(the network in NumPy, its features of an image); it has drawn its weights."""
    network = Source()
    features = network(IMAGES[0].transpose(2, 0, 1).astype(np.float64))
    fc = {"fc.weight": np.ones((1008, 2048)), "fc.bias": np.zeros(1008)}
    network.state = {name: value.astype(np.float32) for name, value in (network.state | fc).items()}
    return network, features


def test_the_network_agrees_with_its_description_in_numpy(source):
    network, expected = source
    arrays = inception_weights.from_source(network.state, inception.shapes())
    variables = jax.tree.unflatten(jax.tree.structure(inception.shapes()), list(arrays.values()))
    found = jax.jit(inception.Inception().apply)(variables, IMAGES)[0]
    assert found.shape == (2048,)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=1e-4 * scale)
    # The comparison would see another pool in the last block: FID's differs from the published network there.
    other = Source(last_pool="mean")
    other.state = network.state
    differing = np.abs(other(IMAGES[0].transpose(2, 0, 1).astype(np.float64)) - expected) > 1e-2 * scale
    assert differing[-192:].mean() > 0.3  # of the others, most are cut off at zero in both
    assert not differing[:-192].any()


def test_number_of_parameters(source):
    # PyTorch counts 23,850,960 for 1008 classes; the classes themselves are not used.
    trained = {name: value for name, value in source[0].state.items() if "running" not in name}
    assert sum(value.size for value in trained.values()) == 23_850_960
    ours = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(inception.shapes()["params"]))
    assert ours == 23_850_960 - (2048 * 1008 + 1008) == 21_785_568


def test_names_are_mapped_one_to_one(source):
    names = list(map(inception_weights.source_name, inception_weights.named(inception.shapes())))
    assert len(set(names)) == len(names) == 5 * 94
    assert {*names, "fc.weight", "fc.bias"} == set(source[0].state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("Mixed_5b.branch1x1.conv.weight"), "lacks 1 arrays, such as Mixed_5b.branch1x1.conv.weight"),
        (lambda s: s.pop("fc.bias"), "lacks 1 arrays, such as fc.bias"),
        (lambda s: s.update({"AuxLogits.fc.bias": np.zeros(3)}), "has unknown 1 arrays, such as AuxLogits.fc.bias"),
        (
            lambda s: s.update({"fc.bias": np.zeros(1000)}),
            r"fc.bias of the weights has shape \(1000,\); expected \(1008",
        ),
        (
            lambda s: s.update({"Conv2d_1a_3x3.conv.weight": np.zeros((32, 3, 5, 5))}),
            r"Conv2d_1a_3x3.conv.weight of the weights has shape \(5, 5, 3, 32\); expected \(3, 3, 3, 32\)",
        ),
        (
            lambda s: s.update({"Conv2d_1a_3x3.bn.bias": np.full(32, np.nan)}),
            "Conv2d_1a_3x3.bn.bias of the weights contains NaN",
        ),
    ],
)
def test_other_weights_are_refused(source, change, message):
    state = dict(source[0].state)
    change(state)
    with pytest.raises(UsageError, match=message) as caught:
        inception_weights.from_source(state, inception.shapes())
    assert "download https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights" in str(caught.value)


class Tensor:
    def __init__(self, array):
        self.array = array

    def numpy(self):
        return self.array


def test_conversion_and_reading(source, tmp_path, monkeypatch):
    path, out = tmp_path / "weights.pth", tmp_path / "inception.npz"
    path.write_bytes(b"weights")
    with pytest.raises(UsageError, match="has sha256 [0-9a-f]{64}; expected that of pt_inception-2015-12-05-6726825d"):
        inception_weights.convert(path, out, inception.shapes())
    known = {inception_weights.SOURCE: hashlib.sha256(b"weights").hexdigest()}
    monkeypatch.setattr(inception_weights, "KNOWN", known)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match="needs the package torch"):
        inception_weights.convert(path, out, inception.shapes())
    state = {name: Tensor(value) for name, value in source[0].state.items()}
    state["Mixed_5b.branch1x1.bn.num_batches_tracked"] = Tensor(np.array(7))
    torch = types.SimpleNamespace(load=lambda file, map_location, weights_only: state)
    monkeypatch.setitem(sys.modules, "torch", torch)
    digest = inception_weights.convert(path, out, inception.shapes())
    variables, found = inception_weights.load(out, inception.shapes())
    assert found == digest
    expected = source[0].state["Mixed_6c.branch7x7_2.conv.weight"]
    kernel = variables["params"]["Mixed_6c"]["branch7x7_2"]["conv"]["kernel"]
    np.testing.assert_array_equal(kernel, np.einsum("oihw->hwio", expected))
    np.testing.assert_array_equal(
        variables["batch_stats"]["Mixed_7c"]["branch_pool"]["bn"]["var"],
        source[0].state["Mixed_7c.branch_pool.bn.running_var"],
    )

    with np.load(out) as file:
        arrays = dict(file)
    changed = arrays["params/Mixed_5b/branch1x1/bn/bias"]
    changed[0] += 1
    np.savez(tmp_path / "changed.npz", **arrays)
    with pytest.raises(UsageError, match=r"changed.npz is damaged: sha256 \w{16}\.\.\., written with"):
        inception_weights.load(tmp_path / "changed.npz", inception.shapes())
    record = json.loads(str(arrays["record"])) | {"source_sha256": "0" * 64}
    np.savez(tmp_path / "other.npz", **arrays | {"record": json.dumps(record)})
    with pytest.raises(UsageError, match="was made from a file with sha256 0000"):
        inception_weights.load(tmp_path / "other.npz", inception.shapes())
    out.write_bytes(out.read_bytes()[:1000])
    with pytest.raises(UsageError, match="holds no weights of Inception"):
        inception_weights.load(out, inception.shapes())
    with pytest.raises(
        UsageError, match=r"no file of Inception weights .*none.npz; download .* \(sha256 6726825d\w{56}\)"
    ):
        inception_weights.load(tmp_path / "none.npz", inception.shapes())


@pytest.mark.parametrize("shape", [(32, 48), (299, 299), (400, 310)])
def test_resize_by_half_pixels(shape):
    image = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    found = np.asarray(inception.RESIZES["half_pixel"](image[None, :, :, None]))[0, :, :, 0]
    expected = jax.image.resize(image, (299, 299), "linear", antialias=False)
    np.testing.assert_allclose(found, expected, atol=1e-4)  # positions are float32 there
    if max(shape) < 299:  # making pictures smaller, Pillow smooths and FID does not
        by_pillow = Image.fromarray(image).resize((299, 299), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(found, np.asarray(by_pillow), atol=1e-5)


def test_resize_of_tensorflow():
    image = np.random.default_rng(0).integers(0, 256, (20, 31)).astype(np.float32)
    found = np.asarray(inception.RESIZES["tensorflow"](image[None, :, :, None] / 127.5 - 1))[0, :, :, 0]
    expected = np.empty((299, 299))
    for i in range(299):
        for j in range(299):
            (y, a), (x, b) = divmod(i * 20 / 299, 1), divmod(j * 31 / 299, 1)
            y, x = int(y), int(x)
            below, right = min(y + 1, 19), min(x + 1, 30)
            top = (1 - b) * image[y, x] + b * image[y, right]
            bottom = (1 - b) * image[below, x] + b * image[below, right]
            expected[i, j] = ((1 - a) * top + a * bottom - 128) / 128
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_features_of_all_images_in_their_order(monkeypatch):
    def means(variables, images):
        return images.mean(axis=(1, 2))

    monkeypatch.setattr(inception, "BATCH", 4)
    monkeypatch.setattr(inception.Inception, "apply", lambda self, variables, x: means(variables, x))
    levels = np.linspace(-1, 1, 11, dtype=np.float32)
    images = np.broadcast_to(levels[:, None, None, None], (11, 6, 6, 1))
    found = inception.features([images[:5], images[5:]], {}, resize="half_pixel")
    np.testing.assert_allclose(found, np.repeat(levels[:, None], 3, axis=1), atol=1e-6)
    with pytest.raises(UsageError, match="unknown evaluation.resize='pixel'; did you mean 'half_pixel'"):
        inception.features([images], {}, resize="pixel")


@pytest.mark.slow
def test_features_at_full_size(source):
    arrays = inception_weights.from_source(source[0].state, inception.shapes())
    variables = jax.tree.unflatten(jax.tree.structure(inception.shapes()), list(map(jnp.asarray, arrays.values())))
    image = np.random.default_rng(2).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    found = inception.features([image], variables, resize="half_pixel")[0]
    large = jax.image.resize(image[0], (299, 299, 3), "linear", antialias=False)
    expected = source[0](np.asarray(large, np.float64).transpose(2, 0, 1))
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())
