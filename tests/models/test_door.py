"""The public names of the package, and what its import leaves out."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np

import models
from taxonomy import flow_map


def test_every_public_name_is_there():
    assert sorted(models.__all__) == models.__all__
    for name in models.__all__:
        assert hasattr(models, name)


def test_the_example_of_the_package():
    model = models.FlowMapModel(models.networks.build("mlp", width=8, depth=1), std=1.0)
    v = models.bind(model, models.initialize(model, jax.random.key(0), (2,)))
    noise = jax.random.normal(jax.random.key(1), (3, 2))
    found = models.samplers.composition(v, noise, models.grids.uniform(1))
    np.testing.assert_allclose(found, flow_map.jump(v, jnp.zeros(3), jnp.ones(3), noise), rtol=1e-6)


def test_solvers_are_imported_only_where_they_solve():
    code = "import sys, models; sys.exit('diffrax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
