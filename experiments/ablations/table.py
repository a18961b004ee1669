"""The suites by name, and what every suite must keep."""

from collections.abc import Mapping

from experiments.ablations import claims
from experiments.ablations.suite import PRIORS, SCALES, TAGS, Suite
from experiments.ablations.suites import (
    averages,
    consistency,
    dimensions,
    eulerian,
    images,
    latents,
    mean_flow,
    on_digits,
    open_questions,
    relatives,
    self_distillation,
    tangents,
    with_teacher,
)
from experiments.errors import UsageError, nearest

ALL = (
    self_distillation.SD_TABLE1,
    self_distillation.STOP_GRADIENT,
    mean_flow.MEAN_FLOW_RATIO,
    mean_flow.MEAN_FLOW_WEIGHT,
    tangents.MEAN_FLOW_TANGENT,
    *tangents.TANGENT,
    mean_flow.PLUG_IN,
    mean_flow.MEAN_FLOW_TIME_EMBEDDING,
    self_distillation.TARGET_DECAY,
    averages.TARGET_DECAY_RULES,
    with_teacher.SHORTCUT_TABLE1,
    with_teacher.LAGRANGIAN_OR_EULERIAN,
    with_teacher.SECANT,
    eulerian.ALPHA_FLOW,
    eulerian.DIFFERENCE,
    eulerian.SO_FLOW,
    eulerian.RECTIFIED,
    relatives.NO_DIAGONAL,
    relatives.ALPHA_SCHEDULE,
    relatives.JUMP_TIMES,
    relatives.VELOCITY_FIRST,
    consistency.CONSISTENCY_GRID,
    consistency.ANCHOR,
    averages.CONSISTENCY_CHOICES,
    consistency.IMM_GROUP,
    averages.IMM_WEIGHT,
    open_questions.UNTESTED_RULES,
    open_questions.LEAD_OF_LSD,
    open_questions.VELOCITY_START,
    dimensions.PREDICTION_DIMENSION,
    on_digits.SD_DIGITS,
    on_digits.CONSISTENCY_DIGITS,
    on_digits.SHORTCUT_DIGITS,
    *images.SD_IMAGES,
    latents.MEAN_FLOW_TABLE1,
    latents.IMF_TABLE1,
    images.CIFAR_CONSISTENCY,
    images.TARGET_DECAY_IMAGES,
    latents.DISTILLATION,
)
SUITES: Mapping[str, Suite] = {suite.name: suite for suite in ALL}


def of_scale(scale: str) -> list[Suite]:
    """The suites of a scale, all if it is empty; UsageError on an unknown one."""
    if scale and scale not in SCALES:
        raise UsageError(f"unknown --scale={scale!r}; {nearest(scale, SCALES)}")
    return [suite for suite in ALL if scale in ("", suite.scale)]


def of_word_all(scale: str) -> list[Suite]:
    """What "all" stands for: the suites of a scale, and without one those that a CPU can run."""
    return [suite for suite in of_scale(scale) if scale or suite.on_cpu]


def check(suite: Suite) -> None:
    """Checks what a suite states; its rows are checked when their configurations are made.

    Args:
      suite: it.

    Raises:
      UsageError: on a scale, tag, prior or kind of claim that is not known, labels that occur twice or not at all, a
        number without a source, or one without a paper, a row that starts from none before it, or a share of nothing.
    """
    for what, value, known in (
        ("scale", suite.scale, SCALES),
        *(("tag", published.tag, TAGS) for published in suite.published),
        *(("prior", claim.prior, PRIORS) for claim in suite.claims),
    ):
        if value not in known:
            raise UsageError(f"suite {suite.name}: unknown {what} {value!r}; {nearest(value, known)}")
    labels = [row.label for row in suite.rows]
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise UsageError(f"suite {suite.name} has the rows {', '.join(labels)}; expected two or more, each once")
    if suite.published and not suite.paper:
        raise UsageError(f"suite {suite.name} has published numbers and no paper; name the paper, or leave them out")
    for place, row in enumerate(suite.rows):
        if row.start and row.start not in labels[:place]:
            raise UsageError(
                f"suite {suite.name}, row {row.label} starts from {row.start!r}; expected the label of an earlier row"
            )
        if not 0 < row.share <= 1:
            raise UsageError(f"suite {suite.name}, row {row.label} has the share {row.share}; expected one in (0, 1]")
    for published in suite.published:
        if not published.source:
            raise UsageError(f"suite {suite.name} has published numbers without a source; name the paper and its table")
    for named in (*(p.numbers for p in suite.published), *(claim.rows for claim in suite.claims)):
        for label in named:
            if label not in labels:
                raise UsageError(f"suite {suite.name} names a row {label!r} that it has not; {nearest(label, labels)}")
    if suite.probe and suite.probe not in labels:
        raise UsageError(
            f"suite {suite.name} has a probe on row {suite.probe!r} that it has not; {nearest(suite.probe, labels)}"
        )
    for claim in suite.claims:
        claims.check(claim)
        if claims.metric(claim) == claims.VARIANCE and not suite.probe:
            raise UsageError(
                f"suite {suite.name} makes a claim about the variance of gradients and names no probe; expected the "
                "label of the row on whose weights it is measured"
            )
    if not suite.claims:
        raise UsageError(f"suite {suite.name} has no claims; expected at least one")
