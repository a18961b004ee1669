"""Relations between methods of the Lagrangian rule, with and without a teacher, on the diagonal, and under guidance."""

import jax
import numpy as np
import pytest

from objectives import guidance
from objectives.build import OBJECTIVES
from objectives.losses.eulerian import eulerian
from objectives.losses.lagrangian import bootstrap, lagrangian
from taxonomy import exact_data, flow_map
from taxonomy.arrays import squared_norm
from taxonomy.interpolants import LINEAR
from tests.helpers import inputs, tiny, tiny_params
from tests.objectives.relations import (
    agree,
    examples,
    loss_of,
    of_sample,
    scaled,
    teacher,
    tends,
    values_agree,
)
from tests.objectives.test_identities import FiniteData, assert_close, distance, gradient

pytestmark = pytest.mark.usefixtures("x64")


def test_tvm_is_lsd_where_the_average_is_the_network():
    batch = examples()
    for term in ("lagrangian", "diagonal"):
        values_agree(loss_of("tvm", batch, term=term), loss_of("lsd", batch, term=term))
    other = loss_of("tvm", batch, term="lagrangian", target=lambda p: tiny(tiny_params(seed=4)))
    assert distance(gradient(other), gradient(loss_of("lsd", batch))) > 0.1


def test_discrete_ayf_lmd_tends_to_the_stopped_lagrangian_loss():
    s, _, t, x, _ = inputs()

    def squared_over_step(h):
        return lambda p: h * bootstrap(tiny(p), tiny(p), teacher, x, s, t - h, t)

    tends(squared_over_step, lambda p: (t - s) * lagrangian(tiny(p), teacher, x, s, t, stop_gradient="target"), order=1)


def test_boot_is_discrete_ayf_lmd_from_noise():
    batch = examples(s=0.0)
    ayf_lmd = loss_of("ayf_lmd", batch, minimized=True)

    def boot(h):
        return scaled(h, loss_of("boot", examples(s=0.0, u=batch.times.t - h), term="lagrangian"))

    tends(boot, ayf_lmd, order=1)
    np.testing.assert_array_equal(OBJECTIVES["boot"]().terms[0].times(jax.random.key(0), (5,)).s, 0)


def test_prediction_of_free_flow_tends_to_ayf_lmd_from_noise():
    batch = examples(s=0.0)

    def free_flow(step):
        return loss_of("free_flow", batch, term="lagrangian", options={"step": step})

    tends(free_flow, loss_of("ayf_lmd", batch), order=2, steps=(1e-2, 1e-3))


def test_pid_tends_to_lmd_on_a_stopped_teacher_from_noise():
    # It compares data, X + (1 - t) d_t X and X + (1 - t) b_t(X): the same residual, and the first X is trained too.
    batch = examples(s=0.0)
    s, _, t = batch.times
    lmd = loss_of("lmd", batch, options={"stop_gradient": "velocity"})
    mapped, d_mapped = flow_map.d_t(tiny(tiny_params()), s, t, batch.x0)
    residual = d_mapped - teacher(t, mapped)

    def limit(p):
        point = flow_map.jump(tiny(p), s, t, batch.x0)
        return (1 - t) ** 2 * lmd(p) + 2 * (1 - t) * (residual * (point - mapped)).sum(axis=1)

    def pid(h):
        return loss_of("pid", examples(s=0.0, u=t, t=t + h), minimized=True)

    tends(pid, limit, order=1)
    np.testing.assert_allclose(pid(1e-6)(tiny_params()), (1 - t) ** 2 * lmd(tiny_params()), rtol=1e-4)
    # As published, in mean denoisers: psi + t (1 - t) d_t psi against the teacher's, the derivative by a difference.
    far = t + 0.01
    v, x = tiny(tiny_params()), batch.x0
    denoised = mapped + (1 - t)[:, None] * teacher(t, mapped)
    moved = (far[:, None] * v(s, far, x) - t[:, None] * v(s, t, x)) / (far - t)[:, None]
    found = pid(0.01)(tiny_params())
    np.testing.assert_allclose(found, squared_norm(mapped + (1 - t)[:, None] * moved - denoised), rtol=1e-9)


def test_lmf_is_the_first_term_of_fmm_with_source_and_derivative_stopped():
    batch = examples()
    s, _, t = batch.times
    gap = (t - s)[:, None]
    x, w = LINEAR.position(t, batch.x0, batch.x1), LINEAR.velocity(t, batch.x0, batch.x1)
    source = flow_map.jump(tiny(tiny_params()), t, s, x)
    derivative = flow_map.average_d_t(tiny(tiny_params()), s, t, source)[1]

    def pushed_forward(p):
        return squared_norm(tiny(p)(s, t, source) + gap * derivative - w)

    lmf, fmm = loss_of("lmf", batch), loss_of("fmm", batch, term="lagrangian")
    values_agree(lmf, pushed_forward)
    np.testing.assert_allclose(lmf(tiny_params()), fmm(tiny_params()), rtol=1e-11)
    # What is stopped is the rest of the gradient of FMM: through the derivative, and through the source point.

    def through_derivative(p):
        return squared_norm(flow_map.d_t(tiny(p), s, t, source)[1] - w) - pushed_forward(p)

    def through_source(p):
        moved = flow_map.jump(tiny(p), t, s, x)
        return squared_norm(flow_map.d_t(tiny(tiny_params()), s, t, moved)[1] - w)

    agree(fmm, lambda p: lmf(p) + through_derivative(p) + through_source(p))
    assert distance(gradient(lmf), gradient(fmm)) > 0.1


