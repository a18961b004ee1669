"""Published settings of FACM and UCGM, which are in ``objectives/methods/consistency_continuous.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_FACM = "ali-vilab/FACM@d65cb9b, {}"
_UCGM = "LINs-lab/UCGM@25e2b41, {}"
_UCGM_RUN = _UCGM.format("configs/training_few_steps/in1k256_tit_xl_vavae.yaml")
_MEAN = "mean of squares, noise of standard deviation 1"

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "facm": (
        Setting(
            name="diagonal_share",
            published="both terms on every example",
            source=_FACM.format("losses.py"),
            here=0.5,
            reason="Each term has examples of its own here, and the two means count alike, as there.",
        ),
        Setting(name="times", published="log_normal", source=_FACM.format("scripts/train.sh") + ", t-type default"),
        Setting(
            name="clip",
            published=1.0,
            source=_FACM.format("losses.py"),
            unit="each coordinate, noise of standard deviation 1",
        ),
        Setting(name="adaptive_power", published=0.5, source=_FACM.format("losses.py")),
        Setting(
            name="cosine",
            published=1.0,
            source=_FACM.format("losses.py"),
            unit="next to a mean of squares, noise of standard deviation 1; a mean over positions",
        ),
        Setting(name="tangent", published=0.5, source=_FACM.format("scripts/train.sh") + ", p"),
        Setting(name="offset of the adaptive weight", published=0.001, source=_FACM.format("losses.py"), unit=_MEAN),
        Setting(name="weight of the time", published="cos(pi s / 2)", source=_FACM.format("losses.py")),
        Setting(
            name="velocity",
            published="a teacher's, guided with scale 1.75",
            source=_FACM.format("scripts/train.sh"),
            here="the sample's",
            reason="The method from data alone is the one that is written here.",
        ),
        Setting(name="target", published="current weights", source=_FACM.format("losses.py")),
    ),
    "ucgm": (
        Setting(name="ratio", published=1.0, source=_UCGM_RUN),
        Setting(name="step", published=0.005, source=_UCGM.format("methods/unigen.py")),
        Setting(name="times", published="beta", source=_UCGM_RUN + ", time_dist_ctrl"),
        Setting(
            name="clip",
            published=1.0,
            source=_UCGM.format("methods/unigen.py"),
            unit="each coordinate, noise of standard deviation 1",
        ),
        Setting(
            name="scale",
            published=5.0,
            source=_UCGM_RUN + ", scaled_cbl_eps",
            unit="root of a mean of squares, noise of standard deviation 1",
        ),
        Setting(name="weight of the time", published="cos(1.57 (1 - s))", source=_UCGM.format("methods/unigen.py")),
        Setting(name="target", published="current weights", source=_UCGM.format("methods/unigen.py")),
    ),
}

_FACM_TIMES = Spread(mean=0.6453, quartiles=(0.4122, 0.7311, 0.9036))
_FACM_SAMPLER = "t = 1 - (2 / pi) arctan(exp(N(-0.8, 1.6)))"

TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "facm": (
        PublishedTimes(
            term="diagonal", sampler=_FACM_SAMPLER, source=_FACM.format("losses.py"), s=_FACM_TIMES, t=_FACM_TIMES
        ),
        PublishedTimes(term="consistency", sampler=_FACM_SAMPLER, source=_FACM.format("losses.py"), s=_FACM_TIMES),
    ),
    "ucgm": (
        PublishedTimes(
            term="consistency",
            sampler="t_p = Beta(0.8, 1)",
            source=_UCGM_RUN,
            s=Spread(mean=0.5556, quartiles=(0.3020, 0.5796, 0.8232)),
        ),
    ),
}
