"""Published settings of the methods in ``objectives/methods/eulerian_finite_step.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_ALPHA = "snap-research/alphaflow@b0fef77, {}"
_ALPHA_LOSS = _ALPHA.format("src/training/loss.py")
_ALPHA_RUN = _ALPHA.format("infra/experiments/experiments-alphaflow.yaml")
_SO = "zlab-princeton/SoFlow, {}"
_TIM = "WZDTHU/TiM@5bec40a, {}"
_TIM_LOSS = _TIM.format("tim/schedulers/transition.py")
_TIM_RUN = _TIM.format("configs/c2i/tim_xl_p2_256.yaml")
_MEAN = "mean of squares, noise of standard deviation 1"

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "alpha_flow": (
        Setting(name="schedule", published="sigmoid", source=_ALPHA_RUN),
        Setting(
            name="alpha",
            published=None,
            source="ours",
            here=0.1,
            reason="It is used by the constant schedule alone, which no published run has but at 0.",
        ),
        Setting(
            name="diagonal_share",
            published=0.5,
            source=_ALPHA_RUN + ", alphaflow-sigmoid-latentspace-B-2 and XL-2; 0.25 for B-2 with guidance",
        ),
        Setting(
            name="times",
            published=None,
            source="not found",
            here="logit_normal",
            reason="The configuration with the distributions is not at hand, and MeanFlow's are taken.",
        ),
        Setting(name="adaptive_power", published=1.0, source=_ALPHA_LOSS),
        Setting(name="reduction", published="per_example", source=_ALPHA_LOSS),
        Setting(
            name="offset of the adaptive weight",
            published=0.001,
            source=_ALPHA_LOSS + ", adaptive_loss_weight_eps",
            unit=_MEAN,
        ),
        Setting(
            name="weight off the diagonal",
            published="alpha / (|r|^2 + c), and 1 / (|r|^2 + c) at alpha = 0",
            source=_ALPHA_LOSS,
        ),
        Setting(name="steepness of the schedule", published=25.0, source=_ALPHA_RUN),
        Setting(name="floor", published=0.005, source=_ALPHA_RUN + ", least alpha"),
        Setting(
            name="bound of the target",
            published=4.0,
            source=_ALPHA_RUN + ", clamp_utgt of XL-2 with guidance",
            unit="each coordinate, noise of standard deviation 1",
            here="none",
            reason="A bound on the target moves the minimizer.",
        ),
        Setting(name="decay", published=0.0, source=_ALPHA_LOSS + ": current weights"),
    ),
    "so_flow": (
        Setting(name="first", published=0.1, source=_SO.format("imagenet.yaml")),
        Setting(name="last", published=0.002, source=_SO.format("imagenet.yaml")),
        Setting(name="diagonal_share", published=0.75, source=_SO.format("imagenet.yaml")),
        Setting(name="times", published="logit_normal", source=_SO.format("imagenet.yaml")),
        Setting(
            name="adaptive_power",
            published=None,
            source="not found",
            here=1.0,
            reason="The loss has a power, whose value was not found in what was read.",
        ),
        Setting(name="reduction", published="per_example", source=_SO.format("models.py")),
        Setting(name="offset of the adaptive weight", published=0.01, source=_SO.format("models.py"), unit=_MEAN),
        Setting(
            name="least length of a jump and of its first leg",
            published=1e-4,
            source=_SO.format("models.py"),
            here=0.0,
            reason="A jump of length zero is flow matching here, and needs no bound.",
        ),
        Setting(name="target", published="current weights", source=_SO.format("models.py")),
    ),
    "tim": (
        Setting(name="step", published=0.005, source=_TIM_RUN),
        Setting(name="diagonal_share", published=0.5, source=_TIM_RUN + ", diffusion_ratio"),
        Setting(name="end_share", published=0.1, source=_TIM_RUN + ", consistency_ratio"),
        Setting(name="times", published="logit_normal", source=_TIM_RUN),
        Setting(name="adaptive_power", published=1.0, source=_TIM_LOSS),
        Setting(name="gap_power", published=0.5, source=_TIM_RUN + ", weight_time_type sqrt of the tangents"),
        Setting(
            name="cosine",
            published=1.0,
            source=_TIM.format("projects/train/trainer_c2i.py") + ", use_dir_loss",
        ),
        Setting(name="reduction", published="per_example", source=_TIM_LOSS),
        Setting(
            name="offset of the adaptive weight",
            published=1e-5,
            source=_TIM_LOSS,
            unit="mean of squares plus one minus the cosine, noise of standard deviation 1",
        ),
        Setting(name="target", published="current weights", source=_TIM_LOSS),
    ),
    "euler_mean_flow": (
        Setting(
            name="step",
            published=None,
            source="not found",
            here=0.02,
            reason="The length of the first leg was not found in what was read.",
        ),
        Setting(
            name="diagonal_share",
            published=None,
            source="not found",
            here=0.5,
            reason="The share of the diagonal was not found in what was read.",
        ),
        Setting(
            name="reduction",
            published=None,
            source="not found",
            here="per_example",
            reason="The form of the mean was not found in what was read.",
        ),
        Setting(
            name="weight of the time",
            published=None,
            source="not found",
            here="(t - s) / (u - s)",
            reason="The weight was not found, and this one keeps the gradient as the first leg shrinks.",
        ),
    ),
}

_EARLIER = Spread(mean=0.4653, quartiles=(0.3301, 0.4639, 0.5987))
_SO_DIAGONAL = Spread(mean=0.5413, quartiles=(0.3836, 0.5498, 0.7057))

TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "so_flow": (
        PublishedTimes(
            term="diagonal",
            sampler="t_p = sigmoid(N(-0.2, 1))",
            source=_SO.format("imagenet.yaml"),
            s=_SO_DIAGONAL,
            t=_SO_DIAGONAL,
        ),
        PublishedTimes(
            term="eulerian",
            sampler="t_p = sigmoid(N(0.2, 0.8)), s_p = min(sigmoid(N(-1, 0.8)), t_p - 1e-4)",
            source=_SO.format("imagenet.yaml"),
            s=Spread(mean=0.4564, quartiles=(0.3231, 0.4502, 0.5841)),
            t=Spread(mean=0.7256, quartiles=(0.6410, 0.7430, 0.8272)),
        ),
    ),
    "tim": (
        PublishedTimes(
            term="diagonal",
            sampler="t_p, r_p = sort(sigmoid(N(-0.4, 1)), sigmoid(N(-0.4, 1))), then r_p = t_p",
            source=_TIM_LOSS,
            s=_EARLIER,
            t=_EARLIER,
        ),
        PublishedTimes(
            term="eulerian",
            sampler="t_p, r_p = sort(sigmoid(N(-0.4, 1)), sigmoid(N(-0.4, 1))), r_p = 0 in one of five",
            source=_TIM_LOSS,
            s=_EARLIER,
            t=Spread(mean=0.7590, quartiles=(0.6339, 0.7700, 0.9051)),
        ),
    ),
}
