"""The moving pictures: what they show is exact, every scene has its frames, and the committed files are theirs."""

import itertools
import re

import jax.numpy as jnp
from matplotlib.colors import to_rgb
import numpy as np
from PIL import Image
import pytest

from experiments import datasets
from experiments.errors import UsageError
from experiments.uses.animation import animate, film, scenes
from experiments.uses.animation import exact as shown
from taxonomy import exact, exact_map
from taxonomy.interpolants import LINEAR
from tests.experiments.commands import ROOT

STD = 0.6
TIMES = np.linspace(0, 1, 6, dtype=np.float32)
X = np.array([(0.5, -1.0), (-0.3, 0.2)], np.float32)
PAGE = ROOT / "docs" / "plain_english.md"


def flow():
    """Noise of standard deviation 1 to a Gaussian of mean (1, 0) and standard deviation STD."""
    return exact.gaussian(LINEAR, mean=jnp.array([1.0, 0.0]), covariance=STD**2 * jnp.eye(2))


def spread(t):
    return np.sqrt((1 - t) ** 2 + (t * STD) ** 2)


def closed_form(s, t, x):
    """``m_t + (x - m_s) spread_t / spread_s``."""
    centre = np.array([1.0, 0.0])
    return t[:, None] * centre + (x - s[:, None] * centre) * (spread(t) / spread(s))[:, None]


def test_jumps_and_paths_are_those_of_the_closed_form_and_of_the_library():
    b, s, t = flow().b, np.array([0.1, 0.9], np.float32), np.array([0.8, 0.2], np.float32)
    found = shown.jump(b, s, t, X)
    np.testing.assert_allclose(found, closed_form(s, t, X), atol=1e-4)
    np.testing.assert_allclose(
        found, exact_map.solve(b, jnp.asarray(s), jnp.asarray(t), jnp.asarray(X), tolerance=1e-5), atol=1e-4
    )
    paths = shown.paths(b, X, TIMES)
    for k, time in enumerate(TIMES):
        np.testing.assert_allclose(paths[k], closed_form(np.zeros(2), np.full(2, time), X), atol=1e-4)


def test_steps_are_eulers():
    b, x = flow().b, X[0]
    places = shown.steps(b, x, 2)
    half = x + 0.5 * np.asarray(b(jnp.zeros(1), jnp.asarray(x[None])))[0]
    end = half + 0.5 * np.asarray(b(jnp.full(1, 0.5), jnp.asarray(half[None])))[0]
    np.testing.assert_allclose(places, [x, half, end], atol=1e-6)


def test_the_exact_map_keeps_the_three_rules_and_the_wrong_one_breaks_them():
    b = flow().b
    true, wrong = (shown.rules(b, X[0], TIMES[:-1], wrong=wrong) for wrong in (False, True))
    end = closed_form(np.zeros(1), np.ones(1), X[:1])
    np.testing.assert_allclose(true.from_starts, np.broadcast_to(end, (5, 2)), atol=2e-4)
    np.testing.assert_allclose(true.by_two, np.broadcast_to(end, (5, 2)), atol=2e-4)
    np.testing.assert_array_equal(true.motions, true.velocities)
    np.testing.assert_allclose(true.ends, true.starts, atol=1e-4)
    # One long step of the velocity to time 1 ends at the posterior mean.
    mean = flow().posterior_mean(jnp.asarray(TIMES[:-1]), jnp.asarray(wrong.starts))
    np.testing.assert_allclose(wrong.from_starts, mean, atol=1e-5)
    np.testing.assert_allclose(wrong.motions, np.diff(wrong.ends, axis=0)[:1].repeat(5, 0) / TIMES[1], atol=1e-5)
    for found, right in ((wrong.from_starts, end), (wrong.by_two, wrong.by_two[:1]), (wrong.motions, wrong.velocities)):
        assert np.linalg.norm(found - right, axis=1).max() > 0.1


def test_stochastic_paths_have_the_law_of_the_flow(monkeypatch):
    monkeypatch.setattr(shown, "SDE_STEPS", 60)
    x = np.random.default_rng(0).standard_normal((20_000, 2)).astype(np.float32)
    found = shown.stochastic(flow().b, x, noise_std=1.0, seed=3, shown=4)
    assert found.shape == (4, 20_000, 2)
    np.testing.assert_array_equal(found[0], x)
    np.testing.assert_allclose(found[-1].mean(axis=0), [1, 0], atol=0.03)
    np.testing.assert_allclose(found[-1].std(axis=0), STD, atol=0.03)
    again = shown.stochastic(flow().b, x[:5], noise_std=1.0, seed=4, shown=4)
    assert np.abs(again[-1] - found[-1, :5]).max() > 0.1


# Each compiles the velocity of the board for its own number of points.
@pytest.mark.parametrize(
    "name", ["cloud", *(pytest.param(name, marks=pytest.mark.slow) for name in scenes.SCENES if name != "cloud")]
)
def test_every_scene_moves(name, monkeypatch):
    monkeypatch.setattr(scenes, "FRAMES", 4)
    monkeypatch.setattr(scenes, "CLOUD", 12)
    monkeypatch.setattr(shown, "SDE_STEPS", 4)
    monkeypatch.setattr(shown, "TOLERANCE", 1e-2)
    pictures = list(scenes.SCENES[name](datasets.load("checkerboard")))
    assert len({picture.size for picture in pictures}) == 1
    changed = [np.any(np.asarray(a) != np.asarray(b)) for a, b in itertools.pairwise(pictures)]
    assert sum(changed) >= 3


def test_a_packed_picture_repeats_and_keeps_its_colours(tmp_path):
    pictures = [Image.new("RGB", (8, 8), colour) for colour in (film.MAP, film.VELOCITY, film.WRONG)]
    (tmp_path / "x.gif").write_bytes(film.packed(pictures))
    with Image.open(tmp_path / "x.gif") as found:
        assert (found.n_frames, found.info["loop"]) == (3, 0)
        for place, colour in enumerate((film.MAP, film.VELOCITY, film.WRONG)):
            found.seek(place)
            expected = (255 * np.array(to_rgb(colour))).round()
            np.testing.assert_array_equal(np.asarray(found.convert("RGB"))[0, 0], expected)
        assert found.info["duration"] == film.MILLISECONDS * film.HOLD


def test_some_scenes_can_be_asked_for():
    assert animate.chosen("all") == list(scenes.SCENES)
    assert animate.chosen("rules, cloud,rules") == ["rules", "cloud"]
    with pytest.raises(UsageError, match="no scene is called 'rule'"):
        animate.chosen("rule")


def test_the_command_writes_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(animate.SCENES, "cloud", lambda dataset: iter([Image.new("RGB", (4, 4), film.MAP)] * 2))
    animate.animate(tmp_path / "new", ["cloud"])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["cloud.gif"]
    assert "cloud.gif: 2 frames, " in capsys.readouterr().out


def test_the_page_shows_every_scene_from_a_small_file():
    pictures = re.findall(r"!\[[^\]]{20,}\]\(images/(\w+)\.gif\)", PAGE.read_text())
    assert sorted(pictures) == sorted(scenes.SCENES)
    for name in pictures:
        path = ROOT / "docs" / "images" / f"{name}.gif"
        assert path.stat().st_size < 1.5e6
        with Image.open(path) as found:
            assert found.n_frames >= 20


def test_the_page_has_no_formula():
    text = re.sub(r"`python [^`]*`", "", PAGE.read_text())
    assert not re.search(r"[=^\\]|\$|_\{|X_|`", text)
