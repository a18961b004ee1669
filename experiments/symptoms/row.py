"""What a symptom shows: one line for each thing that is seen, with the fault and with the cure."""

from typing import NamedTuple

from experiments.reporting import tables

HEADER = ("what you see", "fault", "cured")


class Row(NamedTuple):
    """One thing that is seen.

    Attributes:
      see: what it is.
      fault: its value where the fault is, or the error in its place.
      cured: its value with the cure.
    """

    see: str
    fault: float | str
    cured: float | str


def table(rows: list[Row]) -> str:
    """The rows in markdown; numbers have four digits, and none that float32 could not tell from zero."""
    return tables.markdown(HEADER, [[row.see, _cell(row.fault), _cell(row.cured)] for row in rows])


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return tables.number(0.0 if abs(value) < 5e-7 else value, nan="nan")
