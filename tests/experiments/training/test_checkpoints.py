import gc
import json
import shutil

import jax
import numpy as np
import pytest

from experiments.errors import UsageError
from experiments.settings import files as config_files
from experiments.training import records, runs
from experiments.training.checkpoints import Checkpoints
from experiments.training.loop import train
from experiments.training.state import State
from tests.experiments.small_runs import small


def state_of(step, *, width=64):
    rng = np.random.default_rng(step)
    params = {"params": {"Dense_0": {"kernel": rng.normal(size=(width, width)).astype(np.float32)}}}
    return State(
        np.asarray(step, np.int32),
        params,
        ({"mu": np.full(3, step, np.float32)},),
        (params,),
        skipped=np.asarray(2, np.int32),
    )


def filled(folder, *, keep=2, steps=(1, 2, 3)):
    checkpoints = Checkpoints(folder, keep=keep)
    for step in steps:
        checkpoints.save(step, state_of(step))
    checkpoints.wait()
    return checkpoints


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_the_newest_are_kept_and_read_back_exactly(tmp_path):
    checkpoints = filled(tmp_path)
    assert checkpoints.steps() == [2, 3]
    restored = checkpoints.restore(state_of(0))
    checkpoints.close()
    assert same(restored, state_of(3))
    assert jax.tree.structure(restored) == jax.tree.structure(state_of(3))


def test_what_is_being_saved_may_change_meanwhile_only_as_a_copy(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    state = state_of(5)
    checkpoints.save(5, jax.tree.map(np.copy, state))
    jax.tree.leaves(state.params)[0][:] = 0
    checkpoints.wait()
    assert same(checkpoints.restore(state_of(0)), state_of(5))
    checkpoints.close()


def biggest(folder):
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def flip_a_bit(folder):
    path = biggest(folder)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))


def cut_short(folder):
    path = biggest(folder)
    path.write_bytes(path.read_bytes()[:100])


def lose_a_file(folder):
    biggest(folder).unlink()


def empty_all(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"")


# When a file cannot be read, orbax leaves other reads of the same checkpoint behind, which complain when they end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", [flip_a_bit, cut_short, lose_a_file, empty_all])
def test_a_damaged_newest_checkpoint_is_reported_and_the_previous_one_used(tmp_path, capsys, damage):
    filled(tmp_path).close()
    damage(tmp_path / "checkpoints/3")
    reader = Checkpoints(tmp_path, read_only=True)
    assert same(reader.restore(state_of(0)), state_of(2))
    reader.close()
    assert reader.steps() == [2, 3]  # a reader changes nothing
    capsys.readouterr()

    checkpoints = Checkpoints(tmp_path)
    assert same(checkpoints.restore(state_of(0)), state_of(2))
    found = capsys.readouterr().err
    assert found.startswith(f"warning: checkpoint {tmp_path}/checkpoints/3 is damaged (")
    assert f"kept as {tmp_path}/checkpoints_damaged/3; going on from step 2" in found
    assert checkpoints.steps() == [2]
    # The run comes to this step again.
    checkpoints.save(3, state_of(3))
    checkpoints.wait()
    assert same(checkpoints.restore(state_of(0)), state_of(3))
    checkpoints.close()
    gc.collect()


def test_if_all_are_damaged_the_error_names_them(tmp_path):
    filled(tmp_path).close()
    for step in (2, 3):
        flip_a_bit(tmp_path / f"checkpoints/{step}")
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(
        UsageError, match=r"checkpoints/3 is damaged \(its numbers .*; .*checkpoints/2 is damaged .*no other"
    ):
        checkpoints.restore(state_of(0))
    checkpoints.close()
    assert checkpoints.steps() == [2, 3]


def test_another_shape_is_refused_and_is_no_damage(tmp_path):
    checkpoints = filled(tmp_path)
    with pytest.raises(
        UsageError, match=r"checkpoints/3 does not fit .*kernel has shape \(64, 64\) there, \(8, 8\) here"
    ):
        checkpoints.restore(state_of(0, width=8))
    assert checkpoints.steps() == [2, 3]
    checkpoints.close()


def test_leftovers_of_an_interrupted_save_are_removed_by_a_writer_alone(tmp_path):
    filled(tmp_path).close()
    left = tmp_path / "checkpoints/4.orbax-checkpoint-tmp"
    left.mkdir()
    (left / "part").write_text("x")
    Checkpoints(tmp_path, read_only=True).close()
    assert left.exists()
    checkpoints = Checkpoints(tmp_path)
    assert not left.exists()
    assert checkpoints.steps() == [2, 3]
    checkpoints.close()


def test_a_state_of_an_older_version_is_read(tmp_path):
    """Without the count of skipped steps, without a checksum, and without what the configuration has learnt since."""
    config = small(steps=5)
    train(config, tmp_path)
    checkpoints = Checkpoints(tmp_path)
    found = checkpoints.read(5)
    assert found["skipped"] == 0
    example = runs.load_trained(tmp_path, ema=0).params
    shutil.rmtree(tmp_path / "checkpoints/5")
    checkpoints.close()
    old = Checkpoints(tmp_path)
    tree = {name: {} for name in found}
    tree = {}
    for name, value in found.items():
        if name == "skipped":
            continue
        inner = tree
        *parents, last = name.split("/")
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = np.asarray(value)
    old.save(5, tree)
    old.close()
    path = tmp_path / "checkpoints/5/_CHECKPOINT_METADATA"
    values = json.loads(path.read_text())
    values["custom_metadata"] = {}
    path.write_text(json.dumps(values))
    for file, changes in {"config.json": ("network", "dtype"), "run.json": ("format", None)}.items():
        values = json.loads((tmp_path / file).read_text())
        outer, inner = changes
        del (values[outer] if inner else values)[inner or outer]
        (tmp_path / file).write_text(json.dumps(values))
    assert runs.read_config(tmp_path).network.dtype == "float32"
    assert same(runs.load_trained(tmp_path, ema=0).params, example)
    config.training.steps = 5
    train(config, tmp_path)


def test_a_folder_of_a_later_version_is_refused(tmp_path):
    train(small(steps=5), tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(record | {"format": records.FORMAT + 1}))
    with pytest.raises(UsageError, match=r"written by a later version .*format 3, this one knows 2\); update"):
        runs.load_trained(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps(record))
    config = json.loads((tmp_path / "config.json").read_text())
    config["training"]["warp"] = 9
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match=r"does not know \(training.warp\); it was written by another version"):
        runs.read_config(tmp_path)


def test_a_run_describes_itself(tmp_path):
    """Its numbers can be read by anyone, and its configuration repeats it."""
    train(small(steps=5), tmp_path / "run")
    checkpoints = Checkpoints(tmp_path / "run", read_only=True)
    found = checkpoints.read(5)
    checkpoints.close()
    params = runs.load_trained(tmp_path / "run", ema=0).params
    np.testing.assert_array_equal(
        found["params/params/network/Dense_0/kernel"], params["params"]["network"]["Dense_0"]["kernel"]
    )
    config = config_files.load(str(tmp_path / "run/config.json"))
    assert config.to_dict() == small(steps=5).to_dict()
    train(config, tmp_path / "again")
    assert same(runs.load_trained(tmp_path / "again", ema=0).params, params)
