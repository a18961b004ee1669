import json

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import caches
from experiments.datasets.dataset import Dataset, Images
from experiments.errors import UsageError
from experiments.images import classifier, inception, inception_reference
from experiments.images import file as image_score
from experiments.images import judge as judge_of
from experiments.images import scores as image_scores
from experiments.images.examples import as_scored
from experiments.images.table import IMAGE_METRICS, QUADRATIC
from experiments.metrics import images as image_metrics
from experiments.metrics import samples as metrics
from experiments.metrics.metric import applying
from experiments.reporting import plots
from experiments.settings import protocol
from experiments.settings.protocol import Protocol

RNG = np.random.default_rng(0)
SIZE = (8, 8, 3)
HOW = Protocol(kid_subset=100, kid_subsets=5, pairs=300)


def pictures(count, seed):
    """Stripes: of class 0 across, of class 1 along, in a colour of their own and with noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    x = 0.3 * rng.standard_normal((count, *SIZE)) + rng.uniform(-0.2, 0.2, (count, 1, 1, 3))
    stripes = np.where(np.arange(8) % 4 < 2, -0.5, 0.5)
    x += np.where(labels[:, None, None] == 0, stripes[:, None], stripes[None])[..., None]
    return image_metrics.rounded(x).reshape(count, -1), labels


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Metrics that take seconds, and have tests of their own, are replaced by differences of means."""

    def difference(x, y, **options):
        return float(np.abs(x.mean(0) - y.mean(0)).sum())

    monkeypatch.setattr(metrics, "entropic_w2_of_points", difference)
    monkeypatch.setattr(metrics, "classifier_accuracy", difference)


@pytest.fixture(scope="module")
def dataset():
    (train, train_labels), (test, test_labels) = pictures(700, 0), pictures(400, 1)
    truth = Images(train, test, SIZE, train_labels, test_labels)
    return Dataset("stripes", (192,), float(train.std()), lambda key: jnp.asarray(train)[0], truth, classes=2)


@pytest.fixture(scope="module")
def judge(dataset):
    steps, judge_of.STEPS = judge_of.STEPS, 60
    yield judge_of.judge(dataset)
    judge_of.STEPS = steps


def test_patches_are_the_squares():
    x = RNG.standard_normal((2, 6, 8, 3)).astype(np.float32)
    found = judge_of.patches(x, 4)
    assert found.shape == (2, 2, 2, 48)
    np.testing.assert_array_equal(found[:, 0, 1], x[:, :4, 4:].reshape(2, 48))
    np.testing.assert_array_equal(found[:, 1, 0, :24], x[:, 4:, :4].reshape(2, 24))
    assert np.all(found[:, 1, :, 24:] == 0)  # beyond the picture


def test_the_judge_knows_the_classes_and_is_kept(dataset, judge, monkeypatch):
    assert judge.accuracy > 0.97
    x, labels = pictures(1500, 2)  # more than are judged together
    assert (judge.classes(x) == labels).mean() > 0.97
    assert judge.features(x).shape == (1500, 64)
    np.testing.assert_allclose(np.mean(judge.features(dataset.truth.train) ** 2), 1, rtol=1e-5)
    np.testing.assert_allclose(judge.features(x[1400:]), judge.features(x)[1400:], atol=1e-4)
    monkeypatch.setattr(classifier, "fit", None)  # it is not trained again
    again = judge_of.judge(dataset)
    np.testing.assert_array_equal(again.features(x[:5]), judge.features(x[:5]))
    path = next(caches.folder().glob("classifier_*_60.npz"))
    whole = path.read_bytes()
    path.write_bytes(whole[:500])
    with pytest.raises(UsageError, match="is damaged .*; delete it and it is trained again"):
        judge_of.judge(dataset)
    path.write_bytes(whole)


def test_data_without_classes_or_pictures_have_no_judge(dataset):
    assert judge_of.judge(dataset._replace(truth=dataset.truth._replace(train_labels=None))) is None
    assert judge_of.judge(dataset._replace(truth=dataset.truth._replace(size=None))) is None


def test_scores_of_fresh_and_of_copied_pictures(dataset, judge):
    x, labels = pictures(500, 3)
    found = image_scores.score(x, dataset, HOW, labels)
    assert list(found) == [metric.name for metric in IMAGE_METRICS]
    test = dataset.truth.test
    assert found["frechet"] == metrics.frechet(x, test)
    expected = metrics.frechet(judge.features(x), judge.features(test))
    np.testing.assert_allclose(found["feature_frechet"], expected, rtol=1e-6)
    name, value = image_scores.main_metric(x, dataset, HOW)
    assert name == "feature_frechet"
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert found["class_accuracy"] > 0.97
    np.testing.assert_allclose(found["memorization"], 1, atol=0.05)
    assert found["fid"] is found["recall"] is None
    # Asked for the other class, and for none.
    assert image_scores.score(x, dataset, HOW, 1 - labels)["class_accuracy"] < 0.03
    copies = image_scores.score(dataset.truth.train[:300], dataset, HOW)
    assert copies["class_accuracy"] is None
    assert copies["memorization"] == 0
    with pytest.raises(UsageError, match="3 classes for 500 samples; expected one for each"):
        image_scores.score(x, dataset, HOW, labels[:3])


