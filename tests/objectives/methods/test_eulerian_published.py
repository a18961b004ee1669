"""The gradient of whole methods against their publications, at any number of coordinates and any unit of the data.

The network is linear in its weights, coordinate by coordinate: ``v(s, t, x) = a x + b s + e t + c``. Every published
loss stops its target, so that the gradient in c is the mean of the derivatives of the loss in the prediction, which
``PUBLISHED`` writes with numpy for data and noise of the publication's unit. With data in another unit the gradient of
all terms together is that one times one factor.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.mixture import mixture
from objectives.objective import Batch, Maps
from taxonomy.interpolants import LINEAR
from taxonomy.times import Times

pytestmark = pytest.mark.usefixtures("x64")
COUNT = 6
SHAPES = {2: (2,), 48: (4, 4, 3), 3072: (32, 32, 3)}


class Data:
    """Noise, data, points, velocities and the network of one term, in the publication's unit."""

    def __init__(self, shape, seed, *, diagonal=False, end=False, alpha=0.3):
        draw = np.random.default_rng(seed)
        self.a, self.b, self.e, self.c = np.random.default_rng(9).normal(size=(4, 1, *shape)) * 0.7
        self.x0, self.x1 = draw.normal(size=(2, COUNT, *shape))
        # A pool near the data, so that in many dimensions the posterior is not one point.
        self.pool = self.x1[:3] + 0.03 * draw.normal(size=(3, *shape))
        self.s = draw.uniform(0.1, 0.6, COUNT)
        self.t = self.s if diagonal else np.ones(COUNT) if end else self.s + draw.uniform(0.1, 0.35, COUNT)
        self.u = self.s + alpha * (self.t - self.s)
        self.w = self.x1 - self.x0
        self.x = self.at(self.s)

    def column(self, t):
        return t.reshape(-1, *(1 for _ in self.a.shape[1:]))

    def at(self, t):
        return self.x0 + self.column(t) * self.w

    def v(self, s, t, x):
        return self.a * x + self.b * self.column(s) + self.e * self.column(t) + self.c

    @property
    def prediction(self):
        return self.v(self.s, self.t, self.x)

    def moved(self, w, tangent=None):
        """``w + (t - s) D_s[tangent] v``."""
        return w + self.column(self.t - self.s) * (self.a * (w if tangent is None else tangent) + self.b)

    @property
    def axes(self):
        return tuple(range(1, self.x.ndim))

    def sum(self, squares):
        return squares.sum(axis=self.axes, keepdims=True)

    def mean(self, squares):
        return squares.mean(axis=self.axes, keepdims=True)

    def angle(self, prediction, target):
        """One minus the cosine over channels, its mean over positions, and its derivative in the prediction."""
        positions = prediction[0, ..., 0].size
        a, b = (np.sqrt((x**2).sum(axis=-1, keepdims=True)) for x in (prediction, target))
        cosine = (prediction * target).sum(axis=-1, keepdims=True) / (a * b)
        slope = -(target / (a * b) - cosine * prediction / a**2) / positions
        return 1 - cosine.mean(axis=self.axes, keepdims=True), slope


def log_variance(s, t):
    return 0.3 * s - 0.2 * t


def teacher(d, x):
    return 0.4 * x + 0.1


def squared(d, target, *, power=0.0, offset=0.0, mean=False):
    """The derivative of ``|r|^2 / sg(|r|^2 + offset)^power`` in the prediction, |r|^2 a sum or a mean."""
    r = d.prediction - target
    total = d.mean(r**2) if mean else d.sum(r**2)
    return 2 * r / (r[0].size if mean else 1) / (total + offset) ** power


def finite_step(d):
    share = d.column((d.u - d.s) / (d.t - d.s))
    return share * d.w + (1 - share) * d.v(d.u, d.t, d.x + d.column(d.u - d.s) * d.w), share


def mean_flow(d):
    return squared(d, d.moved(d.w), power=1, offset=0.01)


def improved(d):
    return squared(d, d.moved(d.w, d.v(d.s, d.s, d.x)), power=1, offset=0.01)


def decoupled(d):
    r, w = d.prediction - d.moved(d.w), d.column(np.exp(-log_variance(d.s, d.t)))
    return w * 2 * r / r[0].size / (w * d.mean(r**2) + 0.01)


def rectified(d):
    # One midpoint step of the teacher from the noise.
    d.x1 = d.x0 + teacher(d, d.x0 + teacher(d, d.x0) / 2)
    d.w = d.x1 - d.x0
    d.x = d.at(d.s)
    return squared(d, d.moved(d.w), power=0.5, offset=0.01, mean=True)


