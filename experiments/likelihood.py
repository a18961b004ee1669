"""The log-density that a trained map gives to points of the plane, against the exact one.

    python -m experiments.likelihood --workdir=runs/both [--points=4000] [--ode_steps=32] [--probes=1]

By one jump, by four, and along the ODE of the map's own velocity with the exact and with the estimated divergence; at
points that the map generates itself and at held-out data. Writes ``likelihood.csv``, ``.md``, ``.json`` and the picture
``likelihood.png`` into the run's folder or ``--out``. docs/likelihood.md says what the numbers mean.
"""

from absl import flags

from experiments import flags as command_flags
from experiments.reporting import findings
from experiments.uses.likelihood.measure import measure

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()
    OUT = flags.DEFINE_string("out", None, "folder of the results; by default that of the run")
    POINTS = flags.DEFINE_integer("points", 4000, "generated points, and held-out data")
    ODE_STEPS = flags.DEFINE_integer("ode_steps", 32, "steps along the ODE, of four evaluations each")
    PROBES = flags.DEFINE_integer("probes", 1, "probes of Hutchinson's estimate of the divergence")

    def main() -> None:
        """Runs the command."""
        workdir = command_flags.path(WORKDIR)
        with findings.held(workdir, OUT.value, use="likelihood"):
            measure(workdir, out=OUT.value, points=POINTS.value, ode_steps=ODE_STEPS.value, probes=PROBES.value)
        folder = findings.chosen(workdir, OUT.value)
        print((folder / "likelihood.md").read_text("utf-8"))
        print(f"written: {folder}/likelihood.csv, likelihood.md, likelihood.json, likelihood.png")

    command_flags.run(main, required=("workdir",))
