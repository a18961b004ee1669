"""The log-density that a trained map gives to points of the plane, against the exact one.

    python -m experiments.likelihood --workdir=runs/both [--points=4000] [--ode_steps=32] [--probes=1]
    python -m experiments.likelihood --workdir=runs/both --rule=eulerian [--head_steps=2000]

By one jump, by four, and along the ODE of the map's own velocity with the exact and with the estimated divergence; at
points that the map generates itself and at held-out data. ``--rule`` trains a divergence head beside the map (F2D2) and
compares few jumps by it with as many determinants, and with as many Euler steps of the ODE. Writes ``likelihood.csv``,
``.md``, ``.json`` and the picture ``likelihood.png`` into the run's folder or ``--out``. docs/likelihood.md says what
the numbers mean.
"""

from absl import flags

from experiments import flags as command_flags
from experiments.reporting import findings
from experiments.uses.likelihood.head import RULES, Plan
from experiments.uses.likelihood.measure import DEFAULT, measure

if __name__ == "__main__":
    WORKDIR = command_flags.define_trained()
    OUT = flags.DEFINE_string("out", None, "folder of the results; by default that of the run")
    POINTS = flags.DEFINE_integer("points", 4000, "generated points, and held-out data")
    ODE_STEPS = flags.DEFINE_integer("ode_steps", 32, "steps along the ODE, of four evaluations each")
    PROBES = flags.DEFINE_integer("probes", 1, "probes of Hutchinson's estimate of the divergence")
    RULE = flags.DEFINE_string("rule", "", f"trains divergence heads: all, or with commas {', '.join(RULES)}")
    PLAN = {
        name: (flags.DEFINE_integer if isinstance(default, int) else flags.DEFINE_float)(f"head_{name}", default, text)
        for name, default, text in (
            ("steps", DEFAULT.steps, "updates of each head"),
            ("batch_size", DEFAULT.batch_size, "examples per update"),
            ("learning_rate", DEFAULT.learning_rate, "of Muon, at the beginning"),
            ("probes", DEFAULT.probes, "probes of the divergence that a head learns from; 0 for the exact one"),
        )
    }

    def main() -> None:
        """Runs the command."""
        workdir = command_flags.path(WORKDIR)
        with findings.held(workdir, OUT.value, use="likelihood"):
            measure(
                workdir,
                out=OUT.value,
                points=POINTS.value,
                ode_steps=ODE_STEPS.value,
                probes=PROBES.value,
                rule=RULE.value,
                plan=Plan(**{name: flag.value for name, flag in PLAN.items()}),
            )
        folder = findings.chosen(workdir, OUT.value)
        print((folder / "likelihood.md").read_text("utf-8"))
        print(f"written: {folder}/likelihood.csv, likelihood.md, likelihood.json, likelihood.png")

    command_flags.run(main, required=("workdir",))
