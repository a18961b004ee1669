"""Repeats a published ablation, and says of each of its claims whether it holds here.

    python -m experiments.ablate --list
    python -m experiments.ablate --suite=sd_table1 --workdir=runs/ablations [--short] [--seeds=0,1,2] [--dry_run]

Suites are names of ``--list``, all, or python files that define SUITE. all means those that a CPU can run; suites for a
GPU run by name, or as all of ``--scale=gpu``. Every row states its options; the rows of a suite have one budget. Writes
``ablation.md``, ``.csv``, ``.tex`` and ``.png`` into a folder for each suite, and an overview of all verdicts. A claim
holds or reverses if the gap exceeds two standard errors of the difference. Runs that suites share are trained once, and
the same command continues. ``--page=FOLDER`` prints the page of the csv files in a folder.
"""

from absl import flags

from experiments import flags as command_flags
from experiments import locks
from experiments.ablations import plan, report, run, table
from experiments.ablations.suite import SCALES
from experiments.comparison.budgets import BUDGETS
from experiments.errors import UsageError

if __name__ == "__main__":
    LIST = flags.DEFINE_bool("list", False, "print the suites and stop")
    SUITE = flags.DEFINE_list("suite", [], "names of suites, all, or python files that define SUITE")
    SCALE = flags.DEFINE_string(
        "scale", "", f"of the suites that all and --list take: {', '.join(SCALES)}; all without it takes none for a GPU"
    )
    SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "comma-separated seeds")
    BUDGET = flags.DEFINE_string(
        "budget", "", f"what is equal for all rows: {' or '.join(BUDGETS)}; by default what the suite says"
    )
    DATASET = flags.DEFINE_string("dataset", "", "data set of suites for a GPU, such as latents:PATH")
    INCEPTION = flags.DEFINE_string("inception", "", "file of Inception's weights, for the FID of suites for a GPU")
    TEACHER = flags.DEFINE_string("teacher", "", "folder of the run that suites for a GPU distil")
    SHORT = flags.DEFINE_bool("short", False, f"train for 1/{plan.SHORT} of the steps")
    DRY_RUN = flags.DEFINE_bool("dry_run", False, "print the runs, and about how long they take, and stop")
    PAGE = flags.DEFINE_string("page", None, "print the page of the csv files in this folder and stop")
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of the runs; the same folder continues them")

    def main() -> None:
        """Runs the command."""
        if LIST.value:
            print(report.listed(table.of_scale(SCALE.value)))
            return
        if PAGE.value:
            print(run.page_of(command_flags.path(PAGE)))
            return
        try:
            seeds = [int(seed) for seed in SEEDS.value]
        except ValueError as error:
            raise UsageError(f"--seeds={','.join(SEEDS.value)}; expected whole numbers such as 0,1,2") from error
        if not SUITE.value:
            raise UsageError(f"--suite is missing; name one of {', '.join(table.SUITES)}, or all")
        planned = plan.plan(
            plan.load(SUITE.value, scale=SCALE.value),
            seeds=seeds,
            budget=BUDGET.value,
            short=SHORT.value,
            given={"dataset": DATASET.value, "inception": INCEPTION.value, "teacher": TEACHER.value},
        )
        if DRY_RUN.value:
            print(run.described(planned))
            return
        if not WORKDIR.value:
            raise UsageError("--workdir is missing; name a folder for the runs, such as --workdir=runs/ablations")
        workdir = command_flags.folder(WORKDIR)
        with locks.alone(workdir, use="ablate", name="--workdir"):
            print(run.run(planned, workdir))

    command_flags.run(main)
