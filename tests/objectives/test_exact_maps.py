"""The exact map to a posterior, which methods are held to, against the closed form of its velocity."""

import numpy as np
import pytest

from models import posterior
from objectives.build import OBJECTIVES
from taxonomy import exact
from taxonomy.interpolants import LINEAR
from tests.objectives.exact_maps import to_posterior
from tests.objectives.test_build import draw

LAW = {"mean": np.array([1.0, -0.5]), "covariance": np.array([[0.5, 0.1], [0.1, 0.2]])}


@pytest.mark.usefixtures("x64")
def test_the_diagonal_of_the_posterior_map_is_the_closed_form():
    batch = draw(OBJECTIVES["posterior_map"](), 8)[0]
    inner = posterior.inner_velocity(exact.gaussian(LINEAR, **LAW).b, batch.told[:, 0], batch.told[:, 1:])
    s, z = 0.9 * batch.times.s, batch.fresh
    np.testing.assert_allclose(to_posterior(batch, **LAW)(s, s, z), inner(s, z), rtol=1e-7, atol=1e-9)
