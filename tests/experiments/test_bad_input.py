"""Every fault a user can make at the command line: one line that says what to do, an exit code, and nothing changed."""

from collections.abc import Callable, Iterator
import json
from pathlib import Path
import re
import shutil
import socket
from typing import NamedTuple

import numpy as np
import pytest

from experiments import reference, settings
from experiments.errors import BAD_INPUT, DIVERGED
from taxonomy.catalogue import CATALOGUE
from tests.experiments.commands import ROOT, Commands
from tests.experiments.small_runs import small

TRAIN, EVALUATE, COMPARE = "experiments.train", "experiments.evaluate", "experiments.compare"
BENCHMARK, REFERENCE, TAXONOMY = "experiments.benchmark", "experiments.reference", "taxonomy"

# What most cases are faults of: it trains within a second, so that a fault that is not noticed does not cost minutes.
# Data from a file need no compilation to be checked.
POINTS = "points.npy"
SMALL = f"""
from tests.experiments.small_runs import small

def get_config(variant=None):
    config = small(variant or "lsd", steps=5)
    config.dataset = "{POINTS}"
    config.network.update(point_features=0, time_features=0)
    config.training.optimizer = "adam"
    return config
"""


class Case(NamedTuple):
    """A command line and how it must end.

    Attributes:
      module: what is run; in a folder with small.py, its data, a run of it in "run" if it is named, and what
        `change` does.
      arguments: the arguments, separated by blanks.
      text: what the line on standard error must contain.
      change: is given the folder before.
      code: the exit code.
      environment: variables.
    """

    module: str
    arguments: str
    text: str
    change: Callable[[Path], object] = lambda folder: None
    code: int = BAD_INPUT
    environment: dict[str, str] = {}


def training(arguments: str, text: str, *, row: str = "lsd", **others: object) -> Case:
    return Case(TRAIN, f"--quiet --config=small.py:{row} --workdir=new {arguments}", text, **others)


def option(row: str, option: str, text: str) -> Case:
    teacher = " --config.teacher=exact" if settings.OBJECTIVES[row]().needs_teacher else ""
    return training(f"--config.objective.options.{option}{teacher}", f"objective {row}: {text}", row=row)


def config_file(content: str, text: str) -> Case:
    return Case(
        TRAIN, "--workdir=new --config=own.py", text, change=lambda folder: (folder / "own.py").write_text(content)
    )


def data(name: str, text: str, **arrays: np.ndarray) -> Case:
    def write(folder: Path) -> None:
        if name.endswith(".npy"):
            np.save(folder / name, arrays["x"])
        else:
            np.savez(folder / name, **arrays)

    return training(f"--config.dataset={name}", text, change=write)


def run_file(name: str, content: str | bytes, text: str) -> Case:
    """Training is asked to continue a run of which one file is replaced."""
    content = content.encode() if isinstance(content, str) else content
    return Case(
        TRAIN,
        "--quiet --config=small.py --workdir=run",
        text,
        change=lambda folder: (folder / "run" / name).write_bytes(content),
    )


def saved(change: Callable[[dict], object], text: str, *, module: str = EVALUATE) -> Case:
    """A run is scored, or repeated, whose configuration was edited."""

    def edit(folder: Path) -> None:
        path = folder / "run" / "config.json"
        values = json.loads(path.read_text())
        change(values)
        path.write_text(json.dumps(values))

    repeated = "--quiet --config=run/config.json --workdir=new"
    return Case(module, "--workdir=run" if module == EVALUATE else repeated, text, change=edit)


def reference_file(change: Callable[[dict], object], text: str) -> Case:
    """The exact solutions are asked for; the file in the cache has the right form but for a change."""

    def write(folder: Path) -> None:
        config = small(steps=5)
        config.dataset = POINTS
        arrays = dict.fromkeys(reference.Reference._fields, np.zeros(3))
        arrays |= {"probe_x": np.zeros((3, 2)), "probe_b": np.zeros((3, 2))}
        arrays["settings"] = json.dumps(reference.settings_of(config))
        change(arrays)
        (folder / "cache").mkdir()
        np.savez(folder / "cache" / reference.path_of(config).name, **arrays)

    return Case(
        REFERENCE,
        "--config=small.py",
        text,
        change=write,
        environment={"FLOWMAP_CACHE": "cache"},
    )


def in_checkpoints(change: Callable[[Path], object]) -> Callable[[Path], None]:
    def each(folder: Path) -> None:
        for path in sorted((folder / "run" / "checkpoints").glob("*/default/**/d/*")):
            change(path)

    return each


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def a_file(folder: Path) -> None:
    (folder / "file").write_text("")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


# Somebody who listens and is no coordinator.
TAKEN = socket.create_server(("", 0))
X = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
WITH_NAN = np.where(np.arange(50)[:, None] == 3, np.nan, X)
# The network of small.py has another width and depth than the defaults, which networks of images must keep.
PLAIN = "--config.network.width=256 --config.network.depth=5"
TOLD = "--config.network.conditional=True"
HOSTS = "--coordinator=localhost:1 --processes=2"

OPTIONS = {
    "an option that does not exist": Case(
        TRAIN, "--config=small.py --wrkdir=new", "unknown option --wrkdir; did you mean 'workdir'"
    ),
    "an option of another command": Case(EVALUATE, "--workdir=run --seeds=0", "unknown option --seeds; "),
    "no configuration": Case(TRAIN, "--workdir=new", "--config is missing; it is required: add --config=VALUE"),
    "no folder to train in": Case(TRAIN, "--config=small.py", "--workdir is missing; name a folder for the run"),
    "no folder to score": Case(EVALUATE, "", "--workdir is missing; it is required"),
    "no folder to compare in": Case(COMPARE, "--config=small.py --objectives=lsd", "--workdir is missing"),
    "no objectives to compare": Case(COMPARE, "--config=small.py --workdir=new", "--objectives is missing"),
    "no configuration of a reference": Case(REFERENCE, "", "--config is missing"),
    "a word that is no option": training("extra", "unexpected argument 'extra'; options are written --name=value"),
    "a field that does not exist": training(
        "--config.training.stepz=5", "no field 'training.stepz'; did you mean 'training.steps'"
    ),
    "a field of another objective": training(
        "--config.objective.options.decay=0.5", "no field 'objective.options.decay'; "
    ),
    "a part in place of a field": training("--config.training=5", "no field 'training'; "),
    "a field before its configuration": Case(
        TRAIN, "--config.training.steps=5 --config=small.py --workdir=new", "before a value for --config"
    ),
    "a field without a value": training("--config.seed", "Missing value for flag --config.seed"),
    "a word where a number is expected": training(
        "--config.training.steps=many", "flag --config.training.steps=many: invalid literal for int()"
    ),
    "a fraction where a whole number is expected": training(
        "--config.training.steps=5.5", "flag --config.training.steps=5.5: invalid literal for int()"
    ),
    "a word where yes or no is expected": training(
        "--quiet=perhaps", "flag --quiet=perhaps: ('Non-boolean argument to boolean flag'"
    ),
    "a file of flags that does not exist": training("--flagfile=nothing", "Unable to open flagfile"),
}

