"""The suites by name, and what every suite must keep."""

from collections.abc import Mapping

from experiments.ablations import claims
from experiments.ablations.suite import PRIORS, SCALES, TAGS, Suite
from experiments.ablations.suites import (
    consistency,
    dimensions,
    eulerian,
    images,
    latents,
    mean_flow,
    on_digits,
    self_distillation,
    with_teacher,
)
from experiments.errors import UsageError, nearest

ALL = (
    self_distillation.SD_TABLE1,
    self_distillation.STOP_GRADIENT,
    mean_flow.MEAN_FLOW_RATIO,
    mean_flow.MEAN_FLOW_WEIGHT,
    mean_flow.MEAN_FLOW_TIMES_TOLD,
    *mean_flow.TANGENT,
    self_distillation.TARGET_DECAY,
    with_teacher.SHORTCUT_TABLE1,
    with_teacher.LAGRANGIAN_OR_EULERIAN,
    with_teacher.SECANT,
    eulerian.ALPHA_FLOW,
    eulerian.DIFFERENCE,
    eulerian.SO_FLOW,
    eulerian.RECTIFIED,
    consistency.CONSISTENCY_GRID,
    consistency.ANCHOR,
    consistency.IMM_GROUP,
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
      UsageError: on a scale, tag, prior or kind of claim that is not known, labels that occur twice or not at all, or a
        number without a source.
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
    for published in suite.published:
        if not published.source:
            raise UsageError(f"suite {suite.name} has published numbers without a source; name the paper and its table")
    for named in (*(p.numbers for p in suite.published), *(claim.rows for claim in suite.claims)):
        for label in named:
            if label not in labels:
                raise UsageError(f"suite {suite.name} names a row {label!r} that it has not; {nearest(label, labels)}")
    for claim in suite.claims:
        claims.check(claim)
    if not suite.claims:
        raise UsageError(f"suite {suite.name} has no claims; expected at least one")
