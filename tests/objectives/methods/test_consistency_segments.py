import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.objective import Batch, Maps
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("inner", ["student", "target"])
def test_the_inner_jump_of_ctm_is_the_named_one(inner):
    # Constant velocities: a of the student, b of its EMA, d of the teacher.
    a, b, d = 1.0, 3.0, -2.0
    still = {name: (lambda s, t, x, c=c: c * jnp.ones_like(x)) for name, c in (("student", a), ("target", b))}
    maps = Maps(**still, teacher=lambda t, x: d * jnp.ones_like(x))
    s, u, t = (jnp.array([value]) for value in (0.1, 0.4, 0.8))
    batch = Batch(jnp.zeros((1, 2)), jnp.ones((1, 2)), Times(s, u, t), jnp.ones(()))
    term = OBJECTIVES["ctm"](inner=inner).terms[1]
    # X_{s,t} = x + (t - s) a; the teacher goes from s to u; the way on to t is the student's or the EMA's; the outer
    # jump adds (1 - t) b to both.
    residual = 0.7 * a - 0.3 * d - 0.4 * {"student": a, "target": b}[inner]
    np.testing.assert_allclose(term.loss(maps, LINEAR, batch), [2 * residual**2], rtol=1e-12)
