"""Fine-tunes a run by one method or several, saves what comes of it as runs, and scores it.

"map" goes through one jump of the map, "ode" through Euler steps of its velocity; "tilt" and "tilt_data" match the
tilted velocity, "dmd" the tilted law of one jump. The folders of these names are runs that other commands load.
"""

import contextlib
import dataclasses
from pathlib import Path
import time

import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import errors, files, limits, locks, settings
from experiments.errors import UsageError, nearest
from experiments.reporting import findings
from experiments.sampling.trained import Trained
from experiments.settings import networks
from experiments.training import records, runs
from experiments.training.checkpoints import Checkpoints
from experiments.training.state import initial_state
from experiments.uses import rewards
from experiments.uses.finetuning import loop as finetuning
from experiments.uses.finetuning import plots as finetune_plots
from experiments.uses.finetuning import truth as reward_truth
from experiments.uses.finetuning import ways
from experiments.uses.finetuning.loop import Tuned
from experiments.uses.finetuning.plan import LOSSES, Plan
from experiments.uses.finetuning.recipes import RECIPES, Setting
from experiments.uses.finetuning.report import DEFAULT, Judge, Task, compared, of_tilted, reached, report
from experiments.uses.finetuning.ways import Way
from experiments.uses.inversion.invert import noise_of
from experiments.uses.steering.methods import METHODS
from models.flow_map_model import count_parameters

SAMPLES = 16_000
PENALIZED = ("map", "ode")  # methods with an optimum that is found point by point
NEEDS_JUMPS, NEEDS_VELOCITY = ("map", "dmd"), ("ode", "tilt", "tilt_data", "dmd")


def _optimum(task: Task, before: np.ndarray, plan: Plan) -> np.ndarray | None:
    """What the best map makes of the noise of these samples: found where the penalty is, in the units of the map."""
    if plan.method not in PENALIZED:
        return None
    dataset = task.run.dataset
    reward, penalty = rewards.of_map(task.reward, dataset), plan.penalty / dataset.std**2
    best = reward_truth.optimum(reward, dataset.centred(before), penalty=penalty)
    return None if best is None else dataset.in_own_units(best)


def _score(
    task: Task, judge: Judge, tuned: Tuned, plan: Plan, known: dict[Way, np.ndarray]
) -> tuple[list[dict[str, object]], dict[str, np.ndarray]]:
    """Rows before and after, and of the optimum, for one method, and the samples for the picture.

    ``known`` holds the reference's samples that have a row; those that get one join it.
    """
    run, rows, pictures, name = task.run, [], {}, ways.TITLES[plan.method]
    noise = noise_of(run.dataset, task.count, run.protocol.seed)
    better = dataclasses.replace(run, params=tuned.params)
    first, *others = ways.ways(plan, composes=task.composes)
    before = known[first] if first in known else ways.sample(run, noise, first)
    best = _optimum(task, before, plan)
    optimal = None if best is None else judge.row(f"optimum for {first.title}", best, before, best)
    if first not in known:
        known[first] = pictures[f"reference, {first.title}"] = before
        rows.append(judge.row(f"reference, {first.title}", before, before, best, per_sample=first.steps))
    after = pictures[f"{name}, {first.title}"] = ways.sample(better, noise, first)
    start = float(np.mean(jax.jit(task.reward)(before)))
    rows.append(
        judge.row(
            f"{name}, {first.title}",
            after,
            before,
            best,
            per_sample=first.steps,
            evaluations=float(tuned.curve[-1, 0] / 1e6),
            reached=reached(tuned, start, optimal and optimal["reward"]),
            megabytes=None if tuned.planned_bytes is None else tuned.planned_bytes / 1e6,
            seconds=tuned.seconds,
        )
    )
    for way in others:
        after = ways.sample(better, noise, way)
        if plan.method not in PENALIZED:
            pictures[f"{name}, {way.title}"] = after
        rows.append(judge.row(f"{name}, {way.title}", after, before, best, per_sample=way.steps))
    if optimal is not None:
        rows.append(optimal)
        pictures[f"optimum for {first.title}"] = best
    return rows, pictures


def _save(run: Trained, tuned: Tuned, folder: Path, record: dict[str, object]) -> None:
    """A run folder that other commands load: with fine-tuned velocities, it is one of flow matching."""
    config = ConfigDict(run.config.to_dict())
    config.network.output = config.network.output or run.objective.output
    if data := records.read(Path(record["workdir"])).get("data"):
        config.dataset = data["address"]  # wherever the command is run
    if record["method"] == "ode":
        config = settings.with_objective(config, "flow_matching")
    objective = settings.objective_of(config)
    model = networks.build(config, objective, run.dataset)
    example = initial_state(config, model, objective, run.dataset.shape)
    params = {"params": {name: tuned.params["params"][name] for name in example.params["params"]}}
    state = example._replace(
        step=np.int32(run.step),
        params=params,
        ema=tuple(params for _ in example.ema),
        target=tuple(params for _ in example.target),
        stage=tuple(params for _ in example.stage),
    )
    with locks.alone(folder, use="train", name="--out"):
        runs.prepare(folder, config, run.dataset, devices=1, parameters=count_parameters(params))
        files.write_json(folder / "finetune.json", record)
        with contextlib.closing(Checkpoints(folder)) as checkpoints:
            checkpoints.save(run.step, jax.tree.map(np.asarray, state))
            checkpoints.wait()


