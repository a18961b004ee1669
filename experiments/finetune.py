"""Fine-tunes a trained map towards a reward, through one jump or through Euler steps of its velocity, and compares.

    python -m experiments.finetune --workdir=runs/lsd --reward=near_corner --method=all

Writes ``OUT/map`` and ``OUT/ode``, run folders that other commands load, and ``finetune.csv``, ``.md``, ``.json``,
``.png`` into OUT, by default the run's folder with ``_finetuned`` behind its name. docs/reward_learning.md says what
the numbers mean.
"""

from absl import flags

from experiments import flags as command_flags
from experiments.uses import rewards
from experiments.uses.finetuning.finetune import finetune, folder_of
from experiments.uses.finetuning.loop import Plan
from experiments.uses.finetuning.report import DEFAULT

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()
    REWARD = flags.DEFINE_string("reward", None, rewards.HELP)
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
        workdir = command_flags.path(WORKDIR)
        plan = Plan(**{name: flag.value for name, flag in PLAN.items()})
        finetune(workdir, reward=REWARD.value, out=OUT.value, method=METHOD.value, weight=WEIGHT.value, plan=plan)
        folder = folder_of(workdir, OUT.value)
        print((folder / "finetune.md").read_text("utf-8"))
        print(f"written: {folder}/finetune.csv, finetune.md, finetune.json, finetune.png; run folders in {folder}")

    command_flags.run(main, required=("workdir", "reward"))
