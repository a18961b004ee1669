import gc
import itertools
import threading
import time

import grain
import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import host
from experiments.errors import UsageError

SIZES = (6, 2)  # examples of each term on a device, if there are 4 of them


def numbered(count=50, shape=(3,)):
    """A data set whose example number i holds i."""
    numbers = np.arange(count, dtype=np.float32).reshape(-1, *(1 for _ in shape))
    records = np.broadcast_to(numbers, (count, *shape))
    return datasets.load("digits")._replace(name="numbered", shape=shape, records=records)


def read(dataset, steps, *, sizes=SIZES, devices=range(4), total=4, seed=0, start=0, **options):
    found = host.batches(dataset, sizes=sizes, devices=devices, total_devices=total, seed=seed, start=start, **options)
    batches = list(itertools.islice(found, steps))
    found.close()
    assert all(classes is None for terms in batches for _, classes in terms)
    return [tuple(examples for examples, _ in terms) for terms in batches]


def numbers_of(batches):
    """Record numbers in the order of their positions in the sequence."""
    return np.concatenate([array.reshape(-1, array.shape[-1])[:, 0] for terms in batches for array in terms]).astype(
        int
    )


def reading_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("grain")]


def assert_no_threads():
    deadline = time.monotonic() + 10
    while reading_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not reading_threads()


def test_every_epoch_has_every_example_once_in_another_order():
    count, batch = 50, 4 * sum(SIZES)
    found = numbers_of(read(numbered(count), 50 * 10 // batch + 1))[: 10 * count].reshape(10, count)
    np.testing.assert_array_equal(np.sort(found), np.broadcast_to(np.arange(count), (10, count)))
    assert len({epoch.tobytes() for epoch in found}) == 10
    # Not nearly sorted, and no position keeps its example.
    assert np.abs(np.corrcoef([*found, np.arange(count)]) - np.eye(11)).max() < 0.6


def test_the_order_is_that_of_grain():
    dataset = numbered(50)
    order = grain.MapDataset.source(dataset.records).seed(7).shuffle().repeat()
    expected = [int(order[position][0]) for position in range(10 * 32)]
    np.testing.assert_array_equal(numbers_of(read(dataset, 10, seed=7)), expected)


def test_an_example_lies_where_its_position_says():
    order = host.shuffled(50, seed=0)
    sizes, total = (3, 1, 2), 4
    batch = total * sum(sizes)
    for step, terms in enumerate(read(numbered(), 5, sizes=sizes)):
        for k, (size, array) in enumerate(zip(sizes, terms, strict=True)):
            assert array.shape == (total, size, 3)
            assert array.dtype == np.float32
            for device, i in itertools.product(range(total), range(size)):
                position = step * batch + total * sum(sizes[:k]) + device * size + i
                assert array[device, i, 0] == order[position]


@pytest.mark.parametrize("total", [1, 2])
def test_any_number_of_devices_sees_the_same_batches(total):
    dataset, factor = numbered(), 4 // total
    four = read(dataset, 9)
    fewer = read(dataset, 9, sizes=tuple(factor * size for size in SIZES), devices=range(total), total=total)
    for terms, others in zip(four, fewer, strict=True):
        for array, other in zip(terms, others, strict=True):
            np.testing.assert_array_equal(array.reshape(-1, 3), other.reshape(-1, 3))


def test_two_processes_share_the_batches_of_one():
    dataset = numbered()
    whole, first, second = (read(dataset, 9, devices=devices) for devices in (range(4), (0, 1), (2, 3)))
    for terms, *parts in zip(whole, first, second, strict=True):
        for k, array in enumerate(terms):
            np.testing.assert_array_equal(array, np.concatenate([part[k] for part in parts]))


def test_a_later_start_skips_the_steps_before():
    dataset = numbered()
    whole, later = read(dataset, 20), read(dataset, 7, start=13)
    np.testing.assert_array_equal(numbers_of(whole[13:]), numbers_of(later))
    far = 10**9  # of steps: nothing is counted through
    np.testing.assert_array_equal(
        numbers_of(read(dataset, 1, start=far)), [host.shuffled(50, seed=0)[far * 32 + i] for i in range(32)]
    )


def test_threads_and_prefetch_change_nothing():
    dataset = numbered()
    expected = numbers_of(read(dataset, 20))
    for threads, prefetch in ((1, 1), (8, 3), (0, 0)):
        np.testing.assert_array_equal(numbers_of(read(dataset, 20, threads=threads, prefetch=prefetch)), expected)


def test_another_seed_gives_another_order():
    dataset = numbered()
    orders = {numbers_of(read(dataset, 4, seed=seed)).tobytes() for seed in (-1, 0, 1, 2, 2**32 - 2)}
    assert len(orders) == 5
    # Seeds that follow each other share no epoch either.
    epochs = {
        tuple(host.shuffled(50, seed=seed)[50 * epoch + i] for i in range(50))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(epochs) == 9


def test_examples_of_a_file_are_read_from_it(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (40, 2, 3), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    dataset = datasets.load(str(tmp_path / "x.npy"))
    found = np.concatenate([terms[0].reshape(-1, 6) for terms in read(dataset, 9, sizes=(1,))])
    np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(dataset.truth.train, axis=0))
    assert "stored" not in vars(dataset.records)


def test_a_data_set_without_records_is_refused_at_once():
    message = "data set checkerboard draws its examples; use --config.training.data=device"
    with pytest.raises(UsageError, match=message):
        host.batches(datasets.load("checkerboard"), sizes=(1,), devices=(0,), total_devices=1, seed=0, start=0)


@pytest.mark.parametrize("threads", [0, 4])
@pytest.mark.parametrize(
    ("record", "message"),
    [
        (np.array([1, np.nan, 2], np.float32), "^record 17 of data set numbered contains NaN or infinity; expected"),
        (np.zeros(2, np.float32), r"^record 17 of data set numbered has shape \(2,\); expected \(3,\): mend the data"),
        # NumPy would broadcast it.
        (np.zeros(1, np.float32), r"^record 17 of data set numbered has shape \(1,\); expected \(3,\)"),
    ],
)
def test_a_bad_record_is_named_when_it_is_read(record, message, threads):
    dataset = numbered()
    records = [record if i == 17 else good for i, good in enumerate(dataset.records)]
    with pytest.raises(UsageError, match=message):
        read(dataset._replace(records=records), 10, threads=threads, prefetch=threads)
    assert_no_threads()


@pytest.mark.parametrize("how", ["closed", "forgotten", "never used"])
def test_threads_end_with_the_iterator(how):
    found = host.batches(numbered(), sizes=SIZES, devices=range(4), total_devices=4, seed=0, start=0)
    if how != "never used":
        next(found)
        assert reading_threads()
    if how == "closed":
        found.close()
        assert next(found, None) is None
    del found
    gc.collect()
    assert_no_threads()
