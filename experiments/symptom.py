"""Makes a fault on purpose, and its cure: prints what one sees with the one and with the other.

    python -m experiments.symptom --list
    python -m experiments.symptom --name=guidance

docs/symptoms.md explains each. Nothing is trained: of symptoms that need a training the list has the command. A CPU
counts as four devices.
"""

from absl import flags

from experiments import flags as command_flags
from experiments import platforms
from experiments.errors import UsageError
from experiments.symptoms import derivatives, table

if __name__ == "__main__":
    NAME = flags.DEFINE_string("name", None, f"one of {', '.join(table.SYMPTOMS)}")
    LIST = flags.DEFINE_bool("list", False, "name all of them; the same as no name")

    def main() -> None:
        """Runs the command."""
        if LIST.value and NAME.value is not None:
            raise UsageError(f"--list with --name={NAME.value} has no meaning; drop one of them")
        if NAME.value is None:
            print(table.listing())
            return
        derivatives.several_devices()
        platforms.check()
        print(table.text(NAME.value))

    command_flags.run(main, keep_compiled=False, starts_jax=False)
