"""Steers a trained map by the chosen methods, scores the samples against the tilted law, and writes the results."""

from pathlib import Path
import time

import jax
import numpy as np

from experiments import errors, files
from experiments.datasets.dataset import Planar
from experiments.errors import UsageError
from experiments.metrics import exact_map
from experiments.reporting import findings
from experiments.training import runs
from experiments.uses import rewards
from experiments.uses.steering import plots as steering_plots
from experiments.uses.steering import truth as steering_truth
from experiments.uses.steering.methods import METHODS, noise
from experiments.uses.steering.scores import BINS, score
from experiments.uses.steering.setting import Options, check, setting, warning

PERFECT = "perfect samples"
TITLES = {
    "method": "method",
    "map": "map",
    "evaluations": "evaluations per sample",
    "fitting": "evaluations of the fit (millions)",
    "reward": "mean reward",
    "kl": "KL(tilted, samples)",
    "w2": "entropic W2 to the tilted law",
    "judged": "judged of the class",
    "frechet": "Fréchet distance to the class",
    "share": "smallest effective share",
    "seconds": "seconds",
}


def chosen(method: str) -> list[str]:
    """The methods that ``--method`` names: one, several with commas, or "all".

    Args:
      method: the option.

    Returns:
      names of ``METHODS``.

    Raises:
      UsageError: on an unknown name, or one that is named twice.
    """
    return errors.choose("method", method.split(","), METHODS)


def steer(
    workdir: Path,
    folder: str | None,
    *,
    reward_name: str,
    methods: list[str],
    map_name: str,
    options: Options,
    command: str,
) -> str:
    """Steers by the chosen methods and writes the results.

    Args:
      workdir: the run's folder.
      folder: of the results, by default that of the run.
      reward_name: see ``rewards.load``.
      methods: names of ``METHODS``.
      map_name: a name of ``MAPS``.
      options: the numbers of the command line.
      command: the command, for the text.

    Returns:
      the text of ``steering.md``.

    Raises:
      UsageError: on bad input, or samples that are not finite.
    """
    begin = time.perf_counter()
    reward, digit = rewards.load(reward_name)
    run = runs.load_trained(workdir)
    dataset, protocol = run.dataset, run.protocol
    check(options, dataset, map_name)
    rewards.check(reward, dataset, name=reward_name)
    out = findings.folder(workdir, folder)
    planar = isinstance(dataset.truth, Planar)
    digit = digit if dataset.name == "digits" else None
    truth = steering_truth.tilted(dataset.truth, reward) if planar else None
    maps = ("learned", "exact") if map_name == "both" else (map_name,)
    if "learned" in maps and (text := warning(run)):
        findings.warn(text)
    rows, by_method, notes = [], {}, []
    for kind in maps:
        what = setting(run, reward, options, exact=kind == "exact")
        if kind == "exact":
            error = exact_map.integration_error(what.b, noise(what, jax.random.key(7), 500), steps=options.exact_steps)
            notes.append(
                f"The exact map is {options.exact_steps} midpoint steps of the exact velocity; from 0 to 1 it differs "
                f"by {error:.2g} (root mean square) from one with 16 times as many."
            )
        for name in methods:
            method = METHODS[name]
            sampled = jax.jit(lambda key, method=method, what=what: method.sample(what, key, options.samples))
            compiled = sampled.lower(jax.random.key(options.seed)).compile()
            start = time.perf_counter()
            x, share = map(np.asarray, compiled(jax.random.key(options.seed)))
            seconds = time.perf_counter() - start
            x = dataset.in_own_units(x)
            if not np.isfinite(x).all():
                bad = ~np.isfinite(x.reshape(len(x), -1)).all(axis=1)
                raise UsageError(
                    f"--method={name} with the {kind} map gives samples that are NaN or infinite ({bad.mean():.2%} of "
                    f"{len(x)}); take more --num_steps, a smaller --noise or a weaker reward"
                )
            rows.append(
                {
                    "method": name,
                    "map": kind,
                    "evaluations": method.evaluations(what),
                    "fitting": method.fitting(what) / 1e6 or None,
                    **score(x, reward, truth, dataset, digit, protocol.entropy),
                    "share": float(share),
                    "seconds": seconds,
                }
            )
            by_method[f"{name}, {kind}" if len(maps) > 1 else name] = x
    if planar:
        perfect = steering_truth.samples(
            dataset, reward, count=options.samples, seed=options.seed + 1, name=reward_name
        )
        scores = score(perfect, reward, truth, dataset, digit, protocol.entropy)
        rows.append(
            {
                "method": PERFECT,
                "map": "",
                "evaluations": None,
                "fitting": None,
                **scores,
                "share": None,
                "seconds": None,
            }
        )
    files.write_arrays(out / "steering.npz", compressed=True, **by_method)
    steering_plots.draw(out / "steering.png", dataset, truth, by_method)
    titles = {key: title for key, title in TITLES.items() if any(row[key] is not None for row in rows)}
    text = [
        f"{run.name} on {run.config.dataset}, seed {run.config.seed}, {run.step} steps, steered by {reward_name}.",
        ", ".join(f"{name} = {value}" for name, value in options._asdict().items()) + ".",
        *notes,
    ]
    known = {**options._asdict(), "reward": reward_name, "map": map_name, "methods": methods, "bins": BINS}
    known |= {"workdir": str(workdir), "trained_steps": run.step, "protocol": protocol._asdict()}
    seconds = time.perf_counter() - begin
    return findings.write(
        out, "steering", rows, titles=titles, text=text, settings=known, command=command, seconds=seconds
    )
