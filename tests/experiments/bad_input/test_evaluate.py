"""Faults in what evaluation is asked to score."""

import shutil

import pytest

from tests.experiments.bad_input.cases import EVALUATE, Case, a_file, saved

CASES = {
    "an option of another command": Case(EVALUATE, "--workdir=run --seeds=0", "unknown option --seeds; "),
    "no folder to score": Case(EVALUATE, "", "--workdir is missing; it is required"),
    "an evaluation guided without labels": Case(
        EVALUATE, "--workdir=run --guidance=2", "guidance scale 2, and this run was trained without labels"
    ),
    "a checkpoint of other averages": saved(
        lambda values: values["training"].update(ema=[0.999, 0.99]),
        "checkpoints/5 does not fit this network and optimizer (ema/1/params/network/Dense_0/bias has shape None "
        "there, (8,) here); run with the configuration that made it",
    ),
    "nothing to score": Case(
        EVALUATE, "--workdir=new", "new holds no run (no config.json); train one with --workdir=new"
    ),
    "a file to score": Case(EVALUATE, "--workdir=file", "file holds no run (no config.json)", a_file),
    "a run without checkpoints to score": Case(
        EVALUATE,
        "--workdir=run",
        "run has no checkpoints yet; train it with experiments.train --workdir=run",
        lambda folder: shutil.rmtree(folder / "run/checkpoints"),
    ),
    "a run with an empty folder of checkpoints": Case(
        EVALUATE,
        "--workdir=run",
        "run has no checkpoint yet; train it with experiments.train --workdir=run",
        lambda folder: (shutil.rmtree(folder / "run/checkpoints"), (folder / "run/checkpoints").mkdir()),
    ),
    "damaged checkpoints to score": Case(
        EVALUATE,
        "--workdir=run",
        "no other checkpoint is left: train again in another --workdir",
        lambda folder: (folder / "run/checkpoints/5/default/_METADATA").write_text("{"),
    ),
    "an unknown checkpoint": Case(
        EVALUATE, "--workdir=run --checkpoint=bst", "--checkpoint='bst'; did you mean 'best'"
    ),
    "no best checkpoint": Case(
        EVALUATE,
        "--workdir=run --checkpoint=best",
        "run has no best yet; train it with experiments.train --workdir=run --config.training.evaluate_every=STEPS",
    ),
    "an unknown objective to score": saved(
        lambda values: values["objective"].update(name="lsdd"), "unknown objective 'lsdd'; did you mean 'lsd'"
    ),
    "an average that was not trained": saved(
        lambda values: values["evaluation"].update(ema=0.5),
        "evaluation.ema=0.5 is not trained; expected one of (0.999,)",
    ),
    "an unknown activation to score": saved(
        lambda values: values["network"].update(activation="gulu"), "network.activation='gulu'; did you mean 'gelu'"
    ),
    "no width to score": saved(
        lambda values: values["network"].update(width=0), "network.width=0; expected a positive"
    ),
    "an option to score that is a word": saved(
        lambda values: values["objective"]["options"].update(diagonal_share="most"), "objective lsd: "
    ),
    "no samples to score": saved(
        lambda values: values["evaluation"].update(samples=0), "evaluation.samples=0; expected a whole number from 2"
    ),
    "no numbers of steps to score": saved(
        lambda values: values["evaluation"].update(steps=[]), "evaluation.steps=(); expected numbers of steps"
    ),
    "no data set to score": saved(lambda values: values.update(dataset=None), "dataset"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
