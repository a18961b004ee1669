import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.errors import UsageError
from experiments.images import classifier
from experiments.uses import inverse_problems, rewards

ROOT = np.sqrt(2 * np.pi)
FORMER = {
    "experiments.rewards:right": rewards.right,
    "experiments.rewards:near_corner": rewards.near_corner,
    "experiments.rewards:outside": rewards.outside,
    "experiments.inverse_problems:inpaint": inverse_problems.inpaint,
    "experiments.inverse_problems:denoise": inverse_problems.denoise,
}


@pytest.mark.parametrize("name", FORMER)
def test_a_name_and_the_path_of_old_results_are_one_reward(name):
    assert rewards.load(name) == rewards.load(name.partition(":")[2]) == rewards.Entry(FORMER[name])


@pytest.mark.parametrize("digit", range(10))
def test_rewards_of_digits_state_their_class(digit, monkeypatch):
    logits = jnp.array([[2.0, 0, 1, 0, 5, 0, 0, 3, 0, 0]])
    monkeypatch.setattr(classifier, "logits", lambda x: logits)
    found = rewards.load(f"digit_{digit}")
    assert found.digit == digit
    expected = logits[0, digit] - np.log(np.sum(np.exp(np.asarray(logits))))
    np.testing.assert_allclose(found.function(jnp.zeros((1, 64))), [expected], rtol=1e-6)
    assert rewards.load(f"experiments.classifier:digit_{digit}") == found


def test_a_function_of_a_file_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "my_own_reward.py").write_text("def upwards(x):\n    return x[:, 1]\n\n\ndef _hidden(x): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = rewards.load("my_own_reward:upwards")
    assert found.digit is None
    np.testing.assert_array_equal(found.function(np.array([[1.0, 2.0]])), [2.0])
    with pytest.raises(UsageError, match="module my_own_reward has no function 'upward'; did you mean 'upwards'"):
        rewards.load("my_own_reward:upward")
    with pytest.raises(UsageError, match="has no function '_hidden'"):
        rewards.load("my_own_reward:_hidden")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("near_cornre", "unknown --reward=near_cornre; did you mean 'near_corner'"),
        ("digit3", "unknown --reward=digit3; did you mean 'digit_3'"),
        ("experiments.classifier:digit_11", "unknown --reward=experiments.classifier:digit_11; did you mean 'digit_1'"),
        ("", "unknown --reward=; Known: denoise, digit_0"),
        ("module:", "--reward=module:; expected one of right, near_corner"),
        (":function", "--reward=:function; expected one of right, near_corner"),
        ("nowhere:f", "--reward=nowhere:f: module nowhere cannot be imported .ModuleNotFoundError"),
    ],
)
def test_an_unknown_reward_is_one_line_with_the_nearest_name(name, message):
    with pytest.raises(UsageError, match=message) as raised:
        rewards.load(name)
    assert "\n" not in str(raised.value)


def test_values_of_the_rewards_in_the_plane():
    x = jnp.array([[0.75, 0.25], [-3.0, 4.0]])
    np.testing.assert_allclose(rewards.right(x), [2.25, -9.0])
    np.testing.assert_allclose(rewards.near_corner(x), [-1.0, -4 * (3.75**2 + 3.25**2)])
    np.testing.assert_allclose(rewards.outside(x), [4 * np.sqrt(0.625), 20.0], rtol=1e-5)
    # Log-densities of measurements: of 0.6 in noise of 0.1, and of (0.5, 0.45) in noise of 0.25.
    at = jnp.array([[0.7, 5.0], [0.6, -1.0]])
    np.testing.assert_allclose(
        rewards.load("inpaint").function(at), np.array([-0.5, 0]) - np.log(0.1 * ROOT), rtol=1e-4
    )
    at = jnp.array([[0.5, 0.45], [0.75, 0.2]])
    expected = np.array([0, -1]) - 2 * np.log(0.25 * ROOT)
    np.testing.assert_allclose(rewards.load("denoise").function(at), expected, rtol=1e-4)


FAULTY = {
    "has a gradient that is NaN or infinite on 16 of 16 examples of data": lambda x: jnp.sqrt(0 * x[:, 0]),
    # No datum is so far from the ring of the eight; noise is.
    "has a value that is NaN or infinite on .* of 16 examples of noise": lambda x: jnp.where(
        jnp.abs(jnp.sum(x**2, axis=1) - 0.64) < 0.5, 0 * x[:, 0], jnp.nan
    ),
}


@pytest.mark.parametrize("message", FAULTY)
def test_a_reward_is_tried_with_its_gradient_on_noise_as_well(message):
    with pytest.raises(UsageError, match=message):
        rewards.check(FAULTY[message], datasets.load("eight_gaussians"), name="mine")
