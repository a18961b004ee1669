"""What a publication sets: one value, or one time distribution, with the place where it stands."""

import dataclasses

Value = float | int | str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One published value of a method.

    Attributes:
      name: an option of the method's function, where it has this value; otherwise what is set, in the field's words,
        such as "target" or "weight of the time".
      published: the value in our units and our direction of time; None where the publication has no such option.
      source: where it stands: "arXiv 2310.14189, Table 1" or "locuslab/ect@COMMIT, training/loss.py"; for a value
        that no publication has, "ours".
      unit: of a value that is compared with a residual or is a noise level: "sum of squares" or "mean of squares", and
        the standard deviation of the noise in the publication's numbers; empty for a pure number.
      here: the value of the method of this project, where it differs.
      reason: why it differs, one sentence; empty where it does not.
    """

    name: str
    published: Value | None
    source: str
    unit: str = ""
    here: Value | None = None
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean and quartiles of a time: [0, 1], 0 is noise and 1 is data.

    Attributes:
      mean: the mean.
      quartiles: (lower quartile, median, upper quartile).
    """

    mean: float
    quartiles: tuple[float, float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedTimes:
    """The times that a publication draws for one term of a method, computed from its own sampler.

    Attributes:
      term: name of the term of the method's objective.
      sampler: the published sampler in the publication's own symbols.
      source: where it stands, as in ``Setting``.
      s: of the source time.
      t: of the target time; None where it is 1.
      u: of the time between, where the publication draws one; None otherwise.
      progress: share of the training at which a curriculum is compared, in [0, 1].
      reason: why the times of this project differ, one sentence; empty where they do not.
    """

    term: str
    sampler: str
    source: str
    s: Spread
    t: Spread | None = None
    u: Spread | None = None
    progress: float = 1.0
    reason: str = ""
