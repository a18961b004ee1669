"""The benchmark as text and as pictures, from the plain data that ``benchmark.json`` holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # commands draw into files, on machines without a screen

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
import numpy as np

from experiments import files
from experiments.reporting import tables

SHARED = "These devices share the same cores: more of them cannot be faster, the table shows what they add."
FORCED = "One device; XLA_FLAGS=--xla_force_host_platform_device_count=8 makes eight, which share the same cores."

Results = Mapping[str, Any]

# How the time of a step grows at best: with the examples, with the weights, and down with the devices.
SLOPES = {"batch": 1, "width": 2, "devices": -1}


def write(path: Path, results: Results) -> None:
    """Writes ``benchmark.json``, ``benchmark.md``, ``benchmark.png`` and, if anything was varied, ``scaling.png``.

    Args:
      path: the folder.
      results: what ``benchmark.measure`` returned.
    """
    files.write_json(path / "benchmark.json", results)
    files.write_text(path / "benchmark.md", markdown(results) + "\n")
    bars(path / "benchmark.png", results["objectives"])
    if _drawn(results):
        lines(path / "scaling.png", results)


def markdown(results: Results) -> str:
    """The tables, with what one must know to read them.

    Args:
      results: what ``benchmark.measure`` returned.

    Returns:
      markdown.
    """
    parts = [part(results) for part in (_introduction, _costs, _machine, _overhead)]
    return "\n\n".join([*parts, *_scaling(results)])


def _introduction(results: Results) -> str:
    machine, setting = results["machine"], results["setting"]
    return (
        f"# Cost of a training step: {setting['dataset']}\n\n"
        f"Network: {setting['network']}; batch {setting['batch_size']}; {setting['optimizer']}. {machine['devices']} x "
        f"{machine['device_kind']}, {machine['cpus']} CPU cores, jax {machine['jax']}; measured matmul peak "
        f"{machine['peak_gflops']:.0f} GFLOP/s ({machine['peak_gflops_one_device']:.0f} on one device)."
    )


def _costs(results: Results) -> str:
    header = ["objective", "ms/step", "time ratio", "cost", "cost ratio", "time / cost", "matmul ratio"]
    body = [
        [
            row["objective"],
            tables.number(row["ms_per_step"]),
            f"{row['time_ratio']:.2f}",
            f"{row['cost']:g}",
            f"{row['cost_ratio']:.2f}",
            f"{row['time_per_cost']:.2f}",
            f"{row['matmul_ratio']:.2f}",
        ]
        for row in results["objectives"]
    ]
    return (
        f"{tables.markdown(header, body)}\n\n"
        "Ratios are to flow matching. Cost is in forward-pass equivalents per example; time / cost is the quotient of "
        "the two ratios, 1 where a step takes what its cost says. The matmul ratio compares the counted operations."
    )


def _machine(results: Results) -> str:
    header = ["objective", "GFLOP/step", "GFLOP/s", "of peak", "compile s", "memory MB"]
    header += ["ms/step, loop", "host ms", "host adds"]

    def cell(value: float | None, pattern: str) -> str:
        return tables.ABSENT if value is None else pattern.format(value)

    body = [
        [
            row["objective"],
            f"{row['matmul_gflop']:.3g}",
            f"{row['gflops']:.1f}",
            f"{100 * row['share_of_peak']:.0f} %",
            f"{row['compile_seconds']:.1f}",
            cell(row["memory_mb"], "{:.0f}"),
            tables.number(row["loop_ms_per_step"]),
            cell(row["host_ms_per_step"], "{:.3f}"),
            cell(row["host_share"], "{:.1%}"),
        ]
        for row in results["objectives"]
    ]
    return (
        f"{tables.markdown(header, body)}\n\n"
        "Operations are those of matrix products and convolutions alone. Memory is that of one compiled dispatch on "
        f"one device; the whole command held {results['peak_memory_gb']:.2f} GB at most. Loop: the real training loop, "
        "with its log, progress bar and one checkpoint; a dash where it would take too long, or diverged."
    )


def _overhead(results: Results) -> str:
    short = results["overhead"]
    if not short:
        return "host overhead: not measured, the network is no MLP, or steps of a small one take too long or diverge"
    return (
        f"host overhead at {short['ms_per_step']:.2f} ms steps: {short['host_share']:.1%} "
        f"(flow matching, MLP of width {short['width']} and depth {short['depth']}, Adam, batch {short['batch_size']}, "
        f"{results['setting']['steps_per_dispatch']} steps per dispatch)"
    )


def _scaling(results: Results) -> list[str]:
    curves, parts = results["scaling"]["curves"], []
    for axis, rows in curves.items():
        body = [
            [
                row["size"],
                tables.number(row["ms_per_step"]),
                f"{row['examples_per_second']:.3g}",
                f"{row['gflops']:.1f}",
                f"{100 * row['share_of_peak']:.0f} %",
            ]
            for row in rows
        ]
        table = tables.markdown([axis, "ms/step", "examples/s", "GFLOP/s", "of peak"], body)
        parts.append(f"## {results['scaling']['objective']} by {axis}\n\n{table}")
        if axis == "devices" and _share_cores(results):
            parts.append(SHARED if len(rows) > 1 else FORCED)
    return parts


def _share_cores(results: Results) -> bool:
    return results["machine"]["backend"] == "cpu"


def _drawn(results: Results) -> dict[str, list[Mapping[str, float]]]:
    return {axis: rows for axis, rows in results["scaling"]["curves"].items() if len(rows) > 1}


def bars(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Measured ratio of times and ratio of counted costs, per objective.

    Args:
      path: the png file.
      rows: the objectives.
    """
    figure, axis = plt.subplots(figsize=(7, 0.42 * len(rows) + 1.3), layout="constrained")
    at = np.arange(len(rows))
    for shift, field, color, label in (
        (-0.2, "time_ratio", "C0", "measured time"),
        (0.2, "cost_ratio", "0.75", "counted forward-pass equivalents"),
    ):
        drawn = axis.barh(at + shift, [row[field] for row in rows], height=0.38, color=color, label=label)
        axis.bar_label(drawn, fmt="%.2f", padding=3, fontsize=8)
    axis.axvline(1, color="black", ls="--", lw=1)
    axis.set_yticks(at, [row["objective"] for row in rows], fontsize=10)
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.grid(alpha=0.3, axis="x")
    axis.set_axisbelow(True)
    axis.set_title("one training step against one of flow matching", fontsize=11)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)


