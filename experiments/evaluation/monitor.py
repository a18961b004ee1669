"""Evaluation during training: a score and a figure every so many steps, and a checkpoint of the best weights.

It draws its own random numbers and changes no state: a run with it ends exactly as one without. The full evaluation of
a finished run is ``experiments.evaluate``.
"""

from collections.abc import Mapping
import json
import math
from pathlib import Path

import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import files
from experiments.datasets.dataset import Dataset
from experiments.errors import DivergedError
from experiments.evaluation import scoring
from experiments.reporting import plots
from experiments.sampling.trained import trained
from experiments.training import logs, runs
from experiments.training.checkpoints import Checkpoints
from experiments.training.state import State
from models import grids
from models.flow_map_model import FlowMapModel

EVALUATIONS = "evaluations.jsonl"
KEPT_SAMPLES = 8_000


def records(workdir: Path, *, until: int) -> list[dict[str, float]]:
    """The scores of evaluations during training up to a step, one dictionary each."""
    return [line for line in logs.read_lines(workdir / EVALUATIONS) if line["step"] <= until]


def score_of(record: Mapping[str, float]) -> float:
    """The number by which the best weights are chosen: the first metric at the fewest steps; lower is better."""
    return next(value for name, value in record.items() if name != "step")


def evaluate_on_the_way(
    config: ConfigDict, dataset: Dataset, model: FlowMapModel, state: State, workdir: Path
) -> dict[str, float]:
    """Scores the weights of a state by ``scoring.followed`` and draws their samples.

    Writes a line of ``evaluations.jsonl`` and ``figures/step_....png``, and keeps the state in ``best/`` if no earlier
    one was better. Nothing is done twice for one step.

    Args:
      config: the configuration.
      dataset: the data set.
      model: the model.
      state: a state in the memory of the host, which is also on disk.
      workdir: the run's folder.

    Returns:
      {"step": step, "<metric>/<N>": value}; infinite where samples were not finite.
    """
    step = int(state.step)
    run = trained(config, dataset, model, runs.weights_of(config, state), step=step)
    protocol = run.protocol
    before = records(workdir, until=step)
    if before and before[-1]["step"] == step:
        return before[-1]
    main = scoring.metrics_of(dataset)[0].name
    draw, labels = run.generator(scale=protocol.guidance), run.classes(protocol.samples)
    shown = None if labels is None else np.asarray(labels[:KEPT_SAMPLES])
    record: dict[str, float] = {"step": step}
    kept = {}
    for steps in protocol.steps:
        try:
            samples, _ = draw(grids.uniform(steps), protocol.samples, jax.random.key(protocol.seed), labels)
        except DivergedError:
            record[f"{main}/{steps}"] = math.inf
            continue
        scores = scoring.followed(samples, dataset, protocol)
        record |= {f"{metric}/{steps}": value for metric, value in scores.items()}
        kept[str(steps)] = np.asarray(samples[:KEPT_SAMPLES])
    if kept:
        files.make_folder(workdir / "figures")
        plots.samples(workdir / "figures" / f"step_{step:08d}.png", dataset, {run.name: kept}, labels=shown)
    if score_of(record) < min(map(score_of, before), default=math.inf):
        best = Checkpoints(workdir, folder="best", keep=1)
        if step not in best.steps():
            best.save(step, state)
        best.close()
    # Written last: an interrupted evaluation is repeated.
    files.write_text(workdir / EVALUATIONS, "".join(json.dumps(line) + "\n" for line in [*before, record]))
    return record
