import random
import re

import pytest

from experiments import settings
from experiments.errors import UsageError
from experiments.settings import option_sets
from experiments.settings.option_sets import chosen, split
from objectives.build import OBJECTIVES, default_options
from taxonomy import catalogue


@pytest.fixture(scope="module")
def config():
    return settings.planar("two_moons", "lsd")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lsd", ["lsd"]),
        ("lsd, esd", ["lsd", "esd"]),
        ("lsd[a=1,b=2],esd", ["lsd[a=1,b=2]", "esd"]),
        ("x=lsd[a=1] , lsd[b=2,c=3]", ["x=lsd[a=1]", "lsd[b=2,c=3]"]),
        ("", [""]),
        ("lsd,,esd", ["lsd", "", "esd"]),
    ],
)
def test_commas_within_brackets_do_not_split(text, parts):
    assert split(text) == parts


def test_sets_of_one_method_stand_side_by_side(config):
    first, second, third = chosen(config, split("lsd, lsd[velocity=pooled,pool=64], fast=mean_flow[adaptive_power=1]"))
    assert [one.label for one in (first, second, third)] == ["lsd", "lsd[velocity=pooled,pool=64]", "fast"]
    assert [one.folder for one in (first, second, third)] == ["lsd", "lsd-velocity=pooled,pool=64", "fast"]
    options = second.config.objective.options
    assert (options.velocity, options.pool) == ("pooled", 64)
    assert {name: value for name, value in options.items() if name not in ("velocity", "pool")} == {
        name: value for name, value in first.config.objective.options.items() if name not in ("velocity", "pool")
    }
    assert third.config.objective.name == "mean_flow"
    assert first.config == settings.with_objective(config, "lsd")
    # What the data set changes stays, but for what was typed.
    assert third.config.objective.options.adaptive_power == 1.0
    assert third.config.objective.options.times == "triangle"


def test_what_is_typed_for_one_set_stands_above_what_is_said_for_all(config):
    config = settings.with_objective(config, "lsd")
    config.objective.options.diagonal_share = 0.5
    first, second = chosen(config, ["lsd", "lsd[diagonal_share=0.9]"])
    assert (first.config.objective.options.diagonal_share, second.config.objective.options.diagonal_share) == (0.5, 0.9)
    assert config.objective.options.diagonal_share == 0.5


