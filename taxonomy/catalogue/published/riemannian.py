"""Published settings of the methods in ``objectives/methods/riemannian.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_RMF = "dongyeop3813/Riemannian-MeanFlow@4d0e443, {}"
_GFM = _RMF.format("src/experiments/flowmap_learning/GFM.py, by authors of another paper")
_LOSSES = _RMF.format("src/experiments/flowmap_learning/losses.py")
_SPLIT = _RMF.format("config/experiment/smf_earth.yaml")
_SHARE = "Each term has examples of its own here, and the two means count alike, as there."
_TIMES = "The triangle is that of the flat methods; the code draws pairs in both orders by default."

_DIAGONAL = Spread(mean=0.5, quartiles=(0.25, 0.5, 0.75))


def _share(source: str) -> Setting:
    return Setting(
        name="diagonal_share", published="both terms on every example", source=source, here=0.5, reason=_SHARE
    )


SETTINGS: dict[str, tuple[Setting, ...]] = {
    "riemannian_lsd": (
        _share(_GFM),
        Setting(name="times", published=None, source="not found", here="triangle", reason=_TIMES),
        Setting(name="stop_gradient", published="velocity", source=_GFM + ", gfm_lsd"),
    ),
    "riemannian_esd": (
        _share(_GFM),
        Setting(name="times", published=None, source="not found", here="triangle", reason=_TIMES),
        Setting(name="stop_gradient", published="advection", source=_GFM + ", gfm_esd"),
    ),
    "riemannian_psd": (
        _share(_LOSSES + ", split_flow_loss"),
        Setting(name="times", published="triangle", source=_SPLIT + ", an ordered interval"),
        Setting(name="midpoint", published=True, source=_SPLIT + ", mid_point"),
        Setting(name="of_points", published=True, source=_SPLIT + ", x_loss"),
    ),
    "riemannian_mean_flow": (
        Setting(
            name="diagonal_share",
            published=None,
            source="not found",
            here=0.75,
            reason="The share is a default of files that were not read; this is that of MeanFlow in flat space.",
        ),
        Setting(name="times", published=None, source="not found", here="triangle", reason=_TIMES),
        Setting(
            name="metric", published="square", source=_RMF.format("config/experiment/rmf_earth.yaml") + ", loss_p: 0"
        ),
        Setting(
            name="clip of the tangent",
            published="none",
            source=_RMF.format("config/experiment/rmf_earth.yaml") + ", tangent_clip: null",
        ),
    ),
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "riemannian_mean_flow": (
        PublishedTimes(
            term="diagonal",
            sampler="t ~ U[0, 1] where s = t",
            source=_RMF.format("src/utils/time_sampler.py and config/experiment/rmf_earth.yaml"),
            s=_DIAGONAL,
            t=_DIAGONAL,
        ),
    ),
}
