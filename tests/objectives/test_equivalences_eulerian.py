"""Relations between methods of the Eulerian rule: gradients that coincide, and mistakes that do not."""

import jax.numpy as jnp
import numpy as np
import pytest

from models.flow_map_model import OUTPUTS
from objectives.build import OBJECTIVES
from objectives.losses.direct import regression
from objectives.losses.eulerian import discrete, tangent_step
from objectives.losses.progressive import progressive
from objectives.objective import Batch, Maps
from taxonomy import flow_map
from taxonomy.arrays import squared_norm
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times
from tests.helpers import inputs, tiny, tiny_params
from tests.objectives.relations import agree, examples, loss_of, of_sample, scaled, teacher, values_agree
from tests.objectives.test_identities import FiniteData, assert_close, distance, gradient

pytestmark = pytest.mark.usefixtures("x64")


def test_mean_flow_has_the_value_of_the_eulerian_residual_and_a_part_of_its_gradient():
    batch = examples()
    s, _, t = batch.times
    x, w = LINEAR.position(s, batch.x0, batch.x1), LINEAR.velocity(s, batch.x0, batch.x1)
    average, derivative = flow_map.total_derivative(tiny(tiny_params()), s, t, x, w)
    residual = w + (t - s)[:, None] * derivative - average

    def kept(p):
        return -2 * (residual * tiny(p)(s, t, x)).sum(axis=1)

    def dropped(p):
        moved = flow_map.total_derivative(tiny(p), s, t, x, w)[1]
        return 2 * (t - s) * (residual * moved).sum(axis=1)

    mean_flow, emd = loss_of("mean_flow", batch), loss_of("emd", batch, teacher=of_sample(batch))
    np.testing.assert_allclose(mean_flow(tiny_params()), squared_norm(residual), rtol=1e-11)
    np.testing.assert_allclose(emd(tiny_params()), squared_norm(residual), rtol=1e-11)
    agree(mean_flow, kept)
    agree(emd, lambda p: kept(p) + dropped(p))
    assert distance(gradient(mean_flow), gradient(emd)) > 0.1


def test_ayf_emd_is_mean_flow_on_the_teacher_times_half_the_gap():
    batch = examples()
    s, _, t = batch.times
    x = LINEAR.position(s, batch.x0, batch.x1)
    w = teacher(s, x)
    residual = flow_map.d_source(tiny(tiny_params()), s, t, x, w)[1]
    mean_flow = loss_of("emd", batch, options={"stop_gradient": "target"})

    def published(p):
        return -(flow_map.jump(tiny(p), s, t, x) * residual).sum(axis=1)

    agree(published, scaled((t - s) / 2, mean_flow))
    agree(lambda p: tangent_step(tiny(p), x, s, t, velocity=w), mean_flow)
    # The method keeps a hundredth of its warm-up for good: a pull towards straight paths.
    agree(
        loss_of("ayf_emd", batch, minimized=True, options={"normalize": 0.0}),
        lambda p: (t - s) ** 2 * (0.99 * mean_flow(p) + 0.01 * regression(tiny(p), x, s, t, velocity=w)),
    )


def test_alpha_flow_is_twice_so_flow():
    batch = examples()
    s, u, t = batch.times
    x, w = LINEAR.position(s, batch.x0, batch.x1), LINEAR.velocity(s, batch.x0, batch.x1)
    v = tiny(tiny_params())
    ahead = flow_map.jump(v, u, t, x + (u - s)[:, None] * w)
    q = (flow_map.jump(v, s, t, x) - ahead) / (u - s)[:, None]

    def so_flow(p):
        return (tiny(p)(s, t, x) * q).sum(axis=1)

    alpha_flow = loss_of("alpha_flow", batch, minimized=True, options={"schedule": "constant", "adaptive_power": 0.0})
    agree(alpha_flow, scaled(2.0, so_flow))
    agree(loss_of("so_flow", batch, minimized=True, options={"adaptive_power": 0.0}), so_flow)


def test_alpha_flow_is_euler_mean_flow_over_the_share_of_the_step():
    batch = examples()
    s, u, t = batch.times
    alpha_flow = loss_of("alpha_flow", batch, minimized=True, options={"schedule": "constant", "adaptive_power": 0.0})
    values_agree(alpha_flow, scaled((t - s) / (u - s), loss_of("euler_mean_flow", batch)))


