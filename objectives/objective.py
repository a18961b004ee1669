"""What an objective is: terms, each a loss with its share of the batch, its times and its weight."""

from collections.abc import Callable
import dataclasses
import math
from typing import NamedTuple, TypeVar

import jax
from jaxtyping import Array, Bool, Int

from objectives import metrics, weighting
from taxonomy.curricula import Curriculum
from taxonomy.flow_map import AverageVelocity, Velocity
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points, Pool, Scalar
from taxonomy.simplex import LogDenoiser
from taxonomy.times import Law, Times
from taxonomy.told import Told, Vectors

Part = TypeVar("Part")
# A number that changes with the progress of training, in [0, 1].
Curve = Callable[[Scalar | float], Scalar]


def required(part: Part | None, name: str) -> Part:
    """A part of ``Maps`` or ``Batch`` that is given only to objectives which ask for it.

    Args:
      part: the part.
      name: its name, for the message: "Maps.teacher".

    Returns:
      the part, not None.

    Raises:
      ValueError: if it is None.
    """
    if part is None:
        raise ValueError(f"{name} is None; this objective needs it, see the fields of Objective and Term")
    return part


class Maps(NamedTuple):
    """The callables that a term may use, bound to their parameters.

    Attributes:
      student: average velocity v(s, t, x) that is trained.
      target: average velocity that makes self-distilled targets: the same network, or its EMA.
      teacher: frozen velocity b(t, x), or None.
      stage: average velocity of the student as it was when the current stage of training began, or None.
      auxiliary: a second velocity b(t, x), trained together with the student, or None.
      log_variance: learned logarithm of the variance of the residual, (s, t) -> [batch], or None.
      unconditional: ``target`` without labels, or what was observed in their place, for guidance, or None.
      log_denoiser: logarithm of the student's mean denoiser, where that is a distribution over categories, or None.
    """

    student: AverageVelocity
    target: AverageVelocity
    teacher: Velocity | None
    stage: AverageVelocity | None = None
    auxiliary: Velocity | None = None
    log_variance: Callable[[PerExample, PerExample], PerExample] | None = None
    unconditional: AverageVelocity | None = None
    log_denoiser: LogDenoiser | None = None


class Batch(NamedTuple):
    """The examples of one term.

    Attributes:
      x0: [batch, ...]; noise.
      x1: [batch, ...]; data.
      times: s, u and t of each example.
      fresh: [batch, ...]; noise independent of x0, for losses that mix a generated point with noise again.
      pool: [count, ...]; further data points, the same for every example, or None; see ``Term.pool``.
      pool_label: [count]; their classes, or None.
      noise_std: standard deviation of the noise.
      progress: []; share of the training that is done, in [0, 1].
      label: [batch]; classes for a class-conditional network, the number of classes where dropped, or None.
      labelled: [batch]; True where the label was kept, or what was observed in its place, or None.
      scale: [batch]; scale of guidance as an input of the network, 1 without a label, or None.
      dropout: [batch]; typed PRNG keys for the network, or None.
      told: [batch, size]; what the network is told of each example, by the method (``Objective.told``) or as what was
        observed of it; None for nothing.
    """

    x0: Points
    x1: Points
    times: Times
    fresh: Points | None = None
    pool: Pool | None = None
    pool_label: Int[Array, " count"] | None = None
    noise_std: Scalar | float = 1.0
    progress: Scalar | float = 1.0
    label: Int[Array, " batch"] | None = None
    labelled: Bool[Array, " batch"] | None = None
    scale: PerExample | None = None
    dropout: jax.Array | None = None
    told: Vectors | None = None


class Unit(NamedTuple):
    """What the constants of a metric, a weight or a likelihood are compared with, as the publication has it.

    Attributes:
      std: standard deviation of the noise in the publication's numbers: 0.5 where sigma_data is 0.5, 1 for flow
        matching of standard normal noise.
      mean: whether the constants belong to the mean of the squares over the coordinates instead of their sum.
    """

    std: float = 1.0
    mean: bool = False

    def of(self, batch: Batch) -> Scalar | float:
        """[]; what turns a sum of squares in the units of this batch into the publication's number."""
        coordinates = math.prod(batch.x1.shape[1:]) if self.mean else 1
        return (self.std / batch.noise_std) ** 2 / coordinates


# One squared residual per example.
Loss = Callable[[Maps, Interpolant, Batch], PerExample]


@dataclasses.dataclass(frozen=True)
class Term:
    """One loss with its share of the batch.

    Attributes:
      name: short name for logs; unique within an objective.
      loss: (Maps, Interpolant, Batch) -> [batch], one squared residual per example.
      times: time distribution over (s, u, t), or a curriculum of such.
      share: fraction of the batch, in (0, 1]; the shares of an objective sum to 1.
      weight: (Times, [batch] loss) -> [batch].
      cost: forward-pass equivalents per example: forward 1, backward 2 more, jvp 2 with its forward, backward
        through a jvp 4 more (S. Dieleman's accounting).
      metric: elementwise function of the squared residual that is minimized in its place.
      likelihood: how the learned log-variance enters, see ``metrics``; None for none.
      pool: number of data points, ``Batch.pool``, over which the sample's velocity is averaged together with the
        example's own; 0 for that one alone.
      group: number of consecutive examples that share their times.
      unit: what the constants of weight, metric and likelihood are compared with; None where they have no constant
        that is compared with a residual.
    """

    name: str
    loss: Loss
    times: Law | Curriculum
    share: float
    weight: weighting.Weight = weighting.uniform
    cost: float = 3.0
    metric: metrics.Metric = metrics.squared
    likelihood: metrics.Likelihood | None = None
    pool: int = 0
    group: int = 1
    unit: Unit | None = None


class Objective(NamedTuple):
    """What trains a flow map, and how the trained map is meant to be sampled.

    Attributes:
      terms: the terms, shares summing to 1.
      reduction: "per_term" or "per_example", see ``mixture``.
      sampler: "composition", "euler", "renoising" or "one_jump": how N steps are taken (``models.samplers``).
      needs_teacher: whether a frozen velocity must be given.
      both_directions: whether jumps back in time, t < s, are trained too.
      output: what the network's output means, a key of ``models.flow_map_model.OUTPUTS``.
      target_decay: decay of the EMA that makes the targets, as a function of the progress; None where the student
        makes its own targets.
      stages: number of stages of equal length; the student is frozen for ``Maps.stage`` when one begins.
      needs_auxiliary: whether a second velocity is trained together with the student.
      told: the vector that the network is told beside times and point, or None.
      needs_noise: whether a term uses the law of the noise, Gaussian and independent of the data, beyond the examples.
      on_spaces: whether its terms take the space of the path, so that it trains on spheres and tori, too.
      categorical: whether its terms compare distributions over categories, ``Maps.log_denoiser``: data are one-hot
        then, and the path is linear.
    """

    terms: tuple[Term, ...]
    reduction: str = "per_term"
    sampler: str = "composition"
    needs_teacher: bool = False
    both_directions: bool = False
    output: str = "velocity"
    target_decay: Curve | None = None
    stages: int = 1
    needs_auxiliary: bool = False
    told: Told | None = None
    needs_noise: bool = False
    on_spaces: bool = False
    categorical: bool = False

    @property
    def learns_weight(self) -> bool:
        """Whether a term has a learned log-variance."""
        return any(term.likelihood for term in self.terms)

    @property
    def cost(self) -> float:
        """Forward-pass equivalents per training example, averaged over the shares."""
        return sum(term.share * term.cost for term in self.terms)
