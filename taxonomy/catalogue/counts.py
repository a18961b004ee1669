"""Costs of training as the literature counts them, and why some of ours differ from them or from the compiled program.

The one published table of such counts is that of S. Dieleman, "Learning the integral of a diffusion model"
(sander.ai, 6 May 2026; benanne/benanne.github.io, ``_posts/2026-05-06-flow-maps.md``, commit 0f0dfc6, section "The
landscape"). It counts forward-pass equivalents by the rules of ``Term.cost``: forward 1, backward 2, jvp with its
forward 2, backward through a jvp 4. Every term is computed on the whole batch, and guidance is left out. The numbers
are not broken down there: what follows "would be" below is our reading.
"""

from typing import NamedTuple


class Survey(NamedTuple):
    """A line of the survey's table.

    Attributes:
      cost: forward-pass equivalents of a training step with every term on the whole batch.
      differs: who counts what, where our sum over the terms is another number; otherwise empty.
    """

    cost: float
    differs: str = ""


SURVEY: dict[str, Survey] = {
    "lmd": Survey(9),
    "lsd": Survey(10),
    "ayf_lmd": Survey(
        6,
        "Ours is 2 for the jvp, which holds the forward pass, 2 for its backward pass and 1 for the teacher. A forward "
        "pass apart from the jvp would be 6.",
    ),
    "tvm": Survey(10),
    "free_flow": Survey(
        12,
        "Ours sums three terms: 7 (the student's forward and backward pass, three evaluations for the difference in "
        "time, one of the teacher), 5 for the correction and 4 for the auxiliary velocity on fresh samples.",
    ),
    "pid": Survey(7),
    "ct": Survey(4),
    "cd": Survey(5, "Ours takes a step of Heun's method, as the paper does: two evaluations of the teacher, not one."),
    "ctm": Survey(
        7,
        "Ours adds 3 for the diagonal, 4 more evaluations of the teacher (two midpoint steps and a value at s = t, not "
        "one step) and 2 for the backward pass through the outer jump. Without these it would be 7.",
    ),
    "emd": Survey(7),
    "esd": Survey(
        10,
        "Ours takes two jvps: the one in time is differentiated and the one in space is stopped. A single jvp would be "
        "10.",
    ),
    "ayf_emd": Survey(6, "As for AYF-LMD: the forward pass is part of the jvp."),
    "so_flow": Survey(7),
    "facm": Survey(8, "The survey has the distillation, with 1 for the teacher. Ours trains on the sample's velocity."),
    "mean_flow": Survey(4, "Ours counts the share at s = t as a term of its own, 3, because it needs no jvp."),
    "improved_mean_flow": Survey(5, "Ours counts the share at s = t as a term of its own, 3, because it needs no jvp."),
    "shortcut": Survey(8),
    "split_mean_flow": Survey(9),
    "psd_m": Survey(8),
    "psd_u": Survey(8),
    "fmm": Survey(9, "Ours adds the second term, the round trip: 6. It has times of its own and shares no evaluation."),
    "pfmm": Survey(
        5,
        "The survey has a given map over a short gap. Ours makes it in the first of four stages by integrating the "
        "teacher: 13 there, 5 in the other three.",
    ),
}

# Why the compiled program has more or fewer operations than the count says, relative to flow matching.
COMPILED: dict[str, str] = {
    "lmd": (
        "A backward pass through the input of frozen weights costs 1 and is counted as 2, because no gradient of the "
        "weights is made: 8, not 9."
    ),
    "ctm": "As for LMD: the backward pass through the frozen outer jump costs 1 and is counted as 2.",
    "esd": "The two jvps begin with the same forward pass. The compiler makes it once.",
    "free_flow": (
        "The prediction and its target begin with the same jump of the same weights, which the compiler makes once."
    ),
    "ucgm": (
        "The target begins with the student's own value, because there is no average of the weights. The compiler "
        "makes it once: 5, not 6."
    ),
    "pfmm": (
        "The program holds all stages. Its operations are those of the dearest, the first, which integrates the "
        "teacher: 13. The count is the mean over the stages, 7; the time is that of the last stage, 5."
    ),
}
