"""From a configuration to a network, and one entry of the table is all that a new kind needs."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from experiments import datasets, settings
from experiments.errors import UsageError
from experiments.settings import chosen_data, networks
from experiments.settings import images as image_settings
from experiments.training import checks
from models.flow_map_model import bind, initialize
from models.networks import KINDS, Divisor, Kind, Option
from models.networks.kind import positive
from models.networks.mlp import LogVariance


class Pooled(nn.Module):
    """A linear map of tiles, modulated by both times."""

    tile: int = 2
    flavour: str = "plain"
    classes: int = 0
    guided: bool = False
    vector: int = 0

    @nn.compact
    def __call__(self, s, t, x, condition):
        batch, side, _, channels = x.shape
        tiles = x.reshape(batch, side // self.tile, self.tile, side // self.tile, self.tile, channels)
        mean = tiles.mean(axis=(2, 4)).reshape(batch, -1)
        h = nn.Dense(side * side * channels)(jnp.concatenate([mean, s[:, None], t[:, None]], axis=-1))
        return h.reshape(x.shape)


POOLED = Kind(
    Pooled,
    options={"tile": positive(2), "flavour": Option("plain", choices=("plain", "salted"))},
    describe=lambda fields: f"{fields['flavour']} network on tiles of {fields['tile']}",
    smoke={"tile": 1},
    log_variance=lambda fields: LogVariance(width=7),
    divisor=Divisor(lambda fields: fields["tile"], field="tile"),
)


@pytest.fixture
def config(monkeypatch):
    monkeypatch.setitem(KINDS, "pooled", POOLED)
    config = settings.base("lsd", changes={"lsd": {"learned_weight": True}})
    config.dataset = "generated:4x4x1,count=20"
    config.network.kind = "pooled"
    return config


def build(config):
    return networks.build(config, settings.objective_of(config), datasets.load(config.dataset))


def test_a_network_without_a_place_for_pictures_takes_vectors_alone(config):
    config.network.observed = "coarse:2"
    with pytest.raises(UsageError, match="network pooled takes none beside its images; give it a field beside"):
        networks.build(config, settings.objective_of(config), chosen_data.load(config))
    config.network.observed = "noisy"
    model = networks.build(config, settings.objective_of(config), chosen_data.load(config))
    assert model.network == Pooled(vector=17)
    assert networks.described(config.network) == "plain network on tiles of 2, conditioned on noisy"


def test_an_entry_of_the_table_is_built_described_and_bound(config):
    checks.check(config, devices=1)
    model = build(config)
    assert model.network == Pooled()
    assert model.variance == LogVariance(width=7)
    assert model.size == (4, 4, 1)
    assert networks.described(config.network) == "plain network on tiles of 2"
    config.network.flavour = "salted"
    config.network.conditional = True
    assert networks.described(config.network) == "salted network on tiles of 2, class-conditional"
    x = jnp.ones((3, 16))
    v = bind(model, initialize(model, jax.random.key(0), (16,)))
    assert v(jnp.zeros(3), jnp.ones(3), x).shape == x.shape
    assert image_settings.smoke(config, config.dataset).network.tile == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile": 0}, "--config.network.tile=0; expected a positive number"),
        ({"flavour": "salty"}, "unknown --config.network.flavour='salty'; did you mean 'salted'"),
        ({"width": 9}, "--config.network.width=9 is a field of mlp and dit, and the network is pooled"),
        ({"kind": "mlp", "tile": 3}, "--config.network.tile=3 is a field of pooled, and the network is mlp"),
    ],
)
def test_fields_of_an_entry_are_checked(config, changes, message):
    config.network.update(changes)
    with pytest.raises(UsageError, match=message):
        networks.check(config.network)


def test_sides_of_images_are_checked(config):
    config.network.tile = 3
    with pytest.raises(UsageError, match=r"side is a multiple of 3 \(--config.network.tile=3\)"):
        build(config)
    config.dataset = "spiral"
    with pytest.raises(UsageError, match="kind=pooled takes images, and data set spiral has vectors"):
        build(config)
