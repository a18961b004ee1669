"""Values of fields that training refuses, and training that diverges."""

import pytest

from experiments.errors import DIVERGED
from tests.experiments.bad_input.cases import training

CASES = {
    "no steps": training(
        "--config.training.steps=0", "--config.training.steps=0; expected a whole number from 1 to 2,000,000,000"
    ),
    "a rate that is not a number": training(
        "--config.training.learning_rate=nan", "--config.training.learning_rate=nan; expected a positive number"
    ),
    "no width": training("--config.network.width=0", "--config.network.width=0; expected a positive number"),
    "no checkpoints": training(
        "--config.training.keep_checkpoints=0", "--config.training.keep_checkpoints=0; expected a whole number from 1"
    ),
    "no parts": training(
        "--config.training.grad_accumulation=0", "--config.training.grad_accumulation=0; expected a whole number from 1"
    ),
    "no samples to score": training(
        "--config.evaluation.samples=0", "--config.evaluation.samples=0; expected a whole number from 2"
    ),
    "one sample to score": training(
        "--config.evaluation.samples=1", "--config.evaluation.samples=1; expected a whole number from 2"
    ),
    "one pair to score": training(
        "--config.evaluation.pairs=1", "--config.evaluation.pairs=1; expected a whole number from 2 to 20,000"
    ),
    "a negative tolerance": training(
        "--config.evaluation.tolerance=-1e-8",
        "--config.evaluation.tolerance=-1e-08; expected a finite number, at least 1e-10",
    ),
    "a negative interval": training(
        "--config.training.evaluate_every=-5",
        "--config.training.evaluate_every=-5; expected 0 (none), or up to 2,000,000,000",
    ),
    "a negative number of skips": training("--config.training.max_skipped=-1", "max_skipped=-1; expected 0 (none)"),
    "negative features": training("--config.network.time_features=-1", "time_features=-1; expected 0 (none)"),
    "an unknown policy": training(
        "--config.training.nonfinite=skipp", "unknown --config.training.nonfinite='skipp'; did you mean 'skip'? Known: "
    ),
    "an unknown source of data": training(
        "--config.training.data=disk", "unknown --config.training.data='disk'; Known: device, host"
    ),
    "an unknown mapping": training(
        "--config.training.device_mapping=xmap", "unknown --config.training.device_mapping='xmap'; did you mean 'pmap'"
    ),
    "an unknown optimizer": training(
        "--config.training.optimizer=adma", "unknown --config.training.optimizer='adma'; did you mean 'adam'"
    ),
    "an unknown schedule": training(
        "--config.training.schedule=cosin", "unknown --config.training.schedule='cosin'; did you mean 'cosine'"
    ),
    "a schedule without its step": training(
        "--config.training.schedule=sqrt", "schedule=sqrt needs --config.training.decay_after=STEP, at least 1"
    ),
    "an unknown activation": training(
        "--config.network.activation=gulu", "unknown --config.network.activation='gulu'; did you mean 'gelu'"
    ),
    "an unknown type": training(
        "--config.network.dtype=float16", "unknown --config.network.dtype='float16'; did you mean 'bfloat16'"
    ),
    "an unknown output": training(
        "--config.network.output=denoisr", "unknown --config.network.output='denoisr'; did you mean 'denoiser'"
    ),
    "an unknown interpolant": training("--config.interpolant=liner", "unknown interpolant 'liner'; did you mean"),
    "an unknown data set": training("--config.dataset=spirl", "unknown data set 'spirl'; did you mean 'spiral'"),
    "an average that is none": training(
        "--config.training.ema=1.5", "--config.training.ema=(1.5,); expected decays between 0 and 1, such as (0.999,)"
    ),
    "an average that is a word": training("--config.training.ema=abc", "--config.training.ema="),
    "an average that is not trained": training(
        "--config.evaluation.ema=0.5", "--config.evaluation.ema=0.5 is not trained; expected one of (0.999,), or 0"
    ),
    "no numbers of steps": training(
        "--config.evaluation.steps=()", "--config.evaluation.steps=(); expected numbers of steps, such as (1, 2)"
    ),
    "numbers of steps that are words": training("--config.evaluation.steps=('a',)", "--config.evaluation.steps="),
    "numbers of steps that are fractions": training("--config.evaluation.steps=1.5", "--config.evaluation.steps="),
    "a seed that no key holds": training("--config.seed=99999999999999999999", "seed=99999999999999999999"),
    "shares that do not divide": training(
        "--config.training.batch_size=63",
        "--config.training.batch_size=63 for 4 device(s): a batch of 63 on 4 device(s) does not divide into whole "
        "shares (diagonal 0.75, lagrangian 0.25); expected a multiple of 16: use 64",
    ),
    "parts that do not divide": training(
        "--config.training.grad_accumulation=3",
        "4 device(s) x 3 parts (--config.training.grad_accumulation): a batch of 64",
    ),
    "shares above one": training(
        "--config.objective.options.diagonal_share=1.5",
        "shares of the batch are diagonal 1.5, lagrangian -0.5; expected positive numbers that sum to 1",
    ),
    "drawn examples that a host should read": training(
        "--config.dataset=two_moons --config.training.data=host",
        "data set two_moons draws its examples; use --config.training.data=device",
    ),
    "training that diverges": training(
        "--config.network.point_features=1 --config.network.point_base=nan",
        "loss is nan: 48 examples of term diagonal, at mean s = 0.",
        code=DIVERGED,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
