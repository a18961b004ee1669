"""Scores of fine-tuned samples, and the table of ``experiments.finetune``."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from experiments.datasets.dataset import Planar
from experiments.errors import UsageError
from experiments.images import classifier
from experiments.metrics import samples as metrics
from experiments.reporting import findings
from experiments.sampling.trained import Trained
from experiments.uses.finetuning.loop import Tuned
from experiments.uses.finetuning.plan import Plan
from experiments.uses.rewards import Reward
from experiments.uses.steering import setting as steering
from experiments.uses.steering import truth as steering_truth
from experiments.uses.steering.methods import METHODS

DEFAULT = Plan()
DRAWS = 4  # of perfect samples, for how far they lie apart
REACHED = 0.9  # share of the rise to the optimum's reward whose cost is reported
TITLES = {
    "law": "samples",
    "reward": "mean reward",
    "moved": "rms distance from the reference",
    "to_optimum": "rms distance from the optimum",
    "to_reference": "sliced W2 to the reference law",
    "to_tilted": "entropic W2 to the tilted law",
    "tilted_kl": "KL from the tilted law",
    "in_support": "in support",
    "class_share": "judged to be of the class",
    "per_sample": "evaluations per sample",
    "evaluations": "evaluations of training (millions)",
    "reached": f"until {REACHED:.0%} of the rise (millions)",
    "megabytes": "memory of an update (MB)",
    "seconds": "seconds",
}


class Task(NamedTuple):
    """What is fine-tuned, and the reward.

    Attributes:
      run: the trained run.
      workdir: its folder.
      reward: r, with its weight.
      reward_name: as the user wrote it.
      digit: the class that the reward leads to; None for a reward of other data.
      count: samples of a row of the table.
    """

    run: Trained
    workdir: Path
    reward: Reward
    reward_name: str
    digit: int | None = None
    count: int = 16_000

    @property
    def composes(self) -> bool:
        """Whether the run is a map, not a velocity alone."""
        return self.run.objective.sampler != "euler"


def _rms(x: np.ndarray, y: np.ndarray | None) -> float | None:
    return None if y is None else float(np.sqrt(np.mean(np.sum((x - y).reshape(len(x), -1) ** 2, axis=1))))


class Judge:
    """Scores samples: against a reference law, the optimum, and the tilted law where it is known."""

    def __init__(self, task: Task):
        """Makes the tilted law, for data in the plane."""
        self._task, self._protocol = task, task.run.protocol
        truth = task.run.dataset.truth
        self.tilted = steering_truth.tilted(truth, task.reward) if isinstance(truth, Planar) else None

    def row(
        self, law: str, x: np.ndarray, reference: np.ndarray | None, best: np.ndarray | None, **others: object
    ) -> dict[str, object]:
        """One row of the table.

        Args:
          law: name of the samples.
          x: [n, ...]; samples.
          reference: [n, ...]; what the reference makes of the same noise, or None.
          best: [n, ...]; what the optimum makes of it, or None.
          **others: more columns.

        Returns:
          the row.
        """
        task, protocol, flat = self._task, self._protocol, x.reshape(len(x), -1)
        row: dict[str, object] = dict.fromkeys(TITLES) | {"law": law, **others}
        row["reward"] = float(np.mean(jax.jit(task.reward)(x)))
        row["moved"], row["to_optimum"] = _rms(x, reference), _rms(x, best)
        if reference is not None:
            row["to_reference"] = metrics.sliced_wasserstein(
                flat, reference.reshape(flat.shape), projections=protocol.projections, seed=protocol.seed
            )
        if self.tilted is not None:
            epsilon = protocol.entropy * task.run.dataset.std**2 * x[0].size
            row["to_tilted"] = metrics.entropic_w2(x, self.tilted, epsilon=epsilon)
            row["tilted_kl"] = metrics.aligned_kl(x, self.tilted)
            row["in_support"] = metrics.in_support(x, task.run.dataset.truth)
        if task.digit is not None:
            row["class_share"] = classifier.share_of_class(x.reshape(len(x), -1), task.digit)
        return row


def reached(tuned: Tuned, before: float, best: float | None) -> float | None:
    """Millions of evaluations until the batches have had the stated share of the rise; None if never, or unknown."""
    if best is None or not best > before or len(tuned.curve) < 3:  # records that are smoothed
        return None
    smooth = np.convolve(tuned.curve[:, 1], np.ones(3) / 3, mode="same")[1:-1]
    high = np.flatnonzero(smooth >= before + REACHED * (best - before))
    return float(tuned.curve[1:-1][high[0], 0] / 1e6) if high.size else None


def compared(task: Task, judge: Judge, name: str, *, seed: int) -> tuple[dict[str, object], np.ndarray]:
    """The row of a method of steering on the run as it was, and its samples."""
    options = steering.Options(seed=seed, samples=task.count)
    what, method = steering.setting(task.run, task.reward, options, exact=False), METHODS[name]
    x, _ = jax.jit(lambda key: method.sample(what, key, task.count))(jax.random.key(seed))
    x = task.run.dataset.in_own_units(np.asarray(x))
    if not np.isfinite(x).all():
        raise UsageError(f"--steering={name} gives samples that are NaN or infinite; leave it out, or lower --weight")
    row = judge.row(
        f"steered, {name}",
        x,
        None,
        None,
        per_sample=method.evaluations(what),
        evaluations=method.fitting(what) / 1e6 or None,
    )
    return row, x


def of_tilted(task: Task, judge: Judge, pictures: dict[str, np.ndarray]) -> tuple[list[dict[str, object]], list[str]]:
    """The row of perfect samples of the tilted law, which join the pictures, and how far others of them lie apart.

    None where the law is not known.
    """
    if judge.tilted is None:
        return [], []
    rows = []
    for draw in range(DRAWS):
        drawn = steering_truth.samples(
            task.run.dataset, task.reward, count=task.count, seed=task.run.protocol.seed + draw, name=task.reward_name
        )
        rows.append(judge.row("tilted law, perfect samples", drawn, None, None))
        if draw == 0:
            pictures["tilted law"] = drawn
    ranges = [
        f"{what} from {min(row[key] for row in rows):.4g} to {max(row[key] for row in rows):.4g}"
        for key, what in (("to_tilted", "an entropic W2"), ("tilted_kl", "a KL"))
        if all(row[key] is not None for row in rows)
    ]
    return rows[:1], [f"{DRAWS} draws of {task.count} perfect samples have {' and '.join(ranges)}."]


def _fractions(rows: list[dict[str, object]]) -> list[str]:
    """What one jump costs of what the Euler steps cost, if both were tuned."""
    tuned = [row for row in rows if row["law"].startswith("fine-tuned") and row["evaluations"] is not None]
    if len(tuned) < 2:
        return []
    one, many = tuned
    shares = [
        f"{one[key] / many[key]:.3g} of the {what}"
        for key, what in (("evaluations", "evaluations"), ("megabytes", "memory"), ("seconds", "time"))
        if one[key] is not None and many[key]
    ]
    return [
        f"Through one jump the mean reward rises to {one['reward']:.4g}, through Euler steps to {many['reward']:.4g}; "
        f"one jump takes {', '.join(shares)} that the Euler steps take."
    ]


def report(
    task: Task,
    folder: Path,
    rows: list[dict[str, object]],
    plan: Plan,
    *,
    notes: list[str],
    options: dict[str, object],
    seconds: float,
) -> None:
    """Writes the table, with the command that makes it."""
    changed = {k: v for k, v in plan._asdict().items() if v != getattr(DEFAULT, k) and k != "method"}
    given = {name: value for name, value in options.items() if value} | changed
    titles = {key: title for key, title in TITLES.items() if any(row[key] is not None for row in rows)}
    text = [
        f"{task.run.name} on {task.run.config.dataset}, {task.run.step} steps, fine-tuned towards "
        f"{options['weight']:g} x {task.reward_name} by batches of {plan.batch_size}: {plan.steps} updates, of what "
        f"reaches for the tilted law {plan.tilt_steps}.",
        "The optimum is that of the penalized reward, found point by point; it is not the tilted law, and neither is "
        "what is fine-tuned with a penalty. Evaluations are forward-pass equivalents: a forward pass 1, with its "
        "gradient 3.",
        *notes,
    ]
    text += _fractions(rows)
    findings.write(
        folder,
        "finetune",
        rows,
        titles=titles,
        text=text,
        settings=options | plan._asdict() | {"method": options["method"]},
        command=f"python -m experiments.finetune --workdir={task.workdir} "
        + " ".join(f"--{name}={value}" for name, value in given.items()),
        seconds=seconds,
    )