IMAGES = {
    "an option of a data set": training(
        "--config.dataset=patches:sid=16", "unknown option 'sid=16' of data set patches; did you mean 'side'"
    ),
    "an archive of images that is none": training(
        "--config.dataset=cifar10:c.tar.gz",
        "c.tar.gz has md5 ",
        change=lambda folder: (folder / "c.tar.gz").write_bytes(b"no archive"),
    ),
    "no archive of images": training("--config.dataset=cifar10:c.tar.gz", "c.tar.gz; expected the archive of CIFAR-10"),
    "a folder without pictures": training(
        "--config.dataset=images:pictures",
        "holds no pictures; expected files that end in",
        change=lambda folder: (folder / "pictures").mkdir(),
    ),
    "latents that are none": training("--config.dataset=latents:none", "expected a .npz file or a folder of shards"),
    "no such network": training("--config.network.kind=cnn", "unknown --config.network.kind='cnn'; Known: dit, edm2"),
    "a field of another network": training(
        "--config.network.channels=64", "network.channels=64 is a field of unet and edm2, and the network is mlp"
    ),
    "a network of images for vectors": training(
        f"--config.network.kind=unet {PLAIN}",
        "--config.network.kind=unet takes images, and data set points.npy has vectors of shape (2,)",
    ),
    "images that cannot be halved": training(
        f"--config.dataset=generated:6x6x1 --config.network.kind=unet --config.network.multipliers=(1,1,1) {PLAIN}",
        "images of data set generated:6x6x1 are 6 x 6; network unet expects squares whose side is a multiple of 4",
    ),
    "classes that the data do not have": training(
        "--config.network.conditional=True", "network.conditional=True and data set points.npy has no classes"
    ),
    "dropout of everything": training(
        f"--config.network.dropout=1 --config.network.kind=unet {PLAIN}", "network.dropout=1.0; expected a share"
    ),
    "labels never told": training("--config.training.label_dropout=1", "label_dropout=1.0; expected a share in [0, 1)"),
    "no such guidance": training("--config.guidance.scheme=cfg", "unknown --config.guidance.scheme='cfg'; "),
    "guidance without a scheme": training(
        "--config.guidance.scale=2", "guidance.scale=2.0 without a scheme does nothing"
    ),
    "guidance without labels": training(
        "--config.guidance.scheme=model", "guidance.scheme=model needs a network that is told classes"
    ),
    "guidance of a rule on the sample's path": training(
        f"--config.guidance.scheme=model {TOLD}", "the targets of ict cannot be guided", row="ict"
    ),
    "guidance of no teacher": training(
        f"--config.guidance.scheme=teacher {TOLD}", "guidance.scheme=teacher guides a teacher and there is none"
    ),
    "a scale below zero": training(
        f"--config.guidance.scheme=model {TOLD} --config.guidance.scale=-1",
        "guidance.scale=-1.0; expected a positive number",
    ),
    "an interval that ends before it begins": training(
        f"--config.guidance.scheme=model {TOLD} --config.guidance.low=0.5 --config.guidance.high=0.2",
        "guidance.low=0.5 and high=0.2; expected 0 <= low <= high <= 1",
    ),
    "a share that a scheme does not have": training(
        f"--config.guidance.scheme=model {TOLD} --config.guidance.self_mix=0.5", "own_share = 0.5 with scheme model"
    ),
    "a class of a map without labels": Case(
        "experiments.sample", "--workdir=run --out=x.npz --label=3", "--label=3, and this run was trained without"
    ),
    "guidance of a map without labels": Case(
        "experiments.sample", "--workdir=run --out=x.npz --guidance=2", "scale 2, and this run was trained without"
    ),
    "an evaluation guided without labels": Case(
        EVALUATE, "--workdir=run --guidance=2", "guidance scale 2, and this run was trained without labels"
    ),
    "no such split": training("--config.evaluation.reference=all", "unknown --config.evaluation.reference='all'"),
}

CONFIGURATIONS = {
    "no such file": Case(
        TRAIN,
        "--config=experiments/configs/checkrboard.py:lsd --workdir=new",
        "no configuration file 'experiments/configs/checkrboard.py'; did you mean 'experiments/configs/checkerboard.py",
    ),
    "an empty name": Case(TRAIN, "--config= --workdir=new", "no configuration file ''; Known: experiments/configs/"),
    "a folder": Case(TRAIN, "--config=run --workdir=new", "no configuration file 'run'; Known: experiments/configs/"),
    "no Python": Case(
        TRAIN, "--config=file --workdir=new", "--config=file is not a Python file; expected a path such as", a_file
    ),
    "a file that raises": config_file("1 / 0", "own.py cannot be read: ZeroDivisionError: division by zero"),
    "a file with a mistake": config_file("def (", "own.py cannot be read: SyntaxError: invalid syntax"),
    "a file without its function": config_file("x = 1", "own.py has no get_config(variant); copy experiments/"),
    "a function that raises": config_file("def get_config(variant=None):\n    raise KeyError('steps')", "'steps'"),
    "a function without its argument": config_file("def get_config():\n    return None", "get_config"),
    "a function that returns nothing": config_file("def get_config(variant=None):\n    return None", "get_config"),
    "a configuration without fields": config_file(
        "from ml_collections import ConfigDict\n\ndef get_config(variant=None):\n    return ConfigDict()", "own.py"
    ),
    "an unknown variant": Case(
        TRAIN,
        "--config=experiments/configs/checkerboard.py:papr --workdir=new",
        "unknown objective or setting 'papr'; did you mean 'paper'",
    ),
    "two objectives": Case(
        TRAIN,
        "--config=experiments/configs/checkerboard.py:lsd,esd --workdir=new",
        "variant 'lsd,esd' names two of a kind; expected at most one objective and one setting",
    ),
    "a saved configuration that is not there": Case(
        TRAIN, "--config=nothing/config.json --workdir=new", "--config=nothing/config.json does not exist; expected the"
    ),
    "a saved configuration with a variant": Case(
        TRAIN, "--config=run/config.json:esd --workdir=new", "--config=run/config.json is not a Python file"
    ),
    "another file of the run": Case(TRAIN, "--config=run/run.json --workdir=new", "run/run.json is damaged"),
    "a saved configuration with an unknown field": saved(
        lambda values: values["training"].update(steps_per_day=1),
        "run/config.json has fields that this version does not know (training.steps_per_day)",
        module=TRAIN,
    ),
    "a saved configuration without a field": saved(
        lambda values: values.pop("dataset"), "run/config.json is damaged (it has no field dataset)", module=TRAIN
    ),
    "a saved configuration with a word for a number": saved(
        lambda values: values["training"].update(steps="many"), "training.steps", module=TRAIN
    ),
    "a saved configuration without an objective's name": saved(
        lambda values: values["objective"].pop("name"), "run/config.json", module=TRAIN
    ),
    "a saved configuration with a number for options": saved(
        lambda values: values["objective"].update(options=3), "run/config.json", module=TRAIN
    ),
    "a saved configuration with a number for a name": saved(
        lambda values: values.update(interpolant=3), "interpolant", module=TRAIN
    ),
}

