"""Published settings of the methods in ``objectives/methods/direct.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_LOSSES = "gnobitab/RectifiedFlow@13e3a30, ImageGeneration/losses.py"
_CONFIGS = "gnobitab/RectifiedFlow@4e0ba65, ImageGeneration/configs/rectified_flow"
_CMT = "sony/cmt@3e29728, training/loss.py"

_EVERY_STEP = (
    "Pairs are made anew in each step, so that a solver of fixed cost is needed; 8 midpoint steps are 17 evaluations."
)
_FROM_SCRATCH = Setting(
    name="first weights",
    published="those of the first flow",
    source=f"{_CONFIGS}/cifar10_rf_gaussian_reflow_distill_k=1.py",
    here="new",
    reason="A teacher here need not be a network of the student's kind.",
)
_UNIFORM = Setting(name="weight of the time", published="uniform", source=_LOSSES)
_DIAGONAL = Spread(mean=0.5, quartiles=(0.25, 0.5, 0.75))

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "flow_matching": (_UNIFORM, Setting(name="metric", published="square", source=_LOSSES)),
    "reflow": (
        Setting(
            name="teacher_steps",
            published="adaptive Runge-Kutta of order 4 (5), pairs kept",
            source=f"{_CONFIGS}/cifar10_rf_gaussian_reflow_generate_data.py",
            here=8,
            reason=_EVERY_STEP,
        ),
        _UNIFORM,
        Setting(name="metric", published="square", source=_LOSSES),
        _FROM_SCRATCH,
    ),
    "endpoint_regression": (
        Setting(
            name="teacher_steps",
            published="adaptive Runge-Kutta of order 4 (5), pairs kept",
            source=f"{_CONFIGS}/cifar10_rf_gaussian_reflow_generate_data.py",
            here=8,
            reason=_EVERY_STEP,
        ),
        Setting(
            name="metric",
            published="perceptual (LPIPS) distance of the end points",
            source=f"{_CONFIGS}/cifar10_rf_gaussian_reflow_distill_k=1.py",
            here="square",
            reason="A perceptual distance needs a network of pictures; the square is the code's other choice.",
        ),
        _FROM_SCRATCH,
    ),
    "cmt": (
        Setting(
            name="teacher_steps",
            published="16 steps of DPM-Solver++",
            source="sony/cmt@3e29728, run_cmt_cifar.sh (--nfe=16)",
            here=8,
            reason="Midpoint steps have two evaluations each, so that 8 of them cost as much.",
        ),
        Setting(
            name="metric",
            published="perceptual (LPIPS) distance, or sum of squares, of the points at the data end",
            source=_CMT,
            here="square of average velocities",
            reason="A perceptual distance needs a network of pictures.",
        ),
        Setting(
            name="end of the jump",
            published="data",
            source=_CMT,
            here="any later point of the trajectory",
            reason="The project's form is for maps with two times; the code of the two-time variant is not stored.",
        ),
    ),
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "flow_matching": (
        PublishedTimes(term="diagonal", sampler="t ~ U[0.001, 1]", source=_LOSSES, s=_DIAGONAL, t=_DIAGONAL),
    ),
    "reflow": (
        PublishedTimes(
            term="diagonal", sampler="t ~ U[0.001, 1], schedule 'uniform'", source=_LOSSES, s=_DIAGONAL, t=_DIAGONAL
        ),
    ),
    "endpoint_regression": (
        PublishedTimes(
            term="regression",
            sampler="t = 0.001, schedule 't0', a jump to 1",
            source=_LOSSES,
            s=Spread(mean=0.0, quartiles=(0.0, 0.0, 0.0)),
        ),
    ),
    "cmt": (
        PublishedTimes(
            term="regression",
            sampler="sigma one of the 16 levels from 80 to 0.002 with equal steps of the logarithm, the last left out",
            source=_CMT,
            s=Spread(mean=0.4899, quartiles=(0.0718, 0.4738, 0.9125)),
            reason="Both ends are drawn on the triangle, because jumps with two times are trained.",
        ),
    ),
}
