"""The published settings against the code, and the published times against a million draws of the code's own."""

import jax
import numpy as np
import pytest

from objectives.build import OBJECTIVES, default_options
from taxonomy.catalogue.published import SETTINGS, TIMES
from taxonomy.curricula import law_at
from taxonomy.times import Times

DRAWS = 1_000_000
# Four standard errors of a probability of one half, and of a mean whose standard deviation is at most one half.
TOLERANCE = 0.002
# Rounding of a recorded quartile to four digits, and of a time to float32.
ROUNDING = 1e-4
# Words of an option's name that say that its value is compared with a residual, or is a noise level.
COMPARED = {"scale", "offset", "clip", "level", "threshold", "normalize"}
ENTRIES = [(name, setting) for name, settings in SETTINGS.items() for setting in settings]
LAWS = [(name, index) for name, times in TIMES.items() for index in range(len(times))]


def is_sentence(text):
    return text[0].isupper() and text.endswith(".") and " " in text


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_method_has_published_settings(name):
    assert name in SETTINGS, f"{name} has no entry in taxonomy/catalogue/published"
    names = [setting.name for setting in SETTINGS[name]]
    assert len(names) == len(set(names))
    assert SETTINGS[name] or not default_options(name)


def test_no_entry_belongs_to_nothing():
    assert set(SETTINGS) | set(TIMES) <= set(OBJECTIVES)
    for name, times in TIMES.items():
        assert {entry.term for entry in times} <= {term.name for term in OBJECTIVES[name]().terms}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_default_is_the_published_one_or_says_why_not(name):
    found = {setting.name: setting for setting in SETTINGS.get(name, ())}
    for option, default in default_options(name).items():
        assert option in found, f"{name}: no published setting is called {option!r}; the default is {default!r}"
        setting = found[option]
        if setting.published == default:
            assert setting.here is None, f"{name}, {option}: the published value needs no other one here"
            continue
        assert setting.here == default, f"{name}, {option}: recorded {setting.published!r}, default {default!r}"
        assert setting.reason, f"{name}, {option}: {default!r} in place of {setting.published!r} needs a reason"


@pytest.mark.parametrize(("name", "setting"), ENTRIES, ids=[f"{name}-{setting.name}" for name, setting in ENTRIES])
def test_every_setting_has_a_source_or_a_reason(name, setting):
    assert setting.source
    if setting.source in ("ours", "not found"):
        assert setting.published is None
    if setting.published is None:
        assert setting.source in ("ours", "not found")
        assert setting.reason
    if setting.here is not None:
        assert setting.reason
        assert setting.here != setting.published
    if setting.reason:
        assert is_sentence(setting.reason), setting.reason
    words = set(setting.name.replace("_", " ").split())
    if isinstance(setting.published, int | float) and words & COMPARED and "guidance" not in words:
        assert setting.unit, f"{name}, {setting.name}: of a sum or a mean, and in which unit of the data?"


def draws(name, term, progress):
    """Times of a term at a point of training; not compiled as a whole, because laws share most of their operations."""
    law = next(one.times for one in OBJECTIVES[name]().terms if one.name == term)
    times = law_at(law, progress)(jax.random.key(11), (DRAWS,))
    return Times(*(np.broadcast_to(np.asarray(time, float), (DRAWS,)) for time in times))


def differences(values, spread):
    """What of a recorded spread the draws do not have."""
    found = []
    if abs(values.mean() - spread.mean) > TOLERANCE:
        found.append(f"mean {values.mean():.4f}, recorded {spread.mean}")
    for share, quartile in zip((0.25, 0.5, 0.75), spread.quartiles, strict=True):
        # Of atoms too: the recorded time is a quartile if no more than the share lies below it, and no less up to it.
        below, up_to = np.mean(values < quartile - ROUNDING), np.mean(values <= quartile + ROUNDING)
        if below > share + TOLERANCE or up_to < share - TOLERANCE:
            found.append(f"{share:.0%} recorded at {quartile}, {np.quantile(values, share):.4f} drawn")
    return found


@pytest.mark.parametrize(("name", "index"), LAWS, ids=[f"{name}-{TIMES[name][index].term}" for name, index in LAWS])
def test_a_million_draws_have_the_published_mean_and_quartiles(name, index):
    entry = TIMES[name][index]
    assert entry.sampler
    assert entry.source
    drawn = draws(name, entry.term, entry.progress)
    end = np.ones(1)
    wrong = differences(drawn.s, entry.s)
    wrong += differences(drawn.t, entry.t) if entry.t else [f"t at {t:.4f}" for t in np.setdiff1d(drawn.t, end)[:1]]
    wrong += differences(drawn.u, entry.u) if entry.u else []
    if entry.reason:
        assert is_sentence(entry.reason)
        assert wrong, f"{name}, {entry.term}: the times are the published ones; no reason is needed"
        return
    assert not wrong, f"{name}, {entry.term}: {'; '.join(wrong)}"


def test_a_wrong_law_is_seen():
    spread = TIMES["lsd"][1].s
    uniform = np.random.default_rng(0).uniform(size=DRAWS)
    assert len(differences(uniform, spread)) == 4
    assert not differences(1 - np.sqrt(uniform), spread)
    # Atoms: three quarters at 0.
    atoms = np.where(uniform < 0.75, 0.0, 1.0)
    assert not differences(atoms, type(spread)(mean=0.25, quartiles=(0.0, 0.0, 0.5)))
