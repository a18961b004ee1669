"""How the time of a training step grows with the batch, the width of the network and the number of devices."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
from ml_collections import ConfigDict

from experiments import terminal
from experiments.benchmarking.timing import Program, Timed, compiled, fastest
from experiments.errors import UsageError, nearest
from experiments.reporting.machine import Peak
from experiments.training import checks
from models.networks import fields_of

SIZES = {"batch": (256, 1024, 4096, 16384), "width": (64, 128, 256, 512), "devices": (1, 2, 4, 8)}


class Point(NamedTuple):
    """One place of the curves."""

    batch: int
    width: int
    devices: int


def here(config: ConfigDict) -> Point:
    """The place of the configuration itself, on all local devices."""
    return Point(config.training.batch_size, config.network.width, jax.local_device_count())


def points(config: ConfigDict, sizes: Mapping[str, Sequence[int]]) -> dict[str, dict[int, Point]]:
    """The places of the curves, checked before the first one is compiled.

    Args:
      config: the configuration in the middle of the curves.
      sizes: {what to vary, a key of ``SIZES``: its values}; more devices than there are, are left out.

    Returns:
      {what is varied: {value: its place}}.

    Raises:
      UsageError: on an unknown key, or a size that cannot be trained.
    """
    middle, places = here(config), {}
    for axis, values in sizes.items():
        if axis not in SIZES:
            raise UsageError(f"unknown --scaling={axis}; {nearest(axis, SIZES)}")
        if axis == "width" and "width" not in fields_of(config.network.kind):
            raise UsageError(
                f"--scaling=width, and a network of kind {config.network.kind} has no width; leave it out, such as "
                "--scaling=batch,devices, or --scaling= for nothing"
            )
        if not values or any(value < 1 for value in values):
            shown, example = (",".join(map(str, list_)) for list_ in (values, SIZES[axis]))
            raise UsageError(f"--{axis}_sizes={shown}; expected positive whole numbers, such as {example}")
        fitting = [value for value in dict.fromkeys(values) if axis != "devices" or value <= middle.devices]
        places[axis] = {value: middle._replace(**{axis: value}) for value in fitting}
        for point in places[axis].values():
            checks.check(_at(config, point), devices=point.devices)
    return places


def _at(config: ConfigDict, point: Point) -> ConfigDict:
    run = ConfigDict(config.to_dict())
    run.training.batch_size, run.network.width = point.batch, point.width
    return run


def curves(
    config: ConfigDict, places: Mapping[str, Mapping[int, Point]], middle: Program, *, repeats: int, peak: Peak
) -> dict[Point, Timed]:
    """Times all places in turn; one that lies on several curves is timed once.

    Args:
      config: the configuration in the middle of the curves.
      places: what ``points`` returned.
      middle: the program of the configuration itself.
      repeats: measurements of each time, the fastest of which counts.
      peak: the machine's peak.

    Returns:
      {place: its program and its time}.
    """
    wanted = list(dict.fromkeys(point for axis in places.values() for point in axis.values()))
    programs = {here(config): middle}
    for point in terminal.bar(wanted, desc="compile", disable=not wanted):
        if point not in programs:
            programs[point] = compiled(_at(config, point), devices=point.devices, rate=peak.of(point.devices))
    return fastest({point: programs[point] for point in wanted}, repeats=repeats, peak=peak if wanted else None)


def table(
    places: Mapping[str, Mapping[int, Point]], timed: Mapping[Point, Timed], *, peak: Peak
) -> dict[str, list[dict[str, float]]]:
    """The curves as plain data.

    Args:
      places: what ``points`` returned.
      timed: what ``curves`` returned.
      peak: the machine's peak.

    Returns:
      {what is varied: one row per value}.
    """
    return {
        axis: [
            {
                "size": value,
                "ms_per_step": 1e3 * timed[point].seconds,
                "examples_per_second": point.batch / timed[point].seconds,
                "gflops": timed[point].rate / 1e9,
                "share_of_peak": timed[point].rate / peak.of(point.devices),
            }
            for value, point in axis_points.items()
        ]
        for axis, axis_points in places.items()
    }
