"""Faults in the command line of the catalogue."""

import pytest

from taxonomy.catalogue import CATALOGUE
from tests.experiments.bad_input.cases import TAXONOMY, Case

CASES = {
    name: Case(TAXONOMY, arguments, text)
    for name, (arguments, text) in {
        "an unknown row": ("show lsdd", "no method is called 'lsdd'; did you mean lsd"),
        "a row like no other": ("show zzzzzz", f"no method is called 'zzzzzz'; known: {', '.join(CATALOGUE)}"),
        "no row": ("show", "the following arguments are required: name"),
        "two rows": ("show lsd esd", "unrecognized arguments: esd"),
        "an unknown row to cite": ("cite lsd lmdd", "no method is called 'lmdd'; did you mean lmd"),
        "no row to cite": ("cite", "the following arguments are required: name"),
        "an unknown format": ("--format=xml", "argument --format: received 'xml'; expected one of text, markdown, csv"),
        "no format": ("--format", "argument --format: expected one argument"),
        "an unknown family": ("--family=langrangian", "received 'langrangian'; expected one of direct, lagrangian"),
        "an unknown order": ("--sort=size", "argument --sort: received 'size'; expected one of name, year, cost, fam"),
        "an unknown option": ("--sorted=name", "unrecognized arguments: --sorted=name"),
        "an unknown command": ("list", "invalid choice: 'list'"),
        "an unknown convention": ("translate meanflow t=1", "no convention and no method is called 'meanflow'; did"),
        "nothing to translate": ("translate edm", "the following arguments are required: NAME=VALUE"),
        "no value": ("translate edm sigma", "received 'sigma'; expected NAME=VALUE, such as sigma=0.5"),
        "a level out of range": ("translate edm sigma=-1", "sigma=-1; expected a number from 0 to inf"),
        "a level twice": ("translate edm sigma=1 sigma=2", "received sigma twice; expected each name once"),
        "to nowhere": ("translate edm sigma=1 --to=nowhere", "no convention and no method is called 'nowhere'"),
        "data without a spread": ("translate edm sigma=1 --data_std=0", "data_std=0; expected a positive number"),
        "a spread that is no number": ("translate edm sigma=1 --data_std=x", "argument --data_std: invalid float"),
        "symbols in another format": ("symbols --format=csv", "argument --format: received 'csv'; expected one of"),
        "a row of equivalences": ("equivalences lsd", "unrecognized arguments: lsd"),
    }.items()
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