def alpha_flow(d):
    target, share = finite_step(d)
    return share * squared(d, target, power=1, offset=0.001, mean=True)


def alpha_limit(d):
    return squared(d, d.moved(d.w), power=1, offset=0.001, mean=True)


def so_flow(d):
    target, share = finite_step(d)
    q = (d.prediction - target) / share
    return q / q[0].size / (d.mean(q**2) + 0.01)


def euler_mean_flow(d):
    target, share = finite_step(d)
    return squared(d, target) / share


def flow(power=0.0, offset=0.0, *, mean=False):
    return lambda d: squared(d, d.w, power=power, offset=offset, mean=mean)


def tim(d, *, jump=True):
    target = d.w
    if jump:
        ahead, behind = (d.v(d.s + h, d.t, d.at(d.s + h)) for h in (0.005, -0.005))
        target = d.w + d.column(d.t - d.s) * (ahead - behind) / 0.01
    r = d.prediction - target
    angle, slope = d.angle(d.prediction, target)
    gap = 1 + np.tan(1 - d.s) - np.tan(1 - d.t)
    return (2 * r / r[0].size + slope) / (d.mean(r**2) + angle + 1e-5) / d.column(gap) ** 0.5


def facm(d):
    g = d.prediction - d.moved(d.w)
    r = d.column(1 - d.s**0.5) * np.clip(g, -1, 1)
    weight = d.column(np.cos(np.pi / 2 * d.s))
    return weight * 2 * r / r[0].size / (d.mean(r**2) + 0.001) ** 0.5


def facm_anchor(d):
    return 2 * (d.prediction - d.w) / d.w[0].size + d.angle(d.prediction, d.w)[1]


def huber(d, r):
    noise = d.column(1 - d.s)
    return np.cos(1.57 * noise) * r / r[0].size / np.sqrt(d.mean(r**2) + 25)


def ucgm(d):
    def end(t):
        return d.at(t) + d.column(1 - t) * d.v(t, np.ones(COUNT), d.at(t))

    noise = d.column(1 - d.s)
    slope = (end(d.s + 0.005) - end(d.s - 0.005)) / 0.01
    return huber(d, -4 * noise / np.sin(1.57 * noise) * np.clip(slope, -1, 1))


def ucgm_regression(d):
    return huber(d, d.prediction - d.w)


def esc(d, *, averaged=False):
    w = d.w
    if averaged:
        s, noise = d.column(d.s), d.column(1 - d.s)
        points = np.concatenate([d.x1[None], np.broadcast_to(d.pool[:, None], (3, *d.x.shape))])
        eps = (d.x - s * points) / noise
        logits = -(eps**2).sum(axis=tuple(range(2, eps.ndim)), keepdims=True) / 2
        p = np.exp(logits - logits.max(axis=0))
        w = (p / p.sum(axis=0) * (points - eps)).sum(axis=0)
    return d.column(np.exp(-log_variance(d.s, d.t))) * squared(d, d.moved(w), power=1, offset=0.001)


def ayf_emd(d):
    w = teacher(d, d.x)
    residual = w - d.prediction + 0.99 * (d.moved(w) - w)
    return -2 * d.column((d.t - d.s) ** 2) * residual / (np.sqrt(d.sum(residual**2)) + 0.1)


def eulerian(d, w):
    gap = d.column(d.t - d.s)
    return 2 * (d.prediction - gap * d.b - (1 + gap * d.a) * w)


def esd(d):
    return eulerian(d, d.v(d.s, d.s, d.x))


def emd(d):
    return eulerian(d, teacher(d, d.x))


