"""Fine-tunes a trained map towards a reward by several methods, and compares them with the tilted law and steering.

    python -m experiments.finetune --workdir=runs/lsd --reward=near_corner --method=all --steering=all

Writes ``OUT/METHOD``, run folders that other commands load, and ``finetune.csv``, ``.md``, ``.json``, ``.png`` into
OUT, by default the run's folder with ``_finetuned`` behind its name; where the tilted law is known, its distance from
all samples by their cost as ``finetune_nfe.png``. docs/reward_learning.md says what the numbers mean.
"""

from absl import flags

from experiments import flags as command_flags
from experiments.uses import rewards
from experiments.uses.finetuning.finetune import finetune, folder_of
from experiments.uses.finetuning.plan import LOSSES, Plan
from experiments.uses.finetuning.recipes import RECIPES
from experiments.uses.finetuning.report import DEFAULT

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()
    REWARD = flags.DEFINE_string("reward", None, rewards.HELP)
    OUT = flags.DEFINE_string("out", None, "folder of the results; by default WORKDIR_finetuned")
    METHOD = flags.DEFINE_string("method", "map", f"all, or with commas: {', '.join(RECIPES)}")
    STEERING = flags.DEFINE_string("steering", "", "methods of experiments.steer to compare with, with commas, or all")
    TILT_LOSS = flags.DEFINE_string("tilt_loss", DEFAULT.tilt_loss, f"of --method=tilt: {', '.join(LOSSES)}")
    WEIGHT = flags.DEFINE_float("weight", 1.0, "multiple of the reward")
    PLAN = {
        name: (flags.DEFINE_integer if isinstance(default, int) else flags.DEFINE_float)(name, default, text)
        for name, default, text in (
            ("steps", DEFAULT.steps, "updates of map and ode"),
            ("tilt_steps", DEFAULT.tilt_steps, "updates of tilt, tilt_data and dmd"),
            ("stages", DEFAULT.stages, "steps of the tilt, each with samples of the model that the last one made"),
            ("noise_from", DEFAULT.noise_from, "least time of the noised points of dmd"),
            ("batch_size", DEFAULT.batch_size, "noises per update"),
            ("learning_rate", DEFAULT.learning_rate, "of Adam, at the beginning"),
            ("penalty", DEFAULT.penalty, "of the squared distance from the reference's end, over the data's variance"),
            ("map_penalty", DEFAULT.map_penalty, "of the same at random times, of map and dmd"),
            ("tangent_penalty", DEFAULT.tangent_penalty, "of the squared distance from the reference's velocity"),
            ("ode_steps", DEFAULT.ode_steps, "Euler steps of ode and of a tilted velocity"),
            ("seed", DEFAULT.seed, "of noise, data and times"),
        )
    }

    def main() -> None:
        """Runs the command."""
        workdir = command_flags.path(WORKDIR)
        plan = Plan(**{name: flag.value for name, flag in PLAN.items()}, tilt_loss=TILT_LOSS.value)
        finetune(
            workdir,
            reward=REWARD.value,
            out=OUT.value,
            method=METHOD.value,
            weight=WEIGHT.value,
            plan=plan,
            steering=STEERING.value,
        )
        folder = folder_of(workdir, OUT.value)
        print((folder / "finetune.md").read_text("utf-8"))
        print(f"written: {folder}/finetune.csv, finetune.md, finetune.json, finetune.png; run folders in {folder}")

    command_flags.run(main, required=("workdir", "reward"))
