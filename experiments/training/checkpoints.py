"""Complete training states on disk, by orbax: asynchronous, atomic, and checked when they are read.

A checkpoint is either complete or not there: orbax writes into a temporary folder and renames it. Its numbers carry a
checksum, because a changed byte in an array is otherwise read without complaint. A save is believed when its metadata
were read back.
"""

from collections.abc import Iterator, Mapping
import contextlib
from pathlib import Path
import shutil
import sys
from typing import Any
import zlib

import jax
import numpy as np
import orbax.checkpoint as ocp

from experiments import files
from experiments.errors import OF_THE_DISK, UsageError, WriteError
from experiments.training import places

CHECKSUM = "checksum"
METADATA = "_CHECKPOINT_METADATA"  # a file of orbax
UNFINISHED = "*.orbax-checkpoint-tmp*"
# Fields of the state that older versions did not write, and what they were.
ABSENT = {"skipped": 0}


class Checkpoints:
    """The checkpoints of one run in one folder, of which the newest are kept."""

    def __init__(self, workdir: Path, *, folder: str = "checkpoints", keep: int = 2, read_only: bool = False):
        """Opens the folder; if it is to be written to, removes what an interrupted save has left there.

        Args:
          workdir: the run's folder.
          folder: name of the folder in it, which is created.
          keep: number of newest checkpoints that are kept.
          read_only: change nothing, because the run may be training at this moment.
        """
        self._folder, self._read_only = (workdir / folder).absolute(), read_only
        try:
            if not read_only:
                self._folder.mkdir(parents=True, exist_ok=True)
            self._place = places.Place(workdir.absolute(), folder)
        except OSError as error:
            if error.errno in OF_THE_DISK:
                raise files.cannot_write(self._folder, error) from error
            raise UsageError(f"{self._folder} cannot be opened ({error.strerror}); expected a folder") from error
        # Names and shapes of the last save, until they were read back; whether a save has failed.
        self._unproven: tuple[int, dict[str, tuple[int, ...]]] | None = None
        self.proven, self._failed = False, False
        if not read_only:
            # Orbax can do this, but in the background: a new save could meet what is still there.
            for left in self._folder.glob(UNFINISHED):
                shutil.rmtree(left)
        # The manager below opens these at once, and whoever opens a pipe waits for ever.
        for path in self._folder.glob("*/*"):
            if not path.is_file() and not path.is_dir():
                raise UsageError(f"{path} is no file; remove it, or train again in another --workdir")
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            create=False,
            enable_async_checkpointing=True,
            # Only the first process writes and reads; the state is alike on all of them.
            multiprocessing_options=ocp.options.MultiprocessingOptions(
                primary_host=jax.process_index(),
                active_processes={jax.process_index()} if jax.process_count() > 1 else None,
                barrier_sync_key_prefix=folder if jax.process_count() > 1 else None,
            ),
        )
        handler = ocp.StandardCheckpointHandler()
        self._manager = ocp.CheckpointManager(self._place.path, item_handlers=handler, options=options)

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, ascending."""
        return sorted(self._manager.all_steps())

    def latest_step(self) -> int | None:
        """Step of the newest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any) -> None:
        """Begins to write a state; ``wait`` returns when it is complete on disk.

        Args:
          step: number of updates made.
          state: tree of arrays in the memory of the host, which nobody changes.

        Raises:
          WriteError: if this save or the one before fails, or the folder is not the one that was opened any more.
        """
        flat = _flat(state)
        metadata = {CHECKSUM: _checksum(flat)}
        self.check_place()
        with self._writing():
            self._manager.save(step, args=ocp.args.StandardSave(state), custom_metadata=metadata, force=True)
        self._unproven = step, {name: np.shape(leaf) for name, leaf in flat.items()}

    def wait(self) -> None:
        """Returns when everything that was saved is complete on disk, and the last of it can be read back.

        Raises:
          WriteError: if that is not so.
        """
        with self._writing():
            self._manager.wait_until_finished()
        if self._unproven is None:
            return
        step, expected = self._unproven
        self.check_place()
        try:
            found = {name: tuple(leaf.shape) for name, leaf in _flat(self._tree(step)).items()}
        except Exception as error:  # of any kind, as in ``read``
            raise self._lost(step, files.reason_of(error)) from error
        if found != expected:
            raise self._lost(step, "arrays are missing")
        self._unproven, self.proven = None, True

    def check_place(self) -> None:
        """Checks that the folder is still the one that was opened; WriteError if it was removed or replaced."""
        if fault := self._place.fault():
            self._failed = True
            raise WriteError(fault)

    def newest(self) -> str:
        """What is there after a fault, for a message; found without orbax, some of whose threads may have ended."""
        if self._place.fault():
            return "what was saved is where the folder is now"
        steps = [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()]
        return f"the newest good checkpoint is that of step {max(steps)}" if steps else "no checkpoint was saved"

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # orbax, its threads and tensorstore raise many kinds
            self._failed = True
            self.check_place()
            raise files.cannot_write(self._folder, error) from error

    def _lost(self, step: int, reason: str) -> WriteError:
        self._failed = True
        return WriteError(
            f"checkpoint {self._folder / str(step)} was saved and cannot be read back ({reason}); nothing is saved "
            "here: use another --workdir"
        )

    def _tree(self, step: int) -> Any:
        """The tree of a checkpoint, with a shape and a type in place of each array."""
        metadata = self._manager.item_metadata(step)
        return metadata.tree if hasattr(metadata, "tree") else metadata

    def restore(self, example: Any) -> Any:
        """The newest state that can be read; a damaged one is reported and, unless read only, moved aside.

        Args:
          example: a state with the expected structure, shapes and types; its values are not used.

        Returns:
          the state, in the memory of the host.

        Raises:
          UsageError: if there is no checkpoint that can be read, or the newest readable one holds other shapes.
        """
        self.wait()
        faults = []
        for step in reversed(self.steps()):
            try:
                found = self.read(step)
            except UsageError as error:
                faults.append((step, str(error)))
                continue
            state = self._fit(step, found, example)
            for bad, fault in faults:
                kept = "" if self._read_only else f"; kept as {self._move_aside(bad)}"
                print(f"warning: {fault}{kept}; going on from step {step}", file=sys.stderr)
            return state
        listed = "; ".join(fault for _, fault in faults) or f"{self._folder} holds no checkpoint"
        raise UsageError(f"{listed}; no other checkpoint is left: train again in another --workdir")

    def read(self, step: int) -> dict[str, np.ndarray]:
        """A checkpoint as it is, whatever configuration made it.

        Args:
          step: its step.

        Returns:
          {path of the array, such as "params/params/network/Dense_0/kernel": array}.

        Raises:
          UsageError: if it is damaged.
        """
        path = self._folder / str(step)
        try:
            # Whoever opened a pipe would wait for ever.
            if strange := [part.name for part in path.rglob("*") if not part.is_file() and not part.is_dir()]:
                raise ValueError(f"{strange[0]} is no file")
            # Views of nothing: orbax reads into the memory of the host what is an array of numpy here.
            wanted = jax.tree.map(lambda leaf: np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape), self._tree(step))
            found = _flat(self._manager.restore(step, args=ocp.args.StandardRestore(wanted)))
            # Read here: orbax takes a damaged file for an empty one.
            checksum = (files.read_json(path / METADATA).get("custom_metadata") or {}).get(CHECKSUM)
        except Exception as error:  # orbax raises many kinds; whatever it is, this checkpoint cannot be used
            raise UsageError(f"checkpoint {path} is damaged ({_first_line(error)})") from error
        if checksum is not None and checksum != _checksum(found):
            raise UsageError(f"checkpoint {path} is damaged (its numbers do not have the checksum {checksum})")
        return found

    def _fit(self, step: int, found: Mapping[str, np.ndarray], example: Any) -> Any:
        expected = _flat(example)
        found = {name: np.asarray(value, np.int32) for name, value in ABSENT.items() if name in expected} | found
        for path in sorted(found.keys() | expected.keys()):
            there, here = (tree[path].shape if path in tree else None for tree in (found, expected))
            if there != here:
                raise UsageError(
                    f"checkpoint {self._folder / str(step)} does not fit this network and optimizer ({path} has shape "
                    f"{there} there, {here} here); run with the configuration that made it (config.json beside it), "
                    "or use another --workdir"
                )
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: np.asarray(found[_name(path)], leaf.dtype) if hasattr(leaf, "dtype") else leaf, example
        )

    def _move_aside(self, step: int) -> Path:
        kept = self._folder.with_name(f"{self._folder.name}_damaged") / str(step)
        kept.parent.mkdir(exist_ok=True)
        shutil.rmtree(kept, ignore_errors=True)
        (self._folder / str(step)).rename(kept)
        self._manager.reload()
        return kept

    def close(self) -> None:
        """Waits for what is being saved and releases the folder; WriteError if the last save fails.

        After a failed save nobody waits for orbax, some of whose threads may have ended.
        """
        if not self._failed:
            self.wait()
            self._manager.close()
        self._place.close()


def _name(path: tuple[Any, ...]) -> str:
    """The path of a leaf; fields, keys and positions are written alike."""
    return "/".join(
        str(next(getattr(entry, field) for field in ("name", "key", "idx") if hasattr(entry, field))) for entry in path
    )


def _flat(tree: Any) -> dict[str, np.ndarray]:
    leaves: Iterator = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {_name(path): leaf for path, leaf in leaves if hasattr(leaf, "shape")}


def _checksum(flat: Mapping[str, np.ndarray]) -> str:
    value = 0
    for name in sorted(flat):
        leaf = np.ascontiguousarray(flat[name])
        value = zlib.crc32(leaf, zlib.crc32(f"{name} {leaf.dtype} {leaf.shape}".encode(), value))
    return f"{value:08x}"


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
