"""The exact map to a posterior, which methods are held to, against the closed form of its velocity."""

import numpy as np
import pytest

from models import posterior
from objectives.build import OBJECTIVES
from tests.objectives.exact_maps import to_posterior
from tests.objectives.test_build import COVARIANCE, MEAN, draw, exact_flow


@pytest.mark.usefixtures("x64")
def test_the_diagonal_of_the_posterior_map_is_the_closed_form():
    batch = draw(OBJECTIVES["posterior_map"](), 8)[0]
    v = to_posterior(batch, mean=MEAN, covariance=COVARIANCE)
    inner = posterior.inner_velocity(exact_flow().b, batch.told[:, 0], batch.told[:, 1:])
    s, z = 0.9 * batch.times.s, batch.fresh
    np.testing.assert_allclose(v(s, s, z), inner(s, z), rtol=1e-8)