VALUES = {
    "no steps": training("--config.training.steps=0", "--config.training.steps=0; expected a positive number"),
    "a rate that is not a number": training(
        "--config.training.learning_rate=nan", "--config.training.learning_rate=nan; expected a positive number"
    ),
    "no width": training("--config.network.width=0", "--config.network.width=0; expected a positive number"),
    "no checkpoints": training(
        "--config.training.keep_checkpoints=0", "--config.training.keep_checkpoints=0; expected a positive number"
    ),
    "no parts": training(
        "--config.training.grad_accumulation=0", "--config.training.grad_accumulation=0; expected a positive"
    ),
    "no samples to score": training(
        "--config.evaluation.samples=0", "--config.evaluation.samples=0; expected at least 2"
    ),
    "one sample to score": training(
        "--config.evaluation.samples=1", "--config.evaluation.samples=1; expected at least"
    ),
    "one pair to score": training("--config.evaluation.pairs=1", "--config.evaluation.pairs=1; expected at least 2"),
    "a negative tolerance": training(
        "--config.evaluation.tolerance=-1e-8", "--config.evaluation.tolerance=-1e-08; expected a positive number"
    ),
    "a negative interval": training(
        "--config.training.evaluate_every=-5", "--config.training.evaluate_every=-5; expected 0 (none) or a positive"
    ),
    "a negative number of skips": training("--config.training.max_skipped=-1", "max_skipped=-1; expected 0 (none)"),
    "negative features": training("--config.network.time_features=-1", "time_features=-1; expected 0 (none)"),
    "an unknown policy": training(
        "--config.training.nonfinite=skipp", "unknown --config.training.nonfinite='skipp'; did you mean 'skip'? Known: "
    ),
    "an unknown source of data": training(
        "--config.training.data=disk", "unknown --config.training.data='disk'; Known: device, host"
    ),
    "an unknown mapping": training(
        "--config.training.device_mapping=xmap", "unknown --config.training.device_mapping='xmap'; did you mean 'pmap'"
    ),
    "an unknown optimizer": training(
        "--config.training.optimizer=adma", "unknown --config.training.optimizer='adma'; did you mean 'adam'"
    ),
    "an unknown schedule": training(
        "--config.training.schedule=cosin", "unknown --config.training.schedule='cosin'; did you mean 'cosine'"
    ),
    "a schedule without its step": training(
        "--config.training.schedule=sqrt", "schedule=sqrt needs --config.training.decay_after=STEP, at least 1"
    ),
    "an unknown activation": training(
        "--config.network.activation=gulu", "unknown --config.network.activation='gulu'; did you mean 'gelu'"
    ),
    "an unknown type": training(
        "--config.network.dtype=float16", "unknown --config.network.dtype='float16'; did you mean 'bfloat16'"
    ),
    "an unknown output": training(
        "--config.network.output=denoisr", "unknown --config.network.output='denoisr'; did you mean 'denoiser'"
    ),
    "an unknown interpolant": training("--config.interpolant=liner", "unknown interpolant 'liner'; did you mean"),
    "an unknown data set": training("--config.dataset=spirl", "unknown data set 'spirl'; did you mean 'spiral'"),
    "an average that is none": training(
        "--config.training.ema=1.5", "--config.training.ema=(1.5,); expected decays between 0 and 1, such as (0.999,)"
    ),
    "an average that is a word": training("--config.training.ema=abc", "--config.training.ema="),
    "an average that is not trained": training(
        "--config.evaluation.ema=0.5", "--config.evaluation.ema=0.5 is not trained; expected one of (0.999,), or 0"
    ),
    "no numbers of steps": training(
        "--config.evaluation.steps=()", "--config.evaluation.steps=(); expected numbers of steps, such as (1, 2)"
    ),
    "numbers of steps that are words": training("--config.evaluation.steps=('a',)", "--config.evaluation.steps="),
    "numbers of steps that are fractions": training("--config.evaluation.steps=1.5", "--config.evaluation.steps="),
    "a seed that no key holds": training("--config.seed=99999999999999999999", "seed=99999999999999999999"),
    "shares that do not divide": training(
        "--config.training.batch_size=63",
        "--config.training.batch_size=63 for 4 device(s): a batch of 63 on 4 device(s) does not divide into whole "
        "shares (diagonal 0.75, lagrangian 0.25); expected a multiple of 16: use 64",
    ),
    "parts that do not divide": training(
        "--config.training.grad_accumulation=3",
        "4 device(s) x 3 parts (--config.training.grad_accumulation): a batch of 64",
    ),
    "shares above one": training(
        "--config.objective.options.diagonal_share=1.5",
        "shares of the batch are diagonal 1.5, lagrangian -0.5; expected positive numbers that sum to 1",
    ),
    "drawn examples that a host should read": training(
        "--config.dataset=two_moons --config.training.data=host",
        "data set two_moons draws its examples; use --config.training.data=device",
    ),
    "training that diverges": training(
        "--config.network.point_features=1 --config.network.point_base=nan",
        "loss is nan: 48 examples of term diagonal, at mean s = 0.",
        code=DIVERGED,
    ),
}

