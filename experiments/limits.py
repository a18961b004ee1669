"""One rule for numbers that a user may choose: counts, sizes, seeds, strengths, each with the largest that makes sense.

Beyond these bounds a number overflows in compiled code, never ends, or takes more memory than machines have. They are
checked before anything is made.
"""

from collections.abc import Sequence
import math
import os

from experiments.errors import UsageError

SEEDS = 2**32  # what keys, numpy and grain all take
UPDATES = 2_000_000_000  # steps of training are counted with 32 bits
EXAMPLES = 10_000_000  # in a batch, or generated in parts
AT_ONCE = 1_000_000  # examples that go through a network together
PAIRS = 20_000  # examples whose pairs are all looked at
REPEATS = 10_000  # steps of a sampler, candidates, probes, subsets: each a pass over all examples
TOLERANCES = (1e-10, 0.1)  # of solvers; the error is checked by one that is 10^4 times as strict


def check_count(option: str, value: int, *, least: int = 1, most: int) -> None:
    """Checks a whole number; UsageError if it is too small or too large.

    Args:
      option: its name, without the dashes.
      value: what was given.
      least: the smallest that makes sense.
      most: the largest.
    """
    if not least <= value <= most:
        expected = f"0 (none), or up to {most:,}" if least == 0 else f"a whole number from {least} to {most:,}"
        raise UsageError(f"--{option}={value}; expected {expected}")


def check_seed(option: str, value: int) -> None:
    """Checks a seed; UsageError if keys and generators cannot take it."""
    if not 0 <= value < SEEDS:
        raise UsageError(f"--{option}={value}; expected a whole number from 0 to {SEEDS - 1}")


def check_seeds(seeds: Sequence[int]) -> None:
    """Checks the seeds of several runs; UsageError if there is none, one twice, or one that cannot be taken."""
    if not seeds or len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds={','.join(map(str, seeds))}; expected at least one, each named once")
    for seed in seeds:
        check_seed("seeds", seed)


def check_number(option: str, value: float, *, least: float = -math.inf, most: float = math.inf) -> None:
    """Checks a number of any kind; UsageError if it is not finite or beyond its bounds.

    Args:
      option: its name, without the dashes.
      value: what was given.
      least: the smallest that makes sense.
      most: the largest.
    """
    if math.isfinite(value) and least <= value <= most:
        return
    bounds = [f"at least {least:g}"] * (least > -math.inf) + [f"at most {most:g}"] * (most < math.inf)
    raise UsageError(f"--{option}={value}; expected a finite number{', ' if bounds else ''}{' and '.join(bounds)}")


def check_positive(option: str, value: float) -> None:
    """Checks a number that must be positive and finite; UsageError otherwise."""
    if not 0 < value < math.inf:
        raise UsageError(f"--{option}={value}; expected a positive number")


def check_memory(options: str, numbers: int) -> None:
    """Checks that numbers of 32 bits fit into the memory of this machine; UsageError if not.

    Args:
      options: what they were asked for by, such as "--samples=1000000 of shape (3072,)".
      numbers: how many there would be.
    """
    needed, there = 4 * numbers, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise UsageError(f"{options}: {needed / 1e9:,.0f} GB, and this machine has {there / 1e9:,.0f} GB; take less")
