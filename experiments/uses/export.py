"""A trained run as one file of weights: arrays, configuration, budget, and the scores of these very arrays."""

from collections.abc import Mapping
import dataclasses
import math
from pathlib import Path

import jax
import numpy as np

from experiments import caches, files
from experiments.errors import UsageError, nearest
from experiments.evaluation import evaluate, scoring
from experiments.metrics.map_table import MAP_METRICS
from experiments.metrics.metric import applying
from experiments.sampling.trained import Trained
from experiments.settings import protocol as protocols
from experiments.training import logs, records, runs
from experiments.zoo import names, weights
from experiments.zoo.weights import Weights
from models.flow_map_model import count_parameters

# Fields of ``run.json`` that are kept beside the data; the others are about the machine, or are paths of other runs.
KEPT = ("format", "objective", "seed", "effective_batch")
MACHINE = ("device_kind", "cpus", "python", "packages")


def export(
    workdir: Path,
    out: Path,
    *,
    ema: float | None = None,
    checkpoint: str = "checkpoints",
    dtype: str = "float32",
    scored: bool = True,
    licence: str = "",
) -> Weights:
    """Writes the weights of a run into a file that every command takes in the place of its folder.

    Args:
      workdir: the run's folder, or another file of weights.
      out: the file, FILE.safetensors.
      ema: decay of the average, 0 for the raw weights; by default the one that evaluation uses.
      checkpoint: "checkpoints" for the newest, "best" for the best that evaluation on the way has found.
      dtype: a name of ``weights.DTYPES``.
      scored: whether to score what is written, by the run's protocol, as ``experiments.evaluate`` does; what that has
        written about these very weights is taken from there.
      licence: of the weights, as text.

    Returns:
      what was written.

    Raises:
      UsageError: on bad input, or numbers that 16 bits do not hold.
      DivergedError: if the map is not finite.
      WriteError: if the file cannot be written.
    """
    if dtype not in weights.DTYPES:
        raise UsageError(f"unknown --dtype={dtype!r}; {nearest(dtype, weights.DTYPES)}")
    if names.is_shipped(out) or out.suffix != names.SUFFIX:
        raise UsageError(f"--out={out}; expected a file that ends in {names.SUFFIX}")
    # An average that is named is the one that is scored, here and by whoever scores the file.
    changes = {} if ema is None else {"ema": float(ema)}
    run = runs.load_trained(workdir, checkpoint=checkpoint, evaluation=changes, data=scored)
    arrays = {name: array.astype(dtype) for name, array in weights.flat(run.params["params"]).items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise UsageError(f"--dtype={dtype}: {name} of {workdir} has numbers that are not finite in it")
    if scored:
        evaluate.check(run)
    caches.check_writable(out.absolute().parent, name="--out")
    written = dataclasses.replace(run, params={"params": weights.fitted(arrays, run.params["params"], where=workdir)})
    known = evaluate.known(workdir, run.config, run.dataset, step=run.step) if dtype == "float32" else []
    found = Weights(
        config=run.config.to_dict(),
        run=_record(workdir, run),
        step=run.step,
        budget=_budget(workdir, run),
        scores=_scores(written, known) if scored else {},
        licence=licence or _before(workdir).get("licence", ""),
        arrays=arrays,
    )
    weights.write(out, found)
    return found


def _before(workdir: Path) -> Mapping[str, object]:
    """What a file of weights that is exported again says; empty of a folder."""
    return weights.describe(workdir)._asdict() if names.is_weights(workdir) else {}


def _record(workdir: Path, run: Trained) -> dict[str, object]:
    known = records.read(workdir)
    kept = {name: known[name] for name in KEPT if name in known} | {"parameters": count_parameters(run.params)}
    if data := known.get("data"):
        # As it was typed: where it lies on this machine helps nobody else.
        kept["data"] = {**data, "address": run.config.dataset}
    return kept


def _budget(workdir: Path, run: Trained) -> dict[str, object]:
    """What the training took: steps, examples of each, network evaluations, seconds in steps, and on which machine."""
    if before := _before(workdir):
        return dict(before["budget"])
    known, lines = records.read(workdir), [line for line in logs.read(workdir) if line["step"] <= run.step]
    examples = run.step * run.config.training.batch_size
    return {
        "steps": run.step,
        "batch_size": run.config.training.batch_size,
        "evaluations": examples * run.objective.cost,
        "seconds": lines[-1]["seconds"] if lines else None,
        "machine": {name: known[name] for name in MACHINE if name in known},
    }


def _scores(run: Trained, rows: list[dict[str, object]] | None = None) -> dict[str, object]:
    """The table of ``experiments.evaluate`` as data, with the titles that apply; made anew if it is not given."""
    rows = rows or evaluate.score(run).rows
    shown = applying(scoring.metrics_of(run.dataset), rows)
    of_map = [metric for metric in MAP_METRICS if rows[0][metric.name] is not None]
    return {
        "protocol": protocols.stated(run.protocol),
        "compared_with": scoring.compared_with(run.dataset, run.protocol),
        "reference": scoring.reference_name(run.dataset, run.protocol),
        "titles": {metric.name: metric.title for metric in shown},
        "titles_of_map": {metric.name: metric.title for metric in of_map},
        "rows": [{name: _plain(value) for name, value in row.items()} for row in rows],
    }


def _plain(value: object) -> object:
    """A value that any reader of JSON takes."""
    if isinstance(value, float | np.floating | jax.Array):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def text(out: Path, found: Weights) -> str:
    """What was written, as a line.

    Args:
      out: the file.
      found: its content.

    Returns:
      such as "lsd.safetensors: 71,042 numbers of float32, 0.29 MB, ...".
    """
    kinds = sorted({str(array.dtype) for array in found.arrays.values()})
    count = sum(array.size for array in found.arrays.values())
    told = "scored as they are" if found.scores else "not scored"
    return f"{out}: {count:,} numbers of {', '.join(kinds)}, {files.size_text(out)}, {told}"
