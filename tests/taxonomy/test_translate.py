"""The converter of conventions: there and back, against closed forms, and against the conversions of arrays."""

import math
import re

import jax.numpy as jnp
import numpy as np
import pytest

from taxonomy import conversions, noise_levels, predictions
from taxonomy.catalogue import CATALOGUE
from taxonomy.catalogue.conventions import CONVENTIONS
from taxonomy.interpolants import LINEAR
from taxonomy.translate import convention_of, translate

pytestmark = pytest.mark.usefixtures("x64")
STDS = (1.0, 0.5)
T, X, V = 0.3, (0.7, -1.2), (0.4, 2.0)


def from_ours(std, **more):
    return translate("ours", {"t": str(T), "x": "0.7,-1.2", "v": "0.4,2.0"} | more, data_std=std)


@pytest.mark.parametrize("std", STDS)
@pytest.mark.parametrize("name", CONVENTIONS)
def test_there_and_back_by_every_level_and_every_prediction(name, std):
    there = from_ours(std)[name]
    for level, value in there.source.items():
        for prediction, output in there.predictions.items():
            given = {
                level: repr(value),
                "x": ",".join(map(repr, there.point)),
                prediction: ",".join(map(repr, output)),
            }
            back = translate(name, given, data_std=std)["ours"]
            np.testing.assert_allclose(back.source["t"], T, rtol=1e-9)
            np.testing.assert_allclose(back.point, X, rtol=1e-9)
            np.testing.assert_allclose(back.predictions["v"], V, rtol=1e-8)


@pytest.mark.parametrize("std", STDS)
def test_levels_are_those_of_the_library(std):
    levels = {name: one.source for name, one in from_ours(std).items()}
    sigma = jnp.asarray(levels["edm"]["sigma"])
    np.testing.assert_allclose(conversions.time_from_sigma(sigma / std), T, rtol=1e-12)
    np.testing.assert_allclose(conversions.time_from_angle(jnp.asarray(levels["trigflow"]["tau"])), T, rtol=1e-12)
    alpha = jnp.asarray(levels["vp"]["alpha"])
    np.testing.assert_allclose(conversions.time_from_vp(alpha, jnp.sqrt(1 - alpha**2) / std), T, rtol=1e-12)
    np.testing.assert_allclose(levels["ddpm"]["alpha_bar"], alpha**2, rtol=1e-12)
    np.testing.assert_allclose(levels["edm"]["log_snr"], -2 * np.log(sigma), rtol=1e-12)
    if std == noise_levels.SIGMA_DATA:
        np.testing.assert_allclose(noise_levels.time_of(sigma), T, rtol=1e-12)


@pytest.mark.parametrize("std", STDS)
def test_predictions_are_those_of_the_library(std):
    found, t = from_ours(std), jnp.full(2, T)
    x, v = jnp.asarray(X)[:, None], jnp.asarray(V)[:, None]
    ours = found["ours"].predictions
    np.testing.assert_allclose(ours["x1"], predictions.data_from_velocity(LINEAR, t, x, v)[:, 0], rtol=1e-12)
    np.testing.assert_allclose(ours["x0"], predictions.noise_from_velocity(LINEAR, t, x, v)[:, 0], rtol=1e-12)
    score = predictions.score_from_velocity(LINEAR, t, x, v, noise_std=std)[:, 0]
    np.testing.assert_allclose(ours["score"], score, rtol=1e-12)
    # Ours in units of the data is a path whose data and noise have standard deviation 1.
    F = conversions.trigflow_from_velocity(v / std, t, x / std)[:, 0]
    np.testing.assert_allclose(found["trigflow"].predictions["F"], F, rtol=1e-12)
    np.testing.assert_allclose(found["trigflow"].factor, conversions.scale_angle(jnp.asarray(T)), rtol=1e-12)
    np.testing.assert_allclose(found["edm"].factor, conversions.scale_sigma(jnp.asarray(T)), rtol=1e-12)
    # And that of papers with noise at time 0 has noise of standard deviation 1.
    path = found["noise_at_zero"]
    s = jnp.full(2, path.source["t"])
    y, w = (jnp.asarray(numbers)[:, None] for numbers in (path.point, path.predictions["v"]))
    F = conversions.edm_from_velocity(w, s, y, std=std)[:, 0]
    np.testing.assert_allclose(found["edm"].predictions["F"], F, rtol=1e-12)


def test_directions_and_signs():
    found = from_ours(1.0)
    assert found["noise_at_zero"].source["t"] == pytest.approx(T)
    assert found["noise_at_one"].source["t"] == pytest.approx(1 - T)
    np.testing.assert_allclose(found["noise_at_one"].predictions["u"], [-V[0], -V[1]])
    np.testing.assert_allclose(found["noise_at_zero"].predictions["v"], V)


