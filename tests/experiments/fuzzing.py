"""Cases of a fuzz test, each a function of its number: commands with odd values, and with files that were damaged."""

import json
from pathlib import Path
import random
import shutil
from typing import NamedTuple

import numpy as np

from experiments import settings
from tests.experiments.small_runs import small

NUMBERS = "0 -1 1 2 3 0.5 -0.0 1e-300 1e300 nan inf -inf 1e3 0x10 1_0 ٣".split()  # noqa: SIM905 (one line)
NUMBERS += [str(2**power + more) for power in (31, 32, 63, 64) for more in (-1, 0)] + [str(10**30), str(-(2**63))]
NAMES = "abc é 数据 🙂 None True () (1,) [] {} a,b a=b %s%n . * , all all,all lsd exact run points.npy small.py a:b gs://a/b"
TEXTS = [*NAMES.split(), "", " ", "a" * 5000, "new/x.npz", "new/x.png", ":"]
TEXTS += ["\x1b[31mred", "\x1b]0;title\x07", "left\u202eright", "back\r", "two\nlines", "a\udcff"]
JSON = [None, True, -1, 0, 1.5, 1e30, 10**30, float("nan"), float("inf"), "", "x" * 5000, "\x1b[2J", [], [1, [2]], {}]

# Command: (options with which it works, the other ones that it has).
COMMANDS = {
    "train": ("--quiet --config=small.py --workdir=new", "dry_run coordinator processes process_id host_timeout"),
    "evaluate": ("--workdir=run", "workdir out checkpoint inception guidance"),
    "compare": ("--config=small.py --workdir=new --objectives=lsd", "objectives seeds budget workdir"),
    "compare_samplers": ("--workdir=new --configs=", "configs workdir"),
    "sample": (
        "--workdir=run --out=x.npz --samples=8",
        "out sampler num_steps grid times samples seed label guidance checkpoint "
        "gamma noise eta tolerance back_to repeats",
    ),
    "steer": (
        "--workdir=run --reward=near_corner --num_steps=1 --samples=8 --candidates=2 --method=plain --out=new",
        "reward method map num_steps samples noise substeps candidates strength fit_steps exact_steps seed out",
    ),
    "finetune": (
        "--workdir=run --reward=near_corner --steps=2 --batch_size=8 --ode_steps=2 --out=new",
        "reward method weight steps batch_size learning_rate penalty map_penalty tangent_penalty ode_steps "
        "tilt_steps stages tilt_loss noise_from steering seed out",
    ),
    "invert": ("--workdir=run", "workdir out"),
    "likelihood": (
        "--workdir=run --points=8 --ode_steps=2",
        "points ode_steps probes rule head_steps head_batch_size head_learning_rate head_probes out workdir",
    ),
    "randomness": ("--workdir=run --times=0.5", "workdir times points samples seed out"),
    "random_walk": ("--out=x.txt --updates=-1", "out updates"),
    "animate": ("--out=new --scenes=", "out scenes"),
    "reference": ("--config=small.py", "config"),
    "benchmark": (
        "--config=small.py --scaling= --objectives=esd --dispatches=0",
        "objectives scaling batch_sizes width_sizes devices_sizes dispatches repeats out",
    ),
    "costs": ("--config=small.py --objectives=esd --repeats=0", "objectives repeats out"),
    "time_to_quality": ("--recipe=small.py --workdir=new --points=0", "recipe seconds seeds level points workdir"),
    "ablate": ("--suite=sd_table1 --dry_run", "suite scale seeds budget short page dataset inception teacher workdir"),
    "probe": (
        "--workdir=run --objectives=lsd --batches=2 --examples=8",
        "workdir exact objectives checkpoint ema teacher progress batches examples seed out",
    ),
    "export": ("--workdir=run --out=x.safetensors --noscores", "workdir out ema dtype licence checkpoint"),
    "card": ("--workdir=zoo:checkerboard/lsd", "workdir"),
    "symptom": ("--name=flat", "name list"),
    "judge": ("--dataset=points.npy", "dataset"),
    "inception": ("--convert=points.npy --out=x.npz", "convert out"),
    "image_score": (
        "--samples=pictures.npz --reference=pictures.npz --out=new",
        "samples reference out inception resize split rounding seed range",
    ),
    "taxonomy": ("", "format family sort"),
}
FIELDS = tuple(name for name in settings.fields(small()) if not name.startswith("objective_overrides."))


