"""Compares a stochastic map with the exact solution of each path of noise, or a posterior map with exact posteriors.

    python -m experiments.train --config=experiments/configs/eight_gaussians.py:ito_map --workdir=runs/ito
    python -m experiments.randomness --workdir=runs/ito
    python -m experiments.train --config=experiments/configs/checkerboard.py:posterior_map --workdir=runs/posterior
    python -m experiments.randomness --workdir=runs/posterior --times=0.1,0.5,0.9

A map that was trained with ``--config.network.observed=noisy`` is a posterior map for the time of its reading.

Writes ``randomness.csv``, ``.md``, ``.json`` and the picture ``randomness.png`` into the run's folder or ``--out``.
docs/randomness.md says what the numbers mean.
"""

from absl import flags

from experiments import flags as command_flags
from experiments.reporting import findings
from experiments.uses.randomness import randomness

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()
    TIMES = flags.DEFINE_list("times", [], "times of posteriors; by default 0.1, 0.3, 0.5, 0.7 and 0.9")
    POINTS = flags.DEFINE_integer("points", 1024, "paths compared one by one; of posteriors a sixteenth as many points")
    SAMPLES = flags.DEFINE_integer("samples", 16_384, "samples of each law; of posteriors an eighth as many")
    SEED = flags.DEFINE_integer("seed", 0, "seed of all noise")
    OUT = flags.DEFINE_string("out", None, "folder of the results; by default that of the run")

    def main() -> None:
        """Runs the command."""
        workdir, times = command_flags.path(WORKDIR), randomness.times_of(TIMES.value)
        command = (
            f"python -m experiments.randomness --workdir={workdir} --points={POINTS.value} --samples={SAMPLES.value}"
        )
        with findings.held(workdir, OUT.value, use="randomness"):
            print(
                randomness.measure(
                    workdir,
                    OUT.value,
                    times=times,
                    points=POINTS.value,
                    samples=SAMPLES.value,
                    seed=SEED.value,
                    command=command,
                )
            )

    command_flags.run(main, required=("workdir",))
