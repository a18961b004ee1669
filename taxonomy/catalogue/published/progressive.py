"""Published settings of the methods in ``objectives/methods/progressive.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_PD = "google-research/google-research@1d4d2f1, diffusion_distillation/diffusion_distillation/dpm.py"
_PD_CONFIG = (
    "google-research/google-research@1d4d2f1, diffusion_distillation/diffusion_distillation/config/cifar_distill.py"
)
# Copies of kvfrans/shortcut-models, whose files are not stored themselves.
_SHORTCUT = "kvfrans/shortcut-models@6010043, targets_shortcut.py, read in gudovskiy/odelt@c74bcad and its issue 10"
_PSD = "roni-dot/regularized-loss-flow-maps@afdaefa (a copy of nmboffi/flow-maps), py/common/{}"
_PSD_CONFIG = "roni-dot/regularized-loss-flow-maps@afdaefa (a copy of nmboffi/flow-maps), py/configs/cifar10.py"
_PFMM = "jc-bao/flow_map_matching_public@0bfcf39 (a copy of nmboffi/flow_map_matching_public), py/common/losses.py"
_PFMM_TIMES = "jc-bao/flow_map_matching_public@27a4ada (a copy of the authors' code), py/launchers/learn.py"

_DIAGONAL = Spread(mean=0.5, quartiles=(0.25, 0.5, 0.75))
_EARLY = Spread(mean=0.3333, quartiles=(0.1340, 0.2929, 0.5))
_LATE = Spread(mean=0.6667, quartiles=(0.5, 0.7071, 0.8660))
_MIDDLE = Spread(mean=0.5, quartiles=(0.3536, 0.5, 0.6464))
_STOP = Spread(mean=0.5, quartiles=(0.3132, 0.5, 0.6866))
_START, _HALF, _END = (Spread(mean=time, quartiles=(time, time, time)) for time in (0.0, 0.5, 1.0))

_SELF = (
    Setting(name="diagonal_share", published=0.75, source=_PSD_CONFIG),
    Setting(name="stop_gradient", published="target", source=_PSD.format("losses.py") + ", 'convex'"),
    Setting(
        name="reduction",
        published="per_term",
        source="arXiv 2505.18825, Algorithm 1; the code, py/common/losses.py, has one mean over the batch",
    ),
    Setting(
        name="learned_weight",
        published=True,
        source=_PSD_CONFIG + ", use_weight",
        unit="sum of squares, noise of standard deviation 0.5",
        here=False,
        reason="The authors' network for points in the plane has the constant weight 1, and that is the default.",
    ),
    Setting(name="decay", published=0.0, source=_PSD.format("loss_args.py") + ": current weights"),
)

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "progressive_distillation": (
        Setting(
            name="stages",
            published=14,
            source=_PD_CONFIG + " (8192 steps to 1)",
            here=5,
            reason="The first stage takes Euler steps of a flow, of which 32 are enough; 8,192 were for a diffusion.",
        ),
        Setting(
            name="weight of the time",
            published="max(signal-to-noise, 1) on the error of the data",
            source=_PD + ", 'snr_trunc'",
            unit="ratio of variances; the noise there has standard deviation 1, and here that of the data",
        ),
        Setting(
            name="first weights of a stage",
            published="the teacher's",
            source=_PD_CONFIG,
            here="those of the stage before",
            reason="A teacher here need not be a network of the student's kind.",
        ),
    ),
    "shortcut": (
        Setting(
            name="diagonal_share",
            published=0.75,
            source="arXiv 2410.12557, table of settings ('Ratio of Empirical to Bootstrap Targets'), quoted by two "
            "re-implementations; the public code's default, bootstrap_every = 8, is 0.875",
        ),
        Setting(name="levels", published=6, source=f"{_SHORTCUT}: log2(128) sections, gaps 1 to 1/64"),
        Setting(
            name="decay", published=0.999, source="sontungkieu/shortcut-models, train.py (a copy), target_update_rate"
        ),
        Setting(name="reduction", published="per_example", source=f"{_SHORTCUT}: the two parts are one batch"),
        Setting(
            name="clip of points and targets",
            published=4.0,
            source=_SHORTCUT,
            unit="each coordinate, noise of standard deviation 1",
            here="none",
            reason="Latents of one autoencoder stay within it; other data do not, and a clip moves their mean.",
        ),
        Setting(
            name="metric",
            published="mean of squares",
            source="sontungkieu/shortcut-models (a copy), train.py",
            here="sum of squares",
            reason="No constant is compared with it, so that the two differ by one factor.",
        ),
    ),
    "psd_m": _SELF,
    "psd_u": _SELF,
    "split_mean_flow": (
        Setting(
            name="diagonal_share",
            published=None,
            source="not found",
            here=0.5,
            reason="There is no code of the authors; re-implementations have half of the batch on the boundary.",
        ),
        Setting(
            name="reduction",
            published=None,
            source="not found",
            here="per_example",
            reason="There is no code of the authors; the re-implementations take one mean over the batch.",
        ),
        Setting(
            name="velocity of the diagonal",
            published="a guided teacher's",
            source="arXiv 2507.16884",
            here="a teacher's",
            reason="Guidance is an option of every method with labels here, see docs/images.md.",
        ),
    ),
    "pfmm": (
        Setting(
            name="stages",
            published="as many as double the first gap (distill_delta) to 1",
            source=_PFMM_TIMES,
            here=4,
            reason="The first gap is an argument without a default there; from 1/8 it takes four stages.",
        ),
        Setting(
            name="teacher_steps",
            published="none: the first stage is flow map matching",
            source=_PFMM_TIMES + ", cfg.loss_type == 'distill'",
            here=2,
            reason="The first stage distils a velocity here, as the method's other stages distil a map.",
        ),
        Setting(name="metric", published="sum of squares of mapped points", source=_PFMM),
    ),
}


def _psd(stop: Spread, sampler: str) -> tuple[PublishedTimes, ...]:
    source = _PSD.format("loss_args.py")
    return (
        PublishedTimes(term="diagonal", sampler="t ~ U[0, 1]", source=source, s=_DIAGONAL, t=_DIAGONAL),
        PublishedTimes(term="progressive", sampler=sampler, source=source, s=_EARLY, u=stop, t=_LATE),
    )


TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "progressive_distillation": (
        PublishedTimes(
            term="progressive",
            sampler="i uniform on 0 .. N - 1, u = (i + 1) / N, noise at 1; N = 16",
            source=_PD,
            s=Spread(mean=0.4688, quartiles=(0.25, 0.5, 0.75)),
            u=Spread(mean=0.5, quartiles=(0.2812, 0.5312, 0.7812)),
            t=Spread(mean=0.5312, quartiles=(0.3125, 0.5625, 0.8125)),
            progress=0.0,
        ),
        PublishedTimes(
            term="progressive", sampler="the last stage, N = 1", source=_PD, s=_START, u=_HALF, t=_END, progress=1.0
        ),
    ),
    "shortcut": (
        PublishedTimes(
            term="shortest",
            sampler="t uniform on k / 128",
            source=_SHORTCUT,
            s=Spread(mean=0.4961, quartiles=(0.25, 0.5, 0.75)),
            t=Spread(mean=0.5039, quartiles=(0.2578, 0.5078, 0.7578)),
        ),
        PublishedTimes(
            term="progressive",
            sampler="d = 2^-k, k uniform on 0 .. 6, t uniform on the multiples of d",
            source=_SHORTCUT,
            s=Spread(mean=0.3583, quartiles=(0.0, 0.3594, 0.6250)),
            u=Spread(mean=0.5, quartiles=(0.2578, 0.5, 0.75)),
            t=Spread(mean=0.6417, quartiles=(0.3906, 0.6406, 1.0)),
        ),
    ),
    "psd_m": _psd(_MIDDLE, "(s, t) = (min, max) of two U[0, 1], u = (s + t) / 2"),
    "psd_u": _psd(_STOP, "(s, t) = (min, max) of two U[0, 1], u = h s + (1 - h) t, h ~ U[0, 1]"),
    "pfmm": (
        PublishedTimes(
            term="progressive",
            sampler="t ~ U[0, 1], s = t + U[-delta, delta] clipped to [0, 1], sorted, u = (s + t) / 2; delta = 1",
            source=_PFMM_TIMES,
            s=Spread(mean=0.4167, quartiles=(0.0, 0.5, 0.75)),
            u=Spread(mean=0.5, quartiles=(0.125, 0.5, 0.875)),
            t=Spread(mean=0.5833, quartiles=(0.25, 0.5, 1.0)),
            reason="The code draws both numbers with one key, so that s = 3 t - 1, clipped; here they are independent.",
        ),
    ),
}
