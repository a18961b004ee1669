"""Faults in what is to be probed: runs, methods, teachers, and how much is drawn."""

import pytest

from tests.experiments.bad_input.cases import PROBE, Case

RUN, EXACT = "--workdir=run --objectives=lsd", "--exact --config=experiments/configs/two_moons.py --objectives=lsd"

CASES = {
    name: Case(PROBE, arguments, text)
    for name, (arguments, text) in {
        "no methods": ("--workdir=run", "--objectives is missing; it is required"),
        "an unknown method": ("--workdir=run --objectives=lds", "unknown --objectives='lds'; did you mean 'lsd'"),
        "an unknown option of a method": (
            "--workdir=run --objectives=lsd[pol=5]",
            "lsd has no option 'pol'; did you mean",
        ),
        "neither a run nor an exact map": (
            "--objectives=lsd",
            "expected either --workdir=RUN, or --exact with --config",
        ),
        "a run and an exact map": (f"{RUN} --exact", "expected either --workdir=RUN, or --exact with --config=FILE"),
        "no run": ("--workdir=new --objectives=lsd", "new holds no run (no config.json)"),
        "no best checkpoint": (f"{RUN} --checkpoint=best", "run has no best yet"),
        "an average that was not trained": (f"{RUN} --ema=0.5", "evaluation.ema=0.5 is not trained; expected one of"),
        "no teacher": (
            "--workdir=run --objectives=lmd --out=new",
            "lmd distils a teacher and none is given; add --teacher",
        ),
        "a teacher that is no run": ("--workdir=run --objectives=lmd --teacher=new", "--teacher=new: new holds no run"),
        "a teacher that nobody needs": (f"{RUN} --teacher=exact", "none of the methods distils one; drop it"),
        "no batches": (f"{RUN} --batches=0 --out=new", "--batches=0; expected a whole number from 2"),
        "one batch": (f"{RUN} --batches=1", "--batches=1; expected a whole number from 2"),
        "no examples": (f"{RUN} --examples=0", "--examples=0; expected a whole number from 1"),
        "more gradients than memory": (
            f"{RUN} --batches=10000 --examples=1000000000",
            "--examples=1000000000; expected",
        ),
        "a negative seed": (f"{RUN} --seed=-1", "--seed=-1; expected a whole number from 0"),
        "more than the whole training": (f"{RUN} --progress=1.5", "--progress=1.5; expected a finite number"),
        "a configuration beside a run": (f"{RUN} --config=small.py", "--config with --workdir has no meaning; drop it"),
        "an exact map of nothing": (
            "--exact --objectives=lsd",
            "--config is missing; --exact takes data and path from it",
        ),
        "an exact map of points": (
            "--exact --objectives=lsd --config=small.py",
            "--exact: data set points.npy is points",
        ),
        "a teacher of an exact map": (f"{EXACT} --teacher=exact", "--teacher with --exact has no meaning; drop it"),
        "a folder that is a file": (f"{RUN} --out=small.py", "cannot write into --out=small.py"),
    }.items()
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
