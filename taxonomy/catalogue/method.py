"""What no code knows of a published method: its rule, its formula, its source, and how it differs here."""

import dataclasses

CHARACTERIZATIONS = ("tangent", "Lagrangian", "Eulerian", "semigroup", "integral", "direct", "distributional")
VELOCITIES = ("own", "teacher", "sample", "batch posterior", "previous student", "paired samples")
STOPPED = (
    "nothing",
    "velocity and its input",
    "advection",
    "all of the target",
    "source point",
    "source point and target",
)
ENGINES = ("jvp", "finite step", "central difference", "none")
TARGETS = ("current", "teacher", "none")

NO_HEADLINE = "none given here"

# How the times of the papers become ours; index p marks the paper's own symbols.
OURS = "none: 0 is noise and 1 is data there too"
OURS_SWAPPED_LETTERS = "same direction; the paper writes t for the source and s for the target"
NOISE_AT_ONE = "noise at t_p = 1, average velocity u(z, r_p, t_p): s = 1 - t_p, t = 1 - r_p, v = -u"
NOISE_AT_ONE_SOURCE_T = "noise at t_p = 1, source t_p, target s_p: s = 1 - t_p, t = 1 - s_p, v = -u"
NOISE_LEVEL = "noise level sigma, x = x1 + sigma noise: t = 1 / (1 + sigma), I_t = t x"
ANGLE = "angle tau, x = cos(tau) x1 + sin(tau) noise: tan(tau) = (1 - t) / t, x = I_t / sqrt(t^2 + (1 - t)^2)"
SIGNAL_AND_NOISE = "x = alpha x1 + sigma noise: t = alpha / (alpha + sigma), I_t = x / (alpha + sigma)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """An entry of the catalogue; what the ``Objective`` of the method knows is derived from it in ``taxonomy.facts``.

    Attributes:
      name: key of the entry, the same as in ``objectives.build.OBJECTIVES``.
      title: the name that the paper uses.
      characterization: the rule that the exact map obeys and that the loss enforces, one of ``CHARACTERIZATIONS``.
      velocity: where the velocity comes from, one of ``VELOCITIES``.
      stop_gradient: what is held fixed, one of ``STOPPED``.
      engine: how the derivative in time is made, one of ``ENGINES``. It cannot be derived: code without a jvp shows no
        difference between a step, a central difference and two legs.
      times: the times that are drawn, translated; ``{NAME}`` is replaced by the share of the term of that name.
      weight: weight of the examples, and the metric where it is not the square; ``{likelihood}`` is replaced by the
        likelihood of the learned log-variance.
      target: whose weights make the target where no average and no stage of them does, one of ``TARGETS``; "none"
        where data alone make it. It cannot be derived: a network that is held fixed and one that is trained are one
        callable.
      paper: key in ``papers.PAPERS``.
      code: the authors' repository, or "none found".
      headline: one published result with its setting, or ``NO_HEADLINE``.
      formula: the loss in the notation of this project; terms are separated by a line break.
      translation: how the times of the paper become ours.
      note: what is special about it.
      differs: how the method of this project differs from the publication, one sentence, or empty.
    """

    name: str
    title: str
    characterization: str
    velocity: str
    stop_gradient: str
    engine: str
    times: str
    weight: str
    target: str = "current"
    paper: str
    code: str
    headline: str
    formula: str
    translation: str
    note: str
    differs: str
