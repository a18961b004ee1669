"""Says how noisy the targets and the gradients of several methods are, on the same weights and batches, untrained.

    python -m experiments.probe --workdir=runs/lsd --objectives='lsd,lsd[velocity=pooled],mean_flow' [--out=FOLDER]
    python -m experiments.probe --exact --config=experiments/configs/checkerboard.py --objectives=esd,mean_flow

``--objectives`` lists methods and options as ``experiments.compare`` does. With ``--workdir`` the network is that of a
trained run. For each term of each method: length of the mean gradient, variance, share of the worst examples, cosine
with the other terms, and squared residuals by (s, t). With ``--exact`` the exact map takes the place of the network:
there are no gradients, and what is left of a residual is the noise of its target.
"""

import shlex
import sys

from absl import flags

from experiments import caches
from experiments import flags as command_flags
from experiments.errors import UsageError
from experiments.probing import plan, probe, report
from experiments.probing.gradients import Sizes
from experiments.reporting.findings import written
from experiments.settings import option_sets
from experiments.training.runs import load_trained

if __name__ == "__main__":
    CONFIG = command_flags.define_config()
    WORKDIR = command_flags.define_trained()
    EXACT = flags.DEFINE_bool("exact", False, "probe the exact map of the data of --config in place of a run")
    NAMES = flags.DEFINE_string("objectives", None, "comma-separated METHOD, METHOD[OPTION=VALUE,...], or all")
    CHECKPOINT = command_flags.define_checkpoint()
    EMA = flags.DEFINE_float("ema", None, "decay of an average of the weights, 0 for the raw ones")
    TEACHER = flags.DEFINE_string("teacher", "", "for methods that distil: exact, a run's folder or MODULE:FUNCTION")
    PROGRESS = flags.DEFINE_float("progress", None, "share of the training that counts as done; by default the run's")
    BATCHES = flags.DEFINE_integer("batches", probe.DEFAULT.batches, "number of batches for each term")
    EXAMPLES = flags.DEFINE_integer("examples", probe.DEFAULT.examples, "examples of a batch")
    SEED = flags.DEFINE_integer("seed", probe.DEFAULT.seed, "seed of the batches")
    OUT = flags.DEFINE_string("out", None, f"folder for {', '.join(report.WRITTEN)}")

    def main() -> None:
        """Runs the command."""
        sizes, names = Sizes(BATCHES.value, EXAMPLES.value, SEED.value), option_sets.split(NAMES.value)
        plan.check(sizes, progress=PROGRESS.value)
        if EXACT.value == bool(WORKDIR.value):
            raise UsageError("expected either --workdir=RUN, or --exact with --config=FILE")
        source, others = ("exact", (CHECKPOINT, EMA, TEACHER)) if EXACT.value else ("workdir", (CONFIG,))
        for flag in others:
            if flag.present:
                raise UsageError(f"--{flag.name} with --{source} has no meaning; drop it")
        if EXACT.value:
            if CONFIG.value is None:
                raise UsageError("--config is missing; --exact takes data and path from it: add --config=FILE")
            config = command_flags.frozen(CONFIG.value)
            dataset, probed = plan.of_exact_map(config, option_sets.chosen(config, names), sizes)
        else:
            checkpoint = command_flags.checkpoint_folder(CHECKPOINT)
            run = load_trained(command_flags.path(WORKDIR), ema=EMA.value, checkpoint=checkpoint)
            probed = plan.of_run(run, option_sets.chosen(run.config, names), sizes, teacher=TEACHER.value)
        folder = OUT.value and command_flags.folder(OUT)
        if folder:
            caches.check_writable(folder, name="--out")
        if EXACT.value:
            results = probe.at_exact_map(config, dataset, probed, sizes, progress=PROGRESS.value)
        else:
            results = probe.at_weights(run, probed, sizes, progress=PROGRESS.value)
        command = shlex.join(["python", "-m", "experiments.probe", *sys.argv[1:]])
        print(report.markdown(results, command=command))
        if folder:
            report.write(folder, results, command=command)
            print(written(folder, report.WRITTEN))

    command_flags.run(main, required=("objectives",))