# Method -> (derivative of the published loss by term with its factor, "sum" or "mean" over coordinates, options, data).
# The factor is the share of the batch where there is one mean over it, and 1 where each term has its own.
PUBLISHED = {
    "mean_flow": ({"diagonal": (flow(1, 0.01), 0.75), "eulerian": (mean_flow, 0.25)}, "sum", {}),
    "improved_mean_flow": ({"diagonal": (flow(1, 0.01), 0.5), "eulerian": (improved, 0.5)}, "sum", {}),
    "pixel_mean_flow": ({"diagonal": (flow(1, 0.01), 0.5), "eulerian": (improved, 0.5)}, "sum", {}),
    "decoupled_mean_flow": ({"diagonal": (decoupled, 1.0), "eulerian": (decoupled, 1.0)}, "likelihood", {}),
    "rectified_mean_flow": (
        {"diagonal": (rectified, 0.75), "eulerian": (rectified, 0.25)},
        "mean",
        {"teacher_steps": 1},
    ),
    **{
        f"alpha_flow {alpha}": (
            {"diagonal": (flow(1, 0.001, mean=True), 0.5), "eulerian": (alpha_flow, 0.5)},
            "mean",
            {"schedule": "constant", "alpha": alpha},
        )
        for alpha in (1.0, 0.5, 0.1, 0.01)
    },
    "alpha_flow": ({"diagonal": (flow(1, 0.001, mean=True), 0.5), "eulerian": (alpha_limit, 0.5)}, "mean", {}),
    "so_flow": ({"diagonal": (flow(1, 0.01, mean=True), 0.75), "eulerian": (so_flow, 0.25)}, "mean", {}),
    "tim": ({"diagonal": (lambda d: tim(d, jump=False), 0.5), "eulerian": (tim, 0.5)}, "mean", {}),
    "euler_mean_flow": ({"diagonal": (flow(), 0.5), "eulerian": (euler_mean_flow, 0.5)}, "sum", {}),
    "esc": (
        {
            "diagonal": (esc, 0.375),
            "eulerian": (esc, 0.125),
            "plug_in": (lambda d: esc(d, averaged=True), 0.125),
            "plug_in_diagonal": (lambda d: esc(d, averaged=True), 0.375),
        },
        "likelihood",
        {},
    ),
    "ayf_emd": ({"eulerian": (ayf_emd, 1.0)}, "sum", {}),
    "esd": ({"diagonal": (flow(), 1.0), "eulerian": (esd, 1.0)}, "sum", {}),
    "emd": ({"eulerian": (emd, 1.0)}, "sum", {}),
    "facm": ({"diagonal": (facm_anchor, 1.0), "consistency": (facm, 1.0)}, "mean", {}),
    "ucgm": ({"consistency": (ucgm, 1.0)}, "mean", {}),
    "ucgm 0.0": ({"consistency": (ucgm_regression, 1.0)}, "mean", {"ratio": 0.0}),
}
# Terms that end at the data, and finite steps of the limit and of other shares.
AT_THE_DATA = ("consistency",)


def data(name, term, shape, seed):
    alpha = {"alpha_flow": 0.0}.get(name, 0.3)
    alpha = float(name.split()[1]) if name.startswith("alpha_flow ") else alpha
    return Data(shape, seed, diagonal="diagonal" in term, end=term in AT_THE_DATA, alpha=alpha)


def published_gradient(name, shape):
    terms = PUBLISHED[name][0].items()
    return sum(
        factor * slope(data(name, term, shape, k)).mean(axis=0) for k, (term, (slope, factor)) in enumerate(terms)
    )


def gradient(name, shape, *, std):
    """In c, of the whole method on data and noise that are multiplied by a number."""
    terms, _, options = PUBLISHED[name]
    objective = OBJECTIVES[name.split()[0]](**options)
    by_name = {term.name: term for term in objective.terms}
    assert list(by_name) == list(terms) or set(by_name) == set(terms)
    batches = []
    for k, term in enumerate(terms):
        d = data(name, term, shape, k)
        times = Times(*(jnp.asarray(time) for time in (d.s, d.u, d.t)))
        pool = jnp.asarray(std * d.pool) if by_name[term].pool else None
        batches.append(Batch(std * jnp.asarray(d.x0), std * jnp.asarray(d.x1), times, pool=pool, noise_std=std))

    def minimized(c):
        def v(s, t, x):
            return std * (d.a * x / std + d.b * d.column(s) + d.e * d.column(t) + c)

        maps = Maps(v, v, lambda t, x: std * teacher(d, x / std), log_variance=log_variance)
        chosen = [by_name[term] for term in terms]
        return mixture(chosen, maps, LINEAR, batches, reduction=objective.reduction)[0]

    return jax.grad(minimized)(jnp.asarray(d.c))[0]


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize(("dimension", "std"), [(2, 1.0), (48, 0.1), (3072, 3.0)])
def test_the_gradient_is_the_published_one_times_one_factor(name, dimension, std):
    shape = SHAPES[dimension]
    expected = published_gradient(name, shape)
    assert np.abs(expected).max() > 1e-8
    factor = {"sum": std**2, "mean": dimension * std**2, "likelihood": 1.0}[PUBLISHED[name][1]]
    np.testing.assert_allclose(gradient(name, shape, std=std), factor * expected, rtol=1e-6, atol=1e-9 * factor)