ROWS = {
    "an unknown objective": training("--config.objective.name=lsdd", "unknown objective 'lsdd'; did you mean 'lsd'"),
    "the options of another objective": training(
        "--config.objective.name=ct", "objective ct has no option 'diagonal_share'; Known: decay, first, last"
    ),
    "an unknown law of times": option("lsd", "times=gapp", "times = 'gapp'; expected one of triangle, square, logit_"),
    "an unknown stop-gradient": option("lsd", "stop_gradient=some", "stop_gradient = 'some'; expected one of velocity"),
    "an unknown reduction": option("esd", "reduction=sum", "reduction = 'sum'; expected one of paper, code"),
    "an unknown prior": option("sct", "prior=some", "prior = 'some'; expected one of inverse_noise, none"),
    "a step that is too long": option("free_flow", "step=0.7", "step = 0.7; expected a number in (0, 0.5]"),
    "a step out of the path": option("tim", "step=2", "step = 2.0; expected a length of time in (0, 0.5)"),
    "no step": option("imm", "step=0", "step = 0.0; expected a number in (0, 1]"),
    "no group": option("imm", "group=0", "group = 0; expected at least 1 example"),
    "a time after the data": option("tcm", "threshold=1.5", "threshold = 1.5; expected a number in (0, 0.999]"),
    "a decay of one": option("ct", "decay=1", "decay = 1.0; expected a number in [0, 1), 0 for the current weights"),
    "a curriculum that goes back": option("ct", "first=500", "first = 500, last = 150 steps of noise; expected 1 <="),
    "no stages": option("progressive_distillation", "stages=0", "stages = 0; expected a number from 1 to 20"),
    "no steps of noise": option("cd", "steps=0", "steps = 0; expected at least 1 step of noise"),
    "no segments": option("multistep_cm", "segments=0", "segments = 0; expected a whole number, at least 1"),
    "a negative power": option("mean_flow", "power=-1", "power = -1.0, offset = 0.01; expected numbers that are not"),
    "a scale of zero": option("ict", "scale=0", "pseudo_huber received scale = 0.0; expected a positive number"),
    "a ratio above one": option("ucgm", "ratio=2", "ratio = 2.0; expected a number in [0, 1]: 0 for flow matching"),
    "a step that does not shrink": option("ect", "ratio=0.5", "ratio = 0.5; expected a number above 1"),
    "no steps of the teacher": option("reflow", "teacher_steps=0", "teacher_steps = 0; expected"),
    "no levels": option("shortcut", "levels=0", "levels = 0; expected"),
    "a negative bound": option("facm", "clip=-1", "clip = -1.0; expected"),
    "no pool": option("esc", "pool=0", "pool = 0; expected"),
    "a negative warm-up": option("sct", "warm_up=-1", "warm_up = -1.0; expected a number that is not negative"),
    "a warm-up that is no number": option("ayf_emd", "warm_up=nan", "warm_up = nan; expected a number that is not neg"),
    "a negative offset": option("scd", "normalize=-1", "normalize = -1.0; expected a number that is not negative"),
    "a negative curriculum": option(
        "esc", "curriculum=-1", "curriculum = -1.0; expected a number that is not negative"
    ),
    "a share of the jump above one": option("alpha_flow", "alpha=2", "alpha = 2.0; expected a number in (0, 1]"),
    "a negative cosine": option("facm", "cosine=-1", "cosine = -1.0; expected a number that is not negative"),
    "a negative exponent": option("facm", "tangent=-1", "tangent = -1.0; expected a number that is not negative"),
    "a negative part": option("consistency_fm", "straight=-1", "straight = -1.0; expected a number that is not neg"),
    "a negative strength": option("free_flow", "strength=-1", "strength = -1.0; expected a number that is not neg"),
    "a mean of another kind": option("ctm", "reduction=sum", "reduction = 'sum'; expected one of paper, code"),
    "no phases": option("phased_cm", "phases=0", "phases = 0; expected a whole number, at least 1"),
    "a jump longer than the path": option("sdei", "longest=2", "longest = 2.0; expected a number in (0, 1]"),
    "an unknown rule": training(
        "--config.objective.characterization=lagrange",
        "unknown characterization 'lagrange'; did you mean 'lagrangian'? Known: eulerian, integral, integral_end",
    ),
    "an unsound combination": training(
        "--config.objective.characterization=lagrangian --config.objective.velocity=sample",
        "combination: lagrangian with velocity = 'sample' is unsound: the sample's velocity belongs to the path",
    ),
    "a biased combination": training(
        "--config.objective.characterization=eulerian --config.objective.velocity=sample "
        "--config.objective.stop_gradient=none",
        "combination: eulerian with velocity = 'sample' and stop_gradient = 'none' is biased",
    ),
    "a combination without its rule": training(
        "--config.objective.velocity=ema", "--config.objective.velocity=ema belongs to a combination of your own; name"
    ),
    "an unknown velocity": training(
        "--config.objective.characterization=eulerian --config.objective.velocity=mine",
        "combination: velocity = 'mine'; expected one of self, ema, teacher, sample",
    ),
    "a law that goes back": training(
        "--config.objective.characterization=semigroup --config.objective.times=square",
        "combination: times = 'square' with semigroup, whose stop lies on the way; expected 'triangle'",
    ),
    "a gradient through a difference": training(
        "--config.objective.characterization=eulerian --config.objective.engine=difference "
        "--config.objective.stop_gradient=none",
        "combination: engine = 'difference' with stop_gradient = 'none'; expected 'target'",
    ),
    "a combination without its teacher": training(
        "--config.objective.characterization=lagrangian --config.objective.velocity=teacher",
        "objective lagrangian_teacher distils a teacher and none is given; train one",
    ),
}

TEACHERS = {
    "no teacher": training(
        "",
        "objective lmd distils a teacher and none is given; train one (--config=FILE:flow_matching) and pass "
        "--config.teacher=ITS_WORKDIR, or take --config.teacher=exact",
        row="lmd",
    ),
    "a teacher that is not used": training(
        "--config.teacher=run", "objective lsd uses no teacher; drop --config.teacher=run"
    ),
    "a teacher that is no run": training(
        "--config.teacher=nothing", "--config.teacher=nothing: nothing holds no run (no config.json)", row="lmd"
    ),
    "a teacher of other data": training(
        "--config.teacher=run --config.dataset=spiral",
        "teacher run was trained with dataset = points.npy, the student has spiral; expected the same: choose another",
        row="lmd",
    ),
    "a teacher of another path": training(
        "--config.teacher=run --config.interpolant=trigonometric",
        "teacher run was trained with interpolant = linear, the student has trigonometric; expected the same",
        row="lmd",
    ),
    "a teacher without checkpoints": training(
        "--config.teacher=run",
        "run has no checkpoints yet; train it with experiments.train --workdir=run",
        row="lmd",
        change=lambda folder: shutil.rmtree(folder / "run/checkpoints"),
    ),
}

