"""Published settings of the methods in ``objectives/methods/eulerian_of_samples.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

# Copies of the authors' code, where theirs was not at hand.
_MEAN_FLOW = "rese1f/meanflow@58d099c (a copy of Gsunshine/meanflow), {}"
_IMPROVED = "Lyy-iiis/imeanflow@a1cc3a9, imf.py"
_PIXEL = "Lyy-iiis/pMF@04f9e34, pmf.py"
_PIXEL_TIMES = "Lyy-iiis/pMF, configs of pMF-B and pMF-L; those of pMF-H (@04f9e34) have the mean 0"
_DMF = "kyungmnlee/dmf@2273cce, {}"
_RE = "Xinxi-Zhang/Re-MeanFlow@{}"
_ESC = "EDAPINENUT/ExplicitShortCut@3bf0f50, {}"
_SUM = "sum of squares, noise of standard deviation 1"
_MEAN = "mean of squares, noise of standard deviation 1"

_EARLIER = Spread(mean=0.4653, quartiles=(0.3301, 0.4639, 0.5987))
_LATER = Spread(mean=0.6987, quartiles=(0.5987, 0.7201, 0.8187))
_SORTED = "t_p, r_p = sort(sigmoid(N(-0.4, 1)), sigmoid(N(-0.4, 1)))"
_TARGET = Setting(name="target", published="current weights", source=_MEAN_FLOW.format("meanflow.py"))
_ONE_MEAN = Setting(name="reduction", published="per_example", source=_MEAN_FLOW.format("meanflow.py"))


def _pairs_then_diagonal(source: str) -> tuple[PublishedTimes, ...]:
    return (
        PublishedTimes(term="diagonal", sampler=f"{_SORTED}, then r_p = t_p", source=source, s=_EARLIER, t=_EARLIER),
        PublishedTimes(term="eulerian", sampler=_SORTED, source=source, s=_EARLIER, t=_LATER),
    )


SETTINGS: dict[str, tuple[Setting, ...]] = {
    "mean_flow": (
        Setting(name="diagonal_share", published=0.75, source=_MEAN_FLOW.format("configs/default.py")),
        Setting(name="times", published="logit_normal", source=_MEAN_FLOW.format("configs/default.py")),
        Setting(name="adaptive_power", published=1.0, source=_MEAN_FLOW.format("configs/default.py")),
        _ONE_MEAN,
        Setting(
            name="offset",
            published=0.01,
            source=_MEAN_FLOW.format("configs/default.py") + ", norm_eps; the paper's example is 0.001",
            unit=_SUM,
        ),
        _TARGET,
    ),
    "improved_mean_flow": (
        Setting(name="diagonal_share", published=0.5, source=_IMPROVED),
        Setting(name="times", published="logit_normal", source=_IMPROVED),
        Setting(name="adaptive_power", published=1.0, source=_IMPROVED),
        Setting(name="reduction", published="per_example", source=_IMPROVED),
        Setting(name="offset of the adaptive weight", published=0.01, source=_IMPROVED, unit=_SUM),
        Setting(name="target", published="current weights", source=_IMPROVED),
    ),
    "pixel_mean_flow": (
        Setting(name="diagonal_share", published=0.5, source=_PIXEL),
        Setting(name="times", published="logit_normal", source=_PIXEL_TIMES),
        Setting(name="adaptive_power", published=1.0, source=_PIXEL),
        Setting(name="reduction", published="per_example", source=_PIXEL),
        Setting(name="offset of the adaptive weight", published=0.01, source=_PIXEL, unit=_SUM),
        Setting(name="mean of the logit of the time", published=-0.8, source=_PIXEL_TIMES),
        Setting(name="standard deviation of the logit of the time", published=0.8, source=_PIXEL_TIMES),
        Setting(
            name="share of uniform times",
            published=0.1,
            source="Lyy-iiis/pMF@04f9e34, configs/pMF_H_16_config.yml; off by default in pmf.py",
            here=0.0,
            reason="The default of the class is followed.",
        ),
        Setting(
            name="least divisor in the regression velocity",
            published=0.05,
            source=_PIXEL,
            here=0.0,
            reason="The velocity of a sample is known without a division.",
        ),
    ),
    "decoupled_mean_flow": (
        Setting(
            name="diagonal_share",
            published="both terms on every example",
            source=_DMF.format("loss.py"),
            here=0.5,
            reason="Each term has examples of its own here, and the two means count alike, as there.",
        ),
        Setting(name="times", published="logit_normal", source=_DMF.format("scripts/train_dmf_xl_2_256.sh")),
        Setting(name="offset of the Cauchy likelihood", published=0.01, source=_DMF.format("loss.py"), unit=_MEAN),
        Setting(name="target", published="current weights", source=_DMF.format("loss.py")),
    ),
    "rectified_mean_flow": (
        Setting(
            name="diagonal_share", published=0.75, source=_RE.format("d2e5f02, meanflow.py") + ", consistency_ratio"
        ),
        Setting(
            name="times", published="ends", source=_RE.format("2049439, README.md") + ", t_r_schedule re2_truncate"
        ),
        Setting(name="adaptive_power", published=0.5, source=_RE.format("2049439, README.md")),
        Setting(
            name="teacher_steps",
            published=None,
            source="ours",
            here=8,
            reason="The publication makes its pairs once, with the sampler of another model.",
        ),
        Setting(name="reduction", published="per_example", source=_RE.format("d2e5f02, meanflow.py")),
        Setting(
            name="offset of the adaptive weight",
            published=0.01,
            source=_RE.format("2049439, README.md") + ", pc",
            unit=_MEAN,
        ),
    ),
    "esc": (
        Setting(name="diagonal_share", published=0.75, source=_ESC.format("README.md")),
        Setting(name="plug_in", published=0.5, source=_ESC.format("README.md") + ", SiT-B/2; 0.2 for SiT-XL/2"),
        Setting(
            name="pool",
            published="the batch",
            source=_ESC.format("loss/esc_loss.py"),
            here=256,
            reason="A pool does not depend on the size of the batch, nor on how devices share it.",
        ),
        Setting(name="times", published="logit_normal", source=_ESC.format("README.md")),
        Setting(name="adaptive_power", published=1.0, source=_ESC.format("README.md")),
        Setting(
            name="curriculum",
            published="20,000 steps",
            source=_ESC.format("README.md"),
            here=0.1,
            reason="A share of the training stands for a number of steps.",
        ),
        Setting(name="reduction", published="per_example", source=_ESC.format("loss/esc_loss.py")),
        Setting(
            name="offset of the adaptive weight",
            published=0.001,
            source=_ESC.format("loss/esc_loss.py"),
            unit=_SUM,
        ),
        Setting(
            name="what the adaptive weight divides",
            published="|r|^4 / (|r|^4 + c)",
            source=_ESC.format("loss/esc_loss.py"),
            here="|r|^2 / (|r|^2 + c)",
            reason="The code squares what is a square already; far from c that is a factor 2 of the gradient.",
        ),
        Setting(name="target", published="current weights", source=_ESC.format("README.md") + ", tgt-decay 0"),
    ),
}

_ENDS = Spread(mean=0.5001, quartiles=(0.1608, 0.5, 0.8392))
_ENDS_SAMPLER = "t_p of density e^(4 t) + e^(4 (1 - t)), r_p = t_p - sigmoid(N(-0.8, 1)), 0 if t_p > 0.8 and r_p < 0.4"
_PIXEL_DIAGONAL = Spread(mean=0.3310, quartiles=(0.2076, 0.3100, 0.4352))
_PIXEL_SAMPLER = "t_p, r_p = sort(sigmoid(N(0.8, 0.8)), sigmoid(N(0.8, 0.8)))"
_DMF_DIAGONAL = Spread(mean=0.5, quartiles=(0.3375, 0.5, 0.6625))

TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "mean_flow": _pairs_then_diagonal(_MEAN_FLOW.format("meanflow.py")),
    "improved_mean_flow": _pairs_then_diagonal(_IMPROVED),
    "pixel_mean_flow": (
        PublishedTimes(
            term="diagonal",
            sampler="t_p = r_p = sigmoid(N(0.8, 0.8))",
            source=f"{_PIXEL}, {_PIXEL_TIMES}",
            s=_PIXEL_DIAGONAL,
            t=_PIXEL_DIAGONAL,
        ),
        PublishedTimes(
            term="eulerian",
            sampler=_PIXEL_SAMPLER,
            source=f"{_PIXEL}, {_PIXEL_TIMES}",
            s=Spread(mean=0.2413, quartiles=(0.1562, 0.2251, 0.3101)),
            t=Spread(mean=0.4208, quartiles=(0.3100, 0.4100, 0.5215)),
        ),
    ),
    "decoupled_mean_flow": (
        PublishedTimes(
            term="diagonal",
            sampler="t_p = sigmoid(N(0, 1))",
            source=_DMF.format("scripts/train_dmf_xl_2_256.sh"),
            s=_DMF_DIAGONAL,
            t=_DMF_DIAGONAL,
        ),
        PublishedTimes(
            term="eulerian",
            sampler="t_p, r_p = sort(sigmoid(N(0.4, 1)), sigmoid(N(-1.2, 1)))",
            source=_DMF.format("scripts/train_dmf_xl_2_256.sh"),
            s=Spread(mean=0.3986, quartiles=(0.2497, 0.3862, 0.5363)),
            t=Spread(mean=0.7505, quartiles=(0.6579, 0.7795, 0.8699)),
        ),
    ),
    "rectified_mean_flow": (
        PublishedTimes(
            term="diagonal", sampler=_ENDS_SAMPLER, source=_RE.format("d2e5f02, meanflow.py"), s=_ENDS, t=_ENDS
        ),
        PublishedTimes(
            term="eulerian",
            sampler=_ENDS_SAMPLER,
            source=_RE.format("d2e5f02, meanflow.py"),
            s=_ENDS,
            t=Spread(mean=0.7613, quartiles=(0.5120, 0.9255, 1.0)),
        ),
    ),
    "esc": _pairs_then_diagonal(_ESC.format("loss/esc_loss.py")),
}
