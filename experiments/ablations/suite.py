"""What a published ablation is made of: rows with every option stated, published numbers, and claims about order."""

from collections.abc import Mapping
from typing import NamedTuple

Numbers = Mapping[str, Mapping[int, float]]

# Where a published number was read.
TAGS = {
    "paper": "the paper's text",
    "authors' code": "the authors' repository",
    "secondary": "notes of a third party on the paper",
    "re-run by others": "a re-implementation by others",
}
PRIORS = ("holds", "reverses", "open")
OWN = "a question of this project"
EXACT, TRAINED = "exact", "trained"  # teachers of rows


class Scale(NamedTuple):
    """Where a suite runs.

    Attributes:
      config: the configuration of its rows, if the suite names none.
      per_second: counted evaluations of the configuration's network, for one example, on two CPU cores in a second: for
        a guess of the time. None for what needs a GPU.
      each: seconds that compiling and scoring add to a run there.
      memory: of such a run, in words.
    """

    config: str
    per_second: float | None = None
    each: float = 0.0
    memory: str = ""


SCALES = {
    "plane": Scale("experiments/configs/checkerboard.py", 450_000, 25.0, "below 2 GB"),
    "digits": Scale("experiments/configs/digits.py:unet", 2_500, 60.0, "below 3 GB"),
    "gpu": Scale("experiments/configs/cifar10.py"),
}


class Row(NamedTuple):
    """One training of an ablation.

    Attributes:
      label: its name in tables and claims.
      method: a key of ``OBJECTIVES``, or of ``UNSOUND``: wrong on purpose.
      options: of the method, in place of its published defaults; what a data set changes otherwise is not applied.
      fields: of the configuration, by their dotted names, such as {"network.output": "denoiser"}.
      teacher: of a method that distils: "exact", or "trained" for a run that the user names; "" for none.
      start: label of an earlier row, with whose final weights this one begins; "" for fresh ones.
      share: of the budget, in (0, 1]; a row and the one that it starts from share theirs.
    """

    label: str
    method: str
    options: Mapping[str, object] = {}
    fields: Mapping[str, object] = {}
    teacher: str = ""
    start: str = ""
    share: float = 1.0


class Published(NamedTuple):
    """Numbers that somebody has published.

    Attributes:
      numbers: {label: {number of steps: value}}.
      metric: what they are, such as "FID".
      tag: where they were read, a key of ``TAGS``.
      source: paper with its table, or repository with its file.
    """

    numbers: Numbers
    metric: str
    tag: str
    source: str

    def of(self, *labels: str) -> "Published":
        """The same for some of the rows."""
        return self._replace(numbers={label: self.numbers[label] for label in labels})


class Claim(NamedTuple):
    """A statement about the order of rows; lower is better.

    Attributes:
      kind: a key of ``claims.KINDS``.
      rows: labels, in the order that the kind reads them.
      steps: the number of sampling steps that it is about; kinds about several steps take the fewest and the most.
      value: the factor of "collapses" and the relative tolerance of "same"; not used otherwise.
      metric: a column of the results; "" for the data set's first, and for that of the kind "lower_variance".
      prior: what was expected at this scale: "holds", "reverses" or "open".
      source: where the claim was made; "" for where the suite's numbers are.
      because: why it reverses here, with the runs or the probe that say so; shown if it does.
    """

    kind: str
    rows: tuple[str, ...]
    steps: int = 1
    value: float = 1.0
    metric: str = ""
    prior: str = "open"
    source: str = ""
    because: str = ""


class Suite(NamedTuple):
    """A published ablation, or a question of this project that is asked in the same way.

    Attributes:
      name: for the command line.
      title: of its section.
      paper: arXiv id; "" for a question of this project, which has no published numbers.
      where: its table or figure.
      setting: how the paper ran it, in a sentence; for a question of this project, what is asked.
      scale: a key of ``SCALES``.
      rows: what is trained.
      published: the published numbers.
      claims: what is checked.
      teaches: what the ablation shows, in two or three sentences.
      config: the configuration of its rows in place of that of its scale.
      fields: of that configuration, for all rows, by their dotted names, such as {"training.steps": 400_000}.
      budget: what is equal for all rows if the user does not say: "evaluations", or "steps" as in most papers.
      least: training steps of LSD on the same budget below which the runs are called short.
      probe: label of the row on whose trained weights the gradients of all rows are measured; "" for none.
    """

    name: str
    title: str
    paper: str
    where: str
    setting: str
    scale: str
    rows: tuple[Row, ...]
    published: tuple[Published, ...]
    claims: tuple[Claim, ...]
    teaches: str
    config: str = ""
    fields: Mapping[str, object] = {}
    budget: str = "evaluations"
    least: int = 4000
    probe: str = ""

    @property
    def source(self) -> str:
        """Where its numbers and claims are from."""
        return f"{self.paper}, {self.where}" if self.paper else OWN

    @property
    def on_cpu(self) -> bool:
        """Whether two CPU cores can run it."""
        return SCALES[self.scale].per_second is not None
