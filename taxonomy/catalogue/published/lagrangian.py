"""Published settings of the methods in ``objectives/methods/lagrangian.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

# The first commit there is the whole public release of nmboffi/flow-maps.
_LSD = "roni-dot/regularized-loss-flow-maps@afdaefa (a copy of nmboffi/flow-maps), py/common/{}"
_CIFAR = "roni-dot/regularized-loss-flow-maps@afdaefa (a copy of nmboffi/flow-maps), py/configs/cifar10.py"
_FMM = "jc-bao/flow_map_matching_public@0bfcf39 (a copy of nmboffi/flow_map_matching_public), py/common/losses.py"
_FMM_TIMES = "jc-bao/flow_map_matching_public@27a4ada (a copy of the authors' code), py/launchers/learn.py"
_TVM = "lumalabs/tvm@32fbfdb, training/wrapper.py"
_TVM_TIMES = "lumalabs/tvm@78607b5, training/loss.py"
_TVM_CONFIG = "lumalabs/tvm@83e3a42, configs/im256_w2.yaml"
_LMF = "dongyeop3813/Riemannian-MeanFlow@4d0e443, {}"

_DIAGONAL = Spread(mean=0.5, quartiles=(0.25, 0.5, 0.75))
_EARLY = Spread(mean=0.3333, quartiles=(0.1340, 0.2929, 0.5))
_LATE = Spread(mean=0.6667, quartiles=(0.5, 0.7071, 0.8660))
_TVM_DIAGONAL = Spread(mean=0.5819, quartiles=(0.4317, 0.5987, 0.7454))

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "lmd": (
        Setting(name="times", published="triangle", source=_FMM_TIMES),
        Setting(name="stop_gradient", published="none", source=_FMM),
        Setting(
            name="adaptive_power",
            published=None,
            source="ours",
            unit="sum of squares, noise of standard deviation 1 (the offset 0.01 that comes with it)",
            here=0.0,
            reason="Above 0 it bounds outliers where the exact teacher's velocity is unbounded off the data.",
        ),
        Setting(name="metric", published="sum of squares", source=_FMM),
    ),
    "lsd": (
        Setting(name="diagonal_share", published=0.75, source=_CIFAR),
        Setting(name="times", published="triangle", source=_LSD.format("loss_args.py")),
        Setting(name="stop_gradient", published="velocity", source=_LSD.format("losses.py") + ", 'convex'"),
        Setting(
            name="reduction",
            published="per_term",
            source="arXiv 2505.18825, Algorithm 1; the code, py/common/losses.py, has one mean over the batch",
        ),
        Setting(
            name="learned_weight",
            published=True,
            source=_CIFAR + ", use_weight",
            unit="sum of squares, noise of standard deviation 0.5",
            here=False,
            reason="The authors' network for points in the plane has the constant weight 1, and that is the default.",
        ),
        Setting(
            name="adaptive_power",
            published=None,
            source="ours",
            unit="sum of squares, noise of standard deviation 1 (the offset 0.03 that comes with it)",
            here=0.0,
            reason="Above 0 it bounds the pull of jumps that end where the velocity changes fast.",
        ),
        Setting(name="decay", published=0.0, source=_LSD.format("loss_args.py") + ": current weights"),
    ),
    "ayf_lmd": (
        Setting(
            name="times",
            published=None,
            source="not found",
            here="logit_normal",
            reason="There is no code of the authors; MeanFlow's pairs are taken, as in AYF's re-implementation with "
            "another mean.",
        ),
        Setting(
            name="weight of the time",
            published=None,
            source="not found",
            here="|t - s|",
            reason="A free weight of (s, t) of the paper is taken as 1, which leaves the length of the jump.",
        ),
    ),
    "tvm": (
        Setting(
            name="diagonal_share",
            published="both terms on every example",
            source=_TVM,
            here=0.5,
            reason="Each term has examples of its own here, and the two means count alike, as there.",
        ),
        Setting(name="times", published="gap", source=_TVM_TIMES),
        Setting(name="decay", published=0.99, source=_TVM_CONFIG + ", ema_target_beta"),
        Setting(name="reduction", published="per_term", source=_TVM),
        Setting(name="stop_gradient", published="velocity and its input", source=_TVM + ", detach_jvp: false"),
        Setting(
            name="metric",
            published="mean of squares",
            source=_TVM,
            here="sum of squares",
            reason="No constant is compared with it, so that the two differ by one factor.",
        ),
        Setting(
            name="guidance",
            published=2.0,
            source=_TVM_CONFIG + ", cfg",
            here="none",
            reason="Guidance is an option of every method with labels here, see docs/images.md.",
        ),
    ),
    "fmm": (
        Setting(
            name="round_trip_share",
            published="both terms, in the paper; the code has the first alone",
            source="arXiv 2406.07507, Sec. 3; " + _FMM,
            here=0.5,
            reason="Each term has examples of its own here, and both means count alike.",
        ),
        Setting(
            name="first_gap",
            published=0.05,
            source=_FMM_TIMES + ", anneal_schedule",
            here=1.0,
            reason="The schedule is one of three of the code, each behind a flag; without flags all gaps are drawn.",
        ),
        Setting(name="metric", published="sum of squares", source=_FMM),
    ),
    "lmf": (
        Setting(
            name="metric",
            published="square",
            source=_LMF.format("config/experiment/lmf_earth.yaml") + ", loss_p: 0",
        ),
        Setting(
            name="clip of the tangent",
            published="none",
            source=_LMF.format("config/experiment/lmf_earth.yaml") + ", tangent_clip: null",
        ),
        Setting(
            name="diagonal",
            published="a quarter of the batch",
            source=_LMF.format("config/experiment/lmf_earth.yaml") + ", boundary_ratio",
            here="none",
            reason="Shares of 0.25 and 0.75 are published, by manifold, and none for flat space.",
        ),
    ),
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "lmd": (
        PublishedTimes(term="lagrangian", sampler="(s, t) ~ U[0, 1]^2, sorted", source=_FMM_TIMES, s=_EARLY, t=_LATE),
    ),
    "lsd": (
        PublishedTimes(
            term="diagonal", sampler="t ~ U[0, 1]", source=_LSD.format("loss_args.py"), s=_DIAGONAL, t=_DIAGONAL
        ),
        PublishedTimes(
            term="lagrangian",
            sampler="(min, max) of two U[0, 1]",
            source=_LSD.format("loss_args.py"),
            s=_EARLY,
            t=_LATE,
        ),
    ),
    "tvm": (
        PublishedTimes(
            term="diagonal",
            sampler="s' = sigmoid(N(-0.4, 1)), noise at 1",
            source=_TVM_TIMES,
            s=_TVM_DIAGONAL,
            t=_TVM_DIAGONAL,
        ),
        PublishedTimes(
            term="lagrangian",
            sampler="gap = sigmoid(N(-0.8, 1)), s = sigmoid(N(-0.4, 1)) given s <= 1 - gap, t = s + gap, noise at 1",
            source=_TVM_TIMES,
            s=Spread(mean=0.3134, quartiles=(0.1449, 0.2911, 0.4599)),
            t=Spread(mean=0.6532, quartiles=(0.5323, 0.6741, 0.7925)),
        ),
    ),
    "fmm": tuple(
        PublishedTimes(term=term, sampler="(s, t) ~ U[0, 1]^2", source=_FMM_TIMES, s=_DIAGONAL, t=_DIAGONAL)
        for term in ("lagrangian", "round_trip")
    ),
    "lmf": (
        PublishedTimes(
            term="lagrangian",
            sampler="(s, t) ~ U[0, 1]^2, s = t with probability 0.25",
            source=_LMF.format("src/utils/time_sampler.py and config/experiment/lmf_earth.yaml"),
            s=_DIAGONAL,
            t=_DIAGONAL,
        ),
    ),
}
