"""The symptoms of docs/symptoms.md by name: what is seen, how the fault is made, and what the cure is."""

from collections.abc import Callable
from typing import NamedTuple

from experiments.errors import UsageError, nearest
from experiments.symptoms import derivatives, means, numbers
from experiments.symptoms.row import Row, table

PAGE = "docs/symptoms.md"
_TRAIN = "python -m experiments.train --config=experiments/configs/checkerboard.py"
_COMPARE = "python -m experiments.compare --config=experiments/configs/checkerboard.py --budget=steps"
_SCORED = "--config.evaluation.samples=16000"
_FLAT = (
    f"{_COMPARE} --config.training.steps=1500 {_SCORED} "
    "--objectives='weighted=mean_flow[adaptive_power=1],plain=mean_flow' --workdir=runs/flat"
)


class Symptom(NamedTuple):
    """A symptom, and how it is made.

    Attributes:
      section: of the page, its title.
      see: what one sees, in a line.
      fault: what makes it.
      cured: what cures it.
      rows: computes both; None where that needs a training.
      command: the training, as it stands on the page; empty where none is needed.
    """

    section: str
    see: str
    fault: str
    cured: str
    rows: Callable[[], list[Row]] | None = None
    command: str = ""


SYMPTOMS: dict[str, Symptom] = {
    "flat": Symptom(
        "The loss is flat",
        "the loss does not move at all",
        "MeanFlow's weight divides each residual by itself",
        "no weight, and a look at the raw residual",
        command=_FLAT,
    ),
    "floor": Symptom(
        "The loss stops at about 1",
        "the loss stops at about 1, but samples improve",
        "the target is the velocity of one pair of noise and data",
        "its average over a pool of 512 data points, velocity=pooled",
        means.floor_of_the_loss,
    ),
    "spikes": Symptom(
        "Spikes",
        "a loss in the hundreds after a good start",
        "the gradient of ESD runs through a part of its own target",
        "stop_gradient=velocity",
        command=f"{_COMPARE} --config.training.steps=1500 {_SCORED} --workdir=runs/spikes "
        "--objectives='advection=esd[stop_gradient=advection],velocity=esd[stop_gradient=velocity]'",
    ),
    "not_finite": Symptom(
        "NaN or inf",
        "training ends by itself after some thousand steps",
        "the spikes above, and more of them",
        "--config.objective.options.stop_gradient=velocity",
        command=f"{_TRAIN}:esd --config.training.optimizer=sparse_muon --config.training.steps=4000 "
        "--config.objective.options.stop_gradient=advection --workdir=runs/not_finite",
    ),
    "nan": Symptom(
        "NaN or inf",
        "NaN at the first step, though the loss is finite",
        "jnp.where around a division by zero; the root of a sum of squares",
        "taxonomy.arrays.ratio; a root of the sum plus 1e-12",
        derivatives.at_zero,
    ),
    "grey": Symptom(
        "Grey or mean images",
        "grey pictures, all samples in the middle",
        "Euler steps of the velocity, here the exact one",
        f"as many jumps of a flow map, {means.MAP}",
        means.grey,
    ),
    "two_steps": Symptom(
        "Two steps are worse than one",
        "KL rises from one step to two",
        "short jumps that were never learned, as under the weight of flat",
        "no weight that moves the minimizer",
        command=_FLAT,
    ),
    "kernel": Symptom(
        "A kernel has no forward derivative",
        "an error about jvp, or attention without a derivative",
        "attention by a kernel with a backward pass of its own",
        "plain attention; the last two rules take the kernel, too",
        derivatives.without_forward_derivative,
    ),
    "sharded": Symptom(
        "A kernel has no forward derivative",
        "wrong gradients where parameters are sharded",
        "each device differentiates what its own part of the weights makes",
        "one compiled program over the whole array, however it is sharded",
        derivatives.of_sharded_weights,
    ),
    "guidance": Symptom(
        "The guidance scale is off",
        "guidance too strong or too weak",
        "the number goes into the formula as it is",
        "omega = w (1 - kappa); w + 1 for a paper that counts from 0",
        numbers.guidance_scale,
    ),
    "scores": Symptom(
        "A number is not reached",
        "a paper's number is not reached",
        f"the score of {means.MAP} in one step, by itself",
        "the score minus that of as many perfect samples",
        numbers.scores,
    ),
}


def text(name: str) -> str:
    """What a symptom is, with its table, or with the training that makes it.

    Args:
      name: a key of ``SYMPTOMS``.

    Returns:
      lines.

    Raises:
      UsageError: if there is no such symptom; the nearest is suggested.
    """
    if name not in SYMPTOMS:
        raise UsageError(f"unknown --name={name!r}; {nearest(name, SYMPTOMS)}")
    one = SYMPTOMS[name]
    said = [f"{one.see} ({PAGE}, {one.section})", f"fault: {one.fault}", f"cured: {one.cured}", ""]
    made = table(one.rows()) if one.rows else f"made by a training, whose numbers are on the page:\n{one.command}"
    return "\n".join([*said, made])


def listing() -> str:
    """All symptoms, a line each; the training below those that need one."""
    width = max(map(len, SYMPTOMS))
    lines = []
    for name, one in SYMPTOMS.items():
        lines.append(f"{name.ljust(width)}  {one.see}")
        if one.command:
            lines.append(f"{' ' * width}  by a training: {one.command}")
    return "\n".join([*lines, "", "One of them: python -m experiments.symptom --name=guidance"])
