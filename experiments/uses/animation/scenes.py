"""The scenes: each takes a data set in the plane whose velocity is known and makes the frames of a moving picture."""

from collections.abc import Callable, Iterator

import jax
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from experiments.datasets.dataset import Dataset
from experiments.uses.animation import exact, film
from experiments.uses.animation.film import MAP, NOISE, PIECES, TRUE, VELOCITY, WRONG, arrow

CLOUD, FRAMES = 900, 40
TRAVELLER, NEAR = (0.2, 1.27), (-0.3, 1.4)  # a noise point whose path bends, and the frame around its path
FIXED = (-0.9, 0.75)  # another one


def _noise(dataset: Dataset, count: int, *, seed: int) -> np.ndarray:
    return (dataset.std * np.random.default_rng(seed).standard_normal((count, 2))).astype(np.float32)


def _times(count: int, *, last: float = 1.0) -> np.ndarray:
    return np.linspace(0, last, count, dtype=np.float32)


def cloud(dataset: Dataset) -> Iterator[Image.Image]:
    """Noise that becomes data, and the paths of five points of it."""
    times = _times(FRAMES)
    points = exact.paths(exact.velocity_of(dataset), _noise(dataset, CLOUD, seed=0), times)
    figure, ((axis,),) = film.panels(dataset, [["the flow: noise becomes data"]], note=0.35)
    line = figure.text(0.5, 0.03, "", ha="center", fontsize=12)

    def draw(k: int) -> list[object]:
        line.set_text("noise" if k == 0 else "data" if k == FRAMES - 1 else f"on the way: {100 * times[k]:.0f} %")
        dots = axis.plot(*points[k].T, ".", color=NOISE, ms=3.5, mew=0)
        tails = axis.plot(*points[: k + 1, :5].transpose(2, 0, 1), color=MAP, lw=1.6)
        return [*dots, *tails, *axis.plot(*points[k, :5].T, "o", color=MAP, ms=5)]

    yield from film.frames(figure, draw, [*[0] * 5, *range(FRAMES)])


