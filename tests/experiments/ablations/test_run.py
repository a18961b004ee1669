"""Ablations from a suite to its page: shared runs, files that come back as they were written, and bad input."""

import math

import pytest

from experiments.ablations import plan, report, results, run, table
from experiments.ablations.results import Results
from experiments.ablations.suite import Claim, Published, Row, Suite
from experiments.errors import UsageError
from experiments.training import runs as run_folders

TINY = """
from experiments.settings import planar

def get_config(variant=None):
    config = planar("two_moons", variant)
    config.network.update({"width": 8, "depth": 1})
    config.training.update({"batch_size": 64, "steps": 30, "steps_per_dispatch": 5})
    config.evaluation.update({"samples": 500, "steps": (1, 2), "projections": 4, "pairs": 100})
    config.evaluation.update({"points": 200, "triples": 60})
    return config
"""


def suite(config, **fields):
    made = Suite(
        name="mine",
        title="Mine",
        paper="2505.18825",
        where="nowhere",
        setting="Nobody ran it.",
        scale="plane",
        rows=(Row("LSD", "lsd"), Row("PSD, share 0.5", "psd_m", {"diagonal_share": 0.5})),
        published=(Published({"LSD": {1: 0.5, 2: 0.25}}, "KL", "paper", "arXiv 2505.18825"),),
        claims=(Claim("better", ("LSD", "PSD, share 0.5")), Claim("improves_with_steps", ("LSD",), prior="holds")),
        teaches="Nothing.",
        config=str(config),
    )
    return made._replace(**fields)


@pytest.fixture
def config(tmp_path):
    (tmp_path / "tiny.py").write_text(TINY)
    return tmp_path / "tiny.py"


@pytest.mark.slow
def test_an_ablation_end_to_end_trains_what_suites_share_once(config, tmp_path, monkeypatch):
    first, second = suite(config), suite(config, name="second", rows=(Row("A", "lsd"), Row("B", "esd")), published=())
    second = second._replace(claims=(Claim("best", ("A",)),))
    planned = plan.plan([first, second], seeds=[0, 1], budget="evaluations")
    assert len(plan.unshared(planned)) == 6
    assert "6 runs (8 with those that suites share)" in run.described(planned)
    text = run.run(planned, tmp_path / "out")
    assert len(list((tmp_path / "out/runs").glob("*/seed_*"))) == 6
    assert text.startswith("3 claims: ")
    for name in ("mine", "second"):
        for ending in ("md", "csv", "tex", "png"):
            assert (tmp_path / f"out/{name}/ablation.{ending}").stat().st_size > 0
    page = (tmp_path / "out/mine/ablation.md").read_text()
    assert "| `PSD, share 0.5` | `psd_m` diagonal_share=0.5 |" in page
    assert "(short run)" in text
    assert "Seeds: 2*" in page
    # Continues: nothing is trained again, and the results are the same.
    monkeypatch.setattr("experiments.training.loop._loop", None)
    trained = [one.config.training.steps for one in planned[0].runs]
    assert run_folders.load_trained(tmp_path / "out" / planned[0].runs[0].folder).step == trained[0]


def started(config):
    rows = (
        Row("FM", "flow_matching", share=0.5),
        Row("LSD", "lsd", start="FM", share=0.5),
        Row("fresh", "lsd", share=0.5),
    )
    return suite(config, rows=rows, published=(), claims=(Claim("better", ("LSD", "fresh")),))


def test_a_started_row_is_another_run_and_shares_its_budget(config):
    (planned,) = plan.plan([started(config)], seeds=[0, 3], budget="steps")
    assert [one.config.training.steps for one in planned.runs] == [15] * 6
    folders = {(one.label, one.config.seed): one.folder for one in planned.runs}
    assert planned.starts == {folders["LSD", seed]: folders["FM", seed] for seed in (0, 3)}
    assert folders["LSD", 0] != folders["fresh", 0]
    assert f"15 steps of lsd from `FM`, {folders['LSD', 0].parent}" in run.described([planned])


