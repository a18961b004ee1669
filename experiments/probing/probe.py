"""Several methods at the same weights, or at the exact map: what noise their targets and gradients have."""

from collections.abc import Sequence
import itertools
import math
import time
from typing import Any

from ml_collections import ConfigDict
import numpy as np

from experiments import settings, terminal
from experiments.datasets.dataset import Dataset
from experiments.metrics import exact_map, maps
from experiments.probing import gradients, statistics
from experiments.probing.gradients import Gradients, Residuals, Sizes
from experiments.probing.plan import Probed
from experiments.reporting import machine
from experiments.sampling.trained import Trained
from experiments.settings import networks
from models.flow_map_model import count_parameters
from objectives.objective import Term

STEPS = 32  # midpoint steps of a jump of the exact map, unless it is known in closed form
DEFAULT = Sizes(batches=16, examples=256, seed=0)


def at_weights(
    run: Trained, probed: Sequence[Probed], sizes: Sizes, *, progress: float | None = None
) -> dict[str, Any]:
    """Gradients and residuals of methods at the weights of a run.

    Args:
      run: the trained run.
      probed: from ``plan.of_run``.
      sizes: how much is drawn.
      progress: share of the training that is done; None for that of the run.

    Returns:
      the content of ``probe.json``.
    """
    start = time.time()
    at = min(1.0, run.step / run.config.training.steps) if progress is None else progress
    host = run.config.training.data == "host"
    rows = []
    for one in terminal.bar(probed, desc="methods"):
        terms = range(len(one.objective.terms))
        found = [gradients.of_term(one.step, k, run.params, sizes, progress=at, data_of_host=host) for k in terms]
        rows.append(_row(one, found, sizes))
    where = {"weights": f"{run.name} after {run.step} steps", "parameters": count_parameters(run.params)}
    return _content(where, run.config, rows, sizes, progress=at, seconds=time.time() - start)


def at_exact_map(
    config: ConfigDict, dataset: Dataset, probed: Sequence[Probed], sizes: Sizes, *, progress: float | None = None
) -> dict[str, Any]:
    """Residuals of methods at the exact map.

    Args:
      config: for data and path.
      dataset: the data set.
      probed: from ``plan.of_exact_map``.
      sizes: how much is drawn.
      progress: share of the training that is done; None for its end.

    Returns:
      the content of ``probe.json``.
    """
    start, path = time.time(), settings.interpolant_of(config)
    at = 1.0 if progress is None else progress
    flow = dataset.exact_path(path)
    exact = gradients.exact_maps(flow, flow.v or exact_map.scanned(flow.b, steps=STEPS), categories=dataset.categories)
    rows = []
    for one in terminal.bar(probed, desc="methods"):
        terms = [
            _of_term(one, term) | _residual(gradients.at_exact_map(term, k, exact, dataset, path, sizes, progress=at))
            for k, term in enumerate(one.objective.terms)
        ]
        rows.append(_head(one) | {"terms": terms})
    return _content({"weights": "exact map"}, config, rows, sizes, progress=at, seconds=time.time() - start)


def _content(
    where: dict[str, Any], config: ConfigDict, rows: list[Any], sizes: Sizes, *, progress: float, seconds: float
) -> dict[str, Any]:
    setting = {
        "dataset": config.dataset,
        "interpolant": config.interpolant,
        "network": networks.described(config.network),
        "batch_size": config.training.batch_size,
        "progress": progress,
        **sizes._asdict(),
    }
    return {"machine": machine.record(), "setting": where | setting, "objectives": rows, "seconds": seconds}


def _head(one: Probed) -> dict[str, Any]:
    return {"label": one.label, "objective": one.config.objective.name, "cost": float(one.objective.cost)}


def _of_term(one: Probed, term: Term) -> dict[str, Any]:
    return {"term": term.name, "share": term.share, "examples": term.share * one.config.training.batch_size}


def _residual(found: Residuals) -> dict[str, Any]:
    """The mean squared residual, and by (s, t): at the exact map the variance of the target."""
    value, error = statistics.mean(found.values)
    cells = maps.by_times(found.values.ravel(), found.s.ravel(), found.t.ravel())
    return {
        "residual": _number(value),
        "residual_error": _number(error),
        "residual_worst": _number(statistics.share_of_worst(found.values)),
        "residual_by_times": [[_number(value) for value in row] for row in cells],
    }


def _row(one: Probed, found: Sequence[Gradients], sizes: Sizes) -> dict[str, Any]:
    """A method: each term, their cosines, and the gradient of their sum."""
    products = [[statistics.products(a.means, b.means) for b in found] for a in found]
    terms, noise = [], 0.0
    for k, (term, each) in enumerate(zip(one.objective.terms, found, strict=True)):
        examples = _of_term(one, term)["examples"]
        own = _gradient(term, each, products[k][k], sizes, of_step=examples)
        noise += own["noise"] / term.share
        terms.append(
            _of_term(one, term)
            | {name: _number(value) for name, value in own.items()}
            | {"signal_to_noise": _number(own["gradient"] ** 2 * examples / own["noise"] if own["noise"] else math.nan)}
            | _residual(each.residuals)
        )
    names = [term.name for term in one.objective.terms]
    cosines = []
    for i, j in itertools.combinations(range(len(found)), 2):
        value, error = statistics.cosine(products[i][j], products[i][i], products[j][j])
        cosines.append({"terms": [names[i], names[j]], "cosine": _number(value), "error": _number(error)})
    total = statistics.norm_of_mean(sum(map(sum, products)))
    batch = one.config.training.batch_size
    return _head(one) | {
        "gradient": _number(total.value),
        "gradient_error": _number(total.error),
        "gradient_variance": _number(noise),
        "variance_at_cost": _number(noise * one.objective.cost),
        "signal_to_noise": _number(total.value**2 * batch / noise if noise else math.nan),
        "terms": terms,
        "cosines": cosines,
    }


def _gradient(term: Term, found: Gradients, gram: np.ndarray, sizes: Sizes, *, of_step: float) -> dict[str, float]:
    """Numbers of one term; "noise" is the variance of its mean over ``of_step`` examples, times their number."""
    length, variance = statistics.norm_of_mean(gram), statistics.mean(found.squares)
    # The squares are distances from the mean of the same n groups, and a group's gradient is a mean over its examples.
    n = found.squares.size
    own = term.group * n / (n - 1) * variance.value
    between = statistics.between_batches(gram, size=sizes.examples)
    # Examples that share a pool of data share its noise: with covariance c, the mean of n has (own - c) / n + c.
    covariance = max(0.0, between - own) / (sizes.examples - 1) if term.pool and sizes.examples > 1 else 0.0
    return {
        "gradient": length.value,
        "gradient_error": length.error,
        "variance": own,
        "variance_error": term.group * n / (n - 1) * variance.error,
        "between_batches": between,
        "noise": own + (of_step - 1) * covariance,
        "worst": statistics.share_of_worst(found.squares),
    }


def _number(value: float) -> float | None:
    """A number as a file holds it: None for one that is not finite."""
    return float(value) if math.isfinite(value) else None