def velocity_and_map(dataset: Dataset) -> Iterator[Image.Image]:
    """One start: a velocity asked forty times, asked twice, and a flow map asked once."""
    b, x = exact.velocity_of(dataset), np.array(TRAVELLER, np.float32)
    many, few = exact.steps(b, x, FRAMES), exact.steps(b, x, 2)
    path = exact.paths(b, x[None], _times(FRAMES + 1))[:, 0]
    titles = [f"a velocity, asked {FRAMES} times", "the same velocity, asked twice", "a flow map, asked once"]
    figure, (axes,) = film.panels(dataset, [titles], note=0.4, frame=NEAR)
    for axis in axes:
        axis.plot(*x, "o", color=NOISE, ms=8)
        axis.plot(*path.T, ":", color=TRUE, lw=1)
    told = [figure.text((2 * place + 1) / 6, 0.03, "", ha="center", fontsize=12) for place in range(3)]

    def draw(k: int) -> list[object]:
        here, half = many[k], min(2, 2 * k // FRAMES)
        told[0].set_text(f'"which way, now?"  asked: {k}')
        told[1].set_text(f'"which way, now?"  asked: {half if k else 0}')
        told[2].set_text(f'"where will I be at the end?"  asked: {int(k > 0)}')
        drawn = [*axes[0].plot(*many[: k + 1].T, color=VELOCITY, lw=2), *axes[0].plot(*here, "o", color=VELOCITY, ms=7)]
        if k < FRAMES:
            drawn.append(arrow(axes[0], here, here + 8 * (many[k + 1] - here), VELOCITY))
        drawn += [arrow(axes[1], few[j], few[j + 1], VELOCITY) for j in range(half)]
        if half == 2:
            drawn += axes[1].plot(*few[-1], "X", color=WRONG, ms=11)
        share = min(1.0, 4 * k / FRAMES)
        if k:
            drawn.append(arrow(axes[2], x, x + share * (path[-1] - x), MAP))
        if share == 1:
            drawn += axes[2].plot(*path[-1], "o", color=MAP, ms=8)
        return drawn

    yield from film.frames(figure, draw, [*[0] * 4, *range(FRAMES + 1)])


def pairs(dataset: Dataset) -> Iterator[Image.Image]:
    """Why long jumps cannot be learned from pairs: many data for one start, and what a best guess from pairs is."""
    b, x = exact.velocity_of(dataset), np.array(FIXED, np.float32)
    drawn_data = np.asarray(dataset.draw(jax.random.key(4), FRAMES))
    cloud_x = _noise(dataset, CLOUD // 2, seed=1)
    ends = exact.paths(b, cloud_x, _times(2))[-1]
    path = exact.paths(b, x[None], _times(FRAMES))[:, 0]
    titles = ["one start, the data drawn with it", "learned from such pairs", "where the flow goes"]
    figure, (axes,) = film.panels(dataset, [titles], note=0.4)
    axes[0].plot(*x, "o", color=NOISE, ms=9)
    texts = ("pair 1, 2, 3, ...: no pattern", "every guess is the middle", "every start has an end of its own")
    for place, text in enumerate(texts):
        figure.text((2 * place + 1) / 6, 0.03, text, ha="center", fontsize=12)

    def draw(k: int) -> list[object]:
        shown, share = drawn_data[: min(k + 1, FRAMES)], min(1.0, k / FRAMES)
        lines = np.stack([np.broadcast_to(x, shown.shape), shown], axis=0)
        found = axes[0].plot(*lines.transpose(2, 0, 1), color=NOISE, lw=0.5, alpha=0.7)
        found += axes[0].plot(*shown.T, "o", color=NOISE, ms=3)
        found += axes[0].plot(*shown.mean(axis=0), "X", color=WRONG, ms=12, label="their average")
        # The best guess in squared error of data that do not depend on the noise is their mean, which is 0.
        found += axes[1].plot(*((1 - share) * cloud_x).T, ".", color=WRONG, ms=4, mew=0)
        found += axes[2].plot(*(cloud_x + share * (ends - cloud_x)).T, ".", color=MAP, ms=4, mew=0)
        if k >= FRAMES:
            found += axes[0].plot(*path.T, color=MAP, lw=2.5, label="the flow")
            found += axes[0].plot(*path[-1], "o", color=MAP, ms=8)
            found += axes[1].plot(0, 0, "X", color=WRONG, ms=12)
        found.append(axes[0].legend(loc="upper right", fontsize=9))
        return found

    yield from film.frames(figure, draw, range(FRAMES + 12))


def rules(dataset: Dataset) -> Iterator[Image.Image]:
    """The three rules as three handles, on the exact map and on one long step of the velocity."""
    b, x, times = exact.velocity_of(dataset), np.array(TRAVELLER, np.float32), _times(FRAMES, last=0.95)
    both = [exact.rules(b, x, times, wrong=wrong) for wrong in (False, True)]
    titles = [f"{rule}: {what}" for what in ("holds", "broken") for rule in ("1. move the end", "2. move the start")]
    titles = [[*titles[:2], "3. break the jump: holds"], [*titles[2:], "3. break the jump: broken"]]
    figure, axes = film.panels(dataset, titles, note=0.35, frame=NEAR)
    figure.text(0.5, 0.015, "above: the true flow map    below: a wrong one", ha="center", fontsize=12)
    for row, found in zip(axes, both, strict=True):
        for axis in row:
            axis.plot(*x, "o", color=NOISE, ms=7)
            axis.plot(*both[0].starts.T, ":", color=TRUE, lw=1)
        row[2].plot(*found.from_starts[0], "o", color=MAP, ms=9)

    def draw(k: int) -> list[object]:
        drawn = []
        for row, found in zip(axes, both, strict=True):
            drawn += _move_the_end(row[0], found, k)
            drawn += _move_the_start(row[1], found, k)
            drawn += _break_the_jump(row[2], found, k)
        return drawn

    # There and back, so that nothing leaps.
    yield from film.frames(figure, draw, [*range(FRAMES), *range(FRAMES - 2, 0, -2)])


def _move_the_end(axis: plt.Axes, found: exact.Rules, k: int) -> list[object]:
    end, scale = found.ends[k], 0.35
    drawn = [arrow(axis, found.ends[0], end, MAP, lw=1.2), *axis.plot(*found.ends[: k + 1].T, color=MAP, lw=2.5)]
    drawn.append(arrow(axis, end, end + scale * found.velocities[k], VELOCITY, lw=2.5))
    tip, right = end + scale * found.motions[k], end + scale * found.velocities[k]
    if np.linalg.norm(tip - right) > 0.02:
        drawn += [arrow(axis, end, tip, MAP, lw=2.5), *axis.plot(*zip(tip, right, strict=True), color=WRONG, lw=2.5)]
    return drawn


def _move_the_start(axis: plt.Axes, found: exact.Rules, k: int) -> list[object]:
    start, end = found.starts[k], found.from_starts[k]
    drawn = axis.plot(*found.from_starts[: k + 1].T, color=WRONG, lw=2.5)
    drawn += [arrow(axis, start, end, MAP), *axis.plot(*start, "o", color=TRUE, ms=6)]
    return [*drawn, *axis.plot(*end, "o", color=MAP, ms=8)]


def _break_the_jump(axis: plt.Axes, found: exact.Rules, k: int) -> list[object]:
    whole, stop, end = found.from_starts[0], found.stops[k], found.by_two[k]
    drawn = [arrow(axis, found.ends[0], whole, MAP, ls="--", lw=1.2), arrow(axis, found.ends[0], stop, MAP)]
    drawn += [arrow(axis, stop, end, MAP), *axis.plot(*stop, "o", color=TRUE, ms=6)]
    return [*drawn, *axis.plot(*zip(whole, end, strict=True), color=WRONG, lw=2.5)]


def sampling(dataset: Dataset) -> Iterator[Image.Image]:
    """Deterministic beside stochastic sampling: the same starts, several runs; and the same cloud at the end."""
    b, times, runs = exact.velocity_of(dataset), _times(FRAMES), 8
    starts = np.array([(-0.9, 0.75), (0.2, -0.15), (0.9, -0.7)], np.float32)
    x = np.concatenate([np.repeat(starts, runs, axis=0), _noise(dataset, CLOUD, seed=2)])
    ways = (
        exact.paths(b, x, times),
        exact.stochastic(b, x, noise_std=dataset.std, seed=0, shown=FRAMES),
    )
    titles = [["deterministic: no more noise", "stochastic: fresh noise on the way"]]
    figure, (axes,) = film.panels(dataset, titles, note=0.4)
    told = figure.text(0.5, 0.03, "", ha="center", fontsize=12)
    ours = len(starts) * runs

    def draw(k: int) -> list[object]:
        late = k >= FRAMES
        told.set_text("the same cloud" if late else f"three starts, {runs} runs from each")
        k, drawn = min(k, FRAMES - 1), []
        for axis, way in zip(axes, ways, strict=True):
            drawn += axis.plot(*way[: k + 1, :ours].transpose(2, 0, 1), color=MAP, lw=0.8, alpha=0.8)
            drawn += axis.plot(*way[k, :ours].T, "o", color=MAP, ms=5, mec="white", mew=0.5)
            drawn += axis.plot(*starts.T, "o", color=NOISE, ms=8)
            if late:
                drawn += axis.plot(*way[-1, ours:].T, ".", color=TRUE, ms=3, mew=0)
        return drawn

    yield from film.frames(figure, draw, range(FRAMES + 12))


def thread(dataset: Dataset) -> Iterator[Image.Image]:
    """A straight thread of noise points that the flow tears between the squares."""
    times, count = _times(FRAMES), 600
    line = np.stack([np.linspace(-1.3, 1.3, count), np.full(count, 0.2)], axis=-1).astype(np.float32)
    points = exact.paths(exact.velocity_of(dataset), line, times)
    figure, ((axis,),) = film.panels(dataset, [["neighbours that must part"]], note=0.35)
    told = figure.text(0.5, 0.03, "", ha="center", fontsize=12)
    widest = np.linalg.norm(line[1] - line[0])
    colours = np.array(PIECES)[np.arange(count) * len(PIECES) // count]

    def draw(k: int) -> list[object]:
        gaps = np.linalg.norm(np.diff(points[k], axis=0), axis=1)
        told.set_text(f"widest gap: {gaps.max() / widest:.0f} times what it was")
        lines = axis.plot(*points[k].T, color="#999999", lw=0.6)
        return [*lines, axis.scatter(*points[k].T, c=colours, s=7, lw=0, zorder=3)]

    yield from film.frames(figure, draw, [*[0] * 5, *range(FRAMES)])


SCENES: dict[str, Callable[[Dataset], Iterator[Image.Image]]] = {
    "cloud": cloud,
    "velocity_and_map": velocity_and_map,
    "pairs": pairs,
    "rules": rules,
    "sampling": sampling,
    "thread": thread,
}
