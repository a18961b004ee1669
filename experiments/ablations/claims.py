"""Claims about an order, and what runs with several seeds say of them: holds, reverses, or undecided.

A row is below another one if the means differ by more than two standard errors of the difference. With one seed there
is no error, and nothing is decided. A run that diverged is worse than all that did not.
"""

from collections.abc import Callable, Mapping, Sequence
import itertools
import math
import statistics
from typing import NamedTuple

from experiments.ablations.suite import Claim
from experiments.errors import UsageError, nearest

# {(label, number of steps): one value for each seed, infinite for a run that diverged, NaN where none can be given}
Scores = Mapping[tuple[str, int], Sequence[float]]

VARIANCE = "gradient_variance"  # the metric of a probe

ERRORS = 2.0  # standard errors of the difference, from which on an order is decided


class Verdict(NamedTuple):
    """What the runs say of a claim.

    Attributes:
      word: "holds", "reverses" or "undecided".
      effect: the ratio that the claim is about, above 1 if it points the claimed way; NaN if there is none.
    """

    word: str
    effect: float


def order(lower: Sequence[float], higher: Sequence[float], *, factor: float = 1.0) -> int:
    """Whether ``factor * mean(lower) < mean(higher)``.

    Args:
      lower: one value for each seed.
      higher: the same of the other row.
      factor: above 0.

    Returns:
      1 if so, -1 if it is the other way round, 0 if the gap is within two standard errors.
    """
    a, b = factor * statistics.fmean(lower), statistics.fmean(higher)
    if math.isnan(a) or math.isnan(b):
        return 0
    if math.isinf(a) or math.isinf(b):
        return (b > a) - (b < a)
    if len(lower) < 2 or len(higher) < 2:
        return 0
    error = math.hypot(factor * error_of_mean(lower), error_of_mean(higher))
    return 0 if abs(b - a) <= ERRORS * error else 1 if b > a else -1


