"""Distillation: the rows of shortcut models' table, Lagrangian against Eulerian, and the secant losses."""

from experiments.ablations.suite import EXACT, Claim, Published, Row, Suite

_SHORT_JUMPS = (
    "short jumps stay wrong: the loss weighs them by their squared gap, and sixteen of them are no better than one. It "
    "is not the exact teacher (with a learned one four steps have 1.0 and 0.20), nor the normalized tangent (0.98 "
    "without it). The stopped target costs a factor of two (EMD has 0.15 at four steps, and 0.31 with its target "
    "stopped)."
)
_BETTER_WITH_STEPS = (
    "a further step guesses from a point with less noise, and this corrects more than the errors of one more step "
    "add. It is so with a learned teacher too (`CD` with flow matching of 4,000 steps and a pool: 0.27 at one step, "
    "0.12 at sixteen), and with six times the training (0.087 and 0.054 after 8,000 steps)."
)

CELEBA_HQ = Published(
    {
        "flow matching": {1: 280.5, 4: 63.3, 128: 7.3},
        "consistency training": {1: 33.2, 4: 19.0, 128: 53.7},
        "shortcut": {1: 20.5, 4: 13.8, 128: 6.9},
        "progressive distillation": {1: 14.8, 4: 251.3, 128: 302.9},
        "consistency distillation": {1: 38.2, 4: 39.6, 128: 59.5},
        "reflow": {1: 23.2, 4: 18.4, 128: 16.1},
    },
    "FID, CelebA-HQ",
    "secondary",
    "notes on arXiv 2410.12557, Table 1",
)
_SLOW_AVERAGE = (
    "consistency training lies above it by a hair. On its finest grid its targets are an average of decay 0.9986, and "
    "one step has not heard of the data yet. With `decay=0.1` it reaches 0.71 at one step (seed 0), and flow matching "
    "is the worst."
)
_LATE_TARGETS = (
    "the targets are an average over more steps than the run has. With the decay of the next row shortcut models are "
    "more than three times as good at four steps, and better than consistency training at every number of steps."
)
_LAST_HALVING = (
    "the last halving, to one step, is not finished in a short run. With six times the steps the KL rises from 0.59 at "
    "one step to 0.66 at sixteen (means of two seeds, 9,600 steps), as claimed."
)
_NO_FLOW_TO_LEARN = (
    "distillation spends its whole budget on the map, and the average of the targets slows shortcut models. The "
    "faster average of the next row takes most of the gap, and distillation stays ahead with a teacher that is not "
    "exact (flow matching of 4,000 steps and a pool as the teacher: 0.27 after 1,600 steps)."
)
SHORTCUT_TABLE1 = Suite(
    name="shortcut_table1",
    title="Two stages or one: the table of shortcut models",
    paper="2410.12557",
    where="Table 1",
    setting="DiT-B on CelebA-HQ and ImageNet-256 latents, equal budgets; 128, 4 and 1 steps.",
    scale="plane",
    rows=(
        Row("flow matching", "flow_matching"),
        Row("consistency training", "ct"),
        Row("shortcut", "shortcut"),
        Row("shortcut, decay 0.95", "shortcut", {"decay": 0.95}),
        Row("progressive distillation", "progressive_distillation", teacher=EXACT),
        Row("consistency distillation", "cd", teacher=EXACT),
        Row("reflow", "reflow", teacher=EXACT),
    ),
    published=(
        Published(
            {
                "flow matching": {1: 324.8, 4: 108.2, 128: 17.3},
                "consistency training": {1: 69.7, 4: 43.0, 128: 42.8},
                "shortcut": {1: 40.3, 4: 28.3, 128: 15.5},
                "progressive distillation": {1: 35.6, 4: 142.5, 128: 201.9},
                "consistency distillation": {1: 136.5, 4: 98.0, 128: 132.8},
                "reflow": {1: 44.8, 4: 32.8, 128: 16.9},
            },
            "FID, ImageNet-256",
            "secondary",
            "notes on arXiv 2410.12557, Table 1",
        ),
        CELEBA_HQ,
    ),
    claims=(
        Claim("worst", ("flow matching",), prior="holds", because=_SLOW_AVERAGE),
        Claim("better", ("shortcut", "consistency training")),
        Claim("better", ("shortcut", "consistency training"), steps=4, because=_LATE_TARGETS),
        Claim("better", ("shortcut", "flow matching"), steps=4),
        Claim("better", ("shortcut", "consistency distillation"), prior="reverses", because=_NO_FLOW_TO_LEARN),
        Claim("worsens_with_steps", ("progressive distillation",), prior="holds", because=_LAST_HALVING),
        Claim("crosses", ("progressive distillation", "flow matching"), prior="holds"),
        Claim("improves_with_steps", ("reflow",), prior="holds"),
    ),
    teaches=(
        "Rows with a teacher spend their budget on the map alone, and here the teacher is exact. Progressive "
        "distillation ends with a map that knows long jumps only. The targets of shortcut models lag by their average, "
        "so that a short training needs a faster one."
    ),
)

