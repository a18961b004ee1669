"""Relations between published methods, as the table has them: gradients that coincide, and mistakes that do not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.flow_map_model import OUTPUTS
from objectives import guidance
from objectives.build import OBJECTIVES
from objectives.losses.consistency import consistency
from objectives.losses.direct import regression
from objectives.losses.eulerian import discrete, eulerian, tangent_step
from objectives.losses.lagrangian import bootstrap, lagrangian
from objectives.losses.progressive import progressive
from objectives.objective import Batch, Maps
from taxonomy import exact_data, flow_map
from taxonomy.arrays import squared_norm
from taxonomy.curricula import law_at
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times
from tests.helpers import inputs, tiny, tiny_params
from tests.objectives.test_identities import FiniteData, assert_close, distance, gradient

pytestmark = pytest.mark.usefixtures("x64")
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
        values = one.loss(Maps(tiny(p), **{key: make(p) for key, make in made.items()}), LINEAR, batch)
        return one.weight(batch.times, values) * one.metric(values) if minimized else values

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
    values_agree(loss_of(name, batch, term=AT_EQUAL_TIMES[name]), loss_of("flow_matching", batch))


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


def test_shortcut_is_psd_m_on_a_dyadic_grid():
    shortcut = OBJECTIVES["shortcut"]().terms[1]
    times = shortcut.times(jax.random.key(0), (5,))
    np.testing.assert_allclose(times.u, (times.s + times.t) / 2, atol=1e-15)
    np.testing.assert_array_equal(np.log2(times.t - times.s) % 1, 0)
    batch = examples(*times)
    values_agree(loss_of("shortcut", batch), loss_of("psd_m", batch))
    assert (
        distance(
            gradient(loss_of("shortcut", batch, target=lambda p: tiny(tiny_params(seed=4)))),
            gradient(loss_of("psd_m", batch)),
        )
        > 0.1
    )


def test_split_mean_flow_is_psd_u_with_a_teacher_on_the_diagonal():
    batch = examples()
    values_agree(loss_of("split_mean_flow", batch), loss_of("psd_u", batch))
    on_samples = loss_of("split_mean_flow", batch, term="diagonal", teacher=of_sample(batch))
    values_agree(on_samples, loss_of("psd_u", batch, term="diagonal"))


def test_progressive_distillation_is_pfmm_up_to_its_weight():
    # In its last stages; the first ones take the teacher by Euler's and by the midpoint method.
    s, _, t = examples().times
    batch = examples(u=(s + t) / 2)
    values_agree(
        scaled((t - s) ** 2, loss_of("progressive_distillation", batch, minimized=True)),
        scaled(jnp.maximum(s**2, (1 - s) ** 2), loss_of("pfmm", batch, minimized=True)),
    )
    for name, options, legs in (
        ("progressive_distillation", {}, lambda s, t, x: teacher(s, x)),
        ("pfmm", {"teacher_steps": 1}, flow_map.integrated(teacher, steps=1)),
    ):
        x = LINEAR.position(s, batch.x0, batch.x1)
        only = loss_of(name, batch, options={"stages": 1, **options})
        values_agree(only, lambda p, x=x, legs=legs: progressive(tiny(p), legs, x, s, batch.times.u, t))
        drawn = law_at(OBJECTIVES[name]().terms[0].times, 0.6)(jax.random.key(0), (5,))
        np.testing.assert_allclose(drawn.u, (drawn.s + drawn.t) / 2, atol=1e-12)


def test_pfmm_of_the_student_itself_is_psd_m_in_points():
    s, _, t = examples().times
    batch = examples(u=(s + t) / 2)
    values_agree(loss_of("pfmm", batch, minimized=True, stage=tiny), scaled((t - s) ** 2, loss_of("psd_m", batch)))


def test_mid_training_over_the_whole_way_is_endpoint_regression():
    batch = examples(s=0.0, t=1.0)
    values_agree(loss_of("cmt", batch), loss_of("endpoint_regression", batch))


# Consistency with the end at the data.


def pulled_by_pseudo_huber(name, batch, weight, loss, *, scale, **options):
    """The gradient is that of the weight times the residual, over the pseudo-Huber length of the residual."""
    length = jnp.sqrt(loss(tiny_params()) + scale**2)
    agree(
        loss_of(name, batch, minimized=True, options={"scale": scale, **options}), scaled(weight / (2 * length), loss)
    )


def test_consistency_rows_from_data_have_one_loss():
    s, u, _ = examples().times
    batch, ct = examples(t=1.0), loss_of("ct", examples(t=1.0))
    weight = 1 / ((1 - s) / s - (1 - u) / u)
    for name in ("ict", "ect"):
        values_agree(loss_of(name, batch), ct)
        pulled_by_pseudo_huber(name, batch, weight, ct, scale=0.1)
    # In the first half of its training there is no frozen stage in truncated consistency.
    first = examples(t=1.0, progress=0.25)
    for term in ("consistency", "boundary"):
        values_agree(loss_of("tcm", first, term=term, minimized=True), loss_of("ict", first, minimized=True))
    assert distance(gradient(loss_of("tcm", batch, term="boundary")), gradient(ct)) > 0.01


def test_consistency_distillation_tends_to_the_continuous_one():
    s = examples().times.s

    def over_step(h):
        return scaled(1 / h, loss_of("cd", examples(u=s + h, t=1.0)))

    tends(over_step, loss_of("cd_continuous", examples(t=1.0)), order=1)


def test_one_phase_is_consistency_distillation():
    s, u, _ = examples().times
    batch = examples(t=1.0)
    values_agree(loss_of("phased_cm", batch, options={"phases": 1}), loss_of("cd", batch))
    pulled_by_pseudo_huber("phased_cm", batch, 1 / (u - s), loss_of("cd", batch), scale=0.1, phases=1)
    law = OBJECTIVES["phased_cm"](phases=1).terms[0].times
    np.testing.assert_array_equal(law(jax.random.key(0), (5,)).t, 1)


def test_one_segment_is_consistency_training():
    s, u, _ = examples().times
    batch = examples(t=1.0)
    one = {"options": {"segments": 1}}
    values_agree(loss_of("multistep_cm", batch, minimized=True, **one), scaled(1 / (u - s), loss_of("ct", batch)))
    law = OBJECTIVES["multistep_cm"](segments=1).terms[0].times
    np.testing.assert_array_equal(law(jax.random.key(0), (5,)).t, 1)


def test_consistency_flow_matching_without_its_prior_is_multistep_consistency():
    batch = examples()
    ends = loss_of("multistep_cm", batch, minimized=True)
    values_agree(loss_of("consistency_fm", batch, minimized=True, options={"straight": 0.0}), ends)
    both = loss_of("consistency_fm", batch, minimized=True, options={"straight": 0.5})
    assert distance(gradient(both), gradient(ends)) > 0.1


def test_trajectories_that_end_at_the_data_are_consistency_distillation():
    batch = examples(t=1.0)
    values_agree(loss_of("ctm", batch, options={"teacher_steps": 1}), loss_of("cd", batch))


def test_simplified_consistency_is_continuous_consistency_up_to_a_weight():
    batch = examples(t=1.0)
    s, _, t = batch.times
    x, w = LINEAR.position(s, batch.x0, batch.x1), LINEAR.velocity(s, batch.x0, batch.x1)
    plain = {"options": {"warm_up": 0.0, "normalize": 0.0, "prior": "none"}}
    tau, square = jnp.arctan2(1 - s, s), (1 - s) ** 2 + s**2
    # d/dtau = -N_s^2 d/ds.
    moved = -square[:, None] * flow_map.d_source(tiny(tiny_params()), s, t, x, w)[1]

    def pseudo_loss(p):
        return (flow_map.jump(tiny(p), s, t, x) * moved).sum(axis=1)

    sct = loss_of("sct", batch, **plain)
    agree(sct, scaled(2 * jnp.cos(tau) / jnp.sin(tau), pseudo_loss))
    # grad F = -N_s grad v and g = -s N_s R, so that -2 g . grad F = s N_s^2 (-2 R . grad v).
    agree(sct, scaled(s * square, loss_of("mean_flow", batch)))
    agree(sct, scaled(s * square / (1 - s), loss_of("ct_continuous", batch)))
    agree(loss_of("scd", batch, **plain), scaled(s * square / (1 - s), loss_of("cd_continuous", batch)))


def test_flow_anchored_consistency_is_continuous_consistency_up_to_a_factor():
    batch = examples(t=1.0)
    s = batch.times.s
    for power in (0.5, 1.0):
        facm = loss_of("facm", batch, options={"clip": UNBOUNDED, "tangent": power})
        agree(facm, scaled((1 - s**power) / (1 - s), loss_of("ct_continuous", batch)))
    clipped = loss_of("facm", batch, options={"clip": 0.1})
    assert distance(gradient(clipped), gradient(loss_of("facm", batch, options={"clip": UNBOUNDED}))) > 0.1


def test_unified_models_run_from_regression_over_consistency_to_continuous_consistency():
    batch = examples(t=1.0)
    s = batch.times.s
    factor = 4 / jnp.sin(1.57 * (1 - s))

    def ucgm(**options):
        return loss_of("ucgm", batch, options={"clip": UNBOUNDED, **options})

    continuous = scaled(factor, loss_of("ct_continuous", batch))
    tends(lambda step: ucgm(step=step), continuous, order=2, steps=(1e-2, 1e-3))
    # In between: the neighbour whose noise is the ratio times that of the source, at any step.
    u = 1 - 0.6 * (1 - s)
    agree(ucgm(ratio=0.6), scaled(factor / (u - s), loss_of("ct", examples(u=u, t=1.0))))
    # At 0 the jump to the data is regressed on the sample's velocity, as alpha-Flow does at a = 1.
    whole = loss_of("alpha_flow", examples(u=1.0, t=1.0), options={"schedule": "constant", "alpha": 1.0})
    agree(ucgm(ratio=0.0), scaled((1 - s) * factor, whole))


def test_moment_matching_of_single_particles_pulls_along_the_consistency_residual():
    batch = examples()
    s, u, t = batch.times
    one = loss_of("imm", batch, options={"group": 1})
    x, x_u = (LINEAR.position(time, batch.x0, batch.x1) for time in (s, u))
    residual = consistency(tiny(tiny_params()), tiny(tiny_params()), x, s, u, t, x_u=x_u)
    # k = exp(-d / scale) with d^2 = |r|^2 / 2 in two dimensions: -2 grad k = k / (scale 2 d) grad |r|^2.
    length, scale = jnp.sqrt(residual / 2), jnp.maximum(t - s, 0.01)
    agree(one, scaled(jnp.exp(-length / scale) / (2 * scale * length), loss_of("ct", batch)))
    np.testing.assert_allclose(one(tiny_params()), 2 - 2 * jnp.exp(-length / scale), rtol=1e-10)
