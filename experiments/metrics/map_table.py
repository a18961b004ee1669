"""The metrics of a trained map itself, whatever its samples look like: one entry each."""

from collections.abc import Callable
import dataclasses
import functools
import math

import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.metrics import bounds, maps
from experiments.metrics.metric import Metric
from experiments.metrics.reference import Reference
from taxonomy.flow_map import AverageVelocity, Velocity, diagonal

FEWER = 20  # points of a path cost as many evaluations as residuals at this many more points
LARGEST_JACOBIAN = 256  # dimensions up to which Jacobians are looked at


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedMap:
    """What the metrics of a map are functions of; what several of them share is computed once, when first needed.

    Attributes:
      v: average velocity of the map.
      dataset: the data set.
      draws: times and points for residuals.
      reference: exact solutions, None where they are not known.
      b: exact velocity, None where it is not known.
      backward: whether the map was trained from t to s < t too.
      conditional: whether the map is class-conditional; then v takes each point of ``draws`` with its own class.
    """

    v: AverageVelocity
    dataset: Dataset
    draws: maps.Draws
    reference: Reference | None
    b: Velocity | None
    backward: bool
    conditional: bool

    @functools.cached_property
    def truth(self) -> tuple[dict[str, float | None], np.ndarray | None]:
        """(errors against the exact map, their means by cells of (s, t)); ({}, None) where it is not known."""
        return (
            ({}, None)
            if self.reference is None
            else maps.truth(self.v, self.reference, backward=self.backward, space=self.dataset.space)
        )

    @functools.cached_property
    def residuals(self) -> dict[str, float | None]:
        """The mean squared residual of every rule."""
        return maps.residuals(self.v, self.b, self.draws, space=self.dataset.space)

    @functools.cached_property
    def growth(self) -> tuple[float | None, float | None]:
        """(Lipschitz constant, growth exponent) of the map's own velocity; None in many dimensions or with classes."""
        # Off a curved space the map has no meaning, and most directions of a Jacobian lead there.
        if self.conditional or self.dataset.space.curved or math.prod(self.dataset.shape) > LARGEST_JACOBIAN:
            return None, None
        return bounds.growth(self.v, self.draws)

    @functools.cached_property
    def w2_bounds(self) -> dict[str, float]:
        """Upper bounds on the Wasserstein-2 distance of one-step samples; {} without an exact map or its growth."""
        lipschitz, growth = self.growth
        if self.reference is None or lipschitz is None:
            return {}
        losses = {name: self.residuals[name] for name in ("tangent", "lagrangian_s0", "eulerian_t1")}
        return bounds.wasserstein_bounds(**losses, lipschitz=lipschitz, growth=growth)


def _error(name: str) -> Callable[[TrainedMap], float | None]:
    return lambda trained: trained.truth[0].get(name)


def _residual(name: str) -> Callable[[TrainedMap], float | None]:
    return lambda trained: trained.residuals[name]


def _bound(name: str) -> Callable[[TrainedMap], float | None]:
    return lambda trained: trained.w2_bounds.get(name)


def _w2_one_step(trained: TrainedMap) -> float | None:
    square = trained.truth[0].get("one_step_error")
    return None if square is None else float(np.sqrt(square))


def _round_trip(trained: TrainedMap) -> float | None:
    return maps.round_trip(trained.v, trained.draws.x_0, space=trained.dataset.space) if trained.backward else None


def _curvature(trained: TrainedMap) -> float | None:
    # Each point of the draws has its own class, and on a curved space a straight line is no path.
    if trained.conditional or trained.dataset.space.curved:
        return None
    few = max(1, len(trained.draws.x_0) // FEWER)
    return maps.curvature(diagonal(trained.v), trained.draws.x_0[:few])


TRUTH = (
    Metric("map_error", "flow-map error", "lower", _error("map_error")),
    Metric("one_step_error", "one-step error (0, 1)", "lower", _error("one_step_error")),
    Metric("backward_error", "backward error", "lower", _error("backward_error")),
    Metric("tangent", "tangent (velocity error)", "lower", _residual("tangent")),
)
RESIDUALS = (
    Metric("lagrangian", "Lagrangian", "lower", _residual("lagrangian")),
    Metric("eulerian", "Eulerian", "lower", _residual("eulerian")),
    Metric("semigroup", "semigroup", "lower", _residual("semigroup")),
    Metric("lagrangian_s0", "Lagrangian, s = 0", "lower", _residual("lagrangian_s0")),
    Metric("eulerian_t1", "Eulerian, t = 1", "lower", _residual("eulerian_t1")),
)
ROUND_TRIP = (Metric("round_trip", "round trip (distance)", "lower", _round_trip),)
PATHS = (
    Metric(
        "curvature",
        "curvature of the paths",
        None,
        _curvature,
        reading="0 where all paths of the map's own velocity are straight, so that one Euler step is exact",
    ),
)
BOUNDS = (
    Metric("lipschitz", "Lipschitz constant", None, lambda trained: trained.growth[0]),
    Metric("growth", "growth exponent", None, lambda trained: trained.growth[1]),
    Metric("w2_one_step", "root of the one-step error", "lower", _w2_one_step),
    Metric("bound_growth", "bound, Lagrangian with growth", None, _bound("bound_growth")),
    Metric("bound_lagrangian", "bound, Lagrangian", None, _bound("bound_lagrangian")),
    Metric("bound_eulerian", "bound, Eulerian", None, _bound("bound_eulerian")),
)
MAP_ERRORS = (*TRUTH, *RESIDUALS, *ROUND_TRIP)
MAP_METRICS = (*MAP_ERRORS, *PATHS, *BOUNDS)
