"""A trained run as one value: what its configuration names, its weights, its map, and its samples.

Maps and velocities are of centred data, see ``Dataset.centred`` and ``Dataset.in_own_units``. In a notebook::

    run = load_trained("runs/lsd")  # from experiments.training.runs
    v = run.map()  # v(s, t, x), the average velocity
    x = run.sample(1000, steps=4)  # [1000, ...], in the data's own units
"""

from collections.abc import Sequence
import dataclasses
import functools

import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import settings
from experiments.datasets import observed
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.sampling import by_name, conditioning, generation
from experiments.sampling.by_name import Model, Options
from experiments.settings import protocol
from experiments.settings.protocol import Protocol
from models import grids
from models.flow_map_model import FlowMapModel, Params
from objectives.objective import Objective
from taxonomy.flow_map import AverageVelocity, Velocity, diagonal
from taxonomy.interpolants import Interpolant

DEFAULT = Options()


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """A trained run; ``training.runs.load_trained`` makes one from a folder.

    Attributes:
      config: the configuration, as it was saved.
      objective: what was minimized.
      interpolant: the path between noise and data.
      dataset: the data set.
      model: the flow-map model.
      params: the weights that are used, by default the EMA that the protocol names.
      step: number of updates made.
      protocol: how the run is scored.
    """

    config: ConfigDict
    objective: Objective
    interpolant: Interpolant
    dataset: Dataset
    model: FlowMapModel
    params: Params
    step: int
    protocol: Protocol

    @property
    def name(self) -> str:
        """The name under which the run is reported: that of its method, or the choices of a combination."""
        return settings.label(self.config)

    @property
    def conditional(self) -> bool:
        """Whether the network is class-conditional."""
        return self.config.network.conditional

    def told(self, key: jax.Array, count: int) -> jax.Array | None:
        """[count, size]; what the network is told where nothing is asked.

        Fresh paths of noise, for a stochastic map; for a network that is conditioned on what was observed, that of
        held-out examples.

        Args:
          key: typed PRNG key.
          count: number of points.

        Returns:
          the vectors, or None for a network that is told nothing.
        """
        if self.dataset.observed is not None:
            return self.dataset.observed.encoded(observed.held_out(self.dataset, key, count)[1])
        record = self.objective.told
        if record is None:
            return None
        return jax.vmap(lambda key: record.sample(key, self.dataset.shape))(jax.random.split(key, count))

    def network(
        self,
        label: jax.Array | None = None,
        *,
        scale: float = 1.0,
        params: Params | None = None,
        vector: jax.Array | None = None,
    ) -> AverageVelocity:
        """The average velocity that the network computes, even for jumps that it was not trained for.

        Args:
          label: [batch]; classes of the points, None for none.
          scale: of guidance, see ``check_scale``.
          params: other weights in place of the run's.
          vector: [batch, size]; what the network is told of each point, for a run that is told something.

        Returns:
          (s [batch], t [batch], x [batch, ...]) -> [batch, ...].

        Raises:
          UsageError: if the network is told something and nothing was given.
        """
        if vector is None:
            self.check_untold()
        weights = self.params if params is None else params
        return conditioning.conditioned(self.config, self.model, weights, label, scale=scale, vector=vector)

    def map(
        self, label: jax.Array | None = None, *, scale: float = 1.0, vector: jax.Array | None = None
    ) -> AverageVelocity:
        """The flow map of the run: the network, or the one-step Euler map if the run learned velocities alone.

        Args:
          label: [batch]; classes of the points, None for none.
          scale: of guidance, see ``check_scale``.
          vector: [batch, size]; what the network is told of each point, for a run that is told something.

        Returns:
          average velocity v(s, t, x); the jump is ``taxonomy.flow_map.jump(v, s, t, x)``.
        """
        v = self.network(label, scale=scale, vector=vector)
        if self.objective.sampler == "euler":
            return lambda s, t, x: v(s, s, x)
        return v

    def velocity(self, label: jax.Array | None = None, *, scale: float = 1.0) -> Velocity:
        """The velocity ``b(t, x) = v_{t,t}(x)`` that the map contains; arguments as in ``map``."""
        return diagonal(self.network(label, scale=scale))

    def check_untold(self) -> None:
        """Raises UsageError for a map that is told more than times and a point, where nothing more is given."""
        if self.dataset.observed is not None:
            raise UsageError(
                f"{self.name} is conditioned on {self.dataset.observed.what}, and here it received nothing; sample, "
                "evaluate and compare take it from held-out examples, and Trained.map(vector=...) takes it"
            )
        if self.objective.told is not None:
            raise UsageError(
                f"{self.name} is a map that is told {self.objective.told.what}, and here it received none; sample, "
                "evaluate, compare and randomness draw it, and Trained.map(vector=...) takes it"
            )

    def check_scale(self, scale: float) -> None:
        """Raises UsageError where the run cannot be sampled at this scale of guidance; 1 is what was trained."""
        conditioning.check_scale(self.config, scale, sampler=self.objective.sampler)

    def classes(self, count: int) -> jax.Array | None:
        """[count]; classes 0, 1, ... in turn; None for a network without classes."""
        return conditioning.classes_in_turn(self.config, self.dataset, count)

    def labels(self, count: int, *, label: int) -> jax.Array | None:
        """[count]; one class for all samples, or all classes in turn for -1. UsageError if there is no such class."""
        return conditioning.labels_asked(self.config, self.dataset, count, label=label)

    def generator(
        self,
        *,
        sampler: str = "",
        options: Options = DEFAULT,
        scale: float = 1.0,
    ) -> generation.Generator:
        """A compiled function that draws samples again and again, see ``generation.generator``.

        Args:
          sampler: a key of ``by_name.SAMPLERS``; empty for the one that the objective is meant for.
          options: of the sampler.
          scale: of guidance, see ``check_scale``.

        Returns:
          (grid [N + 1], count, key, classes [count] or None) -> (samples [count, ...], NFE per sample).
        """
        chosen = sampler or self.objective.sampler
        by_name.check_dataset(chosen, self.dataset)

        def model_of(params: Params, label: jax.Array | None, vector: jax.Array | None) -> Model:
            v = self.network(label, scale=scale, params=params, vector=vector)
            return Model(v, diagonal(v), self.interpolant, self.dataset.std)

        return generation.generator(
            model_of,
            self.params,
            sampler=chosen,
            options=options,
            shape=self.dataset.shape,
            noise_of=self.dataset.noise,
            starts=None if self.dataset.start is None else functools.partial(self.dataset.starts, held_out=True),
            finish=self.dataset.in_own_units,
            **({"told": self.told} if self.dataset.observed is None else {"observed": self.told}),
        )

    def sample(
        self,
        count: int,
        *,
        steps: int = 1,
        times: Sequence[float] | jax.Array | None = None,
        seed: int = 0,
        sampler: str = "",
        options: Options = DEFAULT,
        label: int = -1,
        scale: float = 1.0,
    ) -> np.ndarray:
        """Draws samples.

        Args:
          count: number of samples.
          steps: number of equal steps from noise to data.
          times: a grid that takes the place of these steps, increasing from 0 to 1.
          seed: of the noise.
          sampler: a key of ``by_name.SAMPLERS``; empty for the one that the objective is meant for.
          options: of the sampler.
          label: class of all samples; -1 for all classes in turn.
          scale: of guidance.

        Returns:
          [count, ...], in the data's own units.

        Raises:
          UsageError: on a class, a scale, a sampler or an option that does not exist for this run.
          ValueError: on fewer than one step, or times that do not increase from 0 to 1.
          DivergedError: if samples are not finite.
        """
        self.check_scale(scale)
        labels = self.labels(count, label=label)
        grid = grids.uniform(steps) if times is None else grids.given(times)
        generate = self.generator(sampler=sampler, options=options, scale=scale)
        return generate(grid, count, jax.random.key(seed), labels)[0]


def trained(config: ConfigDict, dataset: Dataset, model: FlowMapModel, params: Params, *, step: int) -> Trained:
    """Builds a run from its parts, and once and for all the objective, path and protocol that its configuration names.

    Args:
      config: a checked configuration.
      dataset: its data set.
      model: its model.
      params: the weights.
      step: number of updates made.

    Returns:
      the run.

    Raises:
      UsageError: on a name in the configuration that does not exist.
    """
    objective = settings.objective_of(config)
    if dataset.start is not None and objective.sampler == "renoising":
        # Noise that is drawn again is not a start that belongs to the point.
        objective = objective._replace(sampler="one_jump")
    return Trained(
        config=config,
        objective=objective,
        interpolant=dataset.path(settings.interpolant_of(config)),
        dataset=dataset,
        model=model,
        params=params,
        step=step,
        protocol=protocol.of(config),
    )
