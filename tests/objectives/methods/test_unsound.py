"""Methods that are wrong on purpose: what makes them wrong, and that nothing else differs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES, UNSOUND
from objectives.methods.unsound import TANGENTS, along
from objectives.objective import Batch, Maps
from taxonomy import exact
from taxonomy.arrays import squared_norm
from taxonomy.interpolants import LINEAR, Interpolant
from taxonomy.times import Times
from tests.helpers import inputs, tiny, tiny_params
from tests.objectives.relations import agree

pytestmark = pytest.mark.usefixtures("x64")


def drawn():
    x0, x1 = jax.random.normal(jax.random.key(3), (2, 5, 2))
    return Batch(x0, x1, Times(*inputs()[:3]))


def test_nothing_unsound_is_a_method():
    assert not set(OBJECTIVES) & set(UNSOUND)


def test_the_right_tangent_of_the_same_loss_is_mean_flow():
    batch, target = drawn(), tiny(tiny_params(seed=4))
    published = OBJECTIVES["mean_flow"]().terms[1].loss
    agree(*(lambda p, f=f: f(Maps(tiny(p), target, None), LINEAR, batch) for f in (along(1.0, 0.0), published)))


@pytest.mark.parametrize("tangent", TANGENTS)
def test_a_tangent_is_a_difference_along_it(tangent):
    batch, v, h = drawn(), tiny(tiny_params()), 1e-5
    s, _, t = batch.times
    x, w = LINEAR.position(s, batch.x0, batch.x1), LINEAR.velocity(s, batch.x0, batch.x1)
    a, b = TANGENTS[tangent]
    ahead, behind = (v(s + h * a, t + h * b, x + h * w) for h in (h, -h))
    expected = squared_norm(v(s, t, x) - w - (t - s)[:, None] * (ahead - behind) / (2 * h))
    (_, term) = UNSOUND["mean_flow_wrong_tangent"](tangent=tangent).terms
    np.testing.assert_allclose(term.loss(Maps(v, v, None), LINEAR, batch), expected, rtol=1e-7)


@pytest.mark.parametrize("tangent", TANGENTS)
def test_the_exact_map_is_no_solution_of_a_wrong_tangent(tangent):
    # With the exact velocity in place of the sample's there is no noise: the right residual is zero.
    flow = exact.gaussian(LINEAR, mean=jnp.array([1.0, -0.5]), covariance=jnp.array([[0.5, 0.1], [0.1, 0.2]]))
    batch = drawn()

    class Exact(Interpolant):
        def velocity(self, t, x0, x1):
            return flow.b(t, self.position(t, x0, x1))

    path = Exact(LINEAR.alpha, LINEAR.beta)
    right, wrong = (along(*rates)(Maps(flow.v, flow.v, None), path, batch) for rates in ((1.0, 0.0), TANGENTS[tangent]))
    assert float(right.max()) < 1e-20
    assert float(wrong.mean()) > 1e-3


def test_an_unknown_tangent_is_named():
    with pytest.raises(ValueError, match="tangent = 'source'; expected one of point, target, both"):
        UNSOUND["mean_flow_wrong_tangent"](tangent="source")
