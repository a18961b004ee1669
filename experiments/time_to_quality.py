"""Trains recipes for several lengths of time, and says how long each needs for a score.

    python -m experiments.time_to_quality --workdir=runs/time [--seconds=15,60,120] [--seeds=0,1,2] [--level=0.19]
        [--recipe=experiments/configs/checkerboard.py:lsd --recipe=experiments/configs/checkerboard.py:esd]

Without ``--recipe``: the project's recipe against the paper's, with a batch for two cores. Scores are the data set's
first at one step, such as the aligned KL. Writes ``time_to_quality.csv``, ``.json``, ``.md`` and ``.png`` into the
folder; the same command continues.
"""

from absl import flags

from experiments import flags as command_flags
from experiments import limits, locks
from experiments.comparison import time_report, time_to_quality
from experiments.errors import UsageError
from experiments.training import runs

if __name__ == "__main__":
    RECIPES = flags.DEFINE_multi_string("recipe", list(time_to_quality.RECIPES), "a configuration; may be repeated")
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of the runs; the same folder continues them")
    SECONDS = flags.DEFINE_list("seconds", ["15", "60", "120"], "lengths of training")
    SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "comma-separated seeds")
    LEVEL = flags.DEFINE_float("level", 0.19, "the score to be reached")
    POINTS = flags.DEFINE_integer("points", 8, "evaluations of each run")

    def main() -> None:
        """Runs the command."""
        try:
            lengths = {
                "seconds": [float(word) for word in SECONDS.value],
                "seeds": [int(word) for word in SEEDS.value],
                "points": POINTS.value,
            }
        except ValueError as error:
            given = f"--seconds={','.join(SECONDS.value)} --seeds={','.join(SEEDS.value)}"
            raise UsageError(
                f"{given}; expected numbers of seconds and whole numbers, such as 15,60 and 0,1"
            ) from error
        limits.check_positive("level", LEVEL.value)
        planned = time_to_quality.plan(RECIPES.value, **lengths)
        workdir = command_flags.folder(WORKDIR)
        runs.check_writable(workdir)
        with locks.alone(workdir, use="time_to_quality", name="--workdir"):
            results = time_to_quality.measure(planned, workdir, **lengths)
            time_report.write(workdir, results, level=LEVEL.value)
        print(time_report.markdown(results, level=LEVEL.value))

    command_flags.run(main, required=("workdir",))