def error_of_mean(values: Sequence[float]) -> float:
    """The standard error of the mean of some seeds, NaN for one."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    a, b = statistics.fmean(above), statistics.fmean(below)
    return math.nan if b == 0 or (math.isinf(a) and math.isinf(b)) else a / b


def _all(orders: Sequence[int]) -> str:
    """A claim that several orders make: it holds with all of them and reverses with one."""
    return "reverses" if -1 in orders else "holds" if all(orders) else "undecided"


def _better(claim: Claim, scores: Scores) -> Verdict:
    a, b = (scores[label, claim.steps] for label in claim.rows)
    return Verdict(_all([order(a, b)]), _ratio(b, a))


def _lower_variance(claim: Claim, scores: Scores) -> Verdict:
    # It has nothing to do with sampling: every number of steps has the same values.
    a, b = (_fewest_and_most(label, scores)[0] for label in claim.rows)
    return Verdict(_all([order(a, b)]), _ratio(b, a))


def _against_others(claim: Claim, scores: Scores) -> tuple[Sequence[float], list[Sequence[float]]]:
    own, *named = claim.rows
    against = named or [label for label, steps in scores if steps == claim.steps and label != own]
    return scores[own, claim.steps], [scores[label, claim.steps] for label in against]


def _best(claim: Claim, scores: Scores) -> Verdict:
    own, others = _against_others(claim, scores)
    return Verdict(_all([order(own, other) for other in others]), _ratio(min(others, key=statistics.fmean), own))


def _worst(claim: Claim, scores: Scores) -> Verdict:
    own, others = _against_others(claim, scores)
    return Verdict(_all([order(other, own) for other in others]), _ratio(own, max(others, key=statistics.fmean)))


def _collapses(claim: Claim, scores: Scores) -> Verdict:
    own, others = _against_others(claim, scores)
    best = min(others, key=statistics.fmean)
    return Verdict(_all([order(best, own, factor=claim.value)]), _ratio(own, best))


def _same(claim: Claim, scores: Scores) -> Verdict:
    a, b = (scores[label, claim.steps] for label in claim.rows)
    if any(map(math.isinf, (*a, *b))):
        return Verdict("reverses", math.nan)
    # Not further apart than the tolerance, both ways round.
    within = order(a, b, factor=1 + claim.value) < 0 and order(b, a, factor=1 + claim.value) < 0
    beyond = order(a, b, factor=1 + claim.value) > 0 or order(b, a, factor=1 + claim.value) > 0
    return Verdict("holds" if within else "reverses" if beyond else "undecided", _ratio(b, a))


def _monotone(claim: Claim, scores: Scores) -> Verdict:
    rows = [scores[label, claim.steps] for label in claim.rows]
    return Verdict(_all([order(a, b) for a, b in itertools.pairwise(rows)]), _ratio(rows[-1], rows[0]))


def _interior(claim: Claim, scores: Scores) -> Verdict:
    own, *ends = (scores[label, claim.steps] for label in claim.rows)
    return Verdict(_all([order(own, end) for end in ends]), _ratio(min(ends, key=statistics.fmean), own))


def _fewest_and_most(label: str, scores: Scores) -> tuple[Sequence[float], Sequence[float]]:
    steps = sorted(steps for row, steps in scores if row == label)
    return scores[label, steps[0]], scores[label, steps[-1]]


def _improves(claim: Claim, scores: Scores) -> Verdict:
    fewest, most = _fewest_and_most(claim.rows[0], scores)
    return Verdict(_all([order(most, fewest)]), _ratio(fewest, most))


def _worsens(claim: Claim, scores: Scores) -> Verdict:
    fewest, most = _fewest_and_most(claim.rows[0], scores)
    return Verdict(_all([order(fewest, most)]), _ratio(most, fewest))


def _crosses(claim: Claim, scores: Scores) -> Verdict:
    (a_few, a_many), (b_few, b_many) = (_fewest_and_most(label, scores) for label in claim.rows)
    return Verdict(_all([order(a_few, b_few), order(b_many, a_many)]), _ratio(b_few, a_few))


class Kind(NamedTuple):
    """A kind of claim.

    Attributes:
      judge: (claim, scores) -> verdict.
      rows: how many labels it takes.
      text: with {0}, {1}, ... for the labels, {steps} and {value}.
      more: whether it takes more than that: those that "best" and the like are against, in place of all others.
    """

    judge: Callable[[Claim, Scores], Verdict]
    rows: int
    text: str
    more: bool = False


KINDS = {
    "better": Kind(_better, 2, "{0} is better than {1} at N = {steps}"),
    "lower_variance": Kind(_lower_variance, 2, "the gradient of {0} has a lower variance than that of {1}"),
    "best": Kind(_best, 1, "{0} is the best at N = {steps}", more=True),
    "worst": Kind(_worst, 1, "{0} is the worst at N = {steps}", more=True),
    "collapses": Kind(_collapses, 1, "{0} is at least {value:g} times the best at N = {steps}", more=True),
    "same": Kind(_same, 2, "{0} and {1} are within {value:.0%} of each other at N = {steps}"),
    "monotone": Kind(_monotone, 2, "{all} is the order from best to worst at N = {steps}", more=True),
    "interior": Kind(_interior, 3, "{0} is better than both ends, {1} and {2}, at N = {steps}"),
    "improves_with_steps": Kind(_improves, 1, "{0} improves from the fewest steps to the most"),
    "worsens_with_steps": Kind(_worsens, 1, "{0} worsens from the fewest steps to the most"),
    "crosses": Kind(_crosses, 2, "{0} is better than {1} with the fewest steps, and worse with the most"),
}


def check(claim: Claim) -> None:
    """UsageError if a claim is of no kind, or has another number of rows than its kind takes."""
    if claim.kind not in KINDS:
        raise UsageError(f"unknown claim {claim.kind!r}; {nearest(claim.kind, KINDS)}")
    kind = KINDS[claim.kind]
    if len(claim.rows) < kind.rows or (len(claim.rows) > kind.rows and not kind.more):
        raise UsageError(
            f"claim {claim.kind} names {', '.join(claim.rows) or 'nothing'}; expected {kind.rows}"
            f"{' or more' if kind.more else ''} labels of rows"
        )
    if claim.kind == "collapses" and claim.value <= 1:
        raise UsageError(f"claim collapses has the value {claim.value}; expected a factor above 1")
    if claim.kind == "lower_variance" and claim.metric:
        raise UsageError(f"claim lower_variance has the metric {claim.metric}; expected none, for it has its own")
    if claim.kind == "same" and not 0 < claim.value < 1:
        raise UsageError(f"claim same has the value {claim.value}; expected a relative tolerance in (0, 1)")


def metric(claim: Claim) -> str:
    """The column of the results that a claim is about, "" for the main one of its data."""
    return claim.metric or (VARIANCE if claim.kind == "lower_variance" else "")


def text(claim: Claim) -> str:
    """A claim in words."""
    labels = [f"`{label}`" for label in claim.rows]
    words = KINDS[claim.kind].text.format(*labels, all=", ".join(labels), steps=claim.steps, value=claim.value)
    if len(labels) > KINDS[claim.kind].rows == 1:
        words += f" (against {', '.join(labels[1:])})"
    return words + (f" ({claim.metric})" if claim.metric else "")


def judge(claim: Claim, scores: Scores) -> Verdict:
    """What the scores of all rows say of a claim.

    Args:
      claim: it.
      scores: of the metric that it is about.

    Returns:
      the verdict.
    """
    return KINDS[claim.kind].judge(claim, scores)
