"""What can be varied in a method: the published ends, one average that makes targets, jumps that grow, noise."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.losses.eulerian import eulerian
from objectives.mixture import mixture
from objectives.objective import Batch, Maps
from taxonomy import flow_map
from taxonomy.curricula import law_at
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times
from tests.helpers import inputs, tiny, tiny_params
from tests.objectives.methods.test_combination import deep, deep_params, drawn, products_of_the_middle_layer

pytestmark = pytest.mark.usefixtures("x64")
PLAIN = {"diagonal_share": 0.5, "adaptive_power": 0.0}


def evaluated(objective, *, student=0, target=4, progress=1.0):
    """The objective of one random network, and the gradient in its weights; another network makes the targets."""
    batches = [batch_of(k, progress) for k, _ in enumerate(objective.terms)]

    def total(p):
        maps = Maps(tiny(p), tiny(tiny_params(seed=target)), None, log_variance=lambda s, t: s - t)
        return mixture(objective.terms, maps, LINEAR, batches, reduction=objective.reduction)[0]

    return jax.value_and_grad(total)(tiny_params(seed=student))


def batch_of(seed, progress=1.0):
    x0, x1, fresh = jax.random.normal(jax.random.key(seed), (3, 5, 2))
    return Batch(x0, x1, Times(*inputs(seed=seed)[:3]), fresh=fresh, progress=progress)


def alike(one, other, **tolerance):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12, **tolerance)


def test_the_ends_of_the_tangent_are_two_published_methods():
    for mix, name in ((0.0, "mean_flow"), (1.0, "improved_mean_flow")):
        found, published = OBJECTIVES["mean_flow"](tangent_mix=mix, **PLAIN), OBJECTIVES[name](**PLAIN)
        alike(evaluated(found), evaluated(published))
        assert found.cost == published.cost
        assert found.reduction == published.reduction


def test_the_target_is_linear_in_the_tangent():
    def target(mix):
        # For a prediction of which only the value counts: r = v - target.
        term, batch, v = OBJECTIVES["mean_flow"](tangent_mix=mix, **PLAIN).terms[1], batch_of(1), tiny(tiny_params())
        residuals = []
        for move in (0.0, 1.0):
            moved = Maps(lambda s, t, x, c=move: v(s, t, x) + c, tiny(tiny_params(seed=4)), None)
            residuals.append(term.loss(moved, LINEAR, batch))
        # |r + 1|^2 - |r|^2 = 2 sum(r) + D; a constant has no derivative, so that it moves the prediction alone.
        return residuals[1] - residuals[0]

    ends = [target(mix) for mix in (0.0, 1.0)]
    assert np.abs(ends[0] - ends[1]).min() > 1e-3
    np.testing.assert_allclose(target(0.25), 0.75 * ends[0] + 0.25 * ends[1], rtol=1e-9)


def test_the_exact_map_is_stationary_under_every_mix_of_tangents():
    # One data point: dI is the exact velocity (x1 - x) / (1 - s), the map is X = x + (t - s) (x1 - x) / (1 - s).
    x1 = jnp.array([[1.0, -0.5]])
    batch = batch_of(1)._replace(x1=jnp.tile(x1, (5, 1)))

    def v(s, t, x):
        return (x1 - x) / (1 - s)[:, None]

    for mix in (0.0, 0.3, 1.0):
        term = OBJECTIVES["mean_flow"](tangent_mix=mix, **PLAIN).terms[1]
        assert float(term.loss(Maps(v, v, None), LINEAR, batch).max()) < 1e-20


def test_a_passed_share_mixes_the_gradients_of_both_ends_and_keeps_the_value():
    published, batch = OBJECTIVES["mean_flow"](**PLAIN), batch_of(1, progress=0.25)

    def gradient(options, at=batch):
        term = OBJECTIVES["mean_flow"](**PLAIN, **options).terms[1]

        def value(params):
            return term.loss(Maps(tiny(params), tiny(tiny_params(seed=4)), None), LINEAR, at).sum()

        return jax.value_and_grad(value)(tiny_params())

    (stopped, held), (whole, free) = gradient({}), gradient({"passed": 1.0})
    np.testing.assert_allclose(stopped, whole, rtol=1e-12)
    assert max(float(jnp.abs(a - b).max()) for a, b in zip(jax.tree.leaves(held), jax.tree.leaves(free))) > 1e-3
    mixed = jax.tree.map(lambda a, b: 0.6 * a + 0.4 * b, held, free)
    alike(gradient({"passed": 0.4})[1], mixed)
    # A quarter of the training is half of the way to the share.
    alike(gradient({"passed": 0.8, "passed_after": 0.5})[1], mixed)
    alike(gradient({"passed": 0.4, "passed_after": 0.1})[1], mixed)

    # The whole gradient is that of the Eulerian rule with nothing stopped, along the sample's velocity.
    def rule(params):
        s, _, t = batch.times
        x_s, dI = LINEAR.position(s, batch.x0, batch.x1), LINEAR.velocity(s, batch.x0, batch.x1)
        return eulerian(tiny(params), x_s, s, t, velocity=dI, stop_gradient="none").sum()

    alike(free, jax.grad(rule)(tiny_params()))
    assert OBJECTIVES["mean_flow"](**PLAIN, passed=0.4).cost == published.cost + 2 * published.terms[1].share


def test_an_own_shift_takes_the_velocity_of_the_map_that_makes_the_targets():
    batch, v, w = batch_of(1), tiny(tiny_params()), tiny(tiny_params(seed=4))
    s, u, t = batch.times
    x_s = LINEAR.position(s, batch.x0, batch.x1)
    own, a = w(s, s, x_s), ((u - s) / (t - s))[:, None]
    target = a * own + (1 - a) * w(u, t, x_s + (u - s)[:, None] * own)
    method = OBJECTIVES["alpha_flow"](schedule="constant", shift="own", adaptive_power=0.0)
    found = method.terms[1].loss(Maps(v, w, None), LINEAR, batch)
    np.testing.assert_allclose(found, jnp.square(v(s, t, x_s) - target).sum(-1), rtol=1e-10)
    assert method.terms[1].cost == OBJECTIVES["alpha_flow"]().terms[1].cost + 1
    # The limit is the Eulerian rule on that velocity; at alpha = 0 the curriculum takes it.
    method = OBJECTIVES["alpha_flow"](shift="own", adaptive_power=0.0)
    found = method.terms[1].loss(Maps(v, w, None), LINEAR, batch._replace(progress=1.0))
    np.testing.assert_allclose(found, eulerian(v, x_s, s, t, velocity=own, stop_gradient="target"), rtol=1e-10)


AVERAGED = {"mean_flow": "tangent_decay"} | {
    name: "decay" for name, method in OBJECTIVES.items() if "decay" in inspect.signature(method).parameters
}


def test_the_methods_with_an_average_are_those_that_have_targets():
    assert {"lsd", "esd", "psd_m", "psd_u", "ict", "alpha_flow", "euler_mean_flow", "tvm"} <= set(AVERAGED)


@pytest.mark.parametrize(("name", "option"), AVERAGED.items())
def test_an_average_makes_the_targets_if_there_is_one(name, option):
    own = {"tangent_mix": 0.5} if name == "mean_flow" else {}
    if name != "ct":
        assert OBJECTIVES[name](**own, **{option: 0.0}).target_decay is None or name in ("tvm", "ctm", "shortcut")
    decay = OBJECTIVES[name](**own, **{option: 0.75}).target_decay
    assert 0.75 <= float(decay(0.3)) < 1
    with pytest.raises(ValueError, match=r"decay = 1.0; expected a number in \[0, 1\)"):
        OBJECTIVES[name](**own, **{option: 1.0})


VARIED = [
    ("esd", {"stop_gradient": "none", "decay": 0.9}),
    ("lsd", {"stop_gradient": "none", "decay": 0.9}),
    ("lsd", {"first_gap": 0.1, "target_noise": 0.1}),
    ("psd_m", {"stop_gradient": "none", "decay": 0.9}),
    ("psd_u", {"of_points": True, "first_gap": 0.1}),
    ("mean_flow", {"tangent_mix": 0.25, "tangent_decay": 0.9}),
    ("mean_flow", {"diagonal_share": 0.0, "first_gap": 0.1}),
    ("mean_flow", {"passed": 0.5, "passed_after": 0.5, "tangent_mix": 0.5}),
    ("mean_flow", {"times": "square", "round_trip_share": 0.25}),
    ("psd_u", {"segments": 3}),
    ("psd_m", {"segments": 2, "stop_gradient": "none"}),
    ("alpha_flow", {"schedule": "constant", "shift": "own", "decay": 0.9}),
    ("alpha_flow", {"diagonal_share": 0.0, "decay": 0.9}),
    ("so_flow", {"diagonal_share": 0.0}),
    ("facm", {"diagonal_share": 0.0}),
    ("imm", {"kernel": "rbf", "group": 1}),
    ("sct", {"normalize": 0.0, "clip": 1.0, "learned_weight": False}),
    ("ict", {"metric": "cauchy", "levels": "uniform", "weight": "none", "decay": 0.9}),
]


@pytest.mark.parametrize(("name", "options"), VARIED, ids=lambda value: str(value))
def test_a_varied_method_costs_what_it_computes(name, options):
    objective = OBJECTIVES[name](**options)
    target = deep(deep_params(1)) if objective.target_decay else None
    for term in objective.terms:
        batch = drawn()._replace(fresh=drawn().x0, progress=0.6)

        def loss(p, term=term, batch=batch):
            v = deep(p)
            return term.loss(Maps(v, target or v, None), LINEAR, batch).sum()

        # A backward pass to the input alone is one product here, and is counted as the two of any other.
        to_input = (name, term.name) == ("lsd", "lagrangian") and options.get("stop_gradient") == "none"
        assert products_of_the_middle_layer(loss) + to_input == term.cost, term.name


@pytest.mark.parametrize("name", ["lsd", "esd", "psd_m", "psd_u", "mean_flow"])
def test_jumps_grow_with_the_training(name):
    times = {} if name.startswith("psd") else {"times": "triangle"}
    law = OBJECTIVES[name](first_gap=0.25, **times).terms[1].times
    plain = OBJECTIVES[name](**times).terms[1].times(jax.random.key(0), (100,))
    for progress, factor in ((0.0, 0.25), (0.5, 0.625), (1.0, 1.0)):
        found = law_at(law, progress)(jax.random.key(0), (100,))
        np.testing.assert_allclose(found.s, plain.s, rtol=1e-12)
        for one, other in ((found.t, plain.t), (found.u, plain.u)):
            np.testing.assert_allclose(one - found.s, factor * (other - plain.s), rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match=r"first_gap = 0.0; expected a number in \(0, 1\]"):
        OBJECTIVES[name](first_gap=0.0)


@pytest.mark.parametrize("name", ["lsd", "esd", "psd_m", "psd_u", "mean_flow"])
def test_noise_on_the_diagonal_adds_its_variance_and_moves_nothing(name):
    noisy, plain = (OBJECTIVES[name](target_noise=noise).terms for noise in (0.3, 0.0))
    batch, maps = batch_of(2), Maps(tiny(tiny_params()), tiny(tiny_params(seed=4)), None)
    # (r - e)^2 and (r + e)^2 have the mean r^2 + e^2.
    both = [noisy[0].loss(maps, LINEAR, batch._replace(fresh=sign * batch.fresh)) for sign in (1, -1)]
    square = plain[0].loss(maps, LINEAR, batch)
    np.testing.assert_allclose(sum(both) / 2, square + 0.09 * (batch.fresh**2).sum(axis=1), rtol=1e-11)
    assert np.abs(both[0] - both[1]).min() > 1e-3
    np.testing.assert_array_equal(noisy[1].loss(maps, LINEAR, batch), plain[1].loss(maps, LINEAR, batch))
    with pytest.raises(ValueError, match="target_noise = -1.0; expected a number that is not negative"):
        OBJECTIVES[name](target_noise=-1.0)


def test_the_residual_of_points_is_that_of_velocities_times_the_gap():
    batch, maps = batch_of(3), Maps(tiny(tiny_params()), tiny(tiny_params(seed=4)), None)
    s, u, t = batch.times
    term = OBJECTIVES["psd_u"](of_points=True).terms[1]
    value = term.loss(maps, LINEAR, batch)
    x = LINEAR.position(s, batch.x0, batch.x1)
    legs = flow_map.jump(maps.target, u, t, flow_map.jump(maps.target, s, u, x))
    expected = ((flow_map.jump(maps.student, s, t, x) - legs) ** 2).sum(axis=1)
    np.testing.assert_allclose(term.weight(batch.times, value) * value, expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["mean_flow", "alpha_flow", "so_flow", "facm"])
def test_a_share_of_zero_leaves_the_rule_alone(name):
    objective = OBJECTIVES[name](diagonal_share=0.0)
    (term,) = objective.terms
    assert term.share == 1
    half = OBJECTIVES[name](diagonal_share=0.5)
    assert term.name == half.terms[1].name
    if name != "facm":
        batch = batch_of(1, progress=0.5)
        maps = Maps(tiny(tiny_params()), tiny(tiny_params(seed=4)), None)
        np.testing.assert_array_equal(term.loss(maps, LINEAR, batch), half.terms[1].loss(maps, LINEAR, batch))


def test_the_rule_alone_has_the_velocity_in_the_limit_of_short_jumps():
    # The residual at s = t is that of flow matching: what a share of 0 leaves out is the limit of what is left.
    batch = batch_of(1)
    still = batch._replace(times=Times(*3 * [batch.times.s]))
    maps = Maps(tiny(tiny_params()), tiny(tiny_params()), None)
    expected = OBJECTIVES["flow_matching"]().terms[0].loss(maps, LINEAR, still)
    for name in ("mean_flow", "so_flow", "alpha_flow"):
        term = OBJECTIVES[name](diagonal_share=0.0).terms[0]
        np.testing.assert_allclose(term.loss(maps, LINEAR, still), expected, rtol=1e-10)


def test_alpha_falls_between_its_start_and_its_end():
    law = OBJECTIVES["alpha_flow"](start=0.4, end=0.6, floor=0.01, times="triangle").terms[1].times
    for progress, expected in (
        (0.0, 1.0),
        (0.4, 1.0),
        (0.5, 0.5),
        (0.6, 0.0),
        (1.0, 0.0),
        (0.52, 1 / (1 + np.exp(2.5))),
    ):
        s, u, t = law_at(law, progress)(jax.random.key(0), (50,))
        np.testing.assert_allclose((u - s) / (t - s), expected, rtol=1e-6, atol=1e-12)
    with pytest.raises(ValueError, match=r"start = 0.6, end = 0.4; expected 0 <= start < end <= 1"):
        OBJECTIVES["alpha_flow"](start=0.6, end=0.4)


@pytest.mark.parametrize(
    ("metric", "by_hand"),
    [
        ("squared", lambda r, c: r),
        ("pseudo_huber", lambda r, c: np.sqrt(r + c**2) - c),
        ("cauchy", lambda r, c: c**2 * np.log(1 + r / c**2)),
        ("log_cosh", lambda r, c: c**2 * np.log(np.cosh(np.sqrt(r) / c))),
    ],
)
def test_the_metrics_of_ict(metric, by_hand):
    term = OBJECTIVES["ict"](metric=metric, scale=0.3).terms[0]
    r = np.array([0.01, 0.5, 2.0])
    np.testing.assert_allclose(term.metric(jnp.asarray(r)), by_hand(r, 0.3), rtol=1e-9)


def test_levels_and_weights_of_ict():
    uniform = OBJECTIVES["ict"](first=8, last=8, levels="uniform").terms[0]
    s, u, _ = law_at(uniform.times, 0.5)(jax.random.key(0), (8000,))
    _, counts = np.unique(np.asarray(s), return_counts=True)
    assert len(counts) == 8
    assert counts.min() > 850
    times = Times(s[:5], u[:5], jnp.ones(5))
    np.testing.assert_array_equal(OBJECTIVES["ict"](weight="none").terms[0].weight(times, jnp.ones(5)), 1)
    assert float(uniform.weight(times, jnp.ones(5)).max()) != 1


def test_the_weights_of_imm():
    # Uniform, the bound over the logarithm of the signal-to-noise ratio, times alpha, and over alpha^2 + sigma^2.
    times = batch_of(1).times
    s, noise = times.s, 1 - times.s
    lam = 2 * jnp.log(s / noise)
    bound = 1 / (s * noise) / (1 + jnp.exp(lam - 4.0))
    expected = {
        "uniform": jnp.ones(5),
        "elbo": bound,
        "signal": bound * s,
        "over_squares": bound * s / (s**2 + noise**2),
    }
    for weight, value in expected.items():
        power = {"signal_power": 1.0} if weight in ("signal", "over_squares") else {}
        term = OBJECTIVES["imm"](weight=weight, **power).terms[0]
        np.testing.assert_allclose(term.weight(times, jnp.ones(5)), value, rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mean_flow", {"tangent_mix": 1.5}, r"tangent_mix = 1.5; expected a number in \[0, 1\]"),
        ("mean_flow", {"tangent_decay": 0.9}, "tangent_decay = 0.9 with tangent_mix = 0, which has no velocity"),
        ("mean_flow", {"passed": 1.5}, r"passed = 1.5; expected a number in \[0, 1\]"),
        ("mean_flow", {"passed_after": 0.5}, "passed_after = 0.5 changes nothing here; it needs passed above 0"),
        ("alpha_flow", {"shift": "teacher"}, "shift = 'teacher'; expected one of sample, own"),
        ("alpha_flow", {"shift": "own", "diagonal_share": 0.0}, "where no term sees data; set diagonal_share above 0"),
        ("mean_flow", {"offset": -1.0}, "power = 1.0, offset = -1.0; expected numbers that are not negative"),
        ("sct", {"clip": 1.0}, "clip = 1.0 with normalize = 0.1; expected one bound of the tangent"),
        ("sct", {"clip": 1.0, "normalize": 0.0, "velocity": "pooled"}, "a clipped tangent is not linear"),
        ("ict", {"metric": "l1"}, "metric = 'l1'; expected one of pseudo_huber, squared, log_cosh, cauchy"),
        ("ict", {"levels": "flat"}, "levels = 'flat'; expected one of log_normal, uniform"),
        ("ict", {"weight": "flat"}, "weight = 'flat'; expected one of inverse_step, none"),
        ("imm", {"weight": "flat"}, "weight = 'flat'; expected one of uniform, elbo, signal, over_squares"),
        ("imm", {"kernel": "cosine"}, "kernel = 'cosine'; expected one of laplace, rbf"),
        ("alpha_flow", {"floor": 0.6}, r"floor = 0.6; expected a number in \(0, 0.5\]"),
        # Options that another one switches off.
        (
            "mean_flow",
            {"offset": 0.1, "adaptive_power": 0.0},
            "offset = 0.1 changes nothing here; it needs adaptive_po",
        ),
        ("alpha_flow", {"alpha": 0.3}, "alpha = 0.3 changes nothing here; it needs schedule = 'constant'"),
        (
            "alpha_flow",
            {"schedule": "constant", "end": 0.5},
            "end = 0.5 changes nothing here; it needs schedule = 'sig",
        ),
        ("imm", {"weight": "elbo", "signal_power": 1.0}, "signal_power = 1.0 changes nothing here; it needs weight = "),
        (
            "imm",
            {"weight": "uniform", "weight_shift": 1.0},
            "weight_shift = 1.0 changes nothing here; it needs another",
        ),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        OBJECTIVES[name](**options)