def test_pictures_are_rounded_and_clipped_first(dataset, judge):
    x, _ = pictures(300, 4)
    shifted = x + np.float32(0.3 / 127.5)  # less than half a step of 8 bits
    assert image_scores.score(shifted, dataset, HOW) == image_scores.score(x, dataset, HOW)
    exact = HOW._replace(rounding=False)
    assert image_scores.score(shifted, dataset, exact)["frechet"] != image_scores.score(x, dataset, exact)["frechet"]
    wide = dataset.truth._replace(test=2 * dataset.truth.test)  # no pictures in [-1, 1]
    np.testing.assert_array_equal(as_scored(shifted, wide, HOW), shifted)


def test_the_reference_is_the_split_of_the_protocol(dataset, judge):
    x, _ = pictures(300, 5)
    trained = HOW._replace(reference="train")
    assert image_scores.score(x, dataset, trained)["frechet"] == metrics.frechet(x, dataset.truth.train)
    floors = [image_scores.floor(dataset, how) for how in (HOW, trained)]
    # The distance between the splits is the same from both sides.
    np.testing.assert_allclose(floors[0]["frechet"], floors[1]["frechet"], rtol=1e-6)
    assert [floor["memorization"] for floor in floors] == [0, 1]
    assert floors[0]["class_accuracy"] == floors[1]["class_accuracy"] == judge.accuracy


def test_large_pictures_have_no_costly_scores_in_pixels(monkeypatch):
    train, test, x = (RNG.uniform(-1, 1, (60, 1200)).astype(np.float32) for _ in range(3))
    dataset = Dataset("large", (1200,), 0.6, None, Images(train, test, (20, 20, 3)))
    monkeypatch.setattr(metrics, "frechet", None)  # would raise
    found = image_scores.score(x, dataset, HOW._replace(rounding=False, pairs=50))
    assert found["frechet"] is found["entropic_w2"] is found["classifier"] is found["feature_frechet"] is None
    assert found["mmd2"] == metrics.mmd(x[:50], test[:50])
    assert image_scores.metrics_of(dataset)[0].name == "mmd2"
    assert applying(image_scores.metrics_of(dataset), [found])[-1].name == "memorization"


def test_inception_scores(dataset, judge, tmp_path, monkeypatch):
    calls = []

    def features(chunks, variables, *, resize):
        x = np.concatenate(list(chunks))
        calls.append((len(x), resize))
        assert x.shape[1:] == SIZE
        return x.reshape(len(x), -1)[:, :20] + variables

    network = inception_reference.Network(np.float32(1), "weights")
    monkeypatch.setattr(inception_reference, "network", lambda path: network)
    monkeypatch.setattr(inception, "features", features)
    monkeypatch.setenv("FLOWMAP_CACHE", str(tmp_path))
    monkeypatch.setattr(judge_of, "judge", lambda dataset: None)
    how = HOW._replace(inception="weights", reference="train", resize="tensorflow")
    x, _ = pictures(300, 6)
    train = dataset.truth.train
    records = np.concatenate([train, pictures(600, 7)[0]])
    for data, real in ((dataset, train), (dataset._replace(records=records), records)):
        found = image_scores.score(x, data, how)
        np.testing.assert_allclose(found["fid"], metrics.frechet(x[:, :20], real[:, :20]), rtol=1e-4)
        expected = image_metrics.precision_recall(x[:, :20], real[:, :20])
        np.testing.assert_allclose((found["precision"], found["recall"]), expected, atol=5e-3)
        pair = (features([part.reshape(-1, *SIZE)], 1, resize="") for part in (x, real[:QUADRATIC]))
        expected = image_metrics.kid(*pair, subset=100, subsets=5, seed=how.seed)
        np.testing.assert_allclose(found["kid"], expected, rtol=1e-4)
        del calls[-2:]
    # The reference is looked at once for one content.
    counts = [(700, "tensorflow"), (300, "tensorflow"), (1300, "tensorflow"), (300, "tensorflow")]
    assert sorted(calls) == sorted(counts)
    assert image_scores.score(x, dataset, how)["fid"] == image_scores.score(x, dataset, how)["fid"]
    assert len(calls) == 6
    assert len(list(tmp_path.glob("inception-*.npz"))) == 2
    without = dataset._replace(truth=dataset.truth._replace(size=None))
    with pytest.raises(UsageError, match="the examples of stripes are no pictures in"):
        image_scores.score(x, without, how)
    for change, message in (
        ({"reference": "tets"}, "unknown evaluation.reference='tets'; did you mean 'test'"),
        ({"resize": "bilinear"}, "unknown evaluation.resize='bilinear'; "),
    ):
        with pytest.raises(UsageError, match=message):
            image_scores.score(x, dataset, how._replace(**change))


