"""Published settings of the methods in ``objectives/methods/stochastic.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting

_SSFM = "sammccallum/ssfm@3f70657, ssfm/losses.py"
_SSFM_MAP = "sammccallum/ssfm@3f70657, ssfm/flow_map.py"
_SSFM_IMAGES = "sammccallum/ssfm@3f70657, experiments/cifar10/main.py"
_DIAMOND = "PeterHolderrieth/diamond_maps@cda36a4, posterior_diamond_maps/py/{}"
_DIAMOND_CONFIG = _DIAMOND.format("configs/celeba64/common.py")
_UNREAD = "No code of the authors was found, and the text was not read."

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "ssfm": (
        Setting(name="diagonal_share", published=0.75, source=_SSFM + ", eta"),
        Setting(name="terms", published=3, source=_SSFM_MAP + ": W, H and K of an interval"),
        Setting(
            name="noise",
            published=None,
            source="ours",
            here=1.0,
            reason="The paper has the noise of its diffusion, which has no finite limit at t = 0 of a linear path.",
        ),
        Setting(name="decay", published=0.999, source=_SSFM_IMAGES + ", ema_decay"),
        Setting(name="reduction", published="per_example", source=_SSFM + ": shares times means"),
        Setting(
            name="longest jump",
            published=0.52,
            source=_SSFM_IMAGES + ", h_max",
            here=1.0,
            reason="One jump from noise to data is asked for here, and was not trained there.",
        ),
        Setting(
            name="shortest jump",
            published=0.005,
            source=_SSFM_IMAGES + ", half of dt: the velocity is learned by such steps",
            here=0.0,
            reason="On the diagonal the noise of a step and its length divide out.",
        ),
        Setting(
            name="learned weight",
            published="a linear layer of random features of s and t",
            source=_SSFM,
            here="none",
            reason="Weights of a pair of times are options of other methods here, and one more network.",
        ),
    ),
    "ito_map": tuple(
        Setting(name=name, published=None, source="not found", here=here, reason=reason)
        for name, here, reason in (
            ("diagonal_share", 0.75, _UNREAD + " It is that of LSD."),
            ("terms", 3, _UNREAD + " It is that of strong stochastic flow maps."),
            ("noise", 1.0, _UNREAD + " The drift stays finite at both ends."),
            ("stop_gradient", "velocity", _UNREAD + " It is that of LSD."),
            ("reduction", "per_term", _UNREAD + " It is that of LSD."),
        )
    ),
    "posterior_map": (
        Setting(name="diagonal_share", published=0.75, source=_DIAMOND_CONFIG + ", diag_fraction"),
        Setting(name="rule", published="lagrangian", source=_DIAMOND_CONFIG + ", loss_type 'lsd'"),
        Setting(
            name="reduction",
            published="per_example",
            source=_DIAMOND.format("common/losses.py"),
            here="per_term",
            reason="As in LSD here, so that the two can be compared.",
        ),
        Setting(
            name="velocity of the diagonal",
            published="that of a trained map at the sufficient statistic (GLASS)",
            source=_DIAMOND.format("common/losses.py") + ", diagonal_term_supervised",
            here="the sample's",
            reason="No trained map is needed, and the mean is the same.",
        ),
        Setting(
            name="inner times",
            published="from 0.01 to 0.99",
            source=_DIAMOND_CONFIG + ", s_min and s_max",
            here="from 0 to 1",
            reason="The velocity of samples is finite at both ends.",
        ),
        Setting(
            name="outer times",
            published="uniform on [0, 1]",
            source=_DIAMOND.format("common/loss_args.py"),
        ),
    ),
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {}
