import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.errors import DIVERGED, DivergedError, NotTrainedError
from experiments.training import devices as mapping
from experiments.training import draws
from experiments.training.dispatch import make_dispatch
from experiments.training.nonfinite import check_finite, check_learned, means
from experiments.training.state import Report, initial_state
from objectives.mixture import counts
from tests.experiments.training.test_step import config_for, parts

LATE = 0.97  # residuals of jumps that end later than this are made infinite


def breaking(*, steps=8, devices=4, **training):
    """A run of LSD whose off-diagonal residual is infinite wherever t is late."""
    config = config_for("lsd", optimizer="adam", learning_rate=1e-3, **training)
    model, objective, dataset, path = parts(config)
    diagonal, off = objective.terms

    def loss(maps, interpolant, batch):
        return jnp.where(batch.times.t > LATE, jnp.inf, off.loss(maps, interpolant, batch))

    objective = objective._replace(terms=(diagonal, dataclasses.replace(off, loss=loss)))
    run = make_dispatch(config, model, objective, dataset, path, steps=steps, devices=devices)
    state = mapping.replicate(initial_state(config, model, objective, dataset.shape), devices=devices)
    return config, objective, dataset, run, state


def bad_times(config, objective, dataset, step):
    """The times of the bad examples of one step, drawn again."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), 1), step), 1)
    size = counts(objective.terms, config.training.batch_size)[1]
    times = draws.draw(objective.terms[1], dataset, key, 0, size, progress=step / config.training.steps).times
    return [np.asarray(values)[np.asarray(times.t) > LATE] for values in (times.s, times.t)]


def test_such_steps_are_left_out_on_all_devices_alike_and_counted():
    config, objective, dataset, run, state = breaking(nonfinite="skip")
    expected = [len(bad_times(config, objective, dataset, step)[0]) for step in range(8)]
    assert 0 < np.count_nonzero(expected) < 8
    before = mapping.on_host(state)
    after, report = run(state)
    # One answer on every device: a single bad example on one of them was enough.
    for leaf in jax.tree.leaves(after):
        copies = [np.asarray(shard.data) for shard in leaf.addressable_shards]
        assert len(copies) == 4
        assert all(np.array_equal(copies[0], copy) for copy in copies[1:])
    after, report = mapping.on_host(after), mapping.on_host(report)
    np.testing.assert_array_equal(report.bad["lagrangian"][:, 0], expected)
    np.testing.assert_array_equal(report.bad["diagonal"], np.zeros((8, 4)))
    assert int(after.skipped) == np.count_nonzero(expected)
    assert int(after.step) == 8
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after))
    # Adam counts the updates that were made.
    updates = [int(leaf) for leaf in jax.tree.leaves(after.opt_state) if leaf.shape == ()]
    assert set(updates) == {8 - np.count_nonzero(expected)}
    assert any(np.any(a != b) for a, b in zip(jax.tree.leaves(after.params), jax.tree.leaves(before.params)))
    check_finite(report, before=0, training=config.training, kept=None)
    numbers = means(report)
    good = np.array(expected) == 0
    np.testing.assert_allclose(numbers["loss"], report.metrics["loss"][good].mean(), rtol=1e-6)
    assert numbers["skipped"] == np.count_nonzero(expected)


def test_a_bad_step_changes_nothing_but_the_counts():
    config, objective, dataset, run, state = breaking(nonfinite="skip", steps=1, devices=1)
    for step in range(8):
        before = mapping.on_host(state)
        state, _ = run(state)
        after = mapping.on_host(state)
        bad = len(bad_times(config, objective, dataset, step)[0]) > 0
        same = all(
            np.array_equal(a, b)
            for a, b in zip(
                jax.tree.leaves(after._replace(step=0, skipped=0)), jax.tree.leaves(before._replace(step=0, skipped=0))
            )
        )
        assert same == bad
        assert int(after.skipped) - int(before.skipped) == bad


def test_the_end_names_step_term_and_times():
    config, objective, dataset, run, state = breaking(devices=2)
    report = mapping.on_host(run(state)[1])
    counted = [len(bad_times(config, objective, dataset, step)[0]) for step in range(8)]
    first = int(np.flatnonzero(counted)[0])
    s, t = bad_times(config, objective, dataset, first)
    with pytest.raises(DivergedError) as found:
        check_finite(report, before=30, training=config.training, kept=30)
    assert found.value.code == DIVERGED
    expected = (
        f"loss is inf: {counted[first]} examples of term lagrangian, at mean s = {s.mean():.3g}, t = {t.mean():.3g}, "
        f"|t - s| = {(t - s).mean():.3g} at step {31 + first}; the checkpoint of step 30 is kept; lower"
    )
    assert str(found.value).startswith(expected)


def test_too_many_steps_left_out_end_the_run():
    config, objective, dataset, run, state = breaking(nonfinite="skip", max_skipped=1)
    report = mapping.on_host(run(state)[1])
    bad = np.flatnonzero([len(bad_times(config, objective, dataset, step)[0]) for step in range(8)])
    assert len(bad) > 1
    message = (
        rf"{len(bad)} steps were left out, more than .*max_skipped=1; the last at step {bad[-1] + 1}: .*no checkpoint"
    )
    with pytest.raises(DivergedError, match=message):
        check_finite(report, before=0, training=config.training, kept=None)


def test_a_gradient_that_breaks_alone_is_named():
    config, objective, _, _, _ = breaking()
    ok, bad = np.zeros(2), np.array([0.0, np.nan])
    report = Report(
        metrics={"loss": ok, "grad_norm": bad, "grad_norm/diagonal": ok, "grad_norm/lagrangian": bad},
        last={"skipped": 0},
        bad={"diagonal": np.zeros((2, 4)), "lagrangian": np.zeros((2, 4))},
        stop=np.zeros(()),
    )
    message = (
        "grad_norm is nan: all residuals are finite, the gradient of term lagrangian is not at step 2; no checkpoint"
    )
    with pytest.raises(DivergedError, match=message):
        check_finite(report, before=0, training=config.training, kept=None)
    assert objective.terms[1].name == "lagrangian"


@pytest.mark.parametrize(
    ("skipped", "first", "last", "told"),
    [
        (0, 1.0, 0.5, []),
        (0, 1.0, 99.0, []),
        (0, 1.0, 5e19, ["the last loss, 5e+19, is far above the first, 1: the network grew worse; lower"]),
        (52, 1.0, 0.5, ["52 of 60 steps were left out: their loss or gradient was not finite"]),
        (52, 1.0, None, ["52 of 60 steps were left out"]),
        (52, None, 5e19, []),  # on processes that keep no log
    ],
)
def test_the_end_of_a_training_says_what_speaks_against_it(capsys, skipped, first, last, told):
    check_learned(skipped, training=config_for("lsd", steps=60).training, first=first, last=last)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(f"warning: {text}") for line, text in zip(lines, told))


def test_a_run_in_which_every_step_was_left_out_has_not_trained():
    with pytest.raises(NotTrainedError, match="all 60 steps were left out"):
        check_learned(60, training=config_for("lsd", steps=60).training, first=None, last=None)
