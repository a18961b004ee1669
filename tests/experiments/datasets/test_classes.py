"""Classes of the examples of a file."""

import jax
import numpy as np
import pytest

from experiments.errors import UsageError
from taxonomy.interpolants import LINEAR
from tests.experiments.datasets.examples import save


def test_classes_of_a_file_stay_with_their_examples(tmp_path):
    random = np.random.default_rng(0)
    y = random.permutation(np.arange(60) % 3)
    x = random.standard_normal((60, 2, 4)).astype(np.float32) + y[:, None, None].astype(np.float32)
    known = {row.tobytes(): k for row, k in zip(x.reshape(60, 8), y.tolist(), strict=True)}
    for dataset in (save(tmp_path / "a.npz", x=x, y=y), save(tmp_path / "b.npz", x=x, y=y, test=x[:9], test_y=y[:9])):
        assert dataset.classes == 3
        assert dataset.labels.dtype == dataset.truth.test_labels.dtype == np.int32
        for examples, labels in (
            ([dataset.records[i] for i in range(len(dataset.records))], dataset.labels),
            (dataset.truth.train, dataset.truth.train_labels),
            (dataset.truth.test, dataset.truth.test_labels),
        ):
            assert [known[row.tobytes()] for row in examples] == labels.tolist()
    key = jax.random.key(4)
    np.testing.assert_array_equal(
        [known[np.asarray(row).tobytes()] for row in dataset.draw(key, 40)],
        jax.vmap(dataset.label)(jax.random.split(key, 40)),
    )
    assert dataset.exact_path(LINEAR) is not None
    assert save(tmp_path / "c.npz", x=x).label is None


X = np.random.default_rng(0).standard_normal((40, 3))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.arange(39) % 2}, r"classes of .*x.npz are int64 of shape \(39,\); expected integers of .* \(40,\)"),
        ({"y": np.arange(40) % 2 / 1}, r"are float64 of shape \(40,\); expected integers"),
        ({"y": np.eye(40, dtype=int)}, r"are int64 of shape \(40, 40\); expected integers"),
        ({"y": np.arange(40) % 4 - 1}, "x.npz has class -1 at example 0; expected 0 to the number of classes less 1"),
        ({"y": np.arange(40) % 4 + 1}, "has classes up to 4, but none of its examples has class 0; expected"),
        ({"test_y": np.arange(40)}, 'x.npz holds "test_y" but no "test"; expected the examples'),
        ({"test": X, "test_y": np.arange(40) % 2}, "x.npz has no classes, and the other split has: give both, or none"),
        ({"test": X, "y": np.arange(40) % 2}, 'array "test" has no classes, and the other split has'),
        (
            {"test": X, "y": np.arange(40) % 2, "test_y": np.arange(40) % 3},
            'array "test" has class 2 at example 2, and those to train on have 0 to 1; expected the same',
        ),
    ],
)  # fmt: skip
def test_faulty_classes_are_named(tmp_path, arrays, message):
    with pytest.raises(UsageError, match=message):
        save(tmp_path / "x.npz", x=X, **arrays)