def test_alpha_flow_at_one_half_on_the_own_velocity_is_twice_psd_m():
    s, _, t, x, _ = inputs()
    u = (s + t) / 2
    own = tiny(tiny_params())(s, u, x)
    values_agree(
        lambda p: discrete(tiny(p), tiny(p), x, s, u, t, velocity=own) / 0.5,
        lambda p: 2 * progressive(tiny(p), tiny(p), x, s, u, t),
    )


def test_improved_mean_flow_is_mean_flow_where_its_own_velocity_is_that_of_the_sample():
    batch = examples()
    known = {"target": lambda p: lambda s, t, x: LINEAR.velocity(t, batch.x0, batch.x1)}
    improved = loss_of("improved_mean_flow", batch, **known)
    values_agree(improved, loss_of("mean_flow", batch))
    assert distance(gradient(loss_of("improved_mean_flow", batch)), gradient(improved)) > 0.01


def test_pixel_mean_flow_is_improved_mean_flow_of_a_denoiser():
    batch = examples()
    s, _, t = batch.times
    x, w = LINEAR.position(s, batch.x0, batch.x1), LINEAR.velocity(s, batch.x0, batch.x1)
    to_velocity = OUTPUTS[OBJECTIVES["pixel_mean_flow"]().output].velocity

    def of_denoiser(p):
        return lambda s, t, x: to_velocity(tiny(p)(s, t, x), s, x)

    pixel = OBJECTIVES["pixel_mean_flow"]().terms[1]

    def found(p):
        return pixel.loss(Maps(of_denoiser(p), of_denoiser(p), None), LINEAR, batch)

    v = of_denoiser(tiny_params())
    derivative = flow_map.total_derivative(v, s, t, x, v(s, s, x))[1]
    clean = x + (1 - s)[:, None] * (w + (t - s)[:, None] * derivative)
    values_agree(found, lambda p: squared_norm(tiny(p)(s, t, x) - clean) / (1 - s) ** 2)
    values_agree(loss_of("pixel_mean_flow", batch), loss_of("improved_mean_flow", batch))


@pytest.mark.parametrize(("name", "plain"), [("rectified_mean_flow", "mean_flow"), ("reflow", "flow_matching")])
def test_rows_on_pairs_are_the_plain_ones_on_other_data(name, plain):
    batch = examples()
    half, whole = jnp.full(5, 0.5), jnp.zeros(5)
    end = batch.x0 + teacher(half, batch.x0 + 0.5 * teacher(whole, batch.x0))
    on_pairs = {"options": {"teacher_steps": 1}}
    for term in range(len(OBJECTIVES[plain]().terms)):
        values_agree(loss_of(name, batch, term=term, **on_pairs), loss_of(plain, batch._replace(x1=end), term=term))


def test_decoupled_mean_flow_has_the_loss_of_mean_flow():
    values_agree(loss_of("decoupled_mean_flow", examples()), loss_of("mean_flow", examples()))


def test_explicit_shortcut_has_the_mean_of_mean_flow_over_the_data():
    # With all other data points as the pool, the velocity at a point is its mean, whichever point the example is from.
    s, u, t, x, _ = inputs()
    data = FiniteData(s, x)

    def of_atom(k):
        x1 = jnp.broadcast_to(data.atoms[k], x.shape)
        x0 = (x - s[:, None] * x1) / (1 - s)[:, None]
        return Batch(x0, x1, Times(s, u, t), pool=jnp.delete(data.atoms, k, axis=0))

    def mean(p):
        values = jnp.stack([loss_of("mean_flow", of_atom(k))(p) for k in range(6)], axis=-1)
        return jnp.sum(data.weights * values, axis=-1)

    expected = gradient(mean)
    for k in (0, 4):
        assert_close(gradient(loss_of("esc", of_atom(k), term="plug_in")), expected, rtol=1e-9)
    assert distance(gradient(loss_of("mean_flow", of_atom(0))), expected) > 0.1
    values_agree(loss_of("esc", of_atom(1), term="eulerian"), loss_of("mean_flow", of_atom(1)))


# The Lagrangian rule.
