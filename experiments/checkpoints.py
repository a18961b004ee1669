"""Complete training states on disk, by orbax: atomic, and restored into exactly the state that is expected."""

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from experiments.errors import UsageError


class Checkpoints:
    """The checkpoints of one run, in ``workdir/checkpoints``; the newest two are kept."""

    def __init__(self, workdir: Path, *, keep: int = 2):
        """Opens the folder; it is created by the first save."""
        self._folder = (workdir / "checkpoints").absolute()
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=False, enable_async_checkpointing=False)
        self._folder.mkdir(parents=True, exist_ok=True)
        handler = ocp.StandardCheckpointHandler()
        self._manager = ocp.CheckpointManager(self._folder, item_handlers=handler, options=options)

    def latest_step(self) -> int | None:
        """Step of the newest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any) -> None:
        """Writes a state and returns when it is complete on disk.

        Args:
          step: number of updates made.
          state: tree of arrays.
        """
        self._manager.save(step, args=ocp.args.StandardSave(state), force=True)
        self._manager.wait_until_finished()

    def restore(self, example: Any) -> Any:
        """The newest state.

        Args:
          example: a state with the expected structure, shapes and types; its values are not used.

        Returns:
          the state, on the default device.

        Raises:
          UsageError: if the checkpoint holds another structure or other shapes, or cannot be read.
        """
        step = self.latest_step()
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, example)
        try:
            # Shapes are compared first: orbax reports them at length, and leaves unfinished reads behind.
            _check_shapes(_shapes(self._manager.item_metadata(step)), _shapes(example))
            return self._manager.restore(step, args=ocp.args.StandardRestore(abstract))
        except Exception as error:  # orbax raises many kinds; whatever it is, this checkpoint cannot be used
            reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise UsageError(
                f"checkpoint {self._folder / str(step)} does not fit this network and optimizer ({reason[:200]}); "
                "run with the configuration that made it (config.json beside it), or use another --workdir"
            ) from error

    def close(self) -> None:
        """Releases the folder."""
        self._manager.close()


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays of a tree by their path; fields, keys and positions are written alike."""

    def name(entry: Any) -> str:
        return str(next(getattr(entry, field) for field in ("name", "key", "idx") if hasattr(entry, field)))

    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {"/".join(map(name, path)): tuple(leaf.shape) for path, leaf in leaves if hasattr(leaf, "shape")}


def _check_shapes(found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]) -> None:
    for path in sorted(found.keys() | expected.keys()):
        if found.get(path) != expected.get(path):
            raise ValueError(f"{path} has shape {found.get(path)} there, {expected.get(path)} here")
