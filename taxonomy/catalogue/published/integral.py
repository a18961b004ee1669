"""Published settings of the methods in ``objectives/methods/integral.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_CODE = "poppuppy/secant_expectation@713cb1a, transport/transport.py"
_SCRIPT = "poppuppy/secant_expectation@713cb1a, train.sh"

_LONGEST = Setting(
    name="longest", published=1.0, source=f"{_SCRIPT}, num_steps=1; the ImageNet tables have 4 and 8 steps"
)
_METRIC = Setting(
    name="metric",
    published="mean of squares",
    source=_CODE,
    here="sum of squares",
    reason="No constant is compared with it, so that the two differ by one factor.",
)
_TARGET = Setting(name="target", published="current weights", source=_CODE)
_GUIDANCE = Setting(
    name="guidance",
    published="scale uniform on [1, 2.5], an input of the network",
    source=f"{_SCRIPT}, online_cfg",
    here="none",
    reason="Guidance is an option of every method with labels here, see docs/images.md.",
)
_BETWEEN = Spread(mean=0.5, quartiles=(0.3132, 0.5, 0.6866))
_BOTH = Spread(mean=0.5, quartiles=(0.1768, 0.5, 0.8231))

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "sdei": (
        _LONGEST,
        Setting(name="on_grid", published=True, source=f"{_CODE}, t_floor"),
        _METRIC,
        _TARGET,
        _GUIDANCE,
    ),
    "stei": (
        _LONGEST,
        Setting(
            name="diagonal_share",
            published="both terms on every example, weight 1 each",
            source=_CODE,
            here=0.5,
            reason="Each term has examples of its own here, and the two means count alike, as there.",
        ),
        Setting(name="reduction", published="per_term", source=_CODE),
        Setting(
            name="velocity of the rule",
            published="the model's own diagonal, in the paper; the code asks the teacher",
            source=f"arXiv 2505.14502 and {_CODE}",
            here="the model's own diagonal",
            reason="With a teacher's velocity it would be a distillation, which SDEI is.",
        ),
        _METRIC,
        _TARGET,
        _GUIDANCE,
    ),
    "sdee": (_LONGEST, _METRIC, _TARGET, _GUIDANCE),
    "stee": (_LONGEST, _METRIC, _TARGET),
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "sdei": (
        PublishedTimes(
            term="integral",
            sampler="d ~ U[0, 1/N], t ~ U[0, 1 - d] moved down to k/N, s = t + d, r ~ U[t, s]; N = 1",
            source=_CODE,
            s=Spread(mean=0.0, quartiles=(0.0, 0.0, 0.0)),
            t=Spread(mean=0.5, quartiles=(0.25, 0.5, 0.75)),
            u=Spread(mean=0.25, quartiles=(0.0677, 0.1867, 0.3823)),
        ),
    ),
    "stei": (
        PublishedTimes(
            term="integral",
            sampler="d ~ U[0, 1/N], t ~ U[0, 1 - d], s = t + d, r ~ U[t, s]; N = 1",
            source=_CODE,
            s=Spread(mean=0.25, quartiles=(0.0677, 0.1867, 0.3823)),
            t=Spread(mean=0.75, quartiles=(0.6177, 0.8133, 0.9323)),
            u=_BETWEEN,
        ),
        PublishedTimes(
            term="diagonal",
            sampler="tau ~ U[0, 1]",
            source=_CODE,
            s=Spread(mean=0.5, quartiles=(0.25, 0.5, 0.75)),
            t=Spread(mean=0.5, quartiles=(0.25, 0.5, 0.75)),
        ),
    ),
    **{
        name: (
            PublishedTimes(
                term="integral",
                sampler="d ~ U[0, 1/N], t ~ U[0, 1 - d], s = t + d, exchanged in half of the cases, r ~ U[t, s]; N = 1",
                source=_CODE,
                s=_BOTH,
                t=_BOTH,
                u=_BETWEEN,
            ),
        )
        for name in ("sdee", "stee")
    },
}