DATA = {
    "no such data": training("--config.dataset=nothing.npy", "nothing.npy; --config.dataset expects a .npy or .npz"),
    "a file that is no array": training(
        "--config.dataset=x.npy",
        "x.npy cannot be read (ValueError: ",
        change=lambda folder: (folder / "x.npy").write_bytes(b"no array"),
    ),
    "an archive that is none": training(
        "--config.dataset=x.npz",
        "x.npz cannot be read (",
        change=lambda folder: (folder / "x.npz").write_bytes(b"no archive"),
    ),
    "Python objects": data("x.npy", "x.npy cannot be read (ValueError: ", x=np.array([{}, {}])),
    "whole numbers": data("x.npy", "x.npy is of type int64; expected float16, float32", x=np.zeros((9, 2), np.int64)),
    "one number each": data("x.npy", "x.npy has shape (50,); expected (number of examples, ...)", x=X[:, 0]),
    "too few": data("x.npy", "x.npy holds 1 examples; expected at least 4: give more data", x=X[:1]),
    "NaN": data("x.npy", "1 of 50 examples (2.00%) contain NaN or infinity, first example 3", x=WITH_NAN),
    "too large": data("x.npy", "50 of 50 examples (100.00%) contain numbers above 100 in magnitude", x=1e6 * X),
    "all the same": data("x.npy", "x.npy: all numbers are 1; expected data that vary", x=np.ones_like(X)),
    "two arrays": data("x.npz", 'x.npz holds the arrays a, b; expected the examples as "x"', a=X, b=X),
    "another shape to test on": data(
        "x.npz", 'x.npz, array "test" has examples of shape (3,), those to train on have (2,)', x=X, test=np.eye(3)
    ),
}

FOLDERS = {
    "a file": training(
        "--workdir=file", "cannot write into --workdir=file (File exists); name a folder", change=a_file
    ),
    "a cache that is a file": training(
        "",
        "cannot write into FLOWMAP_CACHE=file (File exists); name a folder",
        change=a_file,
        environment={"FLOWMAP_CACHE": "file"},
    ),
    "a cache of solutions that is a file": Case(
        REFERENCE,
        "--config=small.py",
        "cannot write into FLOWMAP_CACHE=file (",
        a_file,
        environment={"FLOWMAP_CACHE": "file"},
    ),
    "a dry run of drawn examples that a host should read": training(
        "--dry_run --config.dataset=two_moons --config.training.data=host", "data set two_moons draws its examples; use"
    ),
    "a dry run without the teacher's run": training(
        "--dry_run --config.teacher=nothing", "--config.teacher=nothing: nothing holds no run", row="lmd"
    ),
    "a folder below a file": training(
        "--workdir=file/new", "cannot write into --workdir=file/new (Not a directory); name a folder", change=a_file
    ),
    "an empty name": training("--workdir=", "--workdir"),
    "a run of another configuration": training(
        "--workdir=run --config.training.learning_rate=0.5",
        "--workdir=run holds a run of another configuration (training.learning_rate is 0.01 there, 0.5 here); use",
    ),
    "checkpoints without a configuration": training(
        "--workdir=run",
        "--workdir=run has checkpoints but no config.json; use another --workdir",
        change=lambda folder: (folder / "run/config.json").unlink(),
    ),
    "a damaged configuration": run_file("config.json", '{"seed": 0', "run/config.json is damaged (Expecting ',' delim"),
    "a configuration that is no text": run_file(
        "config.json", b"\xff\xfe", "run/config.json is damaged ('utf-8' codec"
    ),
    "a configuration that is a list": run_file("config.json", "[]", "run/config.json is damaged (list indices must"),
    "a damaged record": run_file("run.json", "{", "run/run.json is damaged (Expecting property name"),
    "a record that is a list": run_file("run.json", "[]", "run/run.json is damaged ("),
    "a record that is no text": run_file("run.json", b"\xff\xfe", "run/run.json is damaged ("),
    "a record of a format without a number": run_file("run.json", '{"format": "new"}', "run/run.json is damaged ("),
    "a record of a later version": run_file(
        "run.json", '{"format": 99}', "run was written by a later version of the project (format 99, this one knows 2)"
    ),
    "no record": training(
        "--workdir=run",
        "run/run.json is damaged ([Errno 2] No such file or directory",
        change=lambda folder: (folder / "run/run.json").unlink(),
    ),
    "a damaged log": run_file("training.jsonl", "no number\n", "run/training.jsonl"),
    "a log without steps": run_file("training.jsonl", '{"loss": 1.0}\n', "run/training.jsonl"),
    "damaged checkpoints": training(
        "--workdir=run",
        "no other checkpoint is left: train again in another --workdir",
        change=in_checkpoints(damage),
    ),
    "empty checkpoints": training(
        "--workdir=run",
        "no other checkpoint is left: train again in another --workdir",
        change=in_checkpoints(lambda path: path.write_bytes(b"")),
    ),
    "a damaged checksum": training(
        "--workdir=run",
        "no other checkpoint is left: train again in another --workdir",
        change=lambda folder: [damage(path) for path in folder.glob("run/checkpoints/*/_CHECKPOINT_METADATA")],
    ),
    "a file in place of checkpoints": training(
        "--workdir=run",
        "run/checkpoints",
        change=lambda folder: (shutil.rmtree(folder / "run/checkpoints"), (folder / "run/checkpoints").write_text("")),
    ),
    "a checkpoint of other averages": saved(
        lambda values: values["training"].update(ema=[0.999, 0.99]),
        "checkpoints/5 does not fit this network and optimizer (ema/1/params/network/Dense_0/bias has shape None "
        "there, (8,) here); run with the configuration that made it",
    ),
    "nothing to score": Case(
        EVALUATE, "--workdir=new", "new holds no run (no config.json); train one with --workdir=new"
    ),
    "a file to score": Case(EVALUATE, "--workdir=file", "file holds no run (no config.json)", a_file),
    "a run without checkpoints to score": Case(
        EVALUATE,
        "--workdir=run",
        "run has no checkpoints yet; train it with experiments.train --workdir=run",
        lambda folder: shutil.rmtree(folder / "run/checkpoints"),
    ),
    "a run with an empty folder of checkpoints": Case(
        EVALUATE,
        "--workdir=run",
        "run has no checkpoint yet; train it with experiments.train --workdir=run",
        lambda folder: (shutil.rmtree(folder / "run/checkpoints"), (folder / "run/checkpoints").mkdir()),
    ),
    "damaged checkpoints to score": Case(
        EVALUATE,
        "--workdir=run",
        "no other checkpoint is left: train again in another --workdir",
        lambda folder: (folder / "run/checkpoints/5/default/_METADATA").write_text("{"),
    ),
    "an unknown checkpoint": Case(
        EVALUATE, "--workdir=run --checkpoint=bst", "--checkpoint='bst'; did you mean 'best'"
    ),
    "no best checkpoint": Case(
        EVALUATE,
        "--workdir=run --checkpoint=best",
        "run has no best yet; train it with experiments.train --workdir=run --config.training.evaluate_every=STEPS",
    ),
    "an unknown objective to score": saved(
        lambda values: values["objective"].update(name="lsdd"), "unknown objective 'lsdd'; did you mean 'lsd'"
    ),
    "an average that was not trained": saved(
        lambda values: values["evaluation"].update(ema=0.5),
        "evaluation.ema=0.5 is not trained; expected one of (0.999,)",
    ),
    "an unknown activation to score": saved(
        lambda values: values["network"].update(activation="gulu"), "network.activation='gulu'; did you mean 'gelu'"
    ),
    "no width to score": saved(
        lambda values: values["network"].update(width=0), "network.width=0; expected a positive"
    ),
    "an option to score that is a word": saved(
        lambda values: values["objective"]["options"].update(diagonal_share="most"), "objective lsd: "
    ),
    "no samples to score": saved(
        lambda values: values["evaluation"].update(samples=0), "evaluation.samples=0; expected at least 2"
    ),
    "no numbers of steps to score": saved(
        lambda values: values["evaluation"].update(steps=[]), "evaluation.steps=(); expected numbers of steps"
    ),
    "no data set to score": saved(lambda values: values.update(dataset=None), "dataset"),
}

