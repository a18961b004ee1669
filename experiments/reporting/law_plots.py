"""How the law of the samples changed during training: the two divergences against each other, and lost modes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from experiments import files
from experiments.reporting import names

FORWARD, REVERSE, RAREST = "kl", "reverse_kl", "rarest_mode"
TITLES = {FORWARD: "forward KL: data that no sample reaches", REVERSE: "reverse KL: samples where there are no data"}


def over_training(
    records: Mapping[str, Sequence[Mapping[str, float]]], *, steps: int
) -> dict[str, dict[str, np.ndarray]]:
    """{name: {"share" of the training, and each followed metric: [evaluations]}}, of samples in so many steps.

    Args:
      records: {name: records of evaluations during training}; those without both divergences are left out.
      steps: number of sampling steps.

    Returns:
      arrays; NaN where an evaluation has no such metric.
    """
    needed = {f"{metric}/{steps}" for metric in (FORWARD, REVERSE)}
    curves = {}
    for name, lines in records.items():
        if not any(needed <= set(line) for line in lines):
            continue
        share = np.array([line["step"] for line in lines], np.float64) / max(line["step"] for line in lines)
        values = {
            metric: np.array([line.get(f"{metric}/{steps}", np.nan) for line in lines], np.float64)
            for metric in (FORWARD, REVERSE, RAREST)
        }
        curves[name] = {"share": share, **values}
    return curves


def plot(
    path: Path, curves: Mapping[str, Mapping[str, np.ndarray]], *, perfect: Mapping[str, object], steps: int
) -> None:
    """Writes the picture: forward against reverse divergence, both over training, and the rarest mode over training.

    Args:
      path: the png file.
      curves: of ``over_training``.
      perfect: the metrics of perfect samples.
      steps: number of sampling steps, for the title.
    """
    has_modes = any(np.isfinite(curve[RAREST]).any() for curve in curves.values())
    figure, axes = plt.subplots(1, 3 if has_modes else 2, figsize=(14 if has_modes else 9.5, 4.2), layout="constrained")
    plane, time = axes[:2]
    for index, (name, curve) in enumerate(curves.items()):
        style = {"color": f"C{index}", "lw": 1.3}
        plane.plot(curve[FORWARD], curve[REVERSE], alpha=0.6, **style)
        plane.plot(curve[FORWARD][-1:], curve[REVERSE][-1:], "o", color=f"C{index}", label=names.wrapped(name))
        time.plot(curve["share"], curve[FORWARD], **style)
        time.plot(curve["share"], curve[REVERSE], ls="--", **style)
        if has_modes:
            axes[2].plot(curve["share"], curve[RAREST], **style)
    plane.plot(perfect[FORWARD], perfect[REVERSE], "k*", ms=10, label="perfect samples")
    drawn = [perfect, *curves.values()]
    ends = np.concatenate([np.ravel(curve[metric]) for curve in drawn for metric in (FORWARD, REVERSE)])
    # Divergences of samples may be negative by chance, which a logarithm leaves out.
    ends = [f(ends[np.isfinite(ends) & (ends > 0)], initial=1.0) for f in (np.min, np.max)]
    plane.plot(ends, ends, color="black", lw=0.5, ls=":")
    plane.set(xscale="log", yscale="log", xlabel=TITLES[FORWARD], ylabel=TITLES[REVERSE])
    plane.set_title(f"during training (dot: its end), N = {steps}", fontsize=11)
    plane.legend(fontsize=9)
    time.set(yscale="log", xlabel="share of the training")
    time.set_title("forward KL (solid), reverse KL (dashed)", fontsize=11)
    if has_modes:
        axes[2].axhline(perfect[RAREST], color="black", ls="--", lw=1)
        axes[2].set(xlabel="share of the training", ylim=(0, 1.05))
        axes[2].set_title("visits of the rarest mode, 1: as many as in the data", fontsize=11)
    for axis in axes:
        axis.grid(alpha=0.3, which="both")
    files.write_figure(path, figure, dpi=110)
    plt.close(figure)