def test_a_protocol_states_what_a_file_holds_not_where_it_lies(tmp_path):
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for path in paths:
        path.write_bytes(b"the same")
    of_both = [Protocol(inception=str(path)) for path in paths]
    assert protocol.hash_of(of_both[0]) == protocol.hash_of(of_both[1]) != protocol.hash_of(Protocol())
    paths[1].write_bytes(b"another")
    assert protocol.hash_of(of_both[0]) != protocol.hash_of(of_both[1])
    protocol.write(tmp_path, of_both[0])
    written = json.loads((tmp_path / "protocol.json").read_text())
    assert len(written.pop("inception_sha256")) == 64
    assert written == json.loads(json.dumps(of_both[0]._asdict()))


def test_a_file_of_images_is_scored_as_samples_of_a_run_are(dataset, judge, tmp_path):
    x, labels = pictures(250, 8)
    as_bytes = image_metrics.as_uint8(x).reshape(-1, *SIZE)
    arrays = {"1": x, "bytes": as_bytes, "y": labels}
    np.savez(tmp_path / "x.npz", **arrays)
    rows = image_score.score(image_score.read(tmp_path / "x.npz", SIZE), dataset, HOW, "-1..1", "x.npz")
    assert [row["samples"] for row in rows] == ["1", "bytes", "stripes, train split"]
    expected = image_scores.score(x, dataset, HOW, labels)
    for row in rows[:2]:
        for name, value in expected.items():
            assert row[name] == value or abs(row[name] - value) < 1e-6
    half = image_score.scaled(as_bytes / 255, "x", "0..1")
    np.testing.assert_allclose(half.reshape(250, -1), x, atol=1e-6)


def test_a_file_of_images_is_a_reference(tmp_path):
    x, _ = pictures(100, 9)
    np.savez(tmp_path / "real.npz", image_metrics.as_uint8(x).reshape(-1, *SIZE))
    dataset = image_score.load_reference(str(tmp_path / "real.npz"), "-1..1")
    rows = image_score.score(image_score.Samples({"x": x[:60]}, None, {}), dataset, HOW, "-1..1", "x.npz")
    assert len(rows) == 1
    np.testing.assert_allclose(rows[0]["frechet"], metrics.frechet(x[:60], x), atol=1e-6)
    assert rows[0]["memorization"] is None
    text = image_score.markdown(rows, HOW, dataset, {}, seconds=1.0)
    assert "compared_with = real.npz, seed = 1234" in text
    assert "reference = all images of the file, rounding = True" in text
    assert "FID" not in text  # no weights, no column


@pytest.mark.parametrize(
    ("images", "between", "message"),
    [
        (np.zeros((5, 8, 8, 3), np.int64), "-1..1", "array x is of type int64; expected uint8 or floats"),
        (np.full((5, 8, 8, 3), np.nan), "-1..1", "array x contains NaN"),
        (RNG.uniform(0, 1, (5, 8, 8, 3)), "-1..1", "which are not those of --range=-1..1; say which"),
        (RNG.uniform(0, 255, (5, 8, 8, 3)), "0..1", "which are not those of --range=0..1; say which"),
        (np.zeros((5, 3, 8, 8), np.uint8), "-1..1", r"put the channels last: .transpose\(0, 2, 3, 1\)"),
        (np.zeros((5, 8, 9, 3), np.uint8), "-1..1", r"no images of size \(8, 8, 3\): x: uint8 of shape \(5, 8, 9, 3\)"),
        (np.zeros((5, 4, 16, 3), np.uint8), "-1..1", r"images of size \(4, 16, 3\); expected \(8, 8, 3\)"),
    ],
)
def test_other_arrays_are_refused(dataset, tmp_path, images, between, message):
    np.savez(tmp_path / "x.npz", x=images)
    with pytest.raises(UsageError, match=message):
        image_score.score(image_score.read(tmp_path / "x.npz", SIZE), dataset, HOW, between, "x.npz")


