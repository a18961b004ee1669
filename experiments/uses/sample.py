"""Samples of a trained run, in a file: numbers as .npz, or a picture next to the target as .png."""

from collections.abc import Mapping, Sequence
import math
from pathlib import Path

import jax
import numpy as np

from experiments import caches, files, limits
from experiments.errors import UsageError
from experiments.reporting import findings, plots
from experiments.sampling import by_name as sampling
from experiments.sampling import conditioning
from experiments.sampling.by_name import Options
from experiments.training import runs

SUFFIXES = (".npz", ".png")


def sample(
    workdir: Path,
    out: Path,
    *,
    sampler: str = "",
    grid: str = "uniform",
    steps: int = 1,
    times: Sequence[str] = (),
    count: int = 10_000,
    seed: int = 0,
    options: Mapping[str, float] | None = None,
    checkpoint: str = "checkpoints",
    label: int = -1,
    guidance: float = 1.0,
    observed: str = "",
) -> tuple[np.ndarray, int]:
    """Generates samples and writes them.

    Args:
      workdir: the run's folder.
      out: the file.
      sampler: a key of ``sampling.SAMPLERS``; empty for that of the objective.
      grid: a key of ``grids.GRIDS``.
      steps: number of steps.
      times: times that replace both, as typed.
      count: number of samples.
      seed: of the noise.
      options: of the sampler, by name.
      checkpoint: folder of the checkpoint.
      label: class of all samples; -1 for all classes in turn.
      guidance: scale of guidance, see ``conditioning.check_scale``.
      observed: what is known of the wanted examples, see ``conditioning.vectors_asked``.

    Returns:
      (samples [count, ...], evaluations of the network per sample).

    Raises:
      UsageError: on bad input.
      DivergedError: if samples are not finite.
    """
    options = dict(options or {})
    limits.check_count("samples", count, most=limits.EXAMPLES)
    limits.check_seed("seed", seed)
    limits.check_number("guidance", guidance)
    if out.suffix not in SUFFIXES:
        raise UsageError(f"--out={out}; expected a file that ends in {' or '.join(SUFFIXES)}")
    sampling.grid_of(grid, steps, list(times))
    if sampler:
        sampling.get(sampler)
    # A picture shows the target beside the samples; numbers need no data.
    run = runs.load_trained(workdir, checkpoint=checkpoint, data=out.suffix == ".png")
    labels = run.labels(count, label=label)
    run.check_scale(guidance)
    times_of = sampling.grid_of(grid, steps, list(times), path=run.interpolant)
    name = sampler or run.objective.sampler
    sampling.check_options(name, options)
    limits.check_memory(f"--samples={count} of shape {run.dataset.shape}", count * math.prod(run.dataset.shape))
    if warning := sampling.warning(
        name,
        times_of,
        method=run.name,
        own_sampler=run.objective.sampler,
        options=run.config.objective.options,
    ):
        findings.warn(warning)
    caches.check_writable(out.absolute().parent, name="--out")

    vectors = conditioning.vectors_asked(run.dataset, count, given=observed)
    generate = run.generator(sampler=name, options=Options(**options), scale=guidance)
    samples, evaluations = generate(times_of, count, jax.random.key(seed), labels, vector=vectors)
    if out.suffix == ".npz":
        condition = {} if labels is None else {"labels": np.asarray(labels), "guidance": guidance}
        files.write_arrays(
            out,
            **condition,
            samples=samples,
            times=np.asarray(times_of),
            evaluations=evaluations,
            sampler=name,
            seed=seed,
        )
    else:
        shown = None if labels is None else np.asarray(labels)
        plots.samples(out, run.dataset, {name: {str(evaluations): samples}}, labels=shown)
    return samples, evaluations