LAGRANGIAN_OR_EULERIAN = Suite(
    name="lagrangian_or_eulerian",
    title="Lagrangian or Eulerian, with a teacher",
    paper="2506.14603",
    where="Table 5 and Figure 11; with 2406.07507",
    setting="ImageNet-512 latents, four steps, and a Gaussian mixture in the plane.",
    scale="plane",
    rows=(
        # The exact velocity is unbounded between the squares: LMD needs its weight there (docs/settings.md).
        Row("LMD", "lmd", {"stop_gradient": "velocity", "adaptive_power": 1.0}, teacher=EXACT),
        Row("EMD", "emd", teacher=EXACT),
        Row("AYF-LMD", "ayf_lmd", {"times": "triangle"}, teacher=EXACT),
        Row("AYF-EMD", "ayf_emd", {"times": "triangle"}, teacher=EXACT),
        Row("sCD", "scd", teacher=EXACT),
        Row("CD", "cd", teacher=EXACT),
    ),
    published=(
        Published(
            {"AYF-EMD": {4: 1.70}, "AYF-LMD": {4: 6.70}},
            "FID, ImageNet-512",
            "secondary",
            "notes on arXiv 2506.14603, Table 5",
        ),
    ),
    claims=(
        Claim("better", ("LMD", "EMD"), prior="holds", source="2406.07507"),
        Claim(
            "better",
            ("AYF-EMD", "AYF-LMD"),
            steps=4,
            prior="reverses",
            source="2506.14603, Table 5",
            because=_SHORT_JUMPS,
        ),
        Claim("better", ("AYF-LMD", "AYF-EMD"), prior="holds", source="2506.14603, Figure 11"),
        Claim("improves_with_steps", ("AYF-EMD",), prior="reverses", source="2506.14603"),
        *(
            Claim(
                "worsens_with_steps",
                (label,),
                prior="reverses",
                source="2506.14603, of consistency models",
                because=_BETTER_WITH_STEPS,
            )
            for label in ("sCD", "CD")
        ),
    ),
    teaches=(
        "The Lagrangian rule asks the teacher at the end of a jump, the Eulerian one at its start, on the path itself. "
        "On images the end of an early jump is far from any data that the teacher knows. With an exact teacher it is "
        "not, and the Lagrangian rule wins, as in the paper's own picture in the plane."
    ),
)

SECANT = Suite(
    name="secant",
    title="Secant losses: which end is drawn",
    paper="2505.14502",
    where="the table of the four losses",
    setting="ImageNet-256 latents and CIFAR-10.",
    scale="plane",
    rows=(
        Row("STEI", "stei"),
        Row("STEE", "stee"),
        Row("SDEI", "sdei", {"on_grid": False}, teacher=EXACT),
        Row("SDEE", "sdee", teacher=EXACT),
        Row("STEI, gaps to 1/4", "stei", {"longest": 0.25}),
    ),
    published=(
        Published(
            {"STEI": {1: 7.12, 4: 2.78}, "STEE": {8: 2.33}},
            "FID, ImageNet-256",
            "secondary",
            "notes on arXiv 2505.14502",
        ),
    ),
    claims=(
        Claim("better", ("STEI", "STEE"), prior="holds"),
        Claim("better", ("SDEI", "SDEE"), prior="holds"),
        Claim("better", ("STEI", "STEE"), steps=8, prior="holds"),
    ),
    teaches=(
        "A secant is the mean of the tangents along a jump. EI draws the source, and the network's own jump finds the "
        "inner point whose tangent is asked for. EE draws the inner point, and the network jumps back to the source: "
        "it must know both directions of time."
    ),
)
