"""Published settings of the methods in ``objectives/methods/consistency.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_CM = "openai/consistency_models_cifar10@1ba9b5c"
_ECT = "locuslab/ect@3641bde, training/loss.py"
_TCM = "NVlabs/TCM@f85b2ae"
_ICT = "arXiv 2310.14189, Table 1"
_LEVEL = "noise level where sigma_data is 0.5; in standard deviations of the data twice the number"
_ROOT = "root of the sum of squares, noise of standard deviation 0.5"


def _levels(source: str) -> tuple[Setting, ...]:
    return (
        Setting(name="smallest noise level", published=0.002, source=source, unit=_LEVEL),
        Setting(name="largest noise level", published=80.0, source=source, unit=_LEVEL),
        Setting(name="exponent of the grid", published=7.0, source=source),
    )


_CM_LEVELS = _levels(f"{_CM}, configs/default_cifar10_configs.py and cifar10_ve_cd.py")
_NO_LPIPS = "A perceptual distance needs a trained network of pictures, which this project does not have."

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "cd": (
        Setting(name="steps", published=17, source=f"{_CM}, configs/cifar10_ve_cd.py: num_scales = 18 levels"),
        Setting(name="skip", published=1, source="arXiv 2303.01469: neighbours; 20 in arXiv 2310.04378"),
        Setting(
            name="decay", published=0.0, source=f"{_CM}, jcm/train.py: the loss 'consistency' has no target weights"
        ),
        Setting(
            name="distance",
            published="LPIPS",
            source=f"{_CM}, configs/cifar10_ve_cd.py",
            here="square",
            reason=_NO_LPIPS,
        ),
        Setting(
            name="solver of the teacher",
            published="Heun",
            source=f"{_CM}, configs/cifar10_ve_cd.py",
            here="midpoint",
            reason="The midpoint method has the same order and never asks for the velocity at the data.",
        ),
        Setting(name="weight of the time", published="uniform", source=f"{_CM}, configs/cifar10_ve_cd.py"),
        *_CM_LEVELS,
    ),
    "ct": (
        Setting(name="first", published=2, source=f"{_CM}, configs/cifar10_ve_ct_adaptive.py: start_scales"),
        Setting(name="last", published=150, source=f"{_CM}, configs/cifar10_ve_ct_adaptive.py: end_scales"),
        Setting(name="decay", published=0.9, source=f"{_CM}, configs/cifar10_ve_ct_adaptive.py: start_ema"),
        Setting(
            name="decay of the target",
            published="decay^(first / (N - 1)), N the number of levels",
            source=f"{_CM}, jcm/losses.py; arXiv 2303.01469, App. C, divides by N",
        ),
        Setting(
            name="distance",
            published="LPIPS",
            source=f"{_CM}, configs/cifar10_ve_ct_adaptive.py",
            here="square",
            reason=_NO_LPIPS,
        ),
        Setting(name="weight of the time", published="uniform", source=f"{_CM}, configs/cifar10_ve_ct_adaptive.py"),
        *_CM_LEVELS,
    ),
    "ict": (
        Setting(name="first", published=10, source=_ICT),
        Setting(name="last", published=1280, source=_ICT),
        Setting(
            name="scale",
            published=0.00054,
            source=f"{_ICT}: 0.00054 sqrt(D)",
            unit="root of the mean of squares, noise of standard deviation 0.5",
        ),
        Setting(name="decay", published=0.0, source=_ICT + ": current weights"),
        Setting(name="log of the noise level", published="N(-1.1, 2.0) on the grid", source=_ICT, unit=_LEVEL),
        Setting(
            name="dropout", published=0.3, source=_ICT, here=0.0, reason="Dropout is an option of the network here."
        ),
        *_levels("arXiv 2310.14189, Sec. 2, with those of arXiv 2206.00364"),
    ),
    "ect": (
        Setting(name="stages", published=8, source="locuslab/ect@3641bde, run_ecm.sh: 25.6 M examples, 3.2 M a stage"),
        Setting(name="ratio", published=2.0, source="locuslab/ect@07afe1b, ct_train.py: q"),
        Setting(
            name="scale",
            published=0.0,
            source="locuslab/ect@07afe1b, ct_train.py: c",
            unit=_ROOT,
            here=1e-8,
            reason="A distance has no derivative where it is 0.",
        ),
        Setting(name="boost of the step", published="1 + 8 sigmoid(-sigma)", source=_ECT, unit=_LEVEL),
        Setting(name="log of the noise level", published="N(-1.1, 2.0), not truncated", source=_ECT, unit=_LEVEL),
        Setting(
            name="weight of the time",
            published="1 / (sigma_s - sigma_u)",
            source=f"{_ECT}; the version for ImageNet has 1 / sigma^2 + 1 / sigma_data^2",
        ),
        Setting(name="target", published="current weights", source=_ECT),
        Setting(
            name="initial weights",
            published="EDM",
            source="locuslab/ect@3641bde, run_ecm.sh",
            here="random",
            reason="All methods of the table start from random weights.",
        ),
    ),
    "tcm": (
        Setting(
            name="stages",
            published=10,
            source=f"{_TCM}, training/loss.py and README.md: the tenth is the first at the limit of 0.999",
        ),
        Setting(name="ratio", published=2.0, source=f"{_TCM}, training/loss.py: q"),
        Setting(name="scale", published=1e-8, source=f"{_TCM}, README.md: -c, CIFAR-10", unit=_ROOT),
        Setting(
            name="threshold",
            published=1 / 3,
            source=f"{_TCM}, README.md: tcm_transition_t = 1",
            unit="time; the noise level 1 where sigma_data is 0.5",
        ),
        Setting(name="boundary_share", published=0.25, source=f"{_TCM}, README.md: boundary_prob"),
        Setting(name="boundary_weight", published=0.1, source=f"{_TCM}, README.md: w_boundary"),
        Setting(name="shortest step", published=0.001, source=f"{_TCM}, README.md: ratio_limit 0.999"),
        Setting(
            name="log of the noise level, first stage",
            published="N(-1.1, 2.0) from 0.002 to 80",
            source=f"{_TCM}, README.md and training/loss.py",
            unit=_LEVEL,
        ),
        Setting(
            name="log of the noise level, second stage",
            published="0.2 T, T Student's t with 0.01 degrees of freedom, from 1 to 80",
            source=f"{_TCM}, README.md and training/loss.py",
            unit=_LEVEL,
        ),
        Setting(
            name="length of the stages",
            published="a run each",
            source=f"{_TCM}, README.md",
            here="half of the training each",
            reason="Both stages share one budget here.",
        ),
    ),
}

TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "cd": (
        PublishedTimes(
            term="consistency",
            sampler="n uniform on 1 .. N - 1, N = 18; sigma of the grid of exponent 7 from 80 to 0.002",
            source=f"{_CM}, jcm/losses.py and configs/cifar10_ve_cd.py",
            s=Spread(mean=0.3299, quartiles=(0.0252, 0.1331, 0.6278)),
            u=Spread(mean=0.3884, quartiles=(0.0373, 0.2063, 0.7818)),
        ),
    ),
    "ct": (
        PublishedTimes(
            term="consistency",
            sampler="as cd, N = 151 at the end of training",
            source=f"{_CM}, jcm/losses.py and configs/cifar10_ve_ct_adaptive.py",
            s=Spread(mean=0.3555, quartiles=(0.0271, 0.1578, 0.7382)),
            u=Spread(mean=0.3621, quartiles=(0.0284, 0.1658, 0.7548)),
        ),
    ),
    "ict": (
        PublishedTimes(
            term="consistency",
            sampler="log sigma ~ N(-1.1, 2.0) on the grid of 1281 levels, the last of the training",
            source=_ICT,
            s=Spread(mean=0.5601, quartiles=(0.2807, 0.5976, 0.8489)),
            u=Spread(mean=0.5614, quartiles=(0.2823, 0.5999, 0.8503)),
        ),
    ),
    "ect": (
        PublishedTimes(
            term="consistency",
            sampler="log sigma ~ N(-1.1, 2.0); r = sigma (1 - 2^-8 (1 + 8 sigmoid(-sigma))) in the last stage",
            source=_ECT,
            s=Spread(mean=0.5613, quartiles=(0.2805, 0.6001, 0.8525)),
            u=Spread(mean=0.5635, quartiles=(0.2827, 0.6042, 0.8549)),
        ),
    ),
    "tcm": (
        PublishedTimes(
            term="consistency",
            sampler="second stage: log sigma = 0.2 T from 1 to 80; r = sigma (1 - 0.001 (1 + 8 sigmoid(-sigma)))",
            source=f"{_TCM}, README.md and training/loss.py",
            s=Spread(mean=0.2378, quartiles=(0.1656, 0.2905, 0.3241)),
            u=Spread(mean=0.2383, quartiles=(0.1658, 0.2911, 0.3247)),
        ),
        PublishedTimes(
            term="boundary",
            sampler="second stage: sigma = 1 + 1e-8; r as above",
            source=f"{_TCM}, README.md and training/loss.py",
            s=Spread(mean=0.3333, quartiles=(0.3333, 0.3333, 0.3333)),
            u=Spread(mean=0.3340, quartiles=(0.3340, 0.3340, 0.3340)),
        ),
        PublishedTimes(
            term="consistency",
            sampler="first stage at its end: log sigma ~ N(-1.1, 2.0) from 0.002 to 80; r as above",
            source=f"{_TCM}, README.md and training/loss.py",
            s=Spread(mean=0.5608, quartiles=(0.2817, 0.5991, 0.8503)),
            u=Spread(mean=0.5614, quartiles=(0.2823, 0.6002, 0.8509)),
            progress=0.49,
        ),
    ),
}
