"""What a mean leaves over: the floor of the loss, and where long steps of the exact velocity end."""

import numpy as np

from experiments.symptoms import means


def test_the_floor_is_lower_with_a_pool_and_what_there_is_to_learn_is_the_same():
    nothing, best, learned = means.floor_of_the_loss(count=4000, pool=128)
    np.testing.assert_allclose(nothing.fault, 4 / 3, rtol=0.06)  # two points of variance 1/3 in two coordinates each
    np.testing.assert_allclose(best.fault, 0.978, atol=0.05)
    assert best.cured < 0.2 * best.fault
    # E|target|^2 - E|target - b|^2 = E|b|^2, whatever the target, if its mean is b.
    np.testing.assert_allclose([learned.fault, learned.cured], 4 / 3 - 0.978, atol=0.05)


def test_one_step_of_the_exact_velocity_ends_in_the_middle_and_the_map_does_not():
    *steps, data = means.grey(count=2000)
    assert [row.see.split(", ")[1] for row in steps] == ["1 step", "4 steps", "16 steps"]
    assert steps[0].fault < 1e-5
    assert steps[0].fault < steps[1].fault < steps[2].fault < data.fault
    np.testing.assert_allclose([row.cured for row in [*steps, data]], np.sqrt(1 / 3), atol=0.02)
