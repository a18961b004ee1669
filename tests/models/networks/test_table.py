"""What the rules of flow maps ask of every network: derivatives of derivatives, in its times and its points."""

import jax
import jax.numpy as jnp
import pytest

from models import networks
from models.conditions import Condition
from models.networks import edm2, mlp

SMALL = {
    "mlp": {"width": 8, "depth": 2},
    "unet": {"channels": 8, "multipliers": (1, 2), "blocks": 1, "attention": (2,)},
    "edm2": {"channels": 8, "multipliers": (1, 2), "blocks": 1, "attention": (2,)},
    "dit": {"width": 16, "depth": 1, "heads": 2, "patch": 2},
}


def test_every_kind_is_here():
    assert SMALL.keys() == networks.KINDS.keys()


@pytest.mark.parametrize("kind", networks.KINDS)
def test_a_kind_states_every_field_of_its_network(kind):
    own = networks.KINDS[kind]
    fields = set(own.network.__dataclass_fields__) - {"parent", "name"}
    beside = {"beside"} if own.on_images else set()
    assert fields == {*own.options, *beside, "classes", "guided", "vector"}
    assert own.smoke.keys() <= own.options.keys()
    assert own.divisor is None or own.divisor.field in own.options


def test_kinds_that_share_a_field_share_its_option():
    for name, option in networks.options().items():
        for kind in networks.KINDS.values():
            if name in kind.options:
                other = kind.options[name]
                assert (other.default, list(other.choices), other.expected) == (
                    option.default,
                    list(option.choices),
                    option.expected,
                ), name


@pytest.mark.parametrize("kind", networks.KINDS)
def test_defaults_and_small_fields_are_in_range(kind):
    own = networks.KINDS[kind]
    for name, option in own.options.items():
        for value in (option.default, own.smoke.get(name, option.default)):
            assert option.in_range(value), name
            assert not option.choices or value in option.choices


def test_what_kinds_state():
    fields = {name: option.default for name, option in networks.options().items()}
    fields |= {"multipliers": (1, 2, 4), "patch": 8}
    kinds = networks.KINDS
    assert {name: kind.describe(fields) for name, kind in kinds.items()} == {
        "mlp": "MLP of width 256 and depth 5, gelu",
        "unet": "U-Net of 32, 64, 128 channels, 2 blocks a level",
        "edm2": "EDM2's U-Net of 32, 64, 128 channels, 2 blocks a level",
        "dit": "DiT of width 256 and depth 5, 4 heads, patches of 8",
    }
    divisors = {name: kind.divisor and kind.divisor.of(fields) for name, kind in kinds.items()}
    assert divisors == {"mlp": None, "unet": 4, "edm2": 4, "dit": 8}
    assert [name for name, kind in kinds.items() if kind.on_images] == ["unet", "edm2", "dit"]
    assert [name for name, kind in kinds.items() if kind.convolutional] == ["unet", "edm2"]
    assert [name for name, kind in kinds.items() if kind.project] == ["edm2"]
    assert kinds["edm2"].log_variance(fields) == edm2.LogVariance(channels=32)
    assert all(kinds[name].log_variance(fields) == mlp.LogVariance() for name in ("mlp", "unet", "dit"))


# A U-Net takes as long as all others together.
SOME = [pytest.param(kind, marks=pytest.mark.slow) if kind in ("unet", "edm2") else kind for kind in SMALL]


@pytest.mark.parametrize("kind", SOME)
def test_forward_derivatives_of_reverse_ones_agree_with_differences(kind, x64):
    network = networks.build(kind, classes=3, guided=True, **SMALL[kind])
    s, t = jnp.array([0.2, 0.5]), jnp.array([0.7, 0.6])
    keys = iter(jax.random.split(jax.random.key(0), 200))
    x, weight, direction = (jax.random.normal(next(keys), (2, 4, 4, 1)) for _ in range(3))
    told = Condition(jnp.array([0, 2]), jnp.array([1.5, 3.0]))
    params = network.init(jax.random.key(1), s, t, x, told)
    # Away from the start, where the output is zero.
    params = jax.tree.map(lambda leaf: leaf + 0.1 * jax.random.normal(next(keys), leaf.shape), params)

    @jax.jit
    def energy(s, x):
        _, back = jax.vjp(lambda s, x: network.apply(params, s, t, x, told), s, x)
        of_s, of_x = back(weight)
        return jnp.sum(jnp.sin(of_s)) + jnp.sum(of_x * direction)

    _, slope = jax.jvp(energy, (s, x), (jnp.ones_like(s), direction))
    # Norms of edm2 and dit are computed in float32, whatever their input.
    step = 1e-3 if kind in ("edm2", "dit") else 1e-4
    ends = [energy(s + k * step, x + k * step * direction) for k in (-2, -1, 1, 2)]
    difference = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step)
    assert abs(float(slope)) > 1e-3
    assert float(slope) == pytest.approx(float(difference), rel=2e-3)
