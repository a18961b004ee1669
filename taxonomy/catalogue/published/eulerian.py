"""Published settings of the methods in ``objectives/methods/eulerian.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

# Copies of the authors' code, where theirs was not at hand.
_EMD = "jc-bao/flow_map_matching_public@0bfcf39 (a copy of nmboffi/flow_map_matching_public), py/common/losses.py"
_ESD = "roni-dot/regularized-loss-flow-maps@afdaefa (a copy of nmboffi/flow-maps), py/{}"
_AYF = "arXiv 2506.14603, as read for revsic/torch-flow-models@0138f69, src/flowmodels/alignyourflow.py"

_TRIANGLE_S = Spread(mean=0.3333, quartiles=(0.1340, 0.2929, 0.5))
_TRIANGLE_T = Spread(mean=0.6667, quartiles=(0.5, 0.7071, 0.8660))
_UNIFORM = Spread(mean=0.5, quartiles=(0.25, 0.5, 0.75))


SETTINGS: dict[str, tuple[Setting, ...]] = {
    "emd": (
        Setting(name="times", published="triangle", source=_EMD),
        Setting(name="stop_gradient", published="none", source=_EMD),
        Setting(name="metric", published="sum of squares", source=_EMD),
    ),
    "esd": (
        Setting(name="diagonal_share", published=0.75, source=_ESD.format("configs/cifar10.py")),
        Setting(name="times", published="triangle", source=_ESD.format("common/loss_args.py")),
        Setting(name="stop_gradient", published="advection", source=_ESD.format("common/losses.py") + ", 'full'"),
        Setting(
            name="reduction",
            published="per_term",
            source="arXiv 2505.18825, Algorithm 1; the code, py/common/losses.py, has one mean over the batch",
        ),
        Setting(
            name="learned_weight",
            published=True,
            source=_ESD.format("configs/cifar10.py"),
            unit="sum of squares; here of noise of standard deviation 1",
            here=False,
            reason="The authors' network for points in the plane has the constant weight 1, and that is the default.",
        ),
        Setting(name="decay", published=0.0, source=_ESD.format("common/loss_args.py") + ": current weights"),
    ),
    "ayf_emd": (
        Setting(
            name="times",
            published=None,
            source="not found",
            here="logit_normal",
            reason="There is no code of the authors; MeanFlow's pairs are taken.",
        ),
        Setting(
            name="warm_up",
            published=None,
            source="not found",
            here=0.1,
            reason="The paper counts steps, and a share of the training stands for them here.",
        ),
        Setting(
            name="normalize", published=0.1, source=_AYF, unit="root of a sum of squares, noise of standard deviation 1"
        ),
        Setting(name="last value of the warm-up", published=0.99, source=_AYF),
        Setting(
            name="weight of the time",
            published=None,
            source="not found",
            here="(t - s)^2",
            reason="A free weight of (s, t) of the paper is taken as 1, which leaves this one on average velocities.",
        ),
    ),
}


TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "emd": (PublishedTimes(term="eulerian", sampler="sorted uniform pair", source=_EMD, s=_TRIANGLE_S, t=_TRIANGLE_T),),
    "esd": (
        PublishedTimes(
            term="diagonal", sampler="s = t uniform", source=_ESD.format("common/loss_args.py"), s=_UNIFORM, t=_UNIFORM
        ),
        PublishedTimes(
            term="eulerian",
            sampler="sorted uniform pair",
            source=_ESD.format("common/loss_args.py"),
            s=_TRIANGLE_S,
            t=_TRIANGLE_T,
        ),
    ),
}
