"""What a user types, and what bad input gets: one line, an exit code, and nothing lost."""

import os
from pathlib import Path
import subprocess
import sys

import jax
import pytest

from experiments import settings
from experiments.comparison import budgets, report
from experiments.errors import UsageError, nearest
from experiments.reporting import tables
from experiments.settings import files as config_files
from experiments.training import checks
from objectives.build import OBJECTIVES

ROOT = Path(__file__).parents[2]
CHECKERBOARD = "experiments/configs/checkerboard.py"
CONFIGS = sorted(path.name for path in (ROOT / "experiments/configs").glob("[a-z]*.py"))


def tiny(objective="lsd", **training):
    config = config_files.load(f"experiments/configs/two_moons.py:{objective}")
    config.network.update({"width": 8, "depth": 1})
    config.training.update({"batch_size": 64, "steps": 20, "steps_per_dispatch": 5} | training)
    config.evaluation.update({"samples": 400, "steps": (1, 2), "projections": 4, "pairs": 100})
    config.evaluation.update({"points": 200, "triples": 60})
    return config


@pytest.mark.parametrize("file", CONFIGS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_variant_of_every_configuration_is_valid(file, objective):
    config = config_files.load(f"experiments/configs/{file}:{objective}")
    if settings.objective_of(config).needs_teacher:
        config.teacher = "some/run"
    for devices in (1, 2, 4, 8):
        checks.check(config, devices=devices)
    assert config.objective.name == objective


def test_paper_setting_is_the_papers():
    config = config_files.load(f"{CHECKERBOARD}:esd,paper")
    checks.check(config, devices=1)
    assert (config.training.batch_size, config.training.optimizer, config.training.grad_clip_norm) == (
        100_000,
        "radam",
        10.0,
    )
    assert config.network.point_features == config.network.time_features == 0
    assert config.objective.name == "esd"


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ("lds", "unknown objective or setting 'lds'; did you mean 'lsd'"),
        ("lsd,esd", "names two of a kind"),
        ("papr", "did you mean 'paper'"),
    ],
)
def test_bad_variants_are_named(variant, message):
    with pytest.raises(UsageError, match=message):
        config_files.load(f"{CHECKERBOARD}:{variant}")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("experiments/configs/checkrboard.py:lsd", "did you mean 'experiments/configs/checkerboard.py'"),
        ("setup.cfg", "not a Python file"),
        ("tests/helpers.py", "has no get_config"),
    ],
)
def test_bad_configuration_files_are_named(path, message):
    with pytest.raises(UsageError, match=message):
        config_files.load(path)


