"""The code of a page of docs, run as a reader would."""

from collections.abc import Mapping
from pathlib import Path
import re

DOCS = Path(__file__).parent.parent / "docs"


def run_blocks(page: str, *, count: int, names: Mapping[str, object] | None = None) -> dict[str, object]:
    """The names that the blocks of Python of a page define, one after the other; there are ``count``.

    Args:
      page: its file in docs.
      count: of blocks.
      names: what is defined before the first one.

    Returns:
      {name: value}.
    """
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert len(blocks) == count
    defined = {"__name__": "example"} if names is None else dict(names)
    for block in blocks:
        exec(block, defined)
    return defined