def _check(plan: Plan, weight: float) -> None:
    for name, most in (
        ("steps", limits.UPDATES),
        ("tilt_steps", limits.UPDATES),
        ("batch_size", limits.AT_ONCE),
        ("ode_steps", limits.REPEATS),
        ("stages", limits.REPEATS),
    ):
        limits.check_count(name, getattr(plan, name), most=most)
    for name in ("penalty", "map_penalty", "tangent_penalty", "noise_from"):
        limits.check_number(name, getattr(plan, name), least=0)
    for name, value in (("learning_rate", plan.learning_rate), ("weight", weight)):
        limits.check_positive(name, value)
    if plan.stages > plan.tilt_steps:
        raise UsageError(
            f"--stages={plan.stages} and --tilt_steps={plan.tilt_steps}; expected at least one update in each stage"
        )
    if not plan.noise_from < 1:
        raise UsageError(f"--noise_from={plan.noise_from}; expected a time from 0 to below 1, which is the data")
    if plan.tilt_loss not in LOSSES:
        raise UsageError(f"unknown --tilt_loss={plan.tilt_loss!r}; {nearest(plan.tilt_loss, LOSSES)}")
    limits.check_seed("seed", plan.seed)


def _check_run(run: Trained, workdir: Path, methods: list[str]) -> None:
    """Refuses methods that need jumps, or a velocity, which the run has not learned."""
    without_jumps = run.objective.sampler == "euler"
    if without_jumps and (bad := [name for name in methods if name in NEEDS_JUMPS]):
        raise UsageError(
            f"{workdir} ({run.name}) learned velocities only, there is no jump to fine-tune by {bad[0]}; expected "
            "--method=ode, tilt or tilt_data, or a run that learned a map"
        )
    without_velocity = run.objective.sampler in ("renoising", "one_jump")
    if without_velocity and (bad := [name for name in methods if name in NEEDS_VELOCITY]):
        raise UsageError(
            f"{workdir} ({run.name}) learned jumps alone, there is no velocity for {bad[0]}; expected "
            "--method=map, or a run that learned velocities"
        )


def folder_of(workdir: Path, out: str | None) -> Path:
    """The folder that ``--out`` names, by default that of the run's results with ``_finetuned`` behind its name."""
    if out:
        return findings.chosen(workdir, out)
    own = findings.chosen(workdir, None)
    return own.with_name(f"{own.resolve().name}_finetuned")


def finetune(
    workdir: Path,
    *,
    reward: str,
    out: str | None = None,
    method: str = "map",
    weight: float = 1.0,
    plan: Plan = DEFAULT,
    steering: str = "",
) -> list[dict[str, object]]:
    """Fine-tunes a run by one method or several, saves and scores what comes of it.

    Args:
      workdir: the run's folder; it is not changed.
      reward: its name, see ``rewards.load``.
      out: folder of the results.
      method: keys of ``recipes.RECIPES`` with commas, or "all".
      weight: multiple of the reward.
      plan: everything else; its method is not used.
      steering: methods of ``experiments.steer`` with commas, or "all", to compare with on the run as it was.

    Returns:
      the rows of the table.

    Raises:
      UsageError: if there is no trained run, the reward or a number cannot be used, the folder holds another run, or
        the fine-tuning diverges; then no run is written.
    """
    begun = time.perf_counter()
    methods = errors.choose("method", method.split(","), RECIPES)
    steered = errors.choose("steering", steering.split(","), METHODS) if steering else []
    _check(plan, weight)
    plain, digit = rewards.load(reward)
    run = runs.load_trained(workdir)
    run.check_untold()
    dataset = run.dataset
    dataset.check_noise(use="fine-tuning")
    differentiated = bool(steered) or not set(methods) <= {"tilt", "tilt_data"}
    rewards.check(lambda x: weight * plain(x), dataset, name=reward, differentiated=differentiated)
    _check_run(run, workdir, methods)
    folder = folder_of(workdir, out)
    for name in methods:
        if (folder / name / "config.json").exists() or (folder / "config.json").exists():
            raise UsageError(f"{folder} holds a run already; choose another folder with --out, or delete it")
    dataset.check_sample()
    findings.folder(folder, out)
    task = Task(run, workdir, lambda x: weight * plain(x), reward, digit, min(SAMPLES, run.protocol.samples))
    judge = Judge(task)
    setting = Setting(run.model, rewards.of_map(task.reward, dataset), dataset, run.interpolant, task.composes)
    tuned = {name: finetuning.tune(setting, run.params, plan._replace(method=name)) for name in methods}
    rows, pictures, known = [], {}, {}
    for name, result in tuned.items():
        own = plan._replace(method=name)
        scored, samples = _score(task, judge, result, own, known)
        rows += scored
        pictures |= samples
        made_from = {"workdir": str(workdir), "reward": reward, "weight": weight}
        _save(run, result, folder / name, made_from | own._asdict())
    for name in steered:
        row, pictures[f"steered, {name}"] = compared(task, judge, name, seed=plan.seed)
        rows.append(row)
    perfect, notes = of_tilted(task, judge, pictures)
    rows += perfect
    finetune_plots.draw(
        folder / "finetune.png", dataset, pictures, {name: result.curve for name, result in tuned.items()}
    )
    if perfect:
        finetune_plots.draw_distances(folder / "finetune_nfe.png", rows)
    report(
        task,
        folder,
        rows,
        plan,
        notes=notes,
        options={"reward": reward, "method": method, "weight": weight, "steering": steering, "out": out},
        seconds=time.perf_counter() - begun,
    )
    return rows
