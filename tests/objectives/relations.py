"""What tests of relations between methods share: losses by name, and comparisons of gradients."""

import jax
import jax.numpy as jnp
import numpy as np

from objectives.build import OBJECTIVES
from objectives.mixture import minimized as minimized_by
from objectives.objective import Batch, Maps
from objectives.pooled import pooled_path
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times
from tests.helpers import inputs, tiny, tiny_params
from tests.objectives.test_identities import assert_close, distance, gradient

UNBOUNDED = 1e9


def teacher(t, x):
    return jnp.sin(x + t[:, None]) * x[:, ::-1]


def examples(s=None, u=None, t=None, **fields):
    """Five pairs of noise and data; times are those of ``inputs`` unless given, a number for all of them."""
    drawn = dict(zip("sut", inputs()[:3], strict=True))
    times = [drawn[name] if time is None else time + jnp.zeros(5) for name, time in zip("sut", (s, u, t), strict=True)]
    x0, x1 = jax.random.normal(jax.random.key(3), (2, 5, 2))
    return Batch(x0, x1, Times(*times), **fields)


def loss_of(name, batch, *, term=-1, minimized=False, options=None, **given):
    """The (last) term of a method as a function of the weights; the student makes its own targets.

    ``minimized`` adds the weight and the metric; ``given`` are maps, as functions of the weights.
    """
    terms = OBJECTIVES[name](**options or {}).terms
    one = terms[term] if isinstance(term, int) else next(one for one in terms if one.name == term)

    def loss(p):
        made = {"target": tiny, "teacher": lambda p: teacher, "stage": lambda p: tiny(tiny_params(seed=4))} | given
        maps = Maps(tiny(p), **{key: make(p) for key, make in made.items()})
        path = pooled_path(LINEAR, batch) if one.pool else LINEAR
        return minimized_by(one, maps, LINEAR, batch)[0] if minimized else one.loss(maps, path, batch)

    return loss


def of_sample(batch):
    """A teacher that gives the velocity of the samples, at whatever point it is asked."""
    return lambda p: lambda t, x: LINEAR.velocity(t, batch.x0, batch.x1)


def scaled(factor, loss):
    return lambda p: factor * loss(p)


def evaluated(loss):
    """The gradient of the sum over the examples, and the value of each."""

    def total(p):
        values = loss(p)
        return values.sum(), values

    return jax.grad(total, has_aux=True)(tiny_params())


def agree(one, other, *, in_value=False):
    """Equal gradients, which are not zero."""
    (found, value), (expected, expected_value) = evaluated(one), evaluated(other)
    assert max(float(jnp.abs(g).max()) for g in jax.tree.leaves(expected)) > 1e-3
    assert_close(found, expected, rtol=1e-9)
    if in_value:
        np.testing.assert_allclose(value, expected_value, rtol=1e-10)


def values_agree(one, other):
    agree(one, other, in_value=True)


def tends(loss, limit, *, order, steps=(1e-3, 1e-4)):
    expected = gradient(limit)
    errors = [distance(gradient(loss(step)), expected) for step in steps]
    assert errors[1] < 1e-2
    np.testing.assert_allclose(errors[0] / errors[1], (steps[0] / steps[1]) ** order, rtol=0.1)


# The Eulerian rule with two times.
