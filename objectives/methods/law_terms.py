"""Two terms that match the law of generated points to a wanted law, instead of each point to its own path.

The *real* velocity b is that of the path from noise to the wanted law, the *fake* one w that of the path from noise to
the law of the generated points. The correction moves generated points against ``w - b``; the second term teaches w.
"""

from collections.abc import Callable
from typing import NamedTuple

from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from objectives import weighting
from objectives.losses import direct, distributional
from objectives.methods.shared import teacher_of
from objectives.objective import Batch, Loss, Maps, Term, required
from taxonomy import flow_map, laws, predictions
from taxonomy.flow_map import AverageVelocity
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points
from taxonomy.times import Law, Times

# Which velocity: (maps, r, points at time r) -> velocity.
Asked = Callable[[Maps, PerExample, Points], Points]
# How points are generated: (average velocity, batch) -> points at time 1.
Generator = Callable[[AverageVelocity, Batch], Points]


class Fake(NamedTuple):
    """Which network is the fake velocity.

    Attributes:
      asked: with the weights that make targets.
      trained: with the weights that are trained.
    """

    asked: Asked
    trained: Asked


def _auxiliary(maps: Maps, r: PerExample, x: Points) -> Points:
    return required(maps.auxiliary, "Maps.auxiliary")(r, x)


FAKES = {
    "auxiliary": Fake(_auxiliary, _auxiliary),
    "own": Fake(lambda maps, r, x: maps.target(r, r, x), lambda maps, r, x: maps.student(r, r, x)),
    "twin": Fake(lambda maps, r, x: maps.target(-r, -r, x), lambda maps, r, x: maps.student(-r, -r, x)),
}
REALS: dict[str, Asked] = {
    "teacher": lambda maps, r, x: teacher_of(maps)(r, x),
    "own": lambda maps, r, x: maps.target(r, r, x),
}


def one_jump(v: AverageVelocity, batch: Batch) -> Points:
    """``X_{0,1}(x0)``.

    Args:
      v: average velocity of the map.
      batch: noise, and times with s = 0 and t = 1.

    Returns:
      [batch, ...].
    """
    return flow_map.jump(v, batch.times.s, batch.times.t, batch.x0)


def of_strength(strength: float) -> weighting.Weight:
    """The same weight for all examples.

    Args:
      strength: it, not negative.

    Returns:
      (times, [batch] loss) -> [batch].
    """

    def weight(times: Times, loss: PerExample) -> PerExample:
        del times
        return strength * jnp.ones_like(loss)

    return weight


def correction(
    share: float,
    weight: weighting.Weight,
    *,
    real: Asked = REALS["teacher"],
    fake: Fake = FAKES["auxiliary"],
    normalized: bool = False,
    generated: Generator = one_jump,
    passes: int = 3,
    law: Law = laws.all_the_way,
) -> Term:
    """The term whose gradient is ``2 grad X(x0)^T sg[ c (w_r(I_r) - b_r(I_r)) ]``, ``I_r`` a noised generated point.

    Args:
      share: share of the batch.
      weight: weight of the term; a positive function of the times leaves its rest points.
      real: b.
      fake: w.
      normalized: c is 1 if False. If True, the denoisers of both are compared in place of their velocities, in units of
        the mean absolute error of the real one, which is the weight of DMD.
      generated: how points are generated, by the student.
      passes: what that costs with its backward pass.
      law: of the times; r is its u.

    Returns:
      a term named "correction".
    """

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        r, mapped = batch.times.u, generated(maps.student, batch)
        noised = sg(path.position(r, required(batch.fresh, "Batch.fresh"), mapped))
        learned, wanted = fake.asked(maps, r, noised), real(maps, r, noised)
        if not normalized:
            return distributional.velocity_matching(mapped, learned=learned, wanted=wanted)
        learned, wanted = (predictions.data_from_velocity(path, r, noised, b) for b in (learned, wanted))
        error = jnp.mean(jnp.abs(mapped - wanted), axis=tuple(range(1, mapped.ndim)), keepdims=True)
        scale = batch.noise_std / jnp.maximum(error, 1e-5 * batch.noise_std)
        return distributional.velocity_matching(mapped, learned=scale * learned, wanted=scale * wanted)

    return Term("correction", loss, law, share, weight, cost=passes + 1 + 1)


def on_generated(fake: Fake = FAKES["auxiliary"], *, generated: Generator = one_jump) -> Loss:
    """The loss ``|w_r(I_r) - dI_r|^2`` on the way from fresh noise to generated points: it teaches the fake velocity.

    Args:
      fake: w.
      generated: how points are generated, by the weights that make targets; no gradient passes.

    Returns:
      a loss; r is u of its times.
    """

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        r, points = batch.times.u, sg(generated(maps.target, batch))
        fresh = required(batch.fresh, "Batch.fresh")
        noised, velocity = path.position(r, fresh, points), path.velocity(r, fresh, points)
        return direct.flow_matching(lambda s, t, x: fake.trained(maps, t, x), noised, r, velocity=velocity)

    return loss


def auxiliary(
    share: float,
    *,
    fake: Fake = FAKES["auxiliary"],
    generated: Generator = one_jump,
    passes: int = 1,
    law: Law = laws.all_the_way,
) -> Term:
    """The term with the loss of ``on_generated``.

    Args:
      share: share of the batch.
      fake: w.
      generated: how points are generated.
      passes: what that costs without a backward pass.
      law: of the times; r is its u.

    Returns:
      a term named "auxiliary".
    """
    return Term("auxiliary", on_generated(fake, generated=generated), law, share, cost=3 + passes)
