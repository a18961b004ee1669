"""From the report of a dispatch to means for the log, and to an error when numbers stop being finite."""

from ml_collections import ConfigDict
import numpy as np

from experiments.errors import DivergedError, NotTrainedError
from experiments.reporting import findings
from experiments.training.state import Report

POLICIES = ("stop", "skip")
FAR_ABOVE = 100.0  # times the first loss: none of the methods' own schedules of weights raises it so far


def means(report: Report) -> dict[str, float]:
    """Means over the steps of a dispatch, of those where a number is finite, and the numbers of its last step.

    Args:
      report: the report, in the memory of the host.

    Returns:
      {name: number}; NaN where none was finite.
    """
    # Together: one call per number would cost a short step dearly.
    values = np.stack([*report.metrics.values()])
    good = np.isfinite(values)
    number = good.sum(axis=1)
    sums = np.where(good, values, 0.0).sum(axis=1, dtype=np.float64)
    average = np.where(number > 0, sums / np.maximum(number, 1), np.nan).tolist()
    return dict(zip(report.metrics, average, strict=True)) | {name: float(value) for name, value in report.last.items()}


def check_finite(report: Report, *, before: int, training: ConfigDict, kept: int | None) -> None:
    """Ends a run whose numbers are not finite, or that has left out too many steps for that reason.

    The numbers are alike on all devices and processes, and so is the decision.

    Args:
      report: the report, in the memory of the host.
      before: steps made before the dispatch.
      training: the ``training`` part of a configuration.
      kept: step of the newest checkpoint, or None.

    Raises:
      DivergedError: naming the step, the term, and where between s and t its bad examples lie.
    """
    bad = ~np.isfinite(np.stack([report.metrics["loss"], report.metrics["grad_norm"]])).all(axis=0)
    if not bad.any():
        return
    first, skipped = int(np.argmax(bad)), int(report.last["skipped"])
    if training.nonfinite == "skip" and skipped <= training.max_skipped:
        return
    where = describe(report, first)
    state = f"the checkpoint of step {kept} is kept" if kept is not None else "no checkpoint was written yet"
    if training.nonfinite == "skip":
        raise DivergedError(
            f"{skipped} steps were left out, more than --config.training.max_skipped={training.max_skipped}; the last "
            f"at step {before + len(bad) - int(np.argmax(bad[::-1]))}: {where}; {state}; lower "
            "--config.training.learning_rate or --config.training.grad_clip_norm and train in another --workdir"
        )
    raise DivergedError(
        f"{where} at step {before + first + 1}; {state}; lower --config.training.learning_rate or "
        "--config.training.grad_clip_norm, or leave such steps out with --config.training.nonfinite=skip, and train in "
        "another --workdir"
    )


def check_learned(skipped: int, *, training: ConfigDict, first: float | None, last: float | None) -> None:
    """Says at the end of a training what speaks against it: steps left out, or a loss far above that of its beginning.

    Args:
      skipped: steps that were left out.
      training: the ``training`` part of a configuration.
      first: loss of the first record; None on processes that keep no log.
      last: mean loss of the last dispatch; None if this call took no step.

    Raises:
      NotTrainedError: if every step was left out.
    """
    remedy = "lower --config.training.learning_rate or --config.training.grad_clip_norm and train in another --workdir"
    if skipped >= training.steps:
        raise NotTrainedError(
            f"all {training.steps} steps were left out, because their loss or gradient was not finite: the weights are "
            f"those of the beginning; {remedy}"
        )
    if first is None:
        return
    if skipped:
        findings.warn(f"{skipped} of {training.steps} steps were left out: their loss or gradient was not finite")
    if last is not None and last > FAR_ABOVE * abs(first):
        findings.warn(
            f"the last loss, {last:.3g}, is far above the first, {first:.3g}: the network grew worse; {remedy}"
        )


def describe(report: Report, at: int) -> str:
    """What is not finite in one step of a dispatch, in words.

    Args:
      report: the report, in the memory of the host.
      at: index of the step in the dispatch.

    Returns:
      such as "loss is nan: 3 examples of term lagrangian, at mean s = 0.31, t = 0.9, |t - s| = 0.59".
    """
    terms = list(report.bad)
    name = next(name for name in ("loss", "grad_norm") if not np.isfinite(report.metrics[name][at]))
    counted = [term for term in terms if report.bad[term][at][0] > 0]
    if counted:
        parts = []
        for term in counted:
            count, *sums = (float(value) for value in report.bad[term][at])
            s, t, gap = (value / count for value in sums)
            parts.append(f"{count:.0f} examples of term {term}, at mean s = {s:.3g}, t = {t:.3g}, |t - s| = {gap:.3g}")
        return f"{name} is {report.metrics[name][at]}: {'; '.join(parts)}"
    guilty = [term for term in terms if not np.isfinite(report.metrics[f"grad_norm/{term}"][at])] or terms
    return (
        f"{name} is {report.metrics[name][at]}: all residuals are finite, the gradient of term {', '.join(guilty)} is "
        "not"
    )
