"""Symptoms of numbers that are compared with others of the same name: the scale of guidance, and scores."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments.metrics.samples import aligned_kl, paper_kl
from experiments.symptoms.means import MAP
from experiments.symptoms.row import Row
from experiments.training.runs import load_trained
from objectives import guidance
from taxonomy.shapes import Points

WANTED, ROUNDS = 2.0, 200
COUNTS = (1000, 4000, 16_000, 64_000)
ESTIMATORS = {"48 x 48 bins": aligned_kl, "50 x 50 bins of arXiv 2505.18825": paper_kl}
# Velocities with and without the label, in one coordinate: any two that differ.
WITH, WITHOUT = 1.0, 0.25
Guided = Callable[[Points, Points, Points], Points]  # velocities with and without the label, and the network's own


def fixed_point(guided: Guided) -> float:
    """The scale that comes out where a network learns a target that is made of its own output.

    Args:
      guided: (v_c, v_u, own output), each [1, 1] -> target [1, 1].

    Returns:
      w of the fixed point ``w v_c + (1 - w) v_u``.
    """
    v_c, v_u = jnp.full((1, 1), WITH), jnp.full((1, 1), WITHOUT)
    # The network learns its target, and the target follows the network.
    own = jax.lax.fori_loop(0, ROUNDS, lambda _, own: guided(v_c, v_u, own), v_c)
    return float(((own - v_u) / (v_c - v_u))[0, 0])


def _mean_flow(omega: float, kappa: float) -> float:
    def guided(v_c: Points, v_u: Points, own: Points) -> Points:
        return guidance.mean_flow_guided(v_c, v_c=own, v_u=v_u, omega=omega, kappa=kappa)

    return fixed_point(guided)


def _classic(scale: float) -> float:
    return fixed_point(lambda v_c, v_u, own: guidance.classifier_free(v_c=v_c, v_u=v_u, scale=scale))


def guidance_scale(wanted: float = WANTED) -> list[Row]:
    """The scale that comes out of guidance where one is wanted: put into a formula as it is, and translated.

    Args:
      wanted: above 1; the effective scale w.

    Returns:
      one row for each share kappa of MeanFlow's own output, and one for papers that count from 0.
    """
    rows = [
        Row(
            f"MeanFlow, kappa = {kappa:g}: the scale, where {wanted:g} is wanted",
            _mean_flow(wanted, kappa),
            _mean_flow(wanted * (1 - kappa), kappa),
        )
        for kappa in (0.0, 0.5, 0.75)
    ]
    paper = wanted - 1  # of a paper that counts from 0
    return [
        *rows,
        Row(f"w = {paper:g} of a paper that means {wanted:g}: the scale", _classic(paper), _classic(paper + 1)),
    ]


def scores(counts: tuple[int, ...] = COUNTS, *, seed: int = 2) -> list[Row]:
    """KL of one map by several numbers of samples and two estimators, and what it has beyond perfect samples.

    Args:
      counts: numbers of samples.
      seed: of the perfect samples.

    Returns:
      one row for each estimator and number: the score, and the score minus that of as many perfect samples.
    """
    run = load_trained(MAP)
    made = np.asarray(run.sample(max(counts), steps=1))
    perfect = np.asarray(run.dataset.draw(jax.random.key(seed), max(counts)))
    rows = []
    for name, divergence in ESTIMATORS.items():
        for n in counts:
            score, floor = (divergence(x[:n], run.dataset.truth) for x in (made, perfect))
            rows.append(Row(f"KL of {n:,} samples, {name}", score, score - floor))
    return rows
