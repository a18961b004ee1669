"""Fine-tunes a trained map towards a reward, through one jump or through Euler steps of its velocity, and compares.

    python -m experiments.finetune --workdir=runs/lsd --reward=experiments.rewards:near_corner --method=all

Writes ``OUT/map`` and ``OUT/ode``, run folders that other commands load, and ``finetune.csv``, ``.md``, ``.json``,
``.png`` into OUT, by default the run's folder with ``_finetuned`` behind its name. docs/reward_learning.md says what
the numbers mean.
"""

import contextlib
import json
from pathlib import Path
import time

from absl import flags
import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import (
    caches,
    errors,
    findings,
    finetune_plots,
    finetuning,
    networks,
    protocol,
    reward_truth,
    rewards,
    runs,
    settings,
)
from experiments import flags as command_flags
from experiments.checkpoints import Checkpoints
from experiments.errors import DivergedError, UsageError, nearest
from experiments.finetune_report import DEFAULT, Judge, Loaded, of_tilted, reached, report
from experiments.finetuning import Plan, Tuned
from experiments.invert import noise_of
from experiments.state import initial_state
from models import grids, samplers
from models.flow_map_model import Params, bind, count_parameters
from taxonomy.flow_map import diagonal

METHODS = {"map": ("map",), "ode": ("ode",), "all": ("map", "ode")}
SAMPLES, SEVERAL = 16_000, 4


def _sample(run: Loaded, params: Params, noise: np.ndarray, *, steps: int, method: str) -> np.ndarray:
    v, grid = bind(run.model, params), grids.uniform(steps)
    if method == "ode":
        return np.asarray(jax.jit(lambda x: samplers.euler(diagonal(v), x, grid))(noise))
    return np.asarray(jax.jit(lambda x: samplers.composition(v, x, grid))(noise))


def _score(
    run: Loaded, judge: Judge, tuned: Tuned, plan: Plan
) -> tuple[list[dict[str, object]], dict[str, np.ndarray]]:
    """Rows before and after, and of the optimum, for one method, and the samples for the picture."""
    method, steps = plan.method, plan.ode_steps if plan.method == "ode" else 1
    noise = noise_of(run.dataset, min(SAMPLES, protocol.of(run.config).samples), protocol.of(run.config).seed)
    name = f"{steps} Euler steps" if method == "ode" else "one jump"
    before = _sample(run, run.params, noise, steps=steps, method=method)
    after = _sample(run, tuned.params, noise, steps=steps, method=method)
    best = reward_truth.optimum(run.reward, before, penalty=plan.penalty / run.dataset.std**2)
    rows = [judge.row(f"reference, {name}", before, before, best, per_sample=steps)]
    optimal = None if best is None else judge.row(f"optimum for {name}", best, before, best)
    rows.append(
        judge.row(
            f"fine-tuned, {name}",
            after,
            before,
            best,
            per_sample=steps,
            evaluations=float(tuned.curve[-1, 0] / 1e6),
            reached=reached(tuned, rows[0]["reward"], optimal and optimal["reward"]),
            megabytes=None if tuned.planned_bytes is None else tuned.planned_bytes / 1e6,
            seconds=tuned.seconds,
        )
    )
    if method == "map":
        several = _sample(run, tuned.params, noise, steps=SEVERAL, method=method)
        rows.append(judge.row(f"the same, {SEVERAL} jumps", several, before, best, per_sample=SEVERAL))
    pictures = {f"reference, {name}": before, f"fine-tuned, {name}": after}
    if optimal is not None:
        rows.append(optimal)
        pictures[f"optimum for {name}"] = best
    return rows, pictures


def _save(run: Loaded, tuned: Tuned, folder: Path, record: dict[str, object]) -> None:
    """A run folder that other commands load: with fine-tuned velocities, it is one of flow matching."""
    config = ConfigDict(run.config.to_dict())
    config.network.output = config.network.output or settings.objective_of(run.config).output
    if record["method"] == "ode":
        config = settings.with_objective(config, "flow_matching")
    objective = settings.objective_of(config)
    model = networks.build(config, objective, run.dataset)
    example = initial_state(config, model, objective, run.dataset.shape)
    params = {"params": {name: tuned.params["params"][name] for name in example.params["params"]}}
    state = example._replace(
        step=np.int32(run.trained),
        params=params,
        ema=tuple(params for _ in example.ema),
        target=tuple(params for _ in example.target),
        stage=tuple(params for _ in example.stage),
    )
    runs.prepare(folder, config, devices=1, parameters=count_parameters(params))
    (folder / "finetune.json").write_text(json.dumps(record, indent=2) + "\n")
    with contextlib.closing(Checkpoints(folder)) as checkpoints:
        checkpoints.save(run.trained, jax.tree.map(np.asarray, state))
        checkpoints.wait()


def _check(plan: Plan, method: str, weight: float) -> None:
    if method not in METHODS:
        raise UsageError(f"unknown --method={method!r}; {nearest(method, METHODS)}")
    for name in ("steps", "batch_size", "ode_steps"):
        if getattr(plan, name) < 1:
            raise UsageError(f"--{name}={getattr(plan, name)}; expected at least 1")
    for name in ("penalty", "map_penalty", "tangent_penalty"):
        if not 0 <= getattr(plan, name) < np.inf:
            raise UsageError(f"--{name}={getattr(plan, name)}; expected a number that is not negative")
    for name, value in (("learning_rate", plan.learning_rate), ("weight", weight)):
        if not 0 < value < np.inf:
            raise UsageError(f"--{name}={value}; expected a positive number")


