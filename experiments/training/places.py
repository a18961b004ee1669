"""The place of a run's checkpoints: whether it is still the same, and a path to it that no library misunderstands."""

import os
from pathlib import Path

from experiments.errors import UsageError

# Orbax takes these letters of a path for a pattern, and tensorstore the last one for a slash.
PATTERNS = set("*?[]\\")
OPEN_FOLDERS = Path("/proc/self/fd")  # of Linux


class Place:
    """A folder that was opened, which others may remove, rename or replace meanwhile.

    Attributes:
      path: to the folder, of letters without a meaning.
    """

    def __init__(self, parent: Path, name: str):
        """Looks at a folder.

        Args:
          parent: the folder that it lies in, absolute.
          name: its name.

        Raises:
          UsageError: if its path has letters that libraries misunderstand, and this system has no other path to it.
          OSError: if it cannot be opened.
        """
        self._folders = (parent, parent / name)
        self._seen = [os.stat(folder) for folder in self._folders]
        # Without the file that describes it, nobody can continue a run.
        self._beside = [path for path in (parent / "config.json",) if path.exists()]
        self._descriptor, self.path = None, parent / name
        if not PATTERNS & set(str(parent)):
            return
        if not OPEN_FOLDERS.is_dir():
            raise UsageError(
                f"{parent} has one of the letters * ? [ ] \\ in its path, which would lose its checkpoints on this "
                "system; name another folder"
            )
        self._descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
        self.path = OPEN_FOLDERS / str(self._descriptor) / name

    def fault(self) -> str | None:
        """What has happened to the folder or to the one that it lies in, as a message; None if nothing has."""
        remedy = "put it back, or look for it under its new name, and start again"
        for path, seen in (*zip(self._folders, self._seen, strict=True), *((path, None) for path in self._beside)):
            try:
                found = os.stat(path)
            except OSError:
                return f"{path} was removed or renamed while this process used it; nothing more is saved: {remedy}"
            if seen and not os.path.samestat(found, seen):
                return f"{path} was replaced while this process used it; nothing more is saved there: {remedy}"
        return None

    def close(self) -> None:
        """Releases the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