HOST_FAULTS = {
    "only the number": training(
        "--processes=2",
        "--coordinator, --process_id missing; give all of --coordinator=HOST:PORT, --processes=N and --process_id=K",
    ),
    "no coordinator": training("--processes=2 --process_id=0", "--coordinator missing; give all of"),
    "only a coordinator of the environment": training(
        "", "--processes, --process_id missing", environment={"JAX_COORDINATOR_ADDRESS": "localhost:1"}
    ),
    "no port": training(
        f"{HOSTS} --process_id=0 --coordinator=localhost", "--coordinator=localhost; expected HOST:PORT, such as"
    ),
    "a port that is a word": training(
        f"{HOSTS} --process_id=0 --coordinator=localhost:ssh", "--coordinator=localhost:ssh; expected HOST:PORT"
    ),
    "a number out of range": training(
        f"{HOSTS} --process_id=2", "--process_id=2 of --processes=2; expected 0 <= process_id < processes"
    ),
    "a negative number": training(f"{HOSTS} --process_id=-1", "--process_id=-1 of --processes=2; expected 0 <="),
    "no processes": training(f"{HOSTS} --process_id=0 --processes=0", "--process_id=0 of --processes=0; expected 0 <="),
    "a word for a number": training("--processes=two", "flag --processes=two: invalid literal for int()"),
    "a word in the environment": training(
        "",
        "JAX_NUM_PROCESSES='two' in the environment; expected a whole number",
        environment={"JAX_NUM_PROCESSES": "two"},
    ),
    "a word for this process in the environment": training(
        "", "JAX_PROCESS_ID='x' in the environment; expected a whole number", environment={"JAX_PROCESS_ID": "x"}
    ),
    "a digit that is no number": training(
        "", "JAX_NUM_PROCESSES='²' in the environment; expected", environment={"JAX_NUM_PROCESSES": "²"}
    ),
    "no time to wait": training("--host_timeout=0", "flag --host_timeout=0: 0 is not a positive integer"),
    "no cluster to detect": training(
        "--detect_hosts --host_timeout=1", "the processes did not come together within 1 s"
    ),
    "a host that is none": training(
        "--coordinator=a..b:1 --processes=2 --process_id=1 --host_timeout=1", "--coordinator=a..b:1"
    ),
    "nobody else": training(
        f"--coordinator=localhost:{free_port()} --processes=2 --process_id=0 --host_timeout=1",
        "the processes did not come together within 1 s",
    ),
    # Nothing listens at port 1.
    "a port that is taken": training(
        f"--coordinator=localhost:{TAKEN.getsockname()[1]} --processes=2 --process_id=0 --host_timeout=1",
        f"--coordinator=localhost:{TAKEN.getsockname()[1]}: cannot listen at that port ([Errno",
    ),
    "a coordinator that is none": training(
        f"--coordinator=localhost:{TAKEN.getsockname()[1]} --processes=2 --process_id=1 --host_timeout=1",
        "the processes did not come together within 1 s",
    ),
    "a coordinator out of reach": training(
        f"{HOSTS} --process_id=1 --host_timeout=1", "did not come together within 1 s"
    ),
}

COMPARISONS = {
    name: Case(COMPARE, f"--config=small.py --workdir=new {arguments}", text)
    for name, (arguments, text) in {
        "no seeds": ("--objectives=lsd --seeds=", "--seeds=; expected at least one, each named once"),
        "a seed twice": ("--objectives=lsd --seeds=0,0", "--seeds=0,0; expected at least one, each named once"),
        "a seed that is a word": ("--objectives=lsd --seeds=0,a", "--seeds=0,a; expected whole numbers such as 0,1,2"),
        "no objectives": ("--objectives=", "--objectives=; expected at least one, each named once"),
        "an objective twice": ("--objectives=lsd,lsd", "--objectives=lsd,lsd; expected at least one, each named once"),
        "an unknown objective": ("--objectives=lsd,eds", "unknown objective 'eds'; did you mean 'esd'"),
        "all and one": ("--objectives=all,lsd", "unknown objective 'all'; "),
        "an unknown budget": ("--objectives=lsd --budget=time", "--budget=time; Known: evaluations, steps"),
        "a combination": (
            "--objectives=lsd --config.objective.characterization=lagrangian",
            "--config.objective.characterization=lagrangian with compare, which takes rows by name",
        ),
        "a teacher for some": ("--objectives=lsd,lmd", "objective lmd distils a teacher and none is given"),
        "a teacher that is no run": (
            "--objectives=lmd,lsd --config.teacher=nothing",
            "nothing holds no run (no config.json)",
        ),
        "an unknown optimizer": ("--objectives=lsd --config.training.optimizer=adma", "did you mean 'adam'"),
        "an unknown data set": ("--objectives=lsd --config.dataset=spirl", "did you mean 'spiral'"),
        "shares that do not divide": ("--objectives=lsd --config.training.batch_size=63", "a multiple of 16: use 64"),
    }.items()
} | {
    "a file": Case(
        COMPARE,
        "--config=small.py --objectives=lsd --workdir=file",
        "cannot write into --workdir=file (File exists); name a folder",
        a_file,
    )
}