def test_the_derivative_must_not_be_stopped_in_place_of_the_velocity():
    # v = D(t, x) + (t - s) O(s, t, x): the weights of O make the jumps and leave the diagonal alone.
    s, _, t, x, _ = inputs()

    def split(p):
        return lambda s, t, x: tiny(p["on"])(t, t, x) + (t - s)[:, None] * tiny(p["off"])(s, t, x)

    def swapped(p):
        mapped, d_mapped = jax.lax.stop_gradient(flow_map.d_t(split(p), s, t, x))
        return squared_norm(d_mapped - split(p)(t, t, mapped))

    def lsd(p):
        return lagrangian(split(p), flow_map.diagonal(split(p)), x, s, t)

    params = {"on": tiny_params(), "off": tiny_params(seed=4)}
    np.testing.assert_allclose(swapped(params), lsd(params), rtol=1e-12)
    wrong, right = gradient(swapped, params), gradient(lsd, params)
    assert all(not np.any(g) for g in jax.tree.leaves(wrong["off"]))
    assert all(np.any(g) for g in jax.tree.leaves(wrong["on"]))
    assert all(np.any(g) for g in jax.tree.leaves(right["off"]))


def test_the_velocity_of_the_sample_is_biased_at_the_mapped_point():
    # Its mean is b_s(I_s), the velocity where the jump starts: the map would be taught straight paths.
    s, _, t, x, _ = inputs()
    data = FiniteData(s, x)
    exact = exact_data.empirical(LINEAR, points=data.atoms)
    np.testing.assert_allclose(exact.b(s, x), data.marginal, rtol=1e-9)

    def with_velocity(w):
        return lambda p: squared_norm(flow_map.d_t(tiny(p), s, t, x)[1] - w)

    right = gradient(lambda p: lagrangian(tiny(p), exact.b, x, s, t))
    noisy = gradient(lambda p: data.mean(lambda w: with_velocity(w)(p)))
    assert_close(noisy, gradient(with_velocity(data.marginal)), rtol=1e-9)
    assert distance(noisy, right) > 0.1
    # Even the mean velocity at the source is no target at the end of the jump.
    mapped = flow_map.jump(tiny(tiny_params()), s, t, x)
    assert float(squared_norm(exact.b(t, mapped) - data.marginal).min()) > 1e-3


# Methods that differ in where the velocity comes from.


@pytest.mark.parametrize(
    ("own", "taught", "options"),
    [
        ("lsd", "lmd", {"stop_gradient": "velocity"}),
        ("esd", "emd", {"stop_gradient": "advection"}),
        ("stei", "sdei", {}),
    ],
)
def test_self_distillation_has_the_own_diagonal_as_its_teacher(own, taught, options):
    given = {"teacher": lambda p: flow_map.diagonal(tiny(p))}
    values_agree(loss_of(own, examples()), loss_of(taught, examples(), options=options, **given))


@pytest.mark.parametrize(
    ("trained", "distilled"),
    [("ct", "cd"), ("ct_continuous", "cd_continuous"), ("sct", "scd"), ("stee", "sdee"), ("multistep_cm", "phased_cm")],
)
def test_training_has_the_sample_as_its_teacher(trained, distilled):
    batch = examples()
    values_agree(loss_of(trained, batch), loss_of(distilled, batch, teacher=of_sample(batch)))


AT_EQUAL_TIMES = {
    "mean_flow": "eulerian",
    "improved_mean_flow": "eulerian",
    "pixel_mean_flow": "eulerian",
    "decoupled_mean_flow": "eulerian",
    "alpha_flow": "eulerian",
    "so_flow": "eulerian",
    "euler_mean_flow": "eulerian",
    "tim": "eulerian",
    "esc": "eulerian",
    "fmm": "lagrangian",
    "lmf": "lagrangian",
    "stee": "integral",
}


@pytest.mark.parametrize("name", AT_EQUAL_TIMES)
def test_at_equal_times_losses_of_the_sample_velocity_are_flow_matching(name):
    drawn = examples().times
    batch = examples(u=drawn.s, t=drawn.s)
    options = {"cosine": 0.0} if name == "tim" else {}
    values_agree(loss_of(name, batch, term=AT_EQUAL_TIMES[name], options=options), loss_of("flow_matching", batch))


def test_guided_targets_have_the_stated_fixed_point():
    # MeanFlow's own guided output g in its target: any omega and kappa of one scale give the gradient on g itself.
    s, _, t, x, _ = inputs()
    conditional, unconditional = jax.random.normal(jax.random.key(5), (2, 5, 2))

    def on(velocity):
        return gradient(lambda p: eulerian(tiny(p), x, s, t, velocity=velocity, stop_gradient="target"))

    scale = 2.5
    g = guidance.classifier_free(v_c=conditional, v_u=unconditional, scale=scale)
    expected = on(g)
    for omega, kappa in ((0.2, 0.92), (1.0, 0.6), (2.5, 0.0)):
        guided = guidance.mean_flow_guided(conditional, v_c=g, v_u=unconditional, omega=omega, kappa=kappa)
        assert_close(on(guided), expected, rtol=1e-9)
    assert_close(on(guidance.model_guided(conditional, v_c=g, v_u=unconditional, omega=0.6)), expected, rtol=1e-9)
    # Another scale, or an output that is not yet the fixed point, has another gradient.
    wrong = (
        guidance.mean_flow_guided(conditional, v_c=g, v_u=unconditional, omega=0.4, kappa=0.92),
        guidance.model_guided(conditional, v_c=g + 0.1, v_u=unconditional, omega=0.6),
        guidance.mean_flow_guided(conditional, v_c=g + 0.1, v_u=unconditional, omega=0.2, kappa=0.92),
    )
    assert all(distance(on(guided), expected) > 1e-3 for guided in wrong)


# The semigroup rule.
