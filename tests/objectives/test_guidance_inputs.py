"""What guided velocities accept: scales in range, velocities by name, scales that a compiled step gets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives import guidance
from tests.objectives.test_guidance import velocities

pytestmark = pytest.mark.usefixtures("x64")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda v: guidance.mean_flow_guided(v, v_c=v, v_u=v, omega=0.2, kappa=1.0),
            "kappa = 1; .* take kappa = 1 - omega / w",
        ),
        (
            lambda v: guidance.mean_flow_guided(v, v_c=v, v_u=v, omega=0.0, kappa=0.5),
            "omega = 0; expected a positive number",
        ),
        (lambda v: guidance.effective_scale_mean_flow(omega=1.0, kappa=2.0), "kappa = 2; expected a number below 1"),
        (
            lambda v: guidance.improved_mean_flow_guided(v, v_c=v, v_u=v, omega=-1.0),
            "omega = -1; expected a positive number",
        ),
        (lambda v: guidance.model_guided(v, v_c=v, v_u=v, omega=1.0), "omega = 1; .* take omega = 1 - 1 / w"),
        (lambda v: guidance.effective_scale_model(1.5), "omega = 1.5; expected a number below 1"),
        (
            lambda v: guidance.terminal_guided(v, v_u=v, scale=0.0),
            "scale = 0; expected a positive number; 1 is no guidance",
        ),
        (lambda v: guidance.terminal_weight(-2.0), "scale = -2; expected a positive number"),
        (lambda v: guidance.classifier_free(v_c=v, v_u=v, scale=jnp.array([1.0, -3.0])), "scale = -3; expected"),
        (lambda v: guidance.classifier_free(v_c=v, v_u=v, scale=float("nan")), "scale = nan; expected"),
        (
            lambda v: guidance.so_flow_guided(v, v_c=v, v_u=v, scale=3.0, mixing=0.0),
            r"mixing = 0; expected .* in \(0, 1\]",
        ),
        (
            lambda v: guidance.effective_scale_so_flow(3.0, strength=1.5),
            r"strength = 1.5; expected a number in \[0, 1\]",
        ),
        (
            lambda v: guidance.within_interval(2.0, t=v[:, 0], low=0.8, high=0.2),
            r"\[0.8, 0.2\]; expected 0 <= low <= high <= 1: .* \[1 - hi, 1 - lo\] here",
        ),
    ],
)
def test_bad_values_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.ones((2, 3)))


@pytest.mark.parametrize(
    "call",
    [
        lambda a, b, c: guidance.classifier_free(a, b, scale=2.0),
        lambda a, b, c: guidance.mean_flow_guided(a, b, c, omega=0.5, kappa=0.5),
        lambda a, b, c: guidance.improved_mean_flow_guided(a, b, c, omega=2.0),
        lambda a, b, c: guidance.model_guided(a, b, c, omega=0.5),
        lambda a, b, c: guidance.terminal_guided(a, b, scale=2.0),
        lambda a, b, c: guidance.so_flow_guided(a, b, c, scale=2.0, mixing=0.5),
        lambda a, b, c: guidance.keep_unlabelled(a, b, c[:, 0] > 0),
        lambda a, b, c: guidance.within_interval(a[:, 0], b[:, 0], low=0.0, high=1.0),
        lambda a, b, c: guidance.effective_scale_mean_flow(0.5, 0.5),
        lambda a, b, c: guidance.effective_scale_so_flow(2.0, 0.5),
    ],
)
def test_velocities_that_could_be_swapped_have_names(call):
    with pytest.raises(TypeError, match="positional argument"):
        call(*velocities())


def test_scales_may_be_inputs_of_a_compiled_step():
    velocity, unconditional, conditional = velocities()

    @jax.jit
    def guided(omega):
        return guidance.improved_mean_flow_guided(velocity, v_c=conditional, v_u=unconditional, omega=omega)

    omega = jnp.array([1.0, 2.0, 4.0, 8.0])
    expected = velocity + (1 - 1 / omega)[:, None] * (conditional - unconditional)
    np.testing.assert_allclose(guided(omega), expected, atol=1e-14)
