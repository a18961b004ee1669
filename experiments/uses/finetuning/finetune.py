"""Fine-tunes a run by one method or both, saves what comes of it as runs, and scores it.

"map" goes through one jump of the map, "ode" through Euler steps of its velocity. The folders ``map`` and ``ode`` are
runs that other commands load.
"""

import contextlib
import dataclasses
from pathlib import Path
import time

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
import numpy as np

from experiments import files, limits, locks, settings
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
from experiments.uses.finetuning.loop import Plan, Tuned
from experiments.uses.finetuning.report import DEFAULT, Judge, Task, of_tilted, reached, report
from experiments.uses.inversion.invert import noise_of
from models import grids
from models.flow_map_model import count_parameters

METHODS = {"map": ("map",), "ode": ("ode",), "all": ("map", "ode")}
SAMPLES, SEVERAL = 16_000, 4


def _sample(run: Trained, noise: np.ndarray, *, steps: int, method: str) -> np.ndarray:
    generate = run.generator(sampler="euler" if method == "ode" else "composition")
    return generate(grids.uniform(steps), len(noise), jax.random.key(0), noise=jnp.asarray(noise))[0]


def _optimum(task: Task, before: np.ndarray, plan: Plan) -> np.ndarray | None:
    """What the best map makes of the noise of these samples: found where the penalty is, in the units of the map."""
    dataset = task.run.dataset
    reward, penalty = rewards.of_map(task.reward, dataset), plan.penalty / dataset.std**2
    best = reward_truth.optimum(reward, dataset.centred(before), penalty=penalty)
    return None if best is None else dataset.in_own_units(best)


def _score(task: Task, judge: Judge, tuned: Tuned, plan: Plan) -> tuple[list[dict[str, object]], dict[str, np.ndarray]]:
    """Rows before and after, and of the optimum, for one method, and the samples for the picture."""
    method, steps = plan.method, plan.ode_steps if plan.method == "ode" else 1
    run, protocol = task.run, task.run.protocol
    noise = noise_of(run.dataset, min(SAMPLES, protocol.samples), protocol.seed)
    better = dataclasses.replace(run, params=tuned.params)
    name = f"{steps} Euler steps" if method == "ode" else "one jump"
    before = _sample(run, noise, steps=steps, method=method)
    after = _sample(better, noise, steps=steps, method=method)
    best = _optimum(task, before, plan)
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
        several = _sample(better, noise, steps=SEVERAL, method=method)
        rows.append(judge.row(f"the same, {SEVERAL} jumps", several, before, best, per_sample=SEVERAL))
    pictures = {f"reference, {name}": before, f"fine-tuned, {name}": after}
    if optimal is not None:
        rows.append(optimal)
        pictures[f"optimum for {name}"] = best
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


def _check(plan: Plan, method: str, weight: float) -> None:
    if method not in METHODS:
        raise UsageError(f"unknown --method={method!r}; {nearest(method, METHODS)}")
    for name, most in (("steps", limits.UPDATES), ("batch_size", limits.AT_ONCE), ("ode_steps", limits.REPEATS)):
        limits.check_count(name, getattr(plan, name), most=most)
    for name in ("penalty", "map_penalty", "tangent_penalty"):
        limits.check_number(name, getattr(plan, name), least=0)
    for name, value in (("learning_rate", plan.learning_rate), ("weight", weight)):
        limits.check_positive(name, value)
    limits.check_seed("seed", plan.seed)


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
) -> list[dict[str, object]]:
    """Fine-tunes a run by one method or both, saves and scores what comes of it.

    Args:
      workdir: the run's folder; it is not changed.
      reward: its name, see ``rewards.load``.
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
    plain, digit = rewards.load(reward)
    run = runs.load_trained(workdir)
    run.check_untold()
    dataset = run.dataset
    dataset.check_noise(use="fine-tuning")
    rewards.check(lambda x: weight * plain(x), dataset, name=reward)
    if run.objective.sampler == "euler" and method != "ode":
        raise UsageError(
            f"{workdir} ({run.name}) learned velocities only, there is no jump to fine-tune; expected "
            "--method=ode, or a run that learned a map"
        )
    if run.objective.sampler in ("renoising", "one_jump") and method != "map":
        raise UsageError(
            f"{workdir} ({run.name}) learned jumps alone, there is no velocity for Euler steps; expected "
            "--method=map, or a run that learned velocities"
        )
    folder = folder_of(workdir, out)
    for name in METHODS[method]:
        if (folder / name / "config.json").exists() or (folder / "config.json").exists():
            raise UsageError(f"{folder} holds a run already; choose another folder with --out, or delete it")
    dataset.check_sample()
    findings.folder(folder, out)
    task = Task(run, workdir, lambda x: weight * plain(x), reward, digit)
    judge = Judge(task)
    tuned: dict[str, Tuned] = {}
    own_reward = rewards.of_map(task.reward, dataset)
    for name in METHODS[method]:
        tuned[name] = finetuning.tune(
            run.model, run.params, own_reward, dataset, run.interpolant, plan._replace(method=name)
        )
    rows, pictures = [], {}
    for name, result in tuned.items():
        own = plan._replace(method=name)
        scored, samples = _score(task, judge, result, own)
        rows += scored
        pictures |= samples
        made_from = {"workdir": str(workdir), "reward": reward, "weight": weight}
        _save(run, result, folder / name, made_from | own._asdict())
    rows += of_tilted(task, judge, pictures)
    finetune_plots.draw(
        folder / "finetune.png", dataset, pictures, {name: result.curve for name, result in tuned.items()}
    )
    report(task, folder, rows, plan, method=method, weight=weight, out=out, seconds=time.perf_counter() - begun)
    return rows
