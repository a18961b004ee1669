import jax.numpy as jnp
import numpy as np
import pytest

from experiments.errors import UsageError
from experiments.images import classifier
from experiments.uses import inverse_problems, rewards

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
