"""Free combinations: the published methods where those exist, at the cost that is said, and refused where unsound."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.methods.combination import BOTH_DIRECTIONS, CHOICES, VELOCITIES, combination
from objectives.mixture import check_shares, mixture
from objectives.objective import Batch, Maps
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times
from tests.helpers import inputs, softmaxed, tiny, tiny_params
from tests.objectives.exact_maps import told_of

BATCH, INNER, OUTER = 5, 7, 11


def teacher(t, x):
    return jnp.sin(x + t[:, None]) * x[:, ::-1]


def drawn(times=None):
    x0, x1 = jax.random.normal(jax.random.key(3), (2, BATCH, 2))
    return Batch(x0, x1, times or Times(*inputs()[:3]))


def evaluated(term, batch):
    """The residuals of a term and the gradient of their sum; another network makes its targets."""
    target = tiny(tiny_params(seed=4))

    def total(p):
        values = term.loss(Maps(tiny(p), target, teacher), LINEAR, batch)
        return values.sum(), values

    return jax.grad(total, has_aux=True)(tiny_params())


# (choices, published method, its options, its term).
PUBLISHED = [
    (("lagrangian", "self", "velocity"), "lsd", {}),
    (("lagrangian", "self", "none"), "lsd", {"stop_gradient": "none"}),
    (("lagrangian", "ema", "velocity"), "tvm", {}),
    (("lagrangian", "teacher", "none"), "lmd", {}),
    (("lagrangian", "teacher", "velocity"), "lmd", {"stop_gradient": "velocity"}),
    (("lagrangian", "teacher", "target"), "ayf_lmd", {}),
    (("lagrangian", "teacher", "target", "difference"), "free_flow", {}),
    (("pulled_back", "sample", "none"), "fmm", {}),
    (("pulled_back", "sample", "target"), "lmf", {}),
    (("eulerian", "self", "advection"), "esd", {}),
    (("eulerian", "self", "velocity"), "esd", {"stop_gradient": "velocity"}),
    (("eulerian", "self", "none"), "esd", {"stop_gradient": "none"}),
    (("eulerian", "teacher", "none"), "emd", {}),
    (("eulerian", "sample", "target"), "mean_flow", {}),
    (("eulerian", "sample", "target", "difference"), "tim", {"cosine": 0.0}),
    (("semigroup", "self", "target"), "psd_u", {}),
    (("semigroup", "self", "none"), "psd_u", {"stop_gradient": "none"}),
    (("integral", "self", "target"), "stei", {}),
    (("integral", "teacher", "target"), "sdei", {}),
    (("integral_end", "sample", "target"), "stee", {}),
    (("integral_end", "teacher", "target"), "sdee", {}),
]


def chosen(characterization, velocity, stop_gradient="", engine="", **options):
    return combination(
        characterization=characterization, velocity=velocity, stop_gradient=stop_gradient, engine=engine, **options
    )


def rule_of(objective):
    """The term that is not flow matching."""
    return next(term for term in objective.terms if term.name != "diagonal")


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("choices", "name", "options"), PUBLISHED, ids=lambda value: str(value))
def test_published_rows_are_combinations(choices, name, options):
    published = OBJECTIVES[name](**options)
    term, method = rule_of(chosen(*choices)), rule_of(published)
    batch = drawn()
    if name == "free_flow":
        batch = drawn(batch.times._replace(s=jnp.zeros(BATCH)))
    (gradient, values), (method_gradient, method_values) = evaluated(term, batch), evaluated(method, batch)
    np.testing.assert_allclose(values, method_values, rtol=1e-10)
    assert float(values.min()) > 1e-6
    for one, other in zip(jax.tree.leaves(gradient), jax.tree.leaves(method_gradient), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9 * float(jnp.abs(other).max()))
        assert np.any(other)
    assert term.cost == method.cost


@pytest.mark.parametrize("name", ["lsd", "emd", "lmf", "psd_u"])
def test_times_are_those_of_the_published_method(name):
    choices = next(choices for choices, method, _ in PUBLISHED if method == name)
    found, expected = chosen(*choices), OBJECTIVES[name]()
    for one, other in zip(
        *(rule_of(method).times(jax.random.key(0), (4,)) for method in (found, expected)), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert found.both_directions == expected.both_directions
    assert found.needs_teacher == expected.needs_teacher


def _sound():
    for characterization, (velocities, stops, engines) in CHOICES.items():
        for velocity, stop_gradient, engine in itertools.product(velocities, stops, engines):
            noisy = characterization == "eulerian" and velocity == "sample" and stop_gradient in ("velocity", "none")
            if not noisy and (engine != "difference" or stop_gradient == "target"):
                yield characterization, velocity, stop_gradient, engine


SOUND = list(_sound())


def deep(p):
    """A network of three layers; products with the middle one are counted."""

    def v(s, t, x):
        inside = jnp.tanh(jnp.concatenate([s[:, None], t[:, None], x], axis=-1) @ p["in"])
        return jnp.tanh(inside @ p["middle"]) @ p["out"]

    return v


def deep_params(seed):
    keys = jax.random.split(jax.random.key(seed), 3)
    shapes = {"in": (4, INNER), "middle": (INNER, OUTER), "out": (OUTER, 2)}
    return {name: jax.random.normal(key, shape) for key, (name, shape) in zip(keys, shapes.items(), strict=True)}


def products_within(jaxpr):
    count = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            sizes = {size for variable in equation.invars + equation.outvars for size in variable.aval.shape}
            count += sizes == {BATCH, INNER, OUTER}
        for value in equation.params.values():
            # Of the branches of a condition, the most expensive one.
            inner = [one.jaxpr for one in (value if isinstance(value, tuple) else (value,)) if hasattr(one, "jaxpr")]
            count += max(map(products_within, inner), default=0)
    return count


def products_of_the_middle_layer(loss):
    """How many the gradient of a loss computes: one forward, two backward, as a pass through a network is counted."""
    return products_within(jax.make_jaxpr(jax.grad(loss))(deep_params(0)).jaxpr)


@pytest.mark.parametrize("choices", SOUND, ids="-".join)
def test_every_sound_combination_is_finite_and_costs_what_it_computes(choices):
    objective = chosen(*choices)
    characterization, velocity, stop_gradient, _ = choices
    check_shares(objective.terms)
    assert objective.needs_teacher == (velocity == "teacher")
    assert (objective.target_decay is not None) == (velocity == "ema")
    assert [term.name for term in objective.terms] == ["diagonal"] * (velocity in ("self", "ema")) + [characterization]
    batches = [drawn(term.times(jax.random.key(k), (BATCH,))) for k, term in enumerate(objective.terms)]
    averaged, fixed = deep_params(1), deep_params(2)

    def maps(p):
        # As the engine does: without an average the student makes its own targets, and is differentiated there too.
        return Maps(deep(p), deep(averaged if velocity == "ema" else p), lambda t, x: deep(fixed)(t, t, x))

    def total(p):
        return mixture(objective.terms, maps(p), LINEAR, batches)[0]

    value, gradient = jax.value_and_grad(total)(deep_params(0))
    assert np.isfinite(value)
    assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(gradient))
    assert any(np.any(g) for g in jax.tree.leaves(gradient))
    for term, batch in zip(objective.terms, batches, strict=True):
        computed = products_of_the_middle_layer(
            lambda p, term=term, batch=batch: term.loss(maps(p), LINEAR, batch).sum()
        )
        # A backward pass to the input alone is one product here, and is counted as the two of any other.
        to_input = term.name == "lagrangian" and stop_gradient == "none" and velocity != "self"
        assert computed + to_input == term.cost, term.name


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_method_costs_what_it_computes(name):
    options = {"imm": {"group": 1}, "drifting": {"group": BATCH}, "pfmm": {"stages": 1}}.get(name, {})
    objective = OBJECTIVES[name](**options)
    target = deep(deep_params(1)) if objective.target_decay else None
    given = {"teacher": lambda t, x: deep(deep_params(2))(t, t, x), "stage": deep(deep_params(3))}
    for term in objective.terms:
        batch = drawn()._replace(fresh=drawn().x0, pool=drawn().x1, progress=0.6)
        batch = batch._replace(told=told_of(objective, batch.x1))

        def loss(p, term=term, batch=batch):
            v = deep(p)
            maps = Maps(v, target or v, **given, auxiliary=lambda t, x: v(t, t, x), log_denoiser=softmaxed(v))
            return term.loss(maps, LINEAR, batch).sum()

        # As above: backward to the input alone, of the teacher's velocity or of the outer jump.
        to_input = (name, term.name) in {("lmd", "lagrangian"), ("ctm", "consistency")}
        assert products_of_the_middle_layer(loss) + to_input == term.cost, term.name


def test_defaults_are_those_of_the_rule():
    for characterization, (_, stops, engines) in CHOICES.items():
        velocity = CHOICES[characterization][0][0]
        plain = rule_of(combination(characterization=characterization, velocity=velocity))
        spelled = rule_of(chosen(characterization, velocity, stops[0], engines[0]))
        assert plain.cost == spelled.cost
        programs = [
            jax.make_jaxpr(
                jax.grad(lambda p, term=term: term.loss(Maps(tiny(p), tiny(p), teacher), LINEAR, drawn()).sum())
            )(tiny_params())
            for term in (plain, spelled)
        ]
        assert str(programs[0]) == str(programs[1])


UNSOUND = [
    (
        {"characterization": "lagrangian", "velocity": "sample"},
        "so that the target is biased; pull the point back .*'pulled_back'",
    ),
    ({"characterization": "semigroup", "velocity": "sample"}, "two legs need a map or a velocity everywhere"),
    ({"characterization": "integral", "velocity": "sample"}, "at the mapped point .* 'integral_end'"),
    ({"characterization": "pulled_back", "velocity": "self"}, "take velocity = 'sample' or 'teacher'"),
    ({"characterization": "integral_end", "velocity": "ema"}, "take velocity = 'sample' or 'teacher'"),
    (
        {"characterization": "eulerian", "velocity": "sample", "stop_gradient": "none"},
        "is biased: the noise .* adds its variance to the loss; expected 'advection' or 'target'",
    ),
    ({"characterization": "eulerian", "velocity": "sample", "stop_gradient": "velocity"}, "is biased: the noise"),
    (
        {"characterization": "eulerian", "engine": "difference", "stop_gradient": "advection"},
        "expected 'target': a gradient through a small difference",
    ),
    ({"characterization": "lagrangian", "engine": "difference", "stop_gradient": "none"}, "expected 'target'"),
    ({"characterization": "semigroup", "times": "square"}, "whose stop lies on the way; expected 'triangle'"),
    ({"characterization": "integral", "times": "square"}, "whose stop lies on the way; expected 'triangle'"),
    (
        {"characterization": "pulled_back", "velocity": "sample", "times": "triangle"},
        "pulls points back; expected 'square': both directions must be trained",
    ),
    ({"characterization": "integral_end", "velocity": "sample", "times": "gap"}, "expected 'square'"),
    (
        {"characterization": "pulled_back", "velocity": "sample", "engine": "difference"},
        "engine = 'difference'; expected one of jvp",
    ),
    (
        {"characterization": "semigroup", "stop_gradient": "velocity"},
        "stop_gradient = 'velocity'; expected one of target, none",
    ),
    ({"characterization": "newton"}, "characterization = 'newton'; expected one of lagrangian, pulled_back, "),
    ({"velocity": "exact"}, "velocity = 'exact'; expected one of self, ema, teacher, sample"),
    ({"stop_gradient": "all"}, "stop_gradient = 'all'; expected one of velocity, none, target"),
    ({"engine": "vjp"}, "engine = 'vjp'; expected one of jvp, difference"),
    ({"times": "cube"}, "times = 'cube'; expected one of triangle, square"),
    ({"velocity": "ema", "decay": 1.0}, "decay = 1.0; expected a number in"),
    ({"adaptive_power": -1.0}, "power = -1.0"),
    ({"decay": 0.9}, "decay = 0.9 changes nothing here; it needs velocity = 'ema'"),
    (
        {"characterization": "eulerian", "velocity": "sample", "diagonal_share": 0.3},
        "diagonal_share = 0.3 changes nothing here; it needs velocity = 'self' or 'ema'",
    ),
]


@pytest.mark.parametrize(("choices", "message"), UNSOUND)
def test_unsound_combinations_say_why(choices, message):
    with pytest.raises(ValueError, match=message):
        combination(**choices)


def test_whatever_is_not_sound_is_refused():
    accepted = set()
    for characterization, (_, stops, engines) in CHOICES.items():
        for choices in itertools.product([characterization], VELOCITIES, stops, engines):
            try:
                chosen(*choices)
            except ValueError:
                continue
            accepted.add(choices)
    assert accepted == set(SOUND)
    assert set(BOTH_DIRECTIONS) <= set(CHOICES)