@pytest.mark.slow
def test_a_started_row_begins_with_the_weights_of_the_other(config, tmp_path):
    (planned,) = plan.plan([started(config)], seeds=[0], budget="steps")
    run.run([planned], tmp_path / "out")
    first, lsd, _ = planned.runs
    found = run_folders.load_trained(tmp_path / "out" / lsd.folder)
    assert found.config.training.start_from == str(tmp_path / "out" / first.folder)
    rows = {row["label"]: row for row in results.read(tmp_path / "out/mine/ablation.csv", planned.suite).rows}
    assert rows["LSD"]["evaluations"] == rows["FM"]["evaluations"] + rows["fresh"]["evaluations"]
    assert rows["LSD"]["kl"] != rows["fresh"]["kl"]


def made(suite, rows, floor=0.01):
    head = dict.fromkeys(results.HEAD, "") | {"short": False, "machine": "2 CPU cores"}
    lines = [
        head
        | {"label": label, "method": "lsd", "seed": seed, "trained_steps": 20, "evaluations": 1e3, "train_seconds": 2.5}
        | {"N": n, "kl": value, "map_error": None, "note": "loss is nan at step 7" if math.isnan(value) else ""}
        for label, by_seed in rows.items()
        for seed, by_steps in enumerate(by_seed)
        for n, value in by_steps.items()
    ]
    return Results(suite, [*lines, head | {"kl": floor, "map_error": None}])


ROWS = {"LSD": [{1: 0.5, 2: 0.2}, {1: 0.6, 2: 0.3}], "PSD, share 0.5": [{1: math.nan, 2: math.nan}, {1: 2.0, 2: 3.0}]}


def test_results_come_back_as_they_were_written(config, tmp_path):
    found = made(suite(config), ROWS)
    results.write(tmp_path / "mine.csv", found)
    again = results.read(tmp_path / "mine.csv", found.suite)
    assert report.section(again) == report.section(found)
    assert results.scores(again, "kl")["LSD", 2] == [0.2, 0.3]
    assert results.scores(again, "kl")["PSD, share 0.5", 1] == [math.inf, 2.0]
    assert all(map(math.isnan, results.scores(again, "map_error")["LSD", 1]))


def test_a_page_has_measured_beside_published_and_a_verdict_for_each_claim(config):
    (config.parent / "mine.png").write_bytes(b"")
    page = report.page([made(suite(config), ROWS)], config.parent)
    assert page.startswith("# Published claims")
    assert "\n2 claims: 2 🟢 holds, 0 🔴 reverses, 0 ⚪ undecided.\n" in page
    assert page.endswith(f"![Mine: measured, and as published]({config.parent.name}/mine.png)")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    assert ["`LSD`", "`lsd`", "20", "0.55 ± 0.05", "0.25 ± 0.05"] in cells
    assert "diverged (1 of 2)" in page
    assert "`PSD, share 0.5` diverged: loss is nan at step 7" in page
    assert "KL; arXiv 2505.18825; read in the paper's text (paper):" in page
    assert "[`mine`](#mine-mine)" in page
    assert "Time: 10 s in steps, 4 runs · Seeds: 2*" in page


def test_a_reason_stands_below_the_claims_that_reverse_and_no_others(config):
    why = "the semigroup rule has a ready teacher"
    claimed = (
        Claim("better", ("PSD, share 0.5", "LSD"), because=why),
        Claim("better", ("LSD", "PSD, share 0.5"), because="never shown"),
        Claim("best", ("PSD, share 0.5",), because=why),
    )
    section = report.section(made(suite(config, claims=claimed), ROWS))
    first, second = "`PSD, share 0.5` is better than `LSD` at N = 1", "`PSD, share 0.5` is the best at N = 1"
    assert f"\n\n*{first}; {second}* reverses: {why}\n\n" in section
    assert "never shown" not in section


def test_a_question_of_the_project_says_so(config):
    found = made(suite(config, paper="", where="", setting="Nobody knows.", published=()), ROWS)
    page = report.page([found], config.parent)
    assert "\n\nAsked here: Nobody knows.\n\n" in page
    assert "Published:" not in page
    assert "| a question of this project |" in page
    assert "a question of this project" in report.listed([found.suite])