@pytest.mark.parametrize("std", STDS)
def test_one_jump_is_one_jump_in_all_conventions(std):
    """The end of the jump, made by each convention's own formula, is the same point."""
    s, t = 0.3, 0.8
    found = translate("ours", {"s": "0.3", "t": "0.8", "x": "0.7,-1.2", "v": "0.4,2.0"}, data_std=std)
    factors = {name: one.factor for name, one in translate("ours", {"t": str(t)}, data_std=std).items()}
    end = np.array(X) + (t - s) * np.array(V)
    np.testing.assert_allclose(factors["ours"], 1)

    def of(name):
        one, first = found[name], next(iter(CONVENTIONS[name].levels))
        return one, one.source[first], one.target[first], np.array(one.point)

    for name, sign, output in (("noise_at_zero", 1, "v"), ("noise_at_zero_from_t", 1, "v"), ("noise_at_one", 1, "u")):
        one, start, stop, x = of(name)
        jumped = x + sign * (stop - start) * np.array(one.predictions[output])
        np.testing.assert_allclose(jumped, factors[name] * end, rtol=1e-12)
    one, start, stop, x = of("trigflow")
    jumped = np.cos(start - stop) * x - np.sin(start - stop) * std * np.array(one.predictions["F"])
    np.testing.assert_allclose(jumped, factors["trigflow"] * end, rtol=1e-12)
    # CTM's interpolation between the point and its denoiser.
    one, start, stop, x = of("edm")
    jumped = stop / start * x + (1 - stop / start) * np.array(one.predictions["D"])
    np.testing.assert_allclose(jumped, factors["edm"] * end, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "betas"),
    [("ddpm", np.linspace(1e-4, 0.02, 1000)), ("latent_diffusion", np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)],
)
def test_steps_are_those_of_the_schedule(name, betas):
    kept = np.cumprod(1 - betas)
    for step in (1, 2, 500, 1000):
        found = translate(name, {"step": str(step)})[name].source
        np.testing.assert_allclose(found["alpha_bar"], kept[step - 1], rtol=1e-9)
        np.testing.assert_allclose(found["step"], step, rtol=1e-9)
    between = translate(name, {"step": "500.5"})[name].source["alpha_bar"]
    assert kept[500] < between < kept[499]
    assert math.isnan(translate(name, {"alpha_bar": "0.99999"})[name].source["step"])


def test_both_ends():
    noise, data = (translate("ours", {"t": end}) for end in ("0", "1"))
    assert (noise["edm"].source["sigma"], data["edm"].source["sigma"]) == (math.inf, 0)
    assert noise["edm"].factor == math.inf
    assert (noise["trigflow"].source["tau"], data["trigflow"].source["tau"]) == (math.pi / 2, 0)
    assert (noise["noise_at_one"].source["t"], data["noise_at_one"].source["t"]) == (1, 0)
    found = translate("ours", {"t": "1", "x": "2", "v": "0.5"})
    assert (found["ours"].predictions["x1"], found["edm"].predictions["D"]) == ([2], [2])
    found = translate("ours", {"t": "0", "x": "2", "v": "0.5"})
    assert (found["ours"].predictions["x1"], found["vp"].predictions["eps"]) == ([2.5], [2])
    assert found["edm"].predictions == {}


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_method_has_one_convention(name):
    held = [key for key, one in CONVENTIONS.items() if CATALOGUE[name].translation in one.translations]
    assert held == [convention_of(name)]


@pytest.mark.parametrize("name", ["sct", "mean_flow", "boot"])
def test_a_method_is_its_convention(name):
    key = convention_of(name)
    level = next(iter(CONVENTIONS[key].levels))
    assert translate(name, {level: "0.4"}) == translate(key, {level: "0.4"})


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("meanflow", {"t": "0.3"}, "no convention and no method is called 'meanflow'; did you mean mean_flow"),
        ("edm", {"sigma": "-1"}, "sigma=-1; expected a number from 0 to inf"),
        ("edm", {"sigma": "nan"}, "sigma=nan; expected a finite number"),
        (
            "edm",
            {"sigma": "1", "log_snr": "0"},
            "received sigma and log_snr; expected one of sigma, log_sigma, log_snr",
        ),
        ("edm", {"x": "1", "D": "1"}, "received none of them; expected one of sigma"),
        ("edm", {"sigma": "1,2"}, "sigma=1,2; expected one number"),
        ("edm", {"sigma": "1", "v": "2"}, "edm has no 'v'; known: sigma, log_sigma, log_snr, to, x, D, F, eps, score"),
        ("edm", {"sigma": "1", "x": "2"}, "received x; expected the point x and one of D, F, eps, score"),
        ("edm", {"sigma": "1", "x": "2", "D": "1", "F": "1"}, "received x and D and F; expected the point x and one"),
        ("edm", {"sigma": "1", "x": "2,3", "D": "1"}, "x has 2 and D 1 entries"),
        ("edm", {"sigma": "0", "x": "2", "D": "1"}, "D does not say what the data and the noise are"),
        ("edm", {"to": "1"}, "to is the end of a jump; expected sigma beside it"),
        ("mean_flow", {"t": "0.5", "r": "2"}, "r=2; expected a number from 0 to 1"),
        ("ddpm", {"step": "0"}, "step=0; expected a number from 1 to 1000"),
        ("trigflow", {"tau": "2"}, "tau=2; expected a number from 0 to 1.5708"),
    ],
)
def test_what_cannot_be_translated_is_said(name, given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        translate(name, given)


@pytest.mark.parametrize("std", [0.0, -1.0, math.nan, math.inf])
def test_the_data_have_a_spread(std):
    with pytest.raises(ValueError, match="expected a positive number, the standard deviation of the data"):
        translate("ours", {"t": "0.5"}, data_std=std)
