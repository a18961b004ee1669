"""The letters of the papers: every paper has an entry, and its formula of a jump is ours in other letters."""

import math
import re

import numpy as np
import pytest

from taxonomy.catalogue import CATALOGUE
from taxonomy.catalogue.conventions import CONVENTIONS
from taxonomy.catalogue.letters import DATA, LETTERS, NOISE, SIGNS, SOURCES, UNCHECKED
from taxonomy.translate import convention_of, translate

METHODS = {
    paper: [method for method in CATALOGUE.values() if method.paper == paper]
    for paper in dict.fromkeys(method.paper for method in CATALOGUE.values())
}
CONVENTION = {paper: convention_of(methods[0].name) for paper, methods in METHODS.items()}
JUMPS = [paper for paper, one in LETTERS.items() if one.jump]
# What the output predicts where it is no velocity.
PREDICTED = {"edm": "D", "trigflow": "F", "vp": "x1"}
# Ends that are written by the length of the jump: that length, from the times of start and end.
LENGTHS = {"t + d": ("d", lambda start, end: end - start), "1 - delta": ("delta", lambda start, end: start - end)}


def test_every_paper_is_read_or_said_not_to_be():
    assert set(LETTERS) | set(UNCHECKED) == set(METHODS)
    assert not set(LETTERS) & set(UNCHECKED)
    assert all(UNCHECKED.values())


@pytest.mark.parametrize("paper", LETTERS)
def test_an_entry_is_complete_and_of_the_convention_of_its_methods(paper):
    one = LETTERS[paper]
    assert one.kind in SOURCES
    assert one.sign in SIGNS
    assert one.start
    assert one.output
    assert {convention_of(method.name) for method in METHODS[paper]} == {CONVENTION[paper]}
    assert CONVENTIONS[CONVENTION[paper]].zero.startswith(one.zero)
    # A velocity has a sign, and nothing else has.
    straight = CONVENTION[paper].startswith("noise_at")
    assert bool(one.sign) == (straight and one.what in ("velocity", "average velocity"))


@pytest.mark.parametrize("paper", LETTERS)
def test_a_source_can_be_found_again(paper):
    one = LETTERS[paper]
    if one.kind.endswith("code"):
        repository = re.fullmatch(r"([\w.-]+/[\w.-]+)@[0-9a-f]{7}, [\w./-]+(, \w+)?", one.source)[1]
        assert (repository in {method.code for method in METHODS[paper]}) == (one.kind == "authors' code")
    else:
        assert one.source.startswith("https://")


@pytest.mark.parametrize("paper", JUMPS)
def test_a_jump_in_the_letters_of_the_paper_is_ours(paper):
    one, name = LETTERS[paper], CONVENTION[paper]
    s, t, x, v = (0.0 if one.start == NOISE else 0.3), (1.0 if one.end == DATA else 0.8), 0.7, 0.4
    if one.start == "sigma_max":
        s = 1 / (1 + 80.0)
    given = {"s": repr(s), "t": repr(t), "x": repr(x), "v": repr(v)}
    found = translate("ours", given)[name]
    first = next(iter(CONVENTIONS[name].levels))
    start, end = found.source[first], found.target[first]
    outputs = {
        "same": [v],
        "opposite": [-v],
        "": found.predictions.get({"edm": "D", "trigflow": "F", "vp": "x1"}.get(name)),
    }
    if outputs[""] is None and one.what.startswith("mean denoiser"):
        outputs[""] = [x + (1 - s) * v]
    output = outputs[one.sign]
    values = {"x": found.point[0], one.output: output[0], "cos": math.cos, "sin": math.sin}
    if name == "vp":  # whose papers take any factors; the converter takes those of a quarter of a circle
        values["alpha"] = lambda time: math.cos(math.pi / 2 * time)
        values["sigma"] = lambda time: math.sin(math.pi / 2 * time)
    if one.start != NOISE:
        values[one.start] = start
    if one.end in LENGTHS:
        letter, length = LENGTHS[one.end]
        values[letter] = length(start, end)
        np.testing.assert_allclose(eval(one.end, {}, values), end)
    else:
        values[one.end] = end
    factor = translate("ours", {"t": repr(t)})[name].factor
    np.testing.assert_allclose(eval(one.jump, {}, values), factor * (x + (t - s) * v), rtol=1e-9)


def test_signs_follow_the_direction_of_time_but_for_one():
    against = {
        paper
        for paper, one in LETTERS.items()
        if one.sign and one.sign != {"noise": "same", "data": "opposite"}[one.zero]
    }
    assert against == {"tong2025flow"}
