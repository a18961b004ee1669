"""The notebooks of docs/course run, and find what their text says."""

import ast
from pathlib import Path
import re

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "docs" / "course"
PARTS = sorted(path.name for path in FOLDER.glob("*.md"))


def cells(name):
    return re.findall(r"^```python\n(.*?)^```", (FOLDER / name).read_text(), re.DOTALL | re.MULTILINE)


def run(name):
    names = {"__name__": "notebook"}
    for cell in cells(name):
        exec(cell, names)
    plt.close("all")
    return names


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_a_notebook_with_exercises_and_answers(name):
    text = (FOLDER / name).read_text()
    assert re.match(r"---\njupyter:\n  jupytext:\n    text_representation:\n      extension: \.md\n", text)
    assert int(re.search(r"^# (\d+)\. ", text, re.MULTILINE)[1]) == int(name[:2])
    exercises, answers = (
        text.partition(f"## {title}\n")[2].partition("\n## ")[0] for title in ("Exercises", "Answers")
    )
    numbers = [re.findall(r"^(\d)\. ", part, re.MULTILINE) for part in (exercises, answers)]
    assert numbers[0] == numbers[1] == ["1", "2", "3"]
    assert len(cells(name)) >= 5
    for cell in cells(name):
        ast.parse(cell)


@pytest.mark.slow
def test_the_velocity_is_learned_to_its_floor_and_needs_steps():
    found = run("01_a_path_and_its_velocity.md")
    np.testing.assert_allclose(found["average"], found["exact"], atol=0.05)
    assert found["directions"].std(axis=0).min() > 0.3
    assert found["floor"] <= found["reached"] < found["floor"] + 0.06
    assert found["losses"][0] > 1.25
    shares = found["shares"]
    assert 0.3 < shares[1] < 0.7
    assert shares[64] > 0.7
    assert shares[64] > shares[4] > 0.5


@pytest.mark.slow
def test_the_map_is_exact_and_pairs_say_nothing():
    found = run("02_a_flow_map_and_why_it_is_hard.md")
    assert found["share_of_map"] > 0.98
    assert found["spread_of_step"] < 1e-4
    ratios = np.array(found["distances"][:-1]) / np.array(found["distances"][1:])
    assert np.all((ratios > 1.5) & (ratios < 2.6))
    np.testing.assert_allclose(found["apart"], found["shuffled"], rtol=0.2)
    np.testing.assert_allclose(found["best_guess"], 0, atol=0.25)
    for rule, left in found["of_true"].items():
        assert left < 0.02
        assert found["of_wrong"][rule] > 5 * left
    assert float(found["stretch"].max()) > 5 * float(np.median(found["stretch"]))
