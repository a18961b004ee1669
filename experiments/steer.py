"""Steers a trained map towards a reward at test time, by every method, and compares with the true tilted law.

    python -m experiments.steer --workdir=runs/lsd --reward=near_corner --method=all --map=both

Writes ``steering.csv``, ``.md``, ``.json``, the picture ``steering.png`` and the samples ``steering.npz`` into the
run's folder or ``--out``. docs/steering.md says what the methods are. ``--map=exact`` takes the exact velocity of the
data, and its flow map by midpoint steps, in place of the trained one.
"""

from absl import flags

from experiments import flags as command_flags
from experiments.reporting import findings
from experiments.uses import rewards
from experiments.uses.steering.methods import METHODS
from experiments.uses.steering.setting import Options
from experiments.uses.steering.steer import chosen, steer

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()
    REWARD = flags.DEFINE_string("reward", None, rewards.HELP)
    METHOD = flags.DEFINE_string("method", "all", f"all, or with commas: {', '.join(METHODS)}")
    MAP = flags.DEFINE_string("map", "learned", "learned, exact or both")
    NUM_STEPS = flags.DEFINE_integer("num_steps", 24, "steps of guidance, of fmrg and of tilting")
    SAMPLES = flags.DEFINE_integer("samples", 4096, "samples of each method")
    NOISE = flags.DEFINE_float("noise", 0.7, "strength of the diffusion in tilting; 0 only weights")
    SUBSTEPS = flags.DEFINE_integer("substeps", 1, "Langevin steps at each time of tilting")
    CANDIDATES = flags.DEFINE_integer("candidates", 16, "N of best-of-N")
    STRENGTH = flags.DEFINE_float("strength", 1.0, "of the control of fmrg, over the one that is right for a Gaussian")
    FIT_STEPS = flags.DEFINE_integer("fit_steps", 1000, "updates by which an adapter of the noise is fitted")
    EXACT_STEPS = flags.DEFINE_integer("exact_steps", 8, "midpoint steps of the exact map")
    SEED = flags.DEFINE_integer("seed", 0, "seed of all noise")
    OUT = flags.DEFINE_string("out", None, "folder of the results; by default that of the run")

    def main() -> None:
        """Runs the command."""
        options = Options(
            NUM_STEPS.value,
            SAMPLES.value,
            NOISE.value,
            SUBSTEPS.value,
            CANDIDATES.value,
            EXACT_STEPS.value,
            SEED.value,
            STRENGTH.value,
            FIT_STEPS.value,
        )
        methods, workdir = chosen(METHOD.value), command_flags.path(WORKDIR)
        command = (
            f"python -m experiments.steer --workdir={workdir} --reward={REWARD.value} --method={METHOD.value} "
            f"--map={MAP.value}"
        )
        with findings.held(workdir, OUT.value, use="steer"):
            print(
                steer(
                    workdir,
                    OUT.value,
                    reward_name=REWARD.value,
                    methods=methods,
                    map_name=MAP.value,
                    options=options,
                    command=command,
                )
            )

    command_flags.run(main, required=("workdir", "reward"))
