"""Draws samples of a trained map.

    python -m experiments.sample --workdir=runs/lsd --num_steps=4 --out=samples.npz
    python -m experiments.sample --workdir=runs/lsd --sampler=gamma --gamma=0.3 --times=0,0.4,1 --out=samples.png

``--sampler`` names any of ``experiments.sampling.SAMPLERS``, by default the one that the objective is meant for;
``--out`` ends in .npz (samples, times, evaluations) or .png (beside the target).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import flags
import jax
import numpy as np

from experiments import caches, conditioning, errors, findings, plots, runs, sampling, settings
from experiments import flags as command_flags
from experiments.errors import DivergedError, UsageError
from experiments.sampling import Options

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
) -> tuple[np.ndarray, int]:
    """Draws samples and writes them.

    Args:
      workdir: the run's folder.
      out: the file.
      sampler: a key of ``sampling.SAMPLERS``; empty for that of the objective.
      grid: a key of ``grids.GRIDS``.
      steps: number of steps.
      times: a grid of one's own, in place of both.
      count: number of samples.
      seed: of the noise.
      options: of the sampler, by name.
      checkpoint: folder of the checkpoint.
      label: class of all samples; -1 for all classes in turn.
      guidance: scale of guidance, see ``conditioning.check_scale``.

    Returns:
      (samples [count, ...], evaluations of the network per sample).

    Raises:
      UsageError: on bad input.
      DivergedError: if samples are not finite.
    """
    options = dict(options or {})
    if out.suffix not in SUFFIXES:
        raise UsageError(f"--out={out}; expected a file that ends in {' or '.join(SUFFIXES)}")
    sampling.grid_of(grid, steps, list(times))
    if sampler:
        sampling.get(sampler)
    config, dataset, model, params, _ = runs.load_trained(workdir, checkpoint=checkpoint)
    labels = conditioning.labels_asked(config, dataset, count, label=label)
    conditioning.check_scale(config, guidance)
    times_of = sampling.grid_of(grid, steps, list(times), path=settings.interpolant_of(config))
    name = sampler or settings.objective_of(config).sampler
    chosen = sampling.get(name)
    for option in options:
        if option not in chosen.options:
            known = f"its options are {', '.join(chosen.options)}" if chosen.options else "it has none"
            raise UsageError(f"--{option} with --sampler={name}, which does not read it; {known}")
    if told := sampling.warning(config, name, times_of):
        findings.warn(told)
    caches.check_writable(out.absolute().parent, name="--out")

    def draw(params: object, key: jax.Array) -> sampling.Points:
        key_start, key_steps = jax.random.split(key)
        noise = dataset.std * jax.random.normal(key_start, (count, *dataset.shape))
        v = conditioning.conditioned(config, model, params, labels, scale=guidance)
        trained = sampling.model_of(config, v, base_std=dataset.std)
        return chosen.run(trained, Options(**options), key_steps, noise, times_of)

    try:
        samples, evaluations = jax.jit(draw)(params, jax.random.key(seed))
    except ValueError as error:
        raise UsageError(f"sampler {name}: {error}") from error
    samples, evaluations = np.asarray(samples), int(evaluations)
    bad = ~np.isfinite(samples.reshape(count, -1)).all(axis=1)
    if bad.any():
        raise DivergedError(
            f"{bad.mean():.2%} of {count} samples by {name} are NaN or infinite; nothing is written: take another "
            "sampler, more steps, or a run whose training did not diverge"
        )
    if out.suffix == ".npz":
        told = {} if labels is None else {"labels": np.asarray(labels), "guidance": guidance}
        np.savez(
            out, **told, samples=samples, times=np.asarray(times_of), evaluations=evaluations, sampler=name, seed=seed
        )
    else:
        shown = None if labels is None else np.asarray(labels)
        plots.samples(out, dataset, {name: {str(evaluations): samples}}, labels=shown)
    return samples, evaluations


if __name__ == "__main__":
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of a trained run")
    OUT = flags.DEFINE_string("out", None, "file to write: .npz or .png")
    SAMPLER = flags.DEFINE_string("sampler", "", f"{', '.join(sampling.SAMPLERS)}; by default the objective's own")
    NUM_STEPS = flags.DEFINE_integer("num_steps", 1, "number of steps")
    GRID = flags.DEFINE_string("grid", "uniform", "uniform or karras")
    TIMES = flags.DEFINE_list("times", [], "times from 0 to 1, such as 0,0.4,1, in place of --num_steps and --grid")
    SAMPLES = flags.DEFINE_integer("samples", 10_000, "number of samples", lower_bound=1)
    SEED = flags.DEFINE_integer("seed", 0, "seed of the noise")
    LABEL = flags.DEFINE_integer("label", -1, "class of the samples; by default all classes in turn")
    GUIDANCE = flags.DEFINE_float("guidance", 1.0, "scale of guidance, of a network that was trained for it")
    CHECKPOINT = command_flags.define_checkpoint()
    GIVEN = {
        name: (flags.DEFINE_integer if isinstance(value, int) else flags.DEFINE_float)(name, value, sampling.HELP[name])
        for name, value in Options()._asdict().items()
    }

    def main() -> None:
        """Runs the command."""
        checkpoint = command_flags.checkpoint_folder(CHECKPOINT)
        caches.keep_compiled()
        out = Path(OUT.value)
        samples, evaluations = sample(
            Path(WORKDIR.value),
            out,
            sampler=SAMPLER.value,
            grid=GRID.value,
            steps=NUM_STEPS.value,
            times=TIMES.value,
            count=SAMPLES.value,
            seed=SEED.value,
            options={name: flag.value for name, flag in GIVEN.items() if flag.present},
            checkpoint=checkpoint,
            label=LABEL.value,
            guidance=GUIDANCE.value,
        )
        print(f"{out}: {len(samples)} samples, {evaluations} evaluations of the network each")

    errors.run(main, flags_parser=lambda argv: command_flags.parse(argv, required=("workdir", "out")))
