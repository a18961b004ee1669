"""Relations between progressive and consistency methods: gradients that coincide."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.losses.consistency import consistency
from objectives.losses.progressive import progressive
from taxonomy import flow_map
from taxonomy.curricula import law_at
from taxonomy.interpolants import LINEAR
from tests.helpers import tiny, tiny_params
from tests.objectives.relations import (
    UNBOUNDED,
    agree,
    examples,
    loss_of,
    of_sample,
    scaled,
    teacher,
    tends,
    values_agree,
)
from tests.objectives.test_identities import distance, gradient

pytestmark = pytest.mark.usefixtures("x64")


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


def pulled_by_pseudo_huber(name, batch, weight, loss, *, scale, unit, **options):
    """The gradient is that of the weighted residual over its pseudo-Huber length, in the unit of the scale."""
    length = jnp.sqrt(unit * loss(tiny_params()) + scale**2)
    agree(
        loss_of(name, batch, minimized=True, options={"scale": scale, **options}), scaled(weight / (2 * length), loss)
    )


def test_consistency_rows_from_data_have_one_loss():
    s, u, _ = examples().times
    batch, ct = examples(t=1.0), loss_of("ct", examples(t=1.0))
    weight = 1 / ((1 - s) / s - (1 - u) / u)
    # The papers' data have a standard deviation of 0.5; iCT's scale belongs to the root of a mean over two coordinates.
    for name, unit in (("ict", 0.25 / 2), ("ect", 0.25)):
        values_agree(loss_of(name, batch), ct)
        pulled_by_pseudo_huber(name, batch, weight, ct, scale=0.1, unit=unit)
    # In the first half of its training there is no frozen stage in truncated consistency.
    first = examples(t=1.0, progress=0.25)
    for term, factor in (("consistency", 1.0), ("boundary", 1 / 3)):
        first_half = scaled(factor, loss_of("ect", first, minimized=True))
        values_agree(loss_of("tcm", first, term=term, minimized=True), first_half)
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
    pulled_by_pseudo_huber("phased_cm", batch, 1 / (u - s), loss_of("cd", batch), scale=0.1, unit=1 / 2, phases=1)
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
    values_agree(ucgm(ratio=0.0), whole)


def test_moment_matching_of_single_particles_pulls_along_the_consistency_residual():
    batch = examples()
    s, u, t = batch.times
    one = loss_of("imm", batch, options={"group": 1})
    x, x_u = (LINEAR.position(time, batch.x0, batch.x1) for time in (s, u))
    residual = consistency(tiny(tiny_params()), tiny(tiny_params()), x, s, u, t, x_u=x_u)
    # k = exp(-|r| / (2 scale)) in two dimensions: -2 grad k = k / (2 scale |r|) grad |r|^2.
    length, scale = jnp.sqrt(residual), t - s
    kernel = jnp.exp(-length / (2 * scale))
    agree(one, scaled(kernel / (2 * scale * length), loss_of("ct", batch)))
    # Equal points are as far apart as the floor, twice the published one of data with a standard deviation of 0.5.
    np.testing.assert_allclose(one(tiny_params()), 2 * jnp.exp(-2e-4 / (2 * scale)) - 2 * kernel, rtol=1e-10)
