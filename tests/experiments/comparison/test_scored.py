"""What is finished is not done again: neither trained nor scored, unless it is scored in another way."""

import pytest

from experiments.comparison import budgets, scored
from tests.experiments.small_runs import small


def test_scores_that_are_known_are_read(tmp_path, monkeypatch):
    config = small("flow_matching")
    planned = budgets.plan(config, ["flow_matching"], [0], "steps")
    first = scored.rows_of(planned, tmp_path)
    assert [row["N"] for row in first] == [1, 2, ""]

    def refused(folder):
        raise AssertionError(f"{folder} was scored again")

    monkeypatch.setattr("experiments.comparison.scored.evaluate", refused)
    again = scored.rows_of(planned, tmp_path)
    assert [list(row) for row in again] == [list(row) for row in first]
    for old, new in zip(first, again, strict=True):
        for name, value in old.items():
            assert new[name] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value), name
    # Of other weights, or without what pictures are drawn from, they are made again.
    folder = tmp_path / planned[0].folder
    table = (folder / "metrics.csv").read_text()
    (folder / "metrics.csv").write_text(table.replace("flow_matching,0,20,", "flow_matching,0,10,"))
    with pytest.raises(AssertionError, match="was scored again"):
        scored.rows_of(planned, tmp_path)
    (folder / "metrics.csv").write_text(table)
    (folder / "map.npz").unlink()
    with pytest.raises(AssertionError, match="was scored again"):
        scored.rows_of(planned, tmp_path)