def test_samples_of_a_run_are_scored_as_they_were_written(dataset, judge, tmp_path):
    x, labels = pictures(120, 10)
    others = {"times": np.array([0, 1.0]), "evaluations": 1, "sampler": "euler", "a\x1b[31m": np.zeros((120, 5))}
    np.savez(tmp_path / "own.npz", samples=x, labels=labels, **others)
    found = image_score.read(tmp_path / "own.npz", SIZE)
    assert list(found.images) == ["samples"]
    np.testing.assert_array_equal(found.labels, labels)
    assert found.left_out == {
        "times": "float64 of shape (2,)",
        "evaluations": "int64 of shape ()",
        "sampler": "<U5 of shape ()",
        "a\x1b[31m": "float64 of shape (120, 5)",
    }
    row, _ = image_score.score(found, dataset, HOW, "-1..1", "own.npz")
    assert row["class_accuracy"] == image_scores.score(x, dataset, HOW, labels)["class_accuracy"] > 0.9
    text = image_score.markdown([row], HOW, dataset, found.left_out, seconds=1.0)
    assert "left out, as no images: times, float64 of shape (2,); evaluations" in text
    assert "a\\x1b[31m, float64" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("arrays", [{}, {"y": np.arange(4)}, {"times": np.zeros(3), "one": np.zeros((1, 8, 8, 3))}])
def test_a_file_without_images_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "none.npz", **arrays)
    named = ".*; ".join(arrays) or "nothing"
    with pytest.raises(
        UsageError, match=rf"none.npz holds no images of size \(8, 8, 3\): {named}.*; expected at least"
    ):
        image_score.read(tmp_path / "none.npz", SIZE)


def test_dark_bytes_are_refused_unless_they_are_said_to_be_so():
    dark = np.full((5, 8, 8), 15, np.uint8)
    with pytest.raises(UsageError, match="x: the largest of its bytes is 15, and white is 255: .*--range=0..255"):
        image_score.scaled(dark, "x", "-1..1")
    np.testing.assert_allclose(image_score.scaled(dark, "x", "0..255"), 15 / 127.5 - 1)


def test_files_that_are_no_images_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"x.pt is no file of arrays; expected one that ends in .npy or .npz"):
        image_score.read(tmp_path / "x.pt", SIZE)
    with pytest.raises(UsageError, match="no file"):
        image_score.read(tmp_path / "x.npz", SIZE)
    (tmp_path / "x.npz").write_bytes(b"PK nothing")
    with pytest.raises(UsageError, match=r"x.npz cannot be read \(.*\); expected images saved by numpy.savez"):
        image_score.read(tmp_path / "x.npz", SIZE)
    with pytest.raises(UsageError, match="--reference=two_moons has no images"):
        image_score.load_reference("two_moons", "-1..1")
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 4, 4)), b=np.zeros(2))
    with pytest.raises(UsageError, match=r'two.npz holds the arrays a, b; expected one of images, or "x"'):
        image_score.load_reference(str(tmp_path / "two.npz"), "-1..1")


def test_pictures_are_drawn_in_rows_of_their_classes(tmp_path, monkeypatch):
    levels = np.array([0, 90, 180], np.uint8)  # of the three classes, in the second channel
    labels = np.array([2, 0, 1, 1, 2, 0, 0, 2, 1, 0, 2, 1])
    x = np.zeros((12, 4, 5, 3), np.float32) - 1
    x[..., 1] = levels[labels][:, None, None] / 127.5 - 1
    x[:, 0, 0, 0] = (np.arange(12) * 20 / 127.5 - 1)[:]  # which of the examples it is, in the first
    truth = Images(x.reshape(12, -1), x.reshape(12, -1)[::-1], (4, 5, 3), labels, labels[::-1])
    dataset = Dataset("flat", (60,), 1.0, None, truth, classes=3)
    drawn = []
    monkeypatch.setattr(plots.plt.Axes, "imshow", lambda axis, image, **style: drawn.append(image))
    plots.samples(tmp_path / "x.png", dataset, {"lsd": {"1": x.reshape(12, -1), "2": x.reshape(12, -1)}}, labels=labels)
    assert len(drawn) == 3
    for image in drawn:
        grid = 255 * image.reshape(3, 5, 4, 6, 3).swapaxes(1, 2)
        # As bright as the numbers say, although none of them is white.
        np.testing.assert_allclose(grid[:, :, :4, :5, 1], np.broadcast_to(levels[:, None, None, None], (3, 4, 4, 5)))
        assert np.all(grid[:, :, 4] == 0)
    numbers = [np.rint(image.reshape(3, 5, 4, 6, 3)[:, 0, :, 0, 0] * 255 / 20) for image in drawn]
    np.testing.assert_array_equal(numbers[0], [np.flatnonzero(labels == k) for k in range(3)])
    np.testing.assert_array_equal(numbers[0], numbers[1])
    np.testing.assert_array_equal(numbers[2], [np.flatnonzero(labels == k)[::-1] for k in range(3)])


def test_few_classes_have_several_rows_each():
    labels = np.arange(40) % 2
    found = plots._grid(np.arange(40.0)[:, None], labels)[..., 0]
    np.testing.assert_array_equal(found, [*np.arange(0, 36, 2).reshape(3, 6), *np.arange(1, 37, 2).reshape(3, 6)])