def finetune(
    workdir: Path,
    *,
    reward: str,
    out: str | None = None,
    method: str = "map",
    weight: float = 1.0,
    plan: Plan = DEFAULT,
) -> list[dict[str, object]]:
    """Fine-tunes a run by one method or both, saves and scores what comes of it.

    Args:
      workdir: the run's folder; it is not changed.
      reward: its name, see ``experiments.rewards``.
      out: folder of the results.
      method: "map", "ode" or "all".
      weight: multiple of the reward.
      plan: everything else; its method is not used.

    Returns:
      the rows of the table.

    Raises:
      UsageError: if there is no trained run, the reward or a number cannot be used, the folder holds another run, or
        the fine-tuning diverges; then no run is written.
    """
    begun = time.perf_counter()
    _check(plan, method, weight)
    plain = rewards.load(reward)
    config, dataset, model, params, trained = runs.load_trained(workdir)
    rewards.check(lambda x: weight * plain(x), dataset, name=reward)
    if settings.objective_of(config).sampler == "euler" and method != "ode":
        raise UsageError(
            f"{workdir} ({settings.label(config)}) learned velocities only, there is no jump to fine-tune; expected "
            "--method=ode, or a run that learned a map"
        )
    if settings.objective_of(config).sampler in ("renoising", "one_jump") and method != "map":
        raise UsageError(
            f"{workdir} ({settings.label(config)}) learned jumps alone, there is no velocity for Euler steps; expected "
            "--method=map, or a run that learned velocities"
        )
    folder = Path(out) if out else workdir.with_name(f"{workdir.resolve().name}_finetuned")
    for name in METHODS[method]:
        if (folder / name / "config.json").exists() or (folder / "config.json").exists():
            raise UsageError(f"{folder} holds a run already; choose another folder with --out, or delete it")
    fresh = not folder.exists()
    findings.folder(folder, out)
    dataset.check_sample()
    run = Loaded(workdir, config, dataset, model, params, trained, lambda x: weight * plain(x), reward)
    judge, interpolant = Judge(run), settings.interpolant_of(config)
    tuned: dict[str, Tuned] = {}
    try:
        for name in METHODS[method]:
            tuned[name] = finetuning.tune(model, params, run.reward, dataset, interpolant, plan._replace(method=name))
    except DivergedError:
        if fresh:
            folder.rmdir()
        raise
    rows, pictures = [], {}
    for name, found in tuned.items():
        own = plan._replace(method=name)
        scored, drawn = _score(run, judge, found, own)
        rows += scored
        pictures |= drawn
        made_from = {"workdir": str(workdir), "reward": reward, "weight": weight}
        _save(run, found, folder / name, made_from | own._asdict())
    rows += of_tilted(run, judge, pictures)
    finetune_plots.draw(
        folder / "finetune.png", dataset, pictures, {name: found.curve for name, found in tuned.items()}
    )
    report(run, folder, rows, plan, method=method, weight=weight, out=out, seconds=time.perf_counter() - begun)
    return rows


if __name__ == "__main__":
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of a trained run")
    REWARD = flags.DEFINE_string("reward", None, f"MODULE:FUNCTION, such as {rewards.EXAMPLE}")
    OUT = flags.DEFINE_string("out", None, "folder of the results; by default WORKDIR_finetuned")
    METHOD = flags.DEFINE_string("method", "map", "map: through one jump; ode: through Euler steps; all: both")
    WEIGHT = flags.DEFINE_float("weight", 1.0, "multiple of the reward")
    PLAN = {
        name: (flags.DEFINE_integer if isinstance(default, int) else flags.DEFINE_float)(name, default, text)
        for name, default, text in (
            ("steps", DEFAULT.steps, "updates"),
            ("batch_size", DEFAULT.batch_size, "noises per update"),
            ("learning_rate", DEFAULT.learning_rate, "of Adam, at the beginning"),
            ("penalty", DEFAULT.penalty, "of the squared distance from the reference's end, over the data's variance"),
            ("map_penalty", DEFAULT.map_penalty, "of the same at random times, of the map alone"),
            ("tangent_penalty", DEFAULT.tangent_penalty, "of the squared distance from the reference's velocity"),
            ("ode_steps", DEFAULT.ode_steps, "Euler steps of --method=ode"),
            ("seed", DEFAULT.seed, "of noise, data and times"),
        )
    }

    def main() -> None:
        """Runs the command."""
        caches.keep_compiled()
        workdir = Path(WORKDIR.value)
        plan = Plan(**{name: flag.value for name, flag in PLAN.items()})
        finetune(workdir, reward=REWARD.value, out=OUT.value, method=METHOD.value, weight=WEIGHT.value, plan=plan)
        folder = Path(OUT.value) if OUT.value else workdir.with_name(f"{workdir.resolve().name}_finetuned")
        print((folder / "finetune.md").read_text())
        print(f"written: {folder}/finetune.csv, finetune.md, finetune.json, finetune.png; run folders in {folder}")

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("workdir", "reward")))