def lines(path: Path, results: Results) -> None:
    """Time per step against what was varied, one panel each, with the slope that it has at best.

    Args:
      path: the png file.
      results: what ``benchmark.measure`` returned.
    """
    curves = _drawn(results)
    figure, axes = plt.subplots(1, len(curves), figsize=(4.7 * len(curves), 3.8), squeeze=False, layout="constrained")
    for axis, (varied, rows) in zip(axes[0], curves.items(), strict=True):
        sizes = np.asarray([row["size"] for row in rows])
        times = np.asarray([row["ms_per_step"] for row in rows])
        flat = varied == "devices" and _share_cores(results)
        slope = 0 if flat else SLOPES[varied]
        # Through the point that is nearest to the ideal: all others lie above the line.
        ideal = (times * sizes ** -float(slope)).min() * sizes ** float(slope)
        label = "shared cores: flat" if flat else f"ideal: {varied}$^{{{slope}}}$" if slope != 1 else f"ideal: {varied}"
        axis.plot(sizes, ideal, "--", color="black", lw=1, label=label)
        axis.plot(sizes, times, "o-", color="C0", label=results["scaling"]["objective"])
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        if max(times.max(), ideal.max()) < 4 * min(times.min(), ideal.min()):
            # Less than two octaves: a scale that shows noise as noise.
            middle = float(np.sqrt(times.max() * times.min()))
            axis.set_ylim(middle / 4, middle * 4)
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.set_xlabel({"batch": "examples per step", "width": "width of the network"}.get(varied, "devices"))
        axis.set_title("milliseconds per step", fontsize=11)
        axis.grid(alpha=0.3, which="both")
        axis.legend(fontsize=9)
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)
