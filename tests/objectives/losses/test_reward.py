import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from objectives.losses import reward
from taxonomy import exact, flow_map
from taxonomy.interpolants import LINEAR
from tests.helpers import directional, inner, inputs, tiny, tiny_params

pytestmark = pytest.mark.usefixtures("x64")
A = np.array([0.8, -0.5])
GRID = jnp.array([0.0, 0.3, 1.0])


def linear(x):
    return x @ A


def quadratic(x):
    return -jnp.sum(jnp.square(x - jnp.array([[0.75, 0.75]])), axis=-1)


def rolled_by_hand(v, x, grid):
    for s, t in itertools.pairwise(grid):
        s, t = jnp.full(len(x), s), jnp.full(len(x), t)
        x = x + (t - s)[:, None] * v(s, t, x)
    return x


def test_losses_by_hand():
    v, w = tiny(tiny_params(1)), tiny(tiny_params(2))
    s, _, t, x, _ = inputs()
    ends = [rolled_by_hand(u, x, GRID) for u in (v, w)]
    expected = -quadratic(ends[0]) + 0.65 * jnp.sum((ends[0] - ends[1]) ** 2, axis=1)
    np.testing.assert_allclose(reward.by_jumps(v, w, quadratic, x, GRID, penalty=1.3), expected, rtol=1e-12)
    b, c = flow_map.diagonal(v), flow_map.diagonal(w)
    ends = [rolled_by_hand(lambda s, t, x, u=u: u(s, x), x, GRID) for u in (b, c)]
    expected = -quadratic(ends[0]) + 0.65 * jnp.sum((ends[0] - ends[1]) ** 2, axis=1)
    np.testing.assert_allclose(reward.by_euler(b, c, quadratic, x, GRID, penalty=1.3), expected, rtol=1e-12)
    distance = (flow_map.jump(v, s, t, x) - flow_map.jump(w, s, t, x)) ** 2
    np.testing.assert_allclose(reward.map_distance(v, w, x, s, t), distance.sum(axis=1), rtol=1e-12)
    tangent = (v(t, t, x) - w(t, t, x)) ** 2
    np.testing.assert_allclose(reward.tangent_distance(b, c, x, t), tangent.sum(axis=1), rtol=1e-12)


LOSSES = {
    "by_jumps": lambda v, w, x, s, t: reward.by_jumps(v, w, quadratic, x, GRID, penalty=1.3),
    "by_euler": lambda v, w, x, s, t: reward.by_euler(
        flow_map.diagonal(v), flow_map.diagonal(w), quadratic, x, GRID, penalty=1.3
    ),
    "map_distance": lambda v, w, x, s, t: reward.map_distance(v, w, x, s, t),
    "tangent_distance": lambda v, w, x, s, t: reward.tangent_distance(flow_map.diagonal(v), flow_map.diagonal(w), x, t),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_whole_and_the_reference_is_stopped(name):
    s, _, t, x, _ = inputs()
    student, frozen, direction = tiny_params(1), tiny_params(2), tiny_params(9)

    def loss(p, q):
        return LOSSES[name](tiny(p), tiny(q), x, s, t).mean()

    gradient, of_reference = jax.grad(loss, argnums=(0, 1))(student, frozen)
    expected = directional(lambda p: loss(p, frozen), student, direction, 1e-5)
    np.testing.assert_allclose(inner(gradient, direction), expected, rtol=1e-7)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(of_reference))


@pytest.mark.parametrize("penalty", [0.5, 4.0])
def test_fine_tuning_of_a_gaussian_map_reaches_its_closed_form(penalty):
    flow = exact.gaussian(LINEAR, mean=np.array([1.0, -0.5]), covariance=np.diag([0.5, 0.2]), noise_std=0.7)
    x = 0.7 * jax.random.normal(jax.random.key(0), (64, 2))
    grid = jnp.array([0.0, 1.0])

    def student(p):
        # Affine in the point: what moves a Gaussian map to any other.
        return lambda s, t, x: flow.v(s, t, x) + x @ p["matrix"] + p["shift"][None]

    def loss(p):
        return reward.by_jumps(student(p), flow.v, linear, x, grid, penalty=penalty).mean()

    p = {"matrix": 0.3 * jnp.ones((2, 2)), "shift": jnp.array([-1.0, 1.0])}
    update = jax.jit(jax.grad(loss))
    for _ in range(400):
        p = jax.tree.map(lambda a, b: a - b / penalty, p, update(p))
    # X + grad r / penalty: every point moves alike.
    np.testing.assert_allclose(p["shift"], A / penalty, atol=1e-8)
    np.testing.assert_allclose(p["matrix"], 0, atol=1e-8)
    best = loss(p)
    expected = -linear(flow_map.jump(flow.v, jnp.zeros(64), jnp.ones(64), x)).mean() - A @ A / (2 * penalty)
    np.testing.assert_allclose(best, expected, rtol=1e-10)