def test_values_have_the_kind_of_the_default_and_the_label_the_order_of_the_method(config):
    (found,) = chosen(config, ["lsd[learned_weight=TRUE, stop_gradient='none', diagonal_share=1e-1]"])
    options = found.config.objective.options
    assert (options.learned_weight, options.stop_gradient, options.diagonal_share) == (True, "none", 0.1)
    assert found.label == "lsd[diagonal_share=0.1,stop_gradient=none,learned_weight=true]"
    # However a number is typed, it is the same folder.
    for text in ("0.10", "1e-1", ".1", "+0.1"):
        assert chosen(config, [f"lsd[diagonal_share={text}]"])[0].folder == "lsd-diagonal_share=0.1"
    assert chosen(config, ["lsd[pool=064,diagonal_share=1.]"])[0].folder == "lsd-diagonal_share=1,pool=64"


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_option_of_every_method_can_be_named(config, name):
    for option, default in default_options(name).items():
        (found,) = chosen(config, [f"{name}[{option}={default}]"])
        assert found.config.objective.options[option] == default
        assert type(found.config.objective.options[option]) is type(default)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lsd[", r"--objectives has 'lsd\[' between its commas; expected METHOD, METHOD\[OPTION=VALUE,...\] or LABEL="),
        ("lsd[pool=1]]", r"has 'lsd\[pool=1\]\]' between its commas; expected METHOD"),
        ("lsd[pool=[1]]", r"; expected METHOD"),
        ("lsd[pool=1],", r"--objectives has '' between its commas"),
        ("plain:lsd[pool=1]", r"has 'plain:lsd\[pool=1\]' between its commas; expected .* LABEL=METHOD"),
        ("all=lsd", r"label 'all'; expected"),
        ("NUL=lsd", r"label 'NUL'; expected"),
        ("lsd=lsd[pool=1]", r"label 'lsd'; expected .* no method's name"),
        ("lsd[]", r"--objectives=lsd\[\]: ''; expected OPTION=VALUE; options of lsd: diagonal_share, times"),
        ("lsd[pool]", r"'pool'; expected OPTION=VALUE"),
        ("lsd[pool=]", r"'pool='; expected OPTION=VALUE"),
        ("lsd[pool=1,pool=2]", r"has pool twice; expected each option once"),
        ("lsd[pool=many]", r"--objectives=lsd\[pool=many\]: pool=many; expected a whole number, such as 512"),
        ("lsd[pool=1.5]", r"pool=1.5; expected a whole number"),
        ("lsd[diagonal_share=half]", r"diagonal_share=half; expected a number, such as 0.75"),
        ("lsd[learned_weight=yes]", r"learned_weight=yes; expected true or false, such as False"),
        ("lsd[pol=1]", r"objective lsd has no option 'pol'; did you mean 'pool'"),
        ("lsd[alpha=1]", r"objective lsd has no option 'alpha'"),
        ("mean_flow[power=0]", r"objective mean_flow has no option 'power'; it is called adaptive_power now"),
        ("lsdd[pool=1]", r"unknown --objectives='lsdd'; did you mean 'lsd'"),
        ("all[pool=1]", r"unknown --objectives='all'; all takes every method; name it alone"),
        ("lsd,all[pool=1]", r"all takes every method"),
        ("a b=lsd", r"label 'a b'; expected up to 60 letters"),
        ("=lsd", r"label ''; expected up to 60 letters"),
        ("../x=lsd", r"label '../x'; expected up to 60 letters"),
        ("esd=lsd", r"label 'esd'; expected .* and no method's name"),
        ("lsd[pool=64],lsd[pool=64]", r"--objectives has lsd\[pool=64\] twice; expected each once, or a label"),
        ("a=lsd,A=esd", r"--objectives has A twice"),
        ("lsd,lsd[pool=512]", r"--objectives has lsd and lsd\[pool=512\], which are the same options; drop one"),
        ("lsd[pool=64,velocity=pooled],b=lsd[velocity=pooled,pool=64]", r"which are the same options"),
        ("lsd,lsd", r"expected each named once"),
        ("lsdd", r"unknown --objectives='lsdd'; did you mean 'lsd'"),
        ("", r"expected at least one"),
    ],
)
def test_bad_sets_are_answered_in_one_line(config, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        chosen(config, split(text))
    assert "\n" not in str(caught.value)


def test_a_folder_needs_no_letter_that_a_file_system_or_a_library_reads_otherwise(config):
    for text in ("lsd[velocity=pooled,pool=8]", "lsd[diagonal_share=0.5]"):
        (found,) = chosen(config, [text])
        assert not set(found.folder) & set('*?[]\\/:"<>| ')


def test_all_takes_every_method_that_is_made_for_the_data(config):
    def taken(dataset):
        config.dataset = dataset
        return [found.label for found in option_sets.chosen(config, ["all"])]

    families = {name: catalogue.family_of(name) for name in OBJECTIVES}
    flat = [name for name, family in families.items() if family not in ("riemannian", "categorical")]
    curved = [name for name, family in families.items() if family == "riemannian"]
    categorical = [name for name, family in families.items() if family == "categorical"]
    assert len(flat) + len(curved) + len(categorical) == len(OBJECTIVES)
    assert taken("two_moons") == flat
    assert taken("sphere") == ["flow_matching", *curved]
    assert taken("categories") == [*flat, *categorical]


def test_any_text_is_read_or_refused_in_one_line(config):
    draw, refused, read = random.Random(0), [], []
    pieces = ["lsd", "mean_flow", "pool", "velocity", "pooled", "64", "1e-1", "all", *"[]=, 'é٣:"]
    for _ in range(3000):
        try:
            read += chosen(config, split("".join(draw.choices(pieces, k=draw.randint(1, 9)))))
        except UsageError as error:
            refused.append(str(error))
    assert len(read) > 10
    assert len(refused) > 10
    assert not [message for message in refused if "\n" in message]
    assert all(re.fullmatch(r"[A-Za-z0-9_+=,.-]+", one.folder) for one in read)
    # A label that was not given is read as the set itself.
    for one in read:
        if "[" in one.label:
            assert chosen(config, [one.label])[0].config == one.config
