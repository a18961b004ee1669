"""Numbers that are too large, too small or no numbers: refused by one rule, before anything is made."""

import pytest

from experiments import limits
from experiments.errors import NOT_TRAINED
from tests.experiments.bad_input.cases import (
    BENCHMARK,
    COMPARE,
    EVALUATE,
    FINETUNE,
    LIKELIHOOD,
    REFERENCE,
    SAMPLE,
    STEER,
    WALK,
    Case,
    training,
)

HUGE = 2**62
DRAW, CORNER = "--workdir=run --out=new/x.npz", "--workdir=run --reward=near_corner --out=new"
SEED = f"expected a whole number from 0 to {limits.SEEDS - 1}"

TRAINING = {
    "steps": (3_000_000_000, "training.steps=3000000000; expected a whole number from 1 to 2,000,000,000"),
    "steps just beyond": (2**31, "training.steps=2147483648; expected a whole number from 1 to"),
    "decay_after": (5_000_000_000, "training.decay_after=5000000000; expected 0 (none), or up to 2,000,000,000"),
    "batch_size": (100_000_000_000, "training.batch_size=100000000000; expected a whole number from 1 to 10,000,000"),
    "steps_per_dispatch": (HUGE, f"training.steps_per_dispatch={HUGE}; expected a whole number"),
    "learning_rate": ("inf", "training.learning_rate=inf; expected a positive number"),
}
CASES = {
    f"training, {name}": training(f"--config.training.{name.partition(' ')[0]}={value}", text)
    for name, (value, text) in TRAINING.items()
}
CASES |= {
    "a share that no batch has": training(
        "--config.objective.options.diagonal_share=1e-300",
        "shares of the batch are diagonal 1e-300, lagrangian 1; expected at least 1/10000 each",
    ),
    "a share that is no number": training(
        "--config.objective.options.diagonal_share=nan",
        "--config.objective.options.diagonal_share=nan; expected a finite number",
    ),
    "levels of a grid": training(
        "--config.objective.options.last=3000000000",
        "--config.objective.options.last=3000000000; expected a whole number up to 1,000,000",
        row="ct",
    ),
    "powers of two": training(
        "--config.objective.options.levels=64", "levels=64; expected a whole number up to 16", row="shortcut"
    ),
    "a width": training("--config.network.width=4000000000", "width=4000000000; expected a positive number, at most"),
    "a depth": training("--config.network.depth=100000", "depth=100000; expected a positive number, at most 1,000"),
    "a strength of guidance": training("--config.evaluation.guidance=inf", "guidance=inf; expected a positive number"),
    "pairs": training("--config.evaluation.pairs=1000000000", "pairs=1000000000; expected a whole number from 2 to 20"),
    "a tolerance that no solver meets": Case(
        REFERENCE, "--config=small.py --config.evaluation.tolerance=1e-300", "tolerance=1e-300; expected a finite num"
    ),
    "triples": Case(
        REFERENCE, f"--config=small.py --config.evaluation.triples={HUGE}", f"triples={HUGE}; expected a whole number"
    ),
    "samples": Case(SAMPLE, f"{DRAW} --samples={HUGE}", f"--samples={HUGE}; expected a whole number from 1 to 10,000"),
    "samples of 32 bits": Case(SAMPLE, f"{DRAW} --samples={2**31}", f"--samples={2**31}; expected a whole number"),
    "no samples": Case(SAMPLE, f"{DRAW} --samples=0", "--samples=0; expected a whole number from 1"),
    "steps of a sampler": Case(SAMPLE, f"{DRAW} --num_steps=1000000000", "--num_steps=1000000000; expected a whole"),
    "a seed of a sampler": Case(SAMPLE, f"{DRAW} --seed={2**32}", f"--seed={2**32}; {SEED}"),
    "a negative seed": Case(SAMPLE, f"{DRAW} --seed=-1", f"--seed=-1; {SEED}"),
    "guidance that is no number": Case(SAMPLE, f"{DRAW} --guidance=nan", "--guidance=nan; expected a finite number"),
    "noise without an end": Case(SAMPLE, f"{DRAW} --sampler=euler_maruyama --noise=inf", "--noise=inf; expected a fin"),
    "a tolerance of a sampler": Case(
        SAMPLE, f"{DRAW} --sampler=adaptive --tolerance=1e-300", "--tolerance=1e-300; expected a finite number, at le"
    ),
    "points": Case(LIKELIHOOD, f"--workdir=run --out=new --points={HUGE}", f"--points={HUGE}; expected a whole number"),
    "probes": Case(LIKELIHOOD, "--workdir=run --out=new --probes=2147483648", "--probes=2147483648; expected a whole"),
    "candidates": Case(STEER, f"{CORNER} --candidates=2147483648", "--candidates=2147483648; expected a whole number"),
    "a seed of steering": Case(STEER, f"{CORNER} --seed=-1", f"--seed=-1; {SEED}"),
    "steered samples": Case(STEER, f"{CORNER} --samples={HUGE}", f"--samples={HUGE}; expected a whole number from 2"),
    "candidates of samples": Case(
        STEER, f"{CORNER} --samples=1000000 --candidates=10000000", "--candidates=10000000; expected a whole number"
    ),
    "a batch of updates": Case(FINETUNE, f"{CORNER} --batch_size={HUGE}", f"--batch_size={HUGE}; expected a whole"),
    "a seed of updates": Case(FINETUNE, f"{CORNER} --seed={HUGE}", f"--seed={HUGE}; {SEED}"),
    "seeds": Case(COMPARE, f"--config=small.py --workdir=new --objectives=lsd --seeds=0,{2**32}", f"--seeds={2**32}; "),
    "a scale of evaluation": Case(EVALUATE, "--workdir=run --guidance=inf", "guidance=inf; expected a positive number"),
    "dispatches": Case(BENCHMARK, f"--out=new --dispatches={HUGE}", f"--dispatches={HUGE}; expected a whole number"),
    "updates of a walk": Case(WALK, f"--out=new/x.png --updates={HUGE}", f"--updates={HUGE}; expected a whole number"),
    "a time to wait": training(f"--host_timeout={HUGE}", "--host_timeout="),
    "a seed of scores": Case(
        "experiments.image_score",
        f"--samples=points.npy --reference=digits --out=new --seed={2**32}",
        f"--seed={2**32}; {SEED}",
    ),
    "a training without a step": training(
        "--config.network.point_features=1 --config.network.point_base=nan --config.training.nonfinite=skip",
        "all 5 steps were left out, because their loss or gradient was not finite",
        code=NOT_TRAINED,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)


def test_what_does_not_fit_into_memory_is_refused():
    with pytest.raises(limits.UsageError, match=r"^--samples: 4,000,000,000 GB, and this machine has [\d,]+ GB"):
        limits.check_memory("--samples", 10**18)
    limits.check_memory("--samples", 10**6)
