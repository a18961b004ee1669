"""Methods once more, each by the formula of its own paper, in the paper's variables and direction of time.

``library`` is what the term of a method minimizes: residual, metric, weight and likelihood. ``paper`` writes it again
from the publication, with three sets of weights: those that are trained, the same ones where they are stopped, and
those of an average or of the last stage. Values agree, and so does the gradient with the central difference of
``paper`` in the first set. A loss that is published as a dot product has no value of its own, and then the gradient
alone is compared.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.flow_map_model import OUTPUTS
from objectives.build import OBJECTIVES
from objectives.mixture import minimized
from objectives.objective import Batch, Maps
from taxonomy import flow_map
from taxonomy.catalogue import CATALOGUE
from taxonomy.catalogue.method import OURS, OURS_SWAPPED_LETTERS
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times
from tests.helpers import directional, inner, tiny, tiny_params
from tests.objectives import papers_consistency, papers_maps
from tests.objectives.cases_shared import level, teacher
from tests.objectives.papers import Weights, auxiliary, column, example, log_variance
from tests.objectives.papers_consistency import heun_step, noisy, teacher_step

pytestmark = pytest.mark.usefixtures("x64")
ELSEWHERE = {"mean_flow", "pid", "boot", "ctm", "ucgm", "progressive_distillation"}
CASES = papers_maps.CASES | papers_consistency.CASES


def library(case, e, other):
    """What the term minimizes, as a function of the weights that are trained."""
    method = OBJECTIVES[case.method](**case.options)
    term = next(term for term in method.terms[::-1] if case.term in ("", term.name))
    output, times = OUTPUTS[method.output], Times(e.s, e.u, e.t)
    batch = Batch(e.noise, e.data, times, fresh=e.fresh, pool=e.pool)

    def model(params):
        return lambda s, t, x: output.velocity(tiny(params)(s, t, output.scaled(s, x)), s, x)

    def values(params):
        target = params if method.target_decay is None else other
        maps = Maps(model(params), model(target), teacher, model(other), auxiliary, log_variance)
        return minimized(term, maps, LINEAR, batch)[0]

    return values


@pytest.mark.parametrize("name", CASES)
def test_a_method_is_the_formula_of_its_paper(name):
    case, e = CASES[name], example(**CASES[name].times)
    p, other, direction = (tiny_params(seed) for seed in (0, 4, 9))
    found = library(case, e, other)

    def with_sum(params):
        values = found(params)
        return values.sum(), values

    gradient, values = jax.grad(with_sum, has_aux=True)(p)
    assert values.shape == (5,)
    assert values.dtype == jnp.float64
    if not case.product:
        np.testing.assert_allclose(case.paper(Weights(p, p, other), e), values, rtol=1e-10)
    expected = directional(lambda q: case.paper(Weights(q, p, other), e).sum(), p, direction, 1e-5)
    assert abs(expected) > 1e-4
    np.testing.assert_allclose(inner(gradient, direction), expected, rtol=1e-7)


def test_every_method_in_another_convention_is_recomputed_in_its_own():
    other = {name for name, method in CATALOGUE.items() if method.translation not in (OURS, OURS_SWAPPED_LETTERS)}
    assert other <= ELSEWHERE | {case.method for case in CASES.values()}


def test_the_step_of_a_teacher_is_that_of_heun_up_to_third_order():
    # Consistency distillation steps by Heun's method in the noise level, the methods by the midpoint method in time.
    x, errors = noisy(example(), example().s), []
    for step in (1e-2, 5e-3):
        sigma, near = level(example().s), level(example().s + step)
        errors.append(float(jnp.abs(teacher_step(x, sigma, near) - heun_step(x, sigma, near)).max()))
    np.testing.assert_allclose(errors[0] / errors[1], 8, rtol=0.15)
    s, u = example().s, example().u
    found = flow_map.midpoint_step(teacher, s, u, column(s) * x) / column(u)
    np.testing.assert_allclose(found, teacher_step(x, level(s), level(u)), rtol=1e-12)
