"""Losses for flow maps, and the published methods that are made of them.

A loss is one pure function: arrays and callables in, one number per example out. No key, no config, no network inside:
whatever is random is drawn before, weights and means are applied after, in ``mixture``. ``v`` is what is
differentiated; ``b`` or ``w`` is what only makes the target, even where both are the same network. ``OBJECTIVES`` is
the table from a published name to the terms that train it.

Most losses are functions of this package: ``objectives.lagrangian`` is the function, and its file is
``objectives/losses/lagrangian.py``. Those with names too general for this list keep their module:
``divergence.semigroup``, ``integral.end``, ``integral.interior``, ``reward.penalized``. ``mixture`` is the function
too; ``from objectives.mixture import counts`` reaches the rest of its module.
"""

from objectives import guidance, guided, metrics, pooled, weighting
from objectives.build import OBJECTIVES, default_options
from objectives.losses import divergence, integral, reward
from objectives.losses.consistency import consistency, straightness, trajectory
from objectives.losses.consistency_continuous import along_path, clipped, continuous_consistency, trigflow
from objectives.losses.direct import flow_matching, misalignment, regression
from objectives.losses.distributional import drift, drifting, moment_matching, velocity_matching
from objectives.losses.eulerian import central, discrete, eulerian, tangent_step
from objectives.losses.lagrangian import (
    bootstrap,
    difference,
    lagrangian,
    pulled_back,
    round_trip,
    two_ended_difference,
)
from objectives.losses.progressive import progressive
from objectives.methods.combination import combination
from objectives.mixture import check_shares, counts, mixture
from objectives.objective import Batch, Maps, Objective, Term, Unit
from objectives.pooled import towards_posterior_mean

__all__ = [
    "OBJECTIVES",
    "Batch",
    "Maps",
    "Objective",
    "Term",
    "Unit",
    "along_path",
    "bootstrap",
    "central",
    "check_shares",
    "clipped",
    "combination",
    "consistency",
    "continuous_consistency",
    "counts",
    "default_options",
    "difference",
    "discrete",
    "divergence",
    "drift",
    "drifting",
    "eulerian",
    "flow_matching",
    "guidance",
    "guided",
    "integral",
    "lagrangian",
    "metrics",
    "misalignment",
    "mixture",
    "moment_matching",
    "pooled",
    "progressive",
    "pulled_back",
    "regression",
    "reward",
    "round_trip",
    "straightness",
    "tangent_step",
    "towards_posterior_mean",
    "trajectory",
    "trigflow",
    "two_ended_difference",
    "velocity_matching",
    "weighting",
]