class Fuzzed(NamedTuple):
    """A command line."""

    module: str
    arguments: tuple[str, ...]


ON_RUNS = [
    Fuzzed(f"experiments.{line.split()[0]}", tuple(line.split()[1:]))
    for line in (
        "train --quiet --config=small.py --workdir=run",
        "train --quiet --config=run/config.json --workdir=new",
        "sample --workdir=run --out=new/x.npz --samples=8",
        "sample --workdir=run --out=x.npz --samples=8 --checkpoint=best",
        "evaluate --workdir=run",
        f"steer {COMMANDS['steer'][0]}",
    )
]


def write_data(folder: Path) -> None:
    """Pictures, beside the points of ``bad_input.cases``."""
    x = np.random.default_rng(1).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(folder / "pictures.npz", x=x)


def options(number: int) -> Fuzzed:
    """A command with one to three odd values, now and then of an option that does not exist."""
    rng = random.Random(number)
    command = list(COMMANDS)[number % len(COMMANDS)]
    base, own = (words.split() for words in COMMANDS[command])
    given = list(base)
    for _ in range(rng.choice((1, 1, 2, 3))):
        names = [*own, *([f"config.{rng.choice(FIELDS)}"] * 4 if any("--config=" in word for word in base) else [])]
        name = rng.choice(names) if rng.random() < 0.95 else rng.choice(("nothing", "config.nothing", "é", "\x1b[2J"))
        given.append(f"--{name}={rng.choice(rng.choice((NUMBERS, TEXTS)))}")
    if rng.random() < 0.05:
        given.append(rng.choice(TEXTS))
    return Fuzzed(command if command == "taxonomy" else f"experiments.{command}", tuple(given))


def _damage(path: Path, rng: random.Random) -> None:
    """Flips, cuts, replaces or inserts bytes, or puts something else in the place of a file."""
    whole = bytearray(path.read_bytes())
    at, how = rng.randrange(len(whole) + 1), rng.choice(("flip", "cut", "replace", "insert", "empty", "gone", "folder"))
    if how in ("gone", "folder"):
        path.unlink()
        if how == "folder":
            path.mkdir()
        return
    some = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 40)))
    if how == "flip" and whole:
        whole[at % len(whole)] ^= 1 << rng.randrange(8)
    changed = {
        "cut": whole[:at],
        "replace": whole[:at] + some + whole[at + len(some) :],
        "insert": whole[:at] + some + whole[at:],
    }
    path.write_bytes(changed.get(how, b"" if how == "empty" else whole))


def _change(values: object, rng: random.Random) -> object:
    """JSON in which one value, at any depth, is another."""
    if not isinstance(values, dict) or not values or rng.random() < 0.1:
        return rng.choice(JSON)
    name = rng.choice(list(values))
    if rng.random() < 0.1:
        return {key: value for key, value in values.items() if key != name}
    return {**values, name: _change(values[name], rng)}


def damaged_run(number: int, folder: Path) -> Fuzzed:
    """A command on a run one of whose files was damaged."""
    rng = random.Random(number)
    files = sorted(path for path in (folder / "run").rglob("*") if path.is_file())
    described = [path for path in files if path.suffix in (".json", ".jsonl") and path.parent.name == "run"]
    path = rng.choice(described) if rng.random() < 0.6 else rng.choice(files)
    if path.suffix == ".json" and path in described and rng.random() < 0.7:
        path.write_text(json.dumps(_change(json.loads(path.read_text()), rng)))
    else:
        _damage(path, rng)
    return rng.choice(ON_RUNS)


def damaged_data(number: int, folder: Path) -> Fuzzed:
    """A command on a file of data that was damaged."""
    rng = random.Random(number)
    source = rng.choice(("points.npy", "pictures.npz", "packed.npz"))
    np.savez_compressed(folder / "packed.npz", x=np.load(folder / "points.npy"), y=np.arange(50) % 2)
    path = folder / f"damaged{Path(source).suffix}"
    shutil.copyfile(folder / source, path)
    _damage(path, rng)
    if source == "pictures.npz" and rng.random() < 0.7:
        given = [f"--samples={source}", f"--reference={source}", "--out=new"]
        place = rng.randrange(2)
        given[place] = given[place].replace(source, path.name)
        return Fuzzed("experiments.image_score", tuple(given))
    return Fuzzed(
        "experiments.train", ("--quiet", "--config=small.py", "--workdir=new", f"--config.dataset={path.name}")
    )
