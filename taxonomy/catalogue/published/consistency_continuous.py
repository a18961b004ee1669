"""Published settings of the methods in ``objectives/methods/consistency_continuous.py``."""

from taxonomy.catalogue.published.anchored import SETTINGS as ANCHORED
from taxonomy.catalogue.published.anchored import TIMES as ANCHORED_TIMES
from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_SCM = "arXiv 2410.11081, Algorithm 1"
_CM = "openai/consistency_models_cifar10@1ba9b5c, configs/cifar10_ve_continuous.py"
_LEVEL = "noise level where sigma_data is 0.5; in standard deviations of the data twice the number"

_SIMPLIFIED = (
    Setting(
        name="warm_up",
        published=None,
        source="not found",
        here=0.1,
        reason="The paper counts 10,000 steps; a share of the training carries over to runs of any length.",
    ),
    Setting(
        name="normalize",
        published=0.1,
        source=_SCM,
        unit="root of the sum of squares of the tangent, noise of standard deviation 0.5; 0.2 where it is 1",
    ),
    Setting(name="prior", published="inverse_noise", source=f"{_SCM}: 1 / (sigma_data tan(tau))"),
    Setting(name="log of the noise level", published="N(-1.0, 1.4)", source=_SCM, unit=_LEVEL),
    Setting(
        name="learned log-variance",
        published="exp(w) / D |r|^2 - w",
        source=_SCM,
        unit="mean of squares of the network's output, noise of unit standard deviation",
    ),
    Setting(name="output", published="TrigFlow", source=_SCM),
)
_SIMPLIFIED_TIMES = (
    PublishedTimes(
        term="consistency",
        sampler="tan(tau) = exp(N(-1.0, 1.4)) / sigma_data",
        source=_SCM,
        s=Spread(mean=0.5557, quartiles=(0.3458, 0.5761, 0.7774)),
    ),
)
_CONTINUOUS = (
    Setting(name="distance", published="square", source=f"{_CM}: loss_norm = l2"),
    Setting(
        name="times",
        published="sigma^(1/7) uniform between 0.002^(1/7) and 80^(1/7), derivative by sigma",
        source="openai/consistency_models_cifar10@1ba9b5c, jcm/losses.py",
        unit=_LEVEL,
        here="uniform, derivative by the time",
        reason="Uniform times reach the noise end, from which one jumps.",
    ),
)

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "cd_continuous": _CONTINUOUS,
    "ct_continuous": _CONTINUOUS,
    "scd": _SIMPLIFIED,
    "sct": _SIMPLIFIED,
} | ANCHORED
TIMES: dict[str, tuple[PublishedTimes, ...]] = {"scd": _SIMPLIFIED_TIMES, "sct": _SIMPLIFIED_TIMES} | ANCHORED_TIMES
