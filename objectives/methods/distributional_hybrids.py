"""Rules of a path together with distribution matching: the rule covers every mode, the law sharpens them."""

import dataclasses
import math

import jax
from jax.lax import stop_gradient as sg
import jax.numpy as jnp

from objectives.methods import law_terms
from objectives.methods.checks import check_fraction, check_not_negative, check_option, check_share
from objectives.methods.consistency_continuous import on_the_circle
from objectives.methods.eulerian_finite_step import tim
from objectives.methods.law_terms import Generator
from objectives.methods.shared import source, teacher_of
from objectives.objective import Batch, Maps, Objective, Term
from taxonomy import flow_map, noise_levels
from taxonomy.flow_map import AverageVelocity
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points
from taxonomy.times import Law, Times

# Numbers of jumps of the published roll-outs, and which jumps the gradient passes.
ROLL_OUTS = (2, 4, 8, 16, 50)
GRADIENTS = ("all", "last")


def _level(*, mean: float) -> Law:
    """``tan(tau) = exp(N(mean, 1.6))`` where data and noise have one standard deviation."""
    # The levels of the table of times are those of data with half of it.
    return noise_levels.log_normal(mean=mean + math.log(noise_levels.SIGMA_DATA), std=1.6)


def rcm(
    *,
    strength: float = 0.01,
    correction_share: float = 0.25,
    fake_share: float = 0.25,
    warm_up: float = 0.1,
    normalize: float = 0.1,
) -> Objective:
    """Score-regularized continuous consistency, rCM (arXiv 2510.08431): sCD, and DMD on its jump from the noise.

    normalize: offset of the normalized tangent, where data and noise have a standard deviation of 1; 0 for none.
    """
    check_not_negative(strength=strength, warm_up=warm_up, normalize=normalize)
    _check_shares(correction_share, fake_share)

    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        velocity = teacher_of(maps)(batch.times.s, source(path, batch))
        return on_the_circle(maps, path, batch, velocity=velocity, warm_up=warm_up, normalize=normalize)

    def noised(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        r = _level(mean=0.0)(key, shape).s
        return Times(jnp.zeros_like(r), r, jnp.ones_like(r))

    weight = law_terms.of_strength(strength)
    terms = (
        Term("consistency", loss, _level(mean=-0.8), 1 - correction_share - fake_share, cost=2 + 2 + 1),
        law_terms.correction(correction_share, weight, normalized=True, law=noised),
        law_terms.auxiliary(fake_share, law=noised),
    )
    return Objective(
        terms, sampler="renoising", needs_teacher=True, output="trigflow", needs_auxiliary=True, needs_noise=True
    )


def _check_shares(correction_share: float, fake_share: float) -> None:
    check_share("correction_share", correction_share)
    check_share("fake_share", fake_share)
    if not correction_share + fake_share < 1:
        raise ValueError(
            f"correction_share = {correction_share} and fake_share = {fake_share}; expected a sum below 1: the rest of "
            "the batch trains the map"
        )


def rolled_out(gradient: str) -> Generator:
    """Three jumps from the noise to the data, ``X_{b,1}(X_{a,b}(X_{0,a}(x0)))``, (a, b) being s and t of the times.

    Args:
      gradient: "all" jumps, or the "last" one of positive length.

    Returns:
      how points are generated.
    """

    def generated(v: AverageVelocity, batch: Batch) -> Points:
        a, _, b = batch.times
        x = flow_map.jump(v, jnp.zeros_like(a), a, batch.x0)
        if gradient == "all":
            x = flow_map.jump(v, a, b, x)
        else:
            x = flow_map.jump(v, a, b, sg(x))
            is_last = jnp.reshape(b == 1, (-1,) + (1,) * (x.ndim - 1))
            x = jnp.where(is_last, x, sg(x))
        return flow_map.jump(v, b, jnp.ones_like(b), x)

    return generated


def one_of_many(jumps: int) -> Law:
    """One jump of a roll-out of n equal ones, ``s = g / n`` and ``t = (g + 1) / n``, g uniform; and ``u ~ U[0, 1]``.

    Args:
      jumps: n; 0 draws it from ``ROLL_OUTS``.

    Returns:
      a distribution over (s, u, t).
    """

    def law(key: jax.Array, shape: tuple[int, ...] = ()) -> Times:
        key_n, key_g, key_r = jax.random.split(key, 3)
        numbers = jnp.array([jumps] if jumps else ROLL_OUTS)
        n = numbers[jax.random.randint(key_n, shape, 0, len(numbers))]
        g = jnp.minimum(jnp.floor(n * jax.random.uniform(key_g, shape)), n - 1)
        return Times(g / n, jax.random.uniform(key_r, shape), (g + 1) / n)

    return law


def any_flow(
    *,
    step: float = 0.005,
    correction_share: float = 0.25,
    fake_share: float = 0.25,
    strength: float = 1.0,
    begin: float = 0.8,
    jumps: int = 0,
    gradient: str = "all",
) -> Objective:
    """AnyFlow (arXiv 2605.13724): central differences as in TiM, then DMD on the map's own roll-outs by jumps.

    begin: share of the training after which the correction acts; the second network learns throughout. jumps: number n
    of jumps of a roll-out, 0 to draw 2, 4, 8, 16 or 50. One of the n is made, and one jump each leads there and on to
    the data: three. gradient: through "all" three, or the "last" alone, which leaves errors of the earlier ones be.
    """
    check_fraction(begin=begin)
    check_not_negative(strength=strength)
    check_option("gradient", gradient, GRADIENTS)
    if jumps < 0:
        raise ValueError(f"jumps = {jumps}; expected a whole number of jumps, or 0 to draw it")
    _check_shares(correction_share, fake_share)
    rule = tim(
        step=step,
        diagonal_share=0.5,
        end_share=0.25,
        times="triangle",
        adaptive_power=0.0,
        gap_power=0.0,
        cosine=0.0,
        reduction="per_term",
    )
    law, generated = one_of_many(jumps), rolled_out(gradient)
    corrected = law_terms.correction(
        correction_share,
        law_terms.of_strength(strength),
        normalized=True,
        generated=generated,
        passes=9 if gradient == "all" else 7,
        law=law,
    )

    def later(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        return jnp.where(jnp.asarray(batch.progress) < begin, 0.0, 1.0) * corrected.loss(maps, path, batch)

    left = 1 - correction_share - fake_share
    terms = (
        *(dataclasses.replace(term, share=left * term.share) for term in rule.terms),
        dataclasses.replace(corrected, loss=later),
        law_terms.auxiliary(fake_share, generated=generated, passes=3, law=law),
    )
    return Objective(terms, needs_teacher=True, needs_auxiliary=True, needs_noise=True)