@pytest.mark.slow
def test_fine_tuning_through_euler_steps_reaches_the_same_end():
    flow = exact.gaussian(LINEAR, mean=np.array([1.0, -0.5]), covariance=np.diag([0.5, 0.2]), noise_std=0.7)
    x, penalty, grid = 0.7 * jax.random.normal(jax.random.key(0), (64, 2)), 2.0, jnp.linspace(0, 1, 5)

    def student(p):
        return lambda t, x: flow.b(t, x) + p[None]

    def loss(p):
        return reward.by_euler(student(p), flow.b, linear, x, grid, penalty=penalty).mean()

    optimizer = optax.sgd(0.3)
    p = jnp.zeros(2)
    state = optimizer.init(p)

    @jax.jit
    def update(p, state):
        change, state = optimizer.update(jax.grad(loss)(p), state)
        return optax.apply_updates(p, change), state

    for _ in range(300):
        p, state = update(p, state)
    # A constant shift of the velocity moves the end by M p, M = sum of products (I + h grad b_t): affine steps.
    moved = np.zeros(2)
    slopes = 0.5 * np.stack(
        [
            [(-2 * (1 - t) * 0.49 + 2 * t * c) / ((1 - t) ** 2 * 0.49 + t**2 * c) for c in (0.5, 0.2)]
            for t in np.arange(4) / 4
        ]
    )
    for slope in slopes:
        moved = moved * (1 + slope / 4) + 1 / 4
    # The optimum of -a.(M p) + (penalty / 2) |M p|^2.
    np.testing.assert_allclose(p, A / penalty / moved, rtol=1e-6)


def test_the_optimum_is_a_proximal_step_and_not_the_tilted_law():
    y = np.asarray(jax.random.normal(jax.random.key(3), (200, 2)))
    np.testing.assert_allclose(reward.proximal_point(linear, jnp.asarray(y), penalty=2.0), y + A / 2, atol=1e-12)
    corner, penalty = np.array([0.75, 0.75]), 0.5
    expected = (2 * corner + penalty * y) / (2 + penalty)
    found = reward.proximal_point(quadratic, jnp.asarray(y), penalty=penalty, rate=0.2)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    # N(m, c): the tilted law has variance 1 / (1 / c + 2), the proximal one c / (1 + 2 / penalty)^2.
    c = 0.5
    proximal, tilted = c / (1 + 2 / penalty) ** 2, 1 / (1 / c + 2)
    np.testing.assert_allclose(jnp.var(found), np.var(y) / (1 + 2 / penalty) ** 2, rtol=1e-9)
    assert abs(proximal - tilted) > 0.2


def test_the_linear_reward_tilts_a_gaussian_as_a_penalty_of_one_over_its_variance_moves_it():
    # The claim of the module's docstring, by importance weights: E[x e^r] / E[e^r] = m + C a.
    m, c = np.array([0.4, -0.2]), 0.6
    x = m + np.sqrt(c) * np.asarray(jax.random.normal(jax.random.key(5), (200_000, 2)))
    share = jax.nn.softmax(linear(x))
    error = 4 / np.sqrt(1 / float(jnp.sum(share**2)))
    proximal = reward.proximal_point(linear, jnp.asarray(x), penalty=1 / c)
    np.testing.assert_allclose(share @ x, proximal.mean(axis=0), atol=error)
    np.testing.assert_allclose(proximal.mean(axis=0), x.mean(axis=0) + c * A, atol=1e-9)


def test_faulty_penalties_are_refused():
    x = jnp.zeros((3, 2))
    with pytest.raises(ValueError, match="penalty = -1; expected a number that is not negative"):
        reward.penalized(linear, x, y_1=x, penalty=-1)
    with pytest.raises(ValueError, match="penalty = 0; expected a positive number"):
        reward.proximal_point(linear, x, penalty=0)
    with pytest.raises(ValueError, match="grid of times has shape"):
        reward.by_jumps(tiny(tiny_params()), tiny(tiny_params()), linear, x, jnp.zeros(1), penalty=1)
