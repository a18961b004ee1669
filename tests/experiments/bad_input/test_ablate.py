"""Faults in ablations: suites, seeds, budgets, pages, and folders."""

import pytest

from tests.experiments.bad_input.cases import ABLATE, Case


def a_csv(name):
    return lambda folder: (folder / f"{name}.csv").write_text("label,N\n")


CASES = {
    name: Case(ABLATE, arguments, text)
    for name, (arguments, text) in {
        "no suite": ("--workdir=new", "--suite is missing; name one of sd_table1"),
        "no folder": ("--suite=sd_table1 --short", "--workdir is missing; name a folder for the runs"),
        "an unknown suite": ("--suite=sd_tabel1 --workdir=new", "'sd_tabel1'; did you mean 'sd_table1'"),
        "a suite twice": ("--suite=sd_table1,sd_table1 --workdir=new", "each named once"),
        "a file that is not there": ("--suite=mine.py --workdir=new", "--suite=mine.py: no such file"),
        "a file without a suite": ("--suite=small.py --workdir=new", "--suite=small.py defines no SUITE"),
        "an unknown scale": ("--suite=all --scale=plain --workdir=new", "--scale='plain'; did you mean 'plane'"),
        "a seed that is a word": ("--suite=secant --seeds=0,a --workdir=new", "--seeds=0,a; expected whole numbers"),
        "a seed twice": ("--suite=secant --seeds=0,0 --workdir=new", "--seeds=0,0; expected at least one"),
        "an unknown budget": ("--suite=secant --budget=time --workdir=new", "--budget=time; Known: evaluations, steps"),
        "data of a suite that has its own": (
            "--suite=secant --dataset=digits --workdir=new",
            "--dataset=digits is for suites of --scale=gpu, and none is named",
        ),
        "data of different kinds": (
            "--suite=cifar_consistency,imf_table1 --dataset=x.npz --workdir=new",
            "--dataset=x.npz for suites of different data",
        ),
        "no trained teacher": (
            "--suite=distillation --seeds=0 --workdir=new",
            "suite distillation distils a trained run and none is given",
        ),
        "no data": (
            "--suite=cifar_consistency --seeds=0 --workdir=new",
            "cifar-10-python.tar.gz",
        ),
        "a page of nothing": ("--page=new", "holds no csv file"),
        "an unknown option": ("--suits=secant", "unknown option --suits; did you mean 'suite'"),
    }.items()
} | {
    "a page of another table": Case(ABLATE, "--page=.", "other.csv is of no suite", change=a_csv("other")),
    "results that were cut": Case(
        ABLATE, "--page=.", "secant.csv has other rows than suite secant", change=a_csv("secant")
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