def test_a_picture_is_drawn_of_rows_that_did_not_diverge(config, tmp_path):
    report.draw(tmp_path / "a.png", made(suite(config), ROWS))
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    only = {label: [{1: math.nan, 2: math.nan}] for label in ROWS}
    report.draw(tmp_path / "b.png", made(suite(config), only, floor=math.nan))


def test_results_of_other_rows_are_refused(config, tmp_path):
    results.write(tmp_path / "mine.csv", made(suite(config), ROWS))
    with pytest.raises(UsageError, match=r"mine.csv has other rows than suite mine \(LSD, X\); make it again"):
        results.read(tmp_path / "mine.csv", suite(config)._replace(rows=(Row("X", "lsd"), suite(config).rows[1])))
    (tmp_path / "mine.csv").write_text("label,N\nLSD,x\n")
    with pytest.raises(UsageError, match=r"mine.csv cannot be read \(invalid literal"):
        results.read(tmp_path / "mine.csv", suite(config))
    with pytest.raises(UsageError, match="makes a claim about 'kll', which its data have not"):
        results.scores(made(suite(config), ROWS), "kll")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["sd_tabel1"], "unknown --suite='sd_tabel1'; did you mean 'sd_table1'"),
        (["sd_table1", "sd_table1"], "sd_table1"),
        (["nowhere.py"], "--suite=nowhere.py: no such file; expected a python file that defines SUITE"),
        (["{}/empty.py"], "empty.py defines no SUITE"),
        (["{}/broken.py"], r"broken.py cannot be read \(SyntaxError"),
        (["{}/own.py", "sd_table1"], "--suite names sd_table1 twice"),
    ],
)
def test_a_suite_that_is_not_there_is_one_line(tmp_path, names, message):
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "broken.py").write_text("x = (\n")
    (tmp_path / "own.py").write_text("from experiments.ablations.table import SUITES\nSUITE = SUITES['sd_table1']\n")
    with pytest.raises(UsageError, match=message):
        plan.load([name.format(tmp_path) for name in names])


def test_a_suite_of_ones_own_is_read_from_a_file(tmp_path, config):
    text = "from experiments.ablations.table import SUITES\nSUITE = SUITES['sd_table1']._replace(name='own')\n"
    (tmp_path / "own.py").write_text(text)
    assert [found.name for found in plan.load([f"{tmp_path}/own.py"])] == ["own"]
    on_cpu = [each for each in table.ALL if each.scale != "gpu"]
    assert plan.load(["all"]) == on_cpu != list(table.ALL)
    assert plan.load(["all"], scale="gpu") == [each for each in table.ALL if each not in on_cpu]
    assert [each.scale for each in plan.load(["mean_flow_table1", "sd_table1"])] == ["gpu", "plane"]
    assert plan.load(["all"], scale="digits") == [each for each in table.ALL if each.scale == "digits"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": [0, 0]}, "--seeds=0,0; expected at least one, each named once"),
        ({"seeds": []}, "--seeds=; expected"),
        ({"seeds": [-1]}, "seeds"),
        ({"budget": "step"}, "--budget=step; did you mean 'steps'"),
    ],
)
def test_seeds_and_budgets_are_checked(given, message):
    with pytest.raises(UsageError, match=message):
        plan.plan([table.SUITES["sd_table1"]], **{"seeds": [0], "budget": "steps"} | given)


def test_a_page_is_made_of_csv_files_that_suites_have(tmp_path):
    with pytest.raises(UsageError, match="holds no csv file"):
        run.page_of(tmp_path)
    (tmp_path / "other.csv").write_text("x\n")
    with pytest.raises(UsageError, match="other.csv is of no suite; expected one of sd_table1"):
        run.page_of(tmp_path)


def test_short_runs_are_told():
    sd = table.SUITES["sd_table1"]
    short, long = (plan.plan([sd], seeds=[0], budget="steps", short=short)[0] for short in (True, False))
    assert (short.short, long.short) == (True, False)
    assert short.runs[0].config.training.steps * plan.SHORT == long.runs[0].config.training.steps
