import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.samplers import composition, euler, restart
from objectives.build import OBJECTIVES, default_options
from objectives.mixture import Batch, Maps, check_shares, mixture
from taxonomy import exact, flow_map
from taxonomy.interpolants import INTERPOLANTS
from tests.helpers import tiny, tiny_params

SAMPLERS = {"composition": composition, "euler": euler, "restart": restart}


def exact_flow(name="linear"):
    return exact.gaussian(
        INTERPOLANTS[name], mean=jnp.array([1.0, -0.5]), covariance=jnp.array([[0.5, 0.1], [0.1, 0.2]])
    )


def draw(objective, count=2000):
    root = jnp.linalg.cholesky(jnp.array([[0.5, 0.1], [0.1, 0.2]]))
    batches = []
    for k, term in enumerate(objective.terms):
        keys = jax.random.split(jax.random.key(k), 3)
        x0, z = jax.random.normal(keys[0], (2, count, 2))
        batches.append(Batch(x0, jnp.array([[1.0, -0.5]]) + z @ root.T, term.times(keys[2], (count,))))
    return batches


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_row_is_complete(name):
    objective = OBJECTIVES[name]()
    check_shares(objective.terms)
    assert objective.sampler in SAMPLERS
    assert len({term.name for term in objective.terms}) == len(objective.terms)
    assert OBJECTIVES[name](**default_options(name)).cost == objective.cost >= 3
    assert OBJECTIVES[name].__doc__


def largest_slope(name, flow, interpolant):
    """Slope of the objective at a flow, in three smooth directions, in units of the curvature."""
    # Targets with a finite step are stationary up to that step: shrink it. Their curvature grows as one over it.
    options = {"ct": {"step": 1e-3}, "cd": {"step": 1e-3}, "alpha_flow": {"alpha": 1e-2}}.get(name, {})
    objective = OBJECTIVES[name](**options)
    batches = draw(objective, 4000)

    def value(size, k):
        bump = tiny(tiny_params(seed=k))

        def student(s, t, x):
            return flow.v(s, t, x) + size * bump(s, t, x)

        maps = Maps(student=student, target=student, teacher=exact_flow(interpolant).b)
        loss, _ = mixture(objective.terms, maps, INTERPOLANTS[interpolant], batches, reduction=objective.reduction)
        return loss

    def slope(k):
        curvature = next(iter(options.values()), 1.0) * abs(float(jax.grad(jax.grad(value))(0.0, k)))
        return abs(float(jax.grad(value)(0.0, k))) / max(curvature, 1.0)

    return max(slope(k) for k in range(3))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("interpolant", INTERPOLANTS)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_exact_map_is_stationary_and_another_is_not(name, interpolant):
    """A small change of the exact map, in any smooth direction, does not lower the objective to first order."""
    other = exact.gaussian(INTERPOLANTS[interpolant], mean=jnp.array([-1.0, 1.5]), covariance=jnp.eye(2))
    # Zero up to the scatter of 4000 samples.
    assert largest_slope(name, exact_flow(interpolant), interpolant) < 0.15
    assert largest_slope(name, other, interpolant) > 0.3


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lsd", {"times": "cube"}, "times = 'cube'; expected one of triangle, square"),
        ("mean_flow", {"times": "square"}, "draws s > t; mean_flow needs s <= t"),
        ("ct", {"step": 2.0}, "step = 2.0"),
        ("tim", {"step": 0.6}, "step = 0.6; expected a length of time"),
        ("alpha_flow", {"alpha": 0.0}, "fraction = 0.0; expected a share of the way"),
        ("split_mean_flow", {"reduction": "sum"}, "reduction = 'sum'; expected one of paper, code"),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        OBJECTIVES[name](**options)


def counted(calls, v):
    def counting(*args):
        calls.append(1)
        return v(*args)

    return counting


@pytest.mark.parametrize(
    ("name", "student", "target", "teacher"),
    # Calls of the network's code: a jvp traces it once.
    [
        ("flow_matching", 1, 0, 0),
        ("lsd", 1 + 1, 1, 0),
        ("lmd", 1, 0, 1),
        ("fmm", 2 + 2, 0, 0),
        ("lmf", 1, 1, 0),
        ("esd", 1 + 2, 1, 0),
        ("emd", 1, 0, 1),
        ("mean_flow", 1 + 1, 0, 0),
        ("improved_mean_flow", 1 + 1, 1, 0),
        ("alpha_flow", 1 + 1, 1, 0),
        ("tim", 1 + 1, 2, 0),
        ("psd_m", 1 + 1, 2, 0),
        ("psd_u", 1 + 1, 2, 0),
        ("split_mean_flow", 1 + 1, 2, 1),
        ("pfmm", 1, 0, 10),
        ("sdei", 1, 1, 1),
        ("stei", 1 + 1, 2, 0),
        ("sdee", 1, 1, 1),
        ("stee", 1, 1, 0),
        ("ct", 1, 1, 0),
        ("cd", 1, 1, 2),
        ("ct_continuous", 1, 0, 0),
        ("cd_continuous", 1, 0, 1),
    ],
)
def test_network_evaluations_are_those_that_the_cost_counts(name, student, target, teacher):
    objective, v = OBJECTIVES[name](), tiny(tiny_params())
    calls = {key: [] for key in ("student", "target", "teacher")}
    maps = Maps(
        student=counted(calls["student"], v),
        target=counted(calls["target"], v),
        teacher=counted(calls["teacher"], flow_map.diagonal(v)),
    )
    value, _ = mixture(objective.terms, maps, INTERPOLANTS["linear"], draw(objective, 8))
    assert np.isfinite(value)
    assert {key: len(made) for key, made in calls.items()} == {"student": student, "target": target, "teacher": teacher}
