"""Published settings of the methods in ``objectives/methods/categorical.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_CFM = "mrroose/categorical-flow-maps-graphs@38d4f5c, {}, by authors of another paper"
_PAGE = "https://malbergo.me/discrete-flow-maps.github.io"
_FLOOR = Setting(
    name="floor", published=None, source="not found", here=1e-6, reason="The page does not say what keeps it positive."
)
_SHARE = Setting(name="diagonal_share", published=0.75, source=_CFM.format("main.py, diag_fraction"))
_TIMES = Setting(name="times", published="triangle", source=_CFM.format("time_sampling.py, two sorted uniform times"))
_TARGET = Setting(name="target", published="quotient", source=_PAGE + ", in logits")

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "categorical_lsd": (_SHARE, _TIMES, _TARGET, _FLOOR),
    "categorical_esd": (_SHARE, _TIMES, _TARGET, _FLOOR),
    "categorical_psd": (
        _SHARE,
        _TIMES,
        Setting(name="midpoint", published=True, source="david3684/flm@1d0d433, algo.py, d_half"),
    ),
}
_UNIFORM = Spread(mean=0.5, quartiles=(0.25, 0.5, 0.75))
_SMALLER = Spread(mean=0.3333, quartiles=(0.134, 0.2929, 0.5))
_LARGER = Spread(mean=0.6667, quartiles=(0.5, 0.7071, 0.866))
TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "categorical_lsd": (
        PublishedTimes(
            term="diagonal",
            sampler="t ~ U[0, 1], s = t",
            source=_CFM.format("time_sampling.py"),
            s=_UNIFORM,
            t=_UNIFORM,
        ),
        PublishedTimes(
            term="lagrangian",
            sampler="the smaller and the larger of two uniform times",
            source=_CFM.format("time_sampling.py"),
            s=_SMALLER,
            t=_LARGER,
        ),
    ),
}