MEASUREMENTS = {
    name: Case(BENCHMARK, arguments, text)
    for name, (arguments, text) in {
        "no objectives": ("--objectives=", "--objectives is empty; name at least one, such as flow_matching,lsd,esd"),
        "an unknown objective": ("--objectives=lds", "unknown objective 'lds'; did you mean 'lsd'"),
        "an objective without its teacher": ("--objectives=lmd", "objective lmd distils a teacher and none is given"),
        "a combination": (
            "--config.objective.characterization=lagrangian",
            "--config.objective.characterization=lagrangian with benchmark, which takes rows by name; drop it",
        ),
        "an unknown scaling": ("--scaling=widht", "unknown --scaling=widht; did you mean 'width'? Known: batch, dev"),
        "a size that is a word": ("--batch_sizes=a", "--batch_sizes=a; expected whole numbers"),
        "no sizes": ("--scaling=batch --batch_sizes=", "--batch_sizes=; expected positive whole numbers, such as 256"),
        "a size of zero": ("--scaling=batch --batch_sizes=0", "--batch_sizes=0; expected positive whole numbers"),
        "a size that does not divide": ("--scaling=batch --batch_sizes=63", "expected a multiple of 16: use 64"),
        "no repeats": ("--repeats=0", "flag --repeats=0: 0 is not a positive integer"),
        "too few dispatches": ("--dispatches=1", "flag --dispatches=1: 1 is not integer >= 3"),
        "an unknown activation": (
            "--objectives=lsd --config.network.activation=gulu",
            "unknown --config.network.activation='gulu'; did you mean 'gelu'",
        ),
        "a folder for results, and a fault": ("--out=new --objectives=lds", "unknown objective 'lds'"),
    }.items()
} | {
    "a file for results": Case(
        BENCHMARK, "--out=file", "cannot write into --out=file (File exists); name a folder", a_file
    )
}


def nan_in_the_middle(arrays: dict) -> None:
    arrays["x_t"] = np.array([0, np.nan, 0])


REFERENCES = {
    "an unknown interpolant": Case(REFERENCE, "--config=small.py --config.interpolant=liner", "did you mean 'linear'"),
    "a seed that no key holds": Case(
        REFERENCE,
        "--config=small.py --config.evaluation.seed=99999999999999999999",
        "evaluation.seed=99999999999999999999",
    ),
    "no triples": Case(
        REFERENCE, "--config=small.py --config.evaluation.triples=0", "--config.evaluation.triples=0; expected a posit"
    ),
    "a folder": Case(REFERENCE, "--config=small.py --workdir=new", "unknown option --workdir; "),
    "data without an exact velocity": Case(
        REFERENCE,
        "--config=small.py --config.dataset=x.npy",
        "data set x.npy has no exact velocity; take a data set that has one, such as checkerboard",
        lambda folder: np.save(folder / "x.npy", np.random.default_rng(0).random((1_200_000, 2), np.float32)),
    ),
    "NaN in the file": reference_file(nan_in_the_middle, "the reference set contains NaN or infinity; delete "),
    "a file of other settings": reference_file(
        lambda arrays: arrays.update(settings=json.dumps(json.loads(arrays["settings"]) | {"triples": 7})),
        "the reference set was made by other settings (triples is 7 there, 60 here); delete ",
    ),
    "a file of another velocity": reference_file(
        lambda arrays: arrays.update(probe_b=np.ones((3, 2))),
        "the reference set was made with another velocity of data set points.npy; delete ",
    ),
    "a file without an array": reference_file(
        lambda arrays: arrays.pop("x_1"), "the reference set is damaged (KeyError: 'x_1 is not a file in the archive')"
    ),
    "damaged settings": reference_file(
        lambda arrays: arrays.update(settings="{"), "the reference set is damaged (JSONDecodeError: "
    ),
    "no archive": Case(
        REFERENCE,
        "--config=small.py --config.dataset=two_moons",
        "the reference set is damaged (ValueError: ",
        lambda folder: (folder / reference.path_of(small(steps=5)).name).write_bytes(b"no archive"),
        environment={"FLOWMAP_CACHE": "."},
    ),
}

CATALOGUE_FAULTS = {
    name: Case(TAXONOMY, arguments, text)
    for name, (arguments, text) in {
        "an unknown row": ("show lsdd", "no method is called 'lsdd'; did you mean lsd"),
        "a row like no other": ("show zzzzzz", f"no method is called 'zzzzzz'; known: {', '.join(CATALOGUE)}"),
        "no row": ("show", "the following arguments are required: name"),
        "two rows": ("show lsd esd", "unrecognized arguments: esd"),
        "an unknown row to cite": ("cite lsd lmdd", "no method is called 'lmdd'; did you mean lmd"),
        "no row to cite": ("cite", "the following arguments are required: name"),
        "an unknown format": ("--format=xml", "argument --format: received 'xml'; expected one of text, markdown, csv"),
        "no format": ("--format", "argument --format: expected one argument"),
        "an unknown family": ("--family=langrangian", "received 'langrangian'; expected one of direct, lagrangian"),
        "an unknown order": ("--sort=size", "argument --sort: received 'size'; expected one of name, year, cost, fam"),
        "an unknown option": ("--sorted=name", "unrecognized arguments: --sorted=name"),
        "an unknown command": ("list", "invalid choice: 'list'"),
        "a row of equivalences": ("equivalences lsd", "unrecognized arguments: lsd"),
    }.items()
}

SAMPLE, STEER, FINETUNE = "experiments.sample", "experiments.steer", "experiments.finetune"
LIKELIHOOD, INVERT, WALK = "experiments.likelihood", "experiments.invert", "experiments.random_walk"
CORNER = "--workdir=run --reward=experiments.rewards:near_corner"
REWARDS = """
import jax.numpy as jnp

def matrix(x):
    return x

def nothing(x):
    return jnp.sum(x, axis=-1) * jnp.nan

def sharp(x):
    return jnp.sqrt(jnp.sum(x * 0, axis=-1))

def other(x):
    return x @ jnp.ones((7, 7))
"""


def reward(name: str, text: str) -> Case:
    def write(folder: Path) -> None:
        (folder / "own_rewards.py").write_text(REWARDS)

    return Case(STEER, f"--workdir=run --reward=own_rewards:{name}", text, change=write)


