"""What a metric is: one entry of a table with its column, its title, its better side and its function."""

from collections.abc import Callable, Mapping, Sequence
import math
from typing import Any, Literal, NamedTuple


class Metric(NamedTuple):
    """One number of a table.

    Attributes:
      name: of the column in files.
      title: in printed tables.
      better: which side is better, "lower" or "higher"; None for neither.
      compute: context -> the number, None where it does not apply. The context is what all metrics of a table are
        functions of: ``planar_table.PlanarSamples``, ``map_table.TrainedMap`` or ``images.table.Compared``.
      reading: how to read a metric without a better side.
    """

    name: str
    title: str
    better: Literal["lower", "higher"] | None
    compute: Callable[[Any], float | None]
    reading: str = "neither side is better"


def compute_all(metrics: Sequence[Metric], context: object) -> dict[str, float | None]:
    """{name: value} of all metrics of a table, in its order.

    Args:
      metrics: the table.
      context: what its functions take.

    Returns:
      values by name; None where a metric does not apply or its sample says nothing. NaN is left to runs that diverged.
    """
    values = {metric.name: metric.compute(context) for metric in metrics}
    return {name: None if value is None or math.isnan(value) else value for name, value in values.items()}


def applying(metrics: Sequence[Metric], rows: Sequence[Mapping[str, object]]) -> tuple[Metric, ...]:
    """Those of the metrics that some row has."""
    return tuple(metric for metric in metrics if any(row.get(metric.name) is not None for row in rows))
