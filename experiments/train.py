"""Trains one flow map.

    python -m experiments.train --config=experiments/configs/checkerboard.py:lsd --workdir=runs/lsd

The same command continues an interrupted run. ``--config.training.steps=...`` overrides any field of the
configuration, ``--config=runs/lsd/config.json`` repeats a run; ``--dry_run`` prints what would be done. Several
processes train one run with ``--coordinator=HOST:PORT --processes=N --process_id=K``; see docs/training.md.
"""

from absl import flags

from experiments import flags as command_flags
from experiments import platforms
from experiments.errors import InterruptedRun, UsageError
from experiments.evaluation.monitor import evaluate_on_the_way
from experiments.training import dry_run, hosts
from experiments.training.loop import train

LONGEST_TIMEOUT = 7 * 24 * 3600  # a week

if __name__ == "__main__":
    CONFIG = command_flags.define_config()
    WORKDIR = flags.DEFINE_string("workdir", None, "folder of the run; the same folder continues it")
    DRY_RUN = flags.DEFINE_bool("dry_run", False, "print what would be done and stop")
    QUIET = flags.DEFINE_bool("quiet", False, "show no progress bar")
    COORDINATOR = flags.DEFINE_string("coordinator", None, f"HOST:PORT of process 0; by default ${hosts.ADDRESS}")
    PROCESSES = flags.DEFINE_integer("processes", None, f"number of processes; by default ${hosts.PROCESSES}")
    PROCESS_ID = flags.DEFINE_integer(
        "process_id", None, f"number of this process, from 0; by default ${hosts.PROCESS_ID}"
    )
    DETECT = flags.DEFINE_bool(
        "detect_hosts", False, "find all three in the environment of SLURM, Open MPI or a TPU pod"
    )
    TIMEOUT = flags.DEFINE_integer(
        "host_timeout", 60, "seconds without a heartbeat after which a process is lost", 1, LONGEST_TIMEOUT
    )

    def main() -> None:
        """Runs the command."""
        hosts.connect(COORDINATOR.value, PROCESSES.value, PROCESS_ID.value, detect=DETECT.value, timeout=TIMEOUT.value)
        platforms.check()
        config = command_flags.frozen(CONFIG.value)
        if DRY_RUN.value:
            print(dry_run.describe(config, command_flags.folder(WORKDIR) if WORKDIR.value else None))
            return
        if not WORKDIR.value:
            raise UsageError("--workdir is missing; name a folder for the run, such as --workdir=runs/lsd")
        workdir = command_flags.folder(WORKDIR)
        try:
            tell = None if QUIET.value else print
            timing = train(config, workdir, quiet=QUIET.value, evaluate=evaluate_on_the_way, tell=tell)
        except InterruptedRun:
            hosts.finish()
            raise
        if hosts.is_first() and not QUIET.value:
            left_out = f", {timing.skipped} of them left out" if timing.skipped else ""
            print(f"trained {config.training.steps} steps{left_out}, {timing.steps:.1f} s in steps; next:")
            print(f"  python -m experiments.evaluate --workdir={workdir}")
        hosts.finish()

    command_flags.run(main, required=("config",), starts_jax=False)
