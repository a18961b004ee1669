"""The map of a trained run in the plane as one file: averaged weights in half precision, and what they mean.

The format is that of safetensors: eight bytes with the length of a header, the header as JSON, then the numbers. Every
reader of that format reads the weights; the entry "flow_map" of its metadata says how a map is made of them.
"""

from collections.abc import Callable, Mapping
import csv
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from experiments import caches, files
from experiments.errors import UsageError
from experiments.sampling.trained import Trained
from experiments.training import runs
from taxonomy import exact_planar
from taxonomy.exact_planar import Distribution

SUFFIX = ".safetensors"
FORMAT = 1  # raised whenever the description below changes its meaning
# What the pieces of each law are, so that its velocity can be written down elsewhere.
LAWS: Mapping[str, tuple[str, Callable[[], Distribution]]] = {
    "checkerboard": ("squares", exact_planar.checkerboard),
    "spiral": ("gaussians", exact_planar.spiral),
    "two_moons": ("gaussians", exact_planar.two_moons),
    "eight_gaussians": ("gaussians", exact_planar.eight_gaussians),
}
NETWORK = (
    *("width", "depth", "activation", "point_features", "point_base"),
    *("time_features", "time_embedding", "time_scale"),
)
SCORES = ("kl", "in_support", "one_step_error", "map_error")


def export(workdir: Path, out: Path, *, checkpoint: str = "checkpoints", command: str = "") -> int:
    """Writes the map of a run.

    Args:
      workdir: the run's folder.
      out: the file.
      checkpoint: "checkpoints" for the newest, "best" for the best that evaluation during training found.
      command: what is written as the origin of the file.

    Returns:
      its size in bytes.

    Raises:
      UsageError: if there is no run, it is not one in the plane by an MLP without classes, or the file has another
        ending.
    """
    if out.suffix != SUFFIX:
        raise UsageError(f"--out={out}; expected a file that ends in {SUFFIX}")
    run = runs.load_trained(workdir, checkpoint=checkpoint)
    _check(run)
    caches.check_writable(out.absolute().parent, name="--out")
    described = description(run, scores=scores_of(workdir, step=run.step), command=command)
    content = save(weights_of(run), {"flow_map": json.dumps(described, sort_keys=True)})
    files.write_bytes(out, content)
    return len(content)


def _check(run: Trained) -> None:
    config = run.config
    if config.dataset not in LAWS:
        raise UsageError(f"the run's data set is {config.dataset}; expected one of {', '.join(LAWS)}")
    if config.network.kind != "mlp":
        raise UsageError(f"the run's network is {config.network.kind}; expected an mlp")
    if config.network.conditional or config.guidance.scale_is_input:
        raise UsageError("the run's network is told classes or a guidance scale; expected one of times and points")


def description(run: Trained, *, scores: Mapping[str, Mapping[str, float]], command: str) -> dict[str, object]:
    """Everything but the weights that a program needs to compute the map and to say where it is from.

    Args:
      run: the run.
      scores: {number of steps: {score: value}}.
      command: the origin of the file.

    Returns:
      values of JSON.
    """
    kind, law = LAWS[run.config.dataset]
    data = law()
    return {
        "version": FORMAT,
        "network": {name: run.config.network[name] for name in NETWORK},
        "output": run.model.output,
        "std": run.model.std,
        "interpolant": run.config.interpolant,
        "data": {
            "name": data.name,
            "kind": kind,
            "places": np.asarray(data.places).tolist(),
            "width": data.width,
            "std": data.std,
            "box": list(run.dataset.truth.box),
        },
        "method": run.name,
        "options": run.config.objective.options.to_dict(),
        "sampler": run.objective.sampler,
        "steps": run.step,
        "batch_size": run.config.training.batch_size,
        "seed": run.config.seed,
        "ema": run.config.evaluation.ema,
        "scores": scores,
        "command": command,
    }


def weights_of(run: Trained) -> dict[str, np.ndarray]:
    """The weights of the network, {"Dense_0.kernel": [inputs, outputs], ...}, in half precision.

    Args:
      run: a run whose network is an MLP.

    Returns:
      name -> array.

    Raises:
      UsageError: if a weight is too large for half precision, or not finite.
    """
    layers = run.params["params"]["network"]
    named = {f"{layer}.{kind}": np.asarray(array) for layer in sorted(layers) for kind, array in layers[layer].items()}
    with np.errstate(over="ignore"):
        halves = {name: array.astype("<f2") for name, array in named.items()}
    for name, array in halves.items():
        if not np.isfinite(array).all():
            raise UsageError(f"{name} has weights beyond {np.finfo(np.float16).max:.0f}, or none; train the run again")
    return halves


def scores_of(workdir: Path, *, step: int) -> dict[str, dict[str, float]]:
    """The scores of ``metrics.csv`` of a run, if it was evaluated at this step.

    Args:
      workdir: the run's folder.
      step: the number of updates of the weights.

    Returns:
      {number of steps of the sampler: {score: value}}; "perfect" for the score of perfect samples; empty without any.
    """
    path = workdir / "metrics.csv"
    if not path.exists():
        return {}
    rows = list(csv.DictReader(files.read_bytes(path).decode(errors="replace").splitlines()))
    if not any(row.get("trained_steps") == str(step) for row in rows):
        return {}
    return {
        row.get("N") or "perfect": {name: float(row[name]) for name in SCORES if row.get(name)}
        for row in rows
        if row.get("trained_steps") in (str(step), "")
    }