USES = {
    "no file for samples": Case(SAMPLE, "--workdir=run", "--out is missing; it is required"),
    "a file of an unknown kind": Case(SAMPLE, "--workdir=run --out=x.txt", "--out=x.txt; expected a file that ends in"),
    "no steps": Case(SAMPLE, "--workdir=run --out=x.npz --num_steps=0", "--num_steps=0; expected at least 1"),
    "a grid that goes back": Case(
        SAMPLE, "--workdir=run --out=x.npz --times=0,0.6,0.5,1", "--times=0,0.6,0.5,1; expected numbers that increase"
    ),
    "an unknown grid": Case(
        SAMPLE, "--workdir=run --out=x.npz --grid=uniforn", "--grid=uniforn; did you mean 'uniform'"
    ),
    "an unknown sampler": Case(
        SAMPLE, "--workdir=run --out=x.npz --sampler=gama", "unknown --sampler=gama; did you mean 'gamma'"
    ),
    "an option of another sampler": Case(
        SAMPLE,
        "--workdir=run --out=x.npz --sampler=heun --eta=0.5",
        "--eta with --sampler=heun, which does not read it",
    ),
    "no run to sample": Case(SAMPLE, "--workdir=new --out=x.npz", "new holds no run (no config.json)"),
    "a run without checkpoints to sample": Case(
        SAMPLE,
        "--workdir=run --out=x.npz",
        "run has no checkpoints yet; train it with",
        lambda folder: shutil.rmtree(folder / "run/checkpoints"),
    ),
    "no reward": Case(STEER, "--workdir=run", "--reward is missing; it is required"),
    "a reward that is no function": Case(
        STEER, "--workdir=run --reward=corner", "--reward=corner; expected MODULE:FUNCTION, such as experiments.rewards"
    ),
    "a module that does not exist": Case(
        STEER, "--workdir=run --reward=nowhere:f", "module nowhere cannot be imported (ModuleNotFoundError"
    ),
    "a function that does not exist": Case(
        STEER,
        "--workdir=run --reward=experiments.rewards:near_cornre",
        "module experiments.rewards has no function 'near_cornre'; did you mean 'near_corner'",
    ),
    "a reward of another shape": reward("matrix", "gives shape (16, 2) for 16 examples of shape (2,); expected (16,)"),
    "a reward that is not a number": reward("nothing", "has a value that is NaN or infinite on 16 of 16 examples"),
    "a reward without a gradient": reward("sharp", "has a gradient that is NaN or infinite on 16 of 16 examples"),
    "a reward of other data": reward("other", "--reward=own_rewards:other fails on data of shape (16, 2)"),
    "an unknown method": Case(STEER, f"{CORNER} --method=tiltin", "unknown --method='tiltin'; did you mean 'tilting'"),
    "no steps of steering": Case(STEER, f"{CORNER} --num_steps=0", "--num_steps=0; expected at least 1"),
    "one sample to steer": Case(STEER, f"{CORNER} --samples=1", "--samples=1; expected at least 2"),
    "no run to steer": Case(STEER, CORNER.replace("=run", "=new"), "holds no run (no config.json)"),
    "a negative penalty": Case(FINETUNE, f"{CORNER} --penalty=-1", "not negative"),
    "no updates": Case(FINETUNE, f"{CORNER} --steps=0", "--steps=0; expected at least 1"),
    "an unknown way of learning": Case(FINETUNE, f"{CORNER} --method=maps", "did you mean 'map'"),
    "no run to tune": Case(FINETUNE, CORNER.replace("=run", "=new"), "holds no run (no config.json)"),
    "no exact density": Case(LIKELIHOOD, "--workdir=run", "has no exact density"),
    "no probes": Case(LIKELIHOOD, "--workdir=run --probes=0", "--probes=0; expected at least 1"),
    "no run to invert": Case(INVERT, "--workdir=new", "holds no run (no config.json)"),
    "a picture of an unknown kind": Case(WALK, "--out=x.jpg", "--out=x.jpg; expected a file that ends in .png"),
    "weights that are not there": Case(
        "experiments.inception",
        "--convert=none.pth --out=x.npz",
        "no file --convert=none.pth; download https://github.com/mseitzer/pytorch-fid",
    ),
    "weights of another file": Case(
        "experiments.inception", "--convert=file --out=x.npz", "--convert=file has sha256", a_file
    ),
    "weights into another format": Case(
        "experiments.inception",
        "--convert=file --out=x.pth",
        "--out=x.pth; expected a file that ends in .npz",
        a_file,
    ),
    "a judge without classes": Case(
        "experiments.judge", "--dataset=two_moons", "--dataset=two_moons has no pictures with classes"
    ),
    "images that are not there": Case(
        "experiments.image_score",
        "--samples=none.npz --reference=digits --out=new",
        "none.npz; expected images saved by numpy.save",
    ),
    "a reference without images": Case(
        "experiments.image_score",
        "--samples=points.npy --reference=two_moons --out=new",
        "--reference=two_moons has no images",
    ),
    "a range that does not exist": Case(
        "experiments.image_score",
        "--samples=points.npy --reference=digits --out=new --range=1",
        "unknown --range='1'; did you mean '0,1'",
    ),
    "Inception weights that are not there": Case(
        "experiments.image_score",
        "--samples=points.npy --reference=digits --out=new --inception=none.npz",
        "no file of Inception weights none.npz; download",
    ),
    "no run, and no configuration": Case("experiments.compare_samplers", "", "--workdir is missing"),
    "a configuration that does not exist": Case(
        "experiments.compare_samplers",
        "--workdir=new --configs=checkrboard.py",
        "no configuration file 'checkrboard.py'; did you mean",
    ),
}

CASES = {
    f"{group}: {name}": case
    for group, cases in {
        "options": OPTIONS,
        "configuration": CONFIGURATIONS,
        "images": IMAGES,
        "value": VALUES,
        "row": ROWS,
        "teacher": TEACHERS,
        "data": DATA,
        "folder": FOLDERS,
        "processes": HOST_FAULTS,
        "compare": COMPARISONS,
        "benchmark": MEASUREMENTS,
        "reference": REFERENCES,
        "catalogue": CATALOGUE_FAULTS,
        "uses": USES,
    }.items()
    for name, case in cases.items()
}


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    found = Commands()
    yield found
    found.close()


@pytest.fixture(scope="session")
def trained(commands, tmp_path_factory) -> Path:
    """A finished run of the configuration that most cases are faults of: without them, it works."""
    folder = tmp_path_factory.mktemp("trained")
    write_small(folder)
    ended = commands.run(TRAIN, "--quiet", "--config=small.py", "--workdir=run", cwd=folder)
    assert (ended.code, ended.stdout, ended.stderr) == (0, "", "")
    return folder / "run"


# Every module that can be run.
COMMANDS = ["taxonomy"]
COMMANDS += [
    f"experiments.{path.stem}"
    for path in sorted(ROOT.glob("experiments/*.py"))
    if "__main__" in path.read_text() and path.stem != "classifier"  # which has no options
]


def write_small(folder: Path) -> None:
    (folder / "small.py").write_text(SMALL)
    np.save(folder / POINTS, X)


def listing(folder: Path) -> dict[str, int | None]:
    """All files, with the time of their last change, and all folders."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns if path.is_file() else None for path in folder.rglob("*")
    }


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input_ends_in_one_line(case, commands, tmp_path, request):
    write_small(tmp_path)
    if re.search(r"=run\b", case.arguments):
        shutil.copytree(request.getfixturevalue("trained"), tmp_path / "run")
    case.change(tmp_path)
    before = listing(tmp_path)
    ended = commands.run(case.module, *case.arguments.split(), cwd=tmp_path, environment=case.environment)
    assert ended.code == case.code, ended.stderr[-3000:]
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("error: ")
    assert case.text in lines[0]
    assert "Traceback" not in lines[0]
    if case.code == BAD_INPUT:
        assert listing(tmp_path) == before


def test_the_list_is_long_and_names_every_command():
    assert len(CASES) >= 60
    assert {case.module for case in CASES.values()} == set(COMMANDS)