def test_a_broken_configuration_file_is_named(tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_that_name")
    with pytest.raises(UsageError, match="broken.py cannot be read: ModuleNotFoundError: No module named"):
        config_files.load(f"{tmp_path}/broken.py:lsd")


BAD_FIELDS = {
    "training.steps": (0, "training.steps=0; expected a whole number from 1"),
    "training.learning_rate": (-1.0, "training.learning_rate=-1.0; expected a positive"),
    "training.batch_size": (1001, "a batch of 1001 on 4 .* expected a multiple of 16: use 1008"),
    "training.ema": ((1.5,), "expected decays between 0 and 1"),
    "training.optimizer": ("adma", "unknown .*did you mean 'adam'"),
    "training.schedule": ("cosin", "unknown .*did you mean 'cosine'"),
    "network.output": ("denoisr", "unknown .*did you mean 'denoiser'"),
    "network.activation": ("gulu", "unknown .*did you mean 'gelu'"),
    "network.time_features": (-1, "expected 0"),
    "evaluation.ema": (0.5, "is not trained; expected one of"),
    "evaluation.steps": ((), "expected numbers of steps"),
    "evaluation.triples": (0, "evaluation.triples=0; expected a whole number from 1"),
    "evaluation.tolerance": (-1e-8, "evaluation.tolerance=-1e-08; expected a finite number, at least 1e-10"),
    "interpolant": ("liner", "unknown interpolant 'liner'; did you mean 'linear'"),
    "dataset": ("spirl", "unknown data set 'spirl'; did you mean 'spiral'"),
    "objective.name": ("lsdd", "unknown objective 'lsdd'; did you mean 'lsd'"),
    "objective.options.diagonal_share": (1.5, "shares of the batch are diagonal 1.5"),
    "objective.options.stop_gradient": ("some", "stop_gradient = 'some'; expected one of velocity, none"),
    "objective.options.reduction": ("sum", "reduction = 'sum'; expected one of per_term, per_example"),
    "teacher": ("runs/teacher", "uses no teacher; drop --config.teacher"),
}


@pytest.mark.parametrize("field", BAD_FIELDS)
def test_bad_values_are_named_before_anything_is_written(field, tmp_path):
    from experiments.training.loop import train

    value, message = BAD_FIELDS[field]
    config = tiny()
    config.update_from_flattened_dict({field: value})
    with pytest.raises(UsageError, match=message):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_options_of_another_objective_are_named():
    config = tiny("ct")
    config.objective.options.diagonal_share = 0.5
    with pytest.raises(UsageError, match="objective ct has no option 'diagonal_share'; Known: decay, first, last"):
        settings.objective_of(config)


def test_nearest():
    assert nearest("lds", ["lsd", "esd"]).startswith("did you mean 'lsd'?")
    assert nearest("zzz", ["lsd", "esd"]) == "Known: esd, lsd"


def command(*arguments, module="experiments.train"):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_dry_run_prints_the_resolved_configuration(tmp_path):
    found = command(
        f"--config={CHECKERBOARD}:psd_u", "--config.training.steps=77", f"--workdir={tmp_path}/x", "--dry_run"
    )
    assert found.returncode == 0, found.stderr
    assert "steps: 77" in found.stdout
    assert "name: psd_u" in found.stdout
    assert "devices: 4" in found.stdout
    assert not (tmp_path / "x").exists()


def test_measured_distance_of_one_step_stands_beside_its_bounds_only_if_one_step_was_taken():
    bounds = report.MAP_TABLES[-1][1]
    rows = [{"objective": "lsd", "seed": 0, "N": n, **{metric.name: float(n) for metric in bounds}} for n in (4, 2, 1)]
    header, body = report.of_maps(rows, bounds)
    assert dict(zip(header, body[0], strict=True))["measured (entropic)"] == "**1**"
    header, _ = report.of_maps(rows[:2], bounds)
    assert "measured (entropic)" not in header
    assert "Lipschitz constant" in header


def test_options_that_both_objectives_have_are_kept():
    config = tiny("lsd")
    config.objective.options.diagonal_share = 0.5
    other = settings.with_objective(config, "psd_m")
    assert other.objective.options.diagonal_share == 0.5
    assert settings.with_objective(config, "cd").objective.options.to_dict() == {"steps": 17, "skip": 1, "decay": 0.0}


def test_a_combination_takes_the_place_of_the_row():
    config = tiny("psd_m")
    config.objective.update({"characterization": "lagrangian", "velocity": "ema", "decay": 0.9})
    objective = settings.objective_of(config)
    assert [term.name for term in objective.terms] == ["diagonal", "lagrangian"]
    assert float(objective.target_decay(0.5)) == pytest.approx(0.9)
    assert settings.label(config) == "lagrangian_ema"
    assert settings.label(tiny("psd_m")) == "psd_m"
    # Another row of the same configuration is that row.
    assert settings.objective_of(settings.with_objective(config, "ct")).terms[0].name == "consistency"
    with pytest.raises(UsageError, match="characterization=lagrangian with compare"):
        budgets.plan(config, ["lsd"], [0], "steps")


BAD_COMBINATIONS = {
    "lagrangian of a sample": ({"characterization": "lagrangian", "velocity": "sample"}, "unsound.*pulled_back"),
    "a rule that does not exist": ({"characterization": "lagrange"}, "did you mean 'lagrangian'"),
    "a choice without its rule": ({"velocity": "ema"}, "name its rule too.*objective.options.velocity"),
    "a velocity that does not exist": (
        {"characterization": "eulerian", "velocity": "mine"},
        "velocity = 'mine'; expected one of self, ema, teacher, sample",
    ),
}


@pytest.mark.parametrize("fault", BAD_COMBINATIONS)
def test_bad_combinations_are_named(fault):
    choices, message = BAD_COMBINATIONS[fault]
    config = tiny()
    config.objective.update(choices)
    with pytest.raises(UsageError, match=message):
        settings.objective_of(config)


def test_tables():
    header, body = ["a", "b_c"], [["x", "**1** ± 2"], ["long name", "50 %"]]
    assert tables.markdown(header, body).splitlines() == [
        "| a         | b_c       |",
        "|-----------|-----------|",
        "| x         | **1** ± 2 |",
        "| long name | 50 %      |",
    ]
    latex = tables.latex(header, body, caption="Fréchet")
    assert r"x & \textbf{1} $\pm$ 2 \\" in latex
    assert r"b\_c" in latex
    assert r"long name & 50 \% \\" in latex
    assert r"\caption{Fr\'echet}" in latex


@pytest.mark.slow
def test_wheel_holds_all_packages_and_works_from_another_folder(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, tmp_path / "site"], check=True)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    found = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "experiments.train",
            f"--config={CHECKERBOARD}:lsd",
            "--config.training.steps=10",
            "--config.training.steps_per_dispatch=5",
            "--workdir=run",
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stderr
    assert (folder / "run/training.jsonl").exists()
    # The weights that come with it, too.
    sampled = [sys.executable, "-P", "-m", "experiments.sample", "--workdir=zoo:checkerboard/lsd", "--out=x.npz"]
    subprocess.run([*sampled, "--samples=8"], cwd=folder, env=environment, check=True, timeout=300)
    assert (folder / "x.npz").exists()
    where = subprocess.run(
        [sys.executable, "-P", "-c", "import taxonomy, objectives, models, experiments; print(experiments.__file__)"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(tmp_path / "site"))
    assert jax.__version__
