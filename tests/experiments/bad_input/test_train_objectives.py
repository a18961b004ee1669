"""Options of objectives, combinations and teachers that training refuses."""

import shutil

import pytest

from tests.experiments.bad_input.cases import option, training

CASES = {
    "an unknown objective": training("--config.objective.name=lsdd", "unknown objective 'lsdd'; did you mean 'lsd'"),
    "an objective that is wrong on purpose": training(
        "--config.objective.name=mean_flow_wrong_tangent",
        "objective mean_flow_wrong_tangent is wrong on purpose and belongs to an ablation; run that (python -m",
    ),
    "a mix of tangents above one": option(
        "mean_flow", "tangent_mix=2", "tangent_mix = 2.0; expected a number in [0, 1]"
    ),
    "an average of no tangent": option("mean_flow", "tangent_decay=0.9", "tangent_decay = 0.9 with tangent_mix = 0"),
    "no gap at the start": option("lsd", "first_gap=0", "first_gap = 0.0; expected a number in (0, 1]"),
    "a negative noise": option("psd_m", "target_noise=-1", "target_noise = -1.0; expected a number that is not neg"),
    "no diagonal of an own velocity": training(
        "--config.objective.options.diagonal_share=0", "shares of the batch are diagonal 0, lagrangian 1; expected"
    ),
    "a sigmoid that goes back": option("alpha_flow", "end=0", "start = 0.0, end = 0.0; expected 0 <= start < end <= 1"),
    "an unknown metric": option("ict", "metric=l1", "metric = 'l1'; expected one of pseudo_huber, squared, log_cosh"),
    "an unknown kernel": option("imm", "kernel=cosine", "kernel = 'cosine'; expected one of laplace, rbf"),
    "the options of another objective": training(
        "--config.objective.name=ct", "objective ct has no option 'adaptive_power'; Known: decay, first, last"
    ),
    "an unknown law of times": option("lsd", "times=gapp", "times = 'gapp'; expected one of triangle, square, logit_"),
    "an unknown stop-gradient": option("lsd", "stop_gradient=some", "stop_gradient = 'some'; expected one of velocity"),
    "an unknown reduction": option("esd", "reduction=sum", "reduction = 'sum'; expected one of per_term, per_example"),
    "an unknown prior": option("sct", "prior=some", "prior = 'some'; expected one of inverse_noise, none"),
    "a step that is too long": option("free_flow", "step=0.7", "step = 0.7; expected a number in (0, 0.5]"),
    "a step out of the path": option("tim", "step=2", "step = 2.0; expected a length of time in (0, 0.5)"),
    "no step": option("imm", "step=-1", "step = -1.0; expected a number that is not negative"),
    "no group": option("imm", "group=0", "group = 0; expected at least 1 example"),
    "a time after the data": option("tcm", "threshold=1.5", "threshold = 1.5; expected a time in (0.0062, 1)"),
    "a decay of one": option("ct", "decay=1", "decay = 1.0; expected a number in [0, 1), 0 for the current weights"),
    "a curriculum that goes back": option("ct", "first=500", "first = 500, last = 150 steps of noise; expected 2 <="),
    "no stages": option("progressive_distillation", "stages=0", "stages = 0; expected a number from 1 to 20"),
    "no steps of noise": option("cd", "steps=0", "steps = 0; expected at least 1 step of noise"),
    "no segments": option("multistep_cm", "segments=0", "segments = 0; expected a whole number, at least 1"),
    "a negative power": option(
        "mean_flow",
        "adaptive_power=-1",
        "the adaptive weight received power = -1.0, offset = 0.01; expected numbers that are not",
    ),
    "a scale of zero": option("ict", "scale=0", "pseudo_huber received scale = 0.0; expected a positive number"),
    "a ratio above one": option("ucgm", "ratio=2", "ratio = 2.0; expected a number in [0, 1]: 0 for flow matching"),
    "a step that does not shrink": option("ect", "ratio=0.5", "ratio = 0.5; expected a number above 1"),
    "no steps of the teacher": option("reflow", "teacher_steps=0", "teacher_steps = 0; expected"),
    "no levels": option("shortcut", "levels=0", "levels = 0; expected"),
    "a negative bound": option("facm", "clip=-1", "clip = -1.0; expected"),
    "no pool": option("esc", "pool=0", "pool = 0; expected"),
    "a negative warm-up": option("sct", "warm_up=-1", "warm_up = -1.0; expected a number that is not negative"),
    "a warm-up that is no number": training(
        "--config.objective.options.warm_up=nan", "options.warm_up=nan; expected a finite number", row="ayf_emd"
    ),
    "a negative offset": option("scd", "normalize=-1", "normalize = -1.0; expected a number that is not negative"),
    "a negative curriculum": option(
        "esc", "curriculum=-1", "curriculum = -1.0; expected a number that is not negative"
    ),
    "a share of the jump above one": option("alpha_flow", "alpha=2", "alpha = 2.0; expected a number in (0, 1]"),
    "a negative cosine": option("facm", "cosine=-1", "cosine = -1.0; expected a number that is not negative"),
    "a negative exponent": option("facm", "tangent=-1", "tangent = -1.0; expected a number that is not negative"),
    "a negative part": option("consistency_fm", "straight=-1", "straight = -1.0; expected a number that is not neg"),
    "a negative strength": option("free_flow", "strength=-1", "strength = -1.0; expected a number that is not neg"),
    "a mean of another kind": option(
        "ctm", "reduction=sum", "reduction = 'sum'; expected one of per_term, per_example"
    ),
    "no phases": option("phased_cm", "phases=0", "phases = 0; expected a whole number, at least 1"),
    "a jump longer than the path": option("sdei", "longest=2", "longest = 2.0; expected a number in (0, 1]"),
    "an unknown rule": training(
        "--config.objective.characterization=lagrange",
        "unknown characterization 'lagrange'; did you mean 'lagrangian'? Known: eulerian, integral, integral_end",
    ),
    "an unsound combination": training(
        "--config.objective.characterization=lagrangian --config.objective.velocity=sample",
        "combination: lagrangian with velocity = 'sample' is unsound: the sample's velocity belongs to the path",
    ),
    "a biased combination": training(
        "--config.objective.characterization=eulerian --config.objective.velocity=sample "
        "--config.objective.stop_gradient=none",
        "combination: eulerian with velocity = 'sample' and stop_gradient = 'none' is biased",
    ),
    "a combination without its rule": training(
        "--config.objective.velocity=ema", "--config.objective.velocity=ema belongs to a combination of your own; name"
    ),
    "an unknown velocity": training(
        "--config.objective.characterization=eulerian --config.objective.velocity=mine",
        "combination: velocity = 'mine'; expected one of self, ema, teacher, sample",
    ),
    "a law that goes back": training(
        "--config.objective.characterization=semigroup --config.objective.times=square",
        "combination: times = 'square' with semigroup, whose stop lies on the way; expected 'triangle'",
    ),
    "a gradient through a difference": training(
        "--config.objective.characterization=eulerian --config.objective.engine=difference "
        "--config.objective.stop_gradient=none",
        "combination: engine = 'difference' with stop_gradient = 'none'; expected 'target'",
    ),
    "a combination without its teacher": training(
        "--config.objective.characterization=lagrangian --config.objective.velocity=teacher",
        "objective lagrangian_teacher distils a teacher and none is given; train one",
    ),
    "no teacher": training(
        "",
        "objective lmd distils a teacher and none is given; train one (--config=FILE:flow_matching) and pass "
        "--config.teacher=ITS_WORKDIR, or take --config.teacher=exact",
        row="lmd",
    ),
    "a teacher that is not used": training(
        "--config.teacher=run", "objective lsd uses no teacher; drop --config.teacher=run"
    ),
    "a teacher that is no run": training(
        "--config.teacher=nothing", "--config.teacher=nothing: nothing holds no run (no config.json)", row="lmd"
    ),
    "a teacher of other data": training(
        "--config.teacher=run --config.dataset=spiral",
        "points.npy, this run has spiral; expected the same: choose another --config.teacher",
        row="lmd",
    ),
    "a teacher of another path": training(
        "--config.teacher=run --config.interpolant=trigonometric",
        "teacher run was trained with interpolant = linear, this run has trigonometric; expected the same",
        row="lmd",
    ),
    "a teacher without checkpoints": training(
        "--config.teacher=run",
        "run has no checkpoints yet; train it with experiments.train --workdir=run",
        row="lmd",
        change=lambda folder: shutil.rmtree(folder / "run/checkpoints"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
