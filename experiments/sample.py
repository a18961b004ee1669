"""Draws samples of a trained map.

    python -m experiments.sample --workdir=runs/lsd --num_steps=4 --out=samples.npz
    python -m experiments.sample --workdir=runs/lsd --sampler=gamma --gamma=0.3 --times=0,0.4,1 --out=samples.png

``--sampler`` names any of ``experiments.sampling.SAMPLERS``, by default the one that the objective is meant for;
``--out`` ends in .npz (samples, times, evaluations) or .png (beside the target).
"""

from absl import flags

from experiments import flags as command_flags
from experiments.sampling import by_name as sampling
from experiments.sampling.by_name import Options
from experiments.uses.sample import sample

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()
    OUT = flags.DEFINE_string("out", None, "file to write: .npz or .png")
    SAMPLER = flags.DEFINE_string("sampler", "", f"{', '.join(sampling.SAMPLERS)}; by default the objective's own")
    NUM_STEPS = flags.DEFINE_integer("num_steps", 1, "number of steps")
    GRID = flags.DEFINE_string("grid", "uniform", "uniform or karras")
    TIMES = flags.DEFINE_list("times", [], "times from 0 to 1, such as 0,0.4,1, in place of --num_steps and --grid")
    SAMPLES = flags.DEFINE_integer("samples", 10_000, "number of samples")
    SEED = flags.DEFINE_integer("seed", 0, "seed of the noise")
    LABEL = flags.DEFINE_integer("label", -1, "class of the samples; by default all classes in turn")
    GUIDANCE = flags.DEFINE_float("guidance", 1.0, "scale of guidance, of a network that was trained for it")
    OBSERVED = flags.DEFINE_string(
        "observed",
        "",
        "what is known of the samples: numbers with commas, or a .npy file; by default of held-out examples",
    )
    CHECKPOINT = command_flags.define_checkpoint()
    GIVEN = {
        name: (flags.DEFINE_integer if isinstance(value, int) else flags.DEFINE_float)(name, value, sampling.HELP[name])
        for name, value in Options()._asdict().items()
    }

    def main() -> None:
        """Runs the command."""
        checkpoint = command_flags.checkpoint_folder(CHECKPOINT)
        out = command_flags.path(OUT)
        samples, evaluations = sample(
            command_flags.path(WORKDIR),
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
            observed=OBSERVED.value,
        )
        print(f"{out}: {len(samples)} samples, {evaluations} evaluations of the network each")

    command_flags.run(main, required=("workdir", "out"))
