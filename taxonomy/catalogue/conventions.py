"""The conventions of the papers as data: times, levels of noise, what is predicted, and in which letters.

Every convention writes a point as ``x = a x1 + n e`` with data x1 and standard normal noise e. All else follows from
the ratio ``k = n / a``, which is 0 at the data and infinite at the noise: a level of noise is a function of k, a
prediction a combination ``p x1 + q e``. ``taxonomy.translate`` computes with them. Nothing here needs JAX.
"""

from collections.abc import Callable, Sequence
import math
from typing import NamedTuple

from taxonomy.catalogue.method import (
    ANGLE,
    NOISE_AT_ONE,
    NOISE_AT_ONE_SOURCE_T,
    NOISE_LEVEL,
    OURS,
    OURS_SWAPPED_LETTERS,
    SIGNAL_AND_NOISE,
)


class Level(NamedTuple):
    """A way to say how much noise there is.

    Attributes:
      ratio: (value, standard deviation of the data) -> k.
      value: (k, standard deviation of the data) -> value.
      low: least value.
      high: largest value.
    """

    ratio: Callable[[float, float], float]
    value: Callable[[float, float], float]
    low: float
    high: float


class Convention(NamedTuple):
    """How a family of papers writes things.

    Attributes:
      title: who writes so.
      translations: the texts of ``Method.translation`` that mean this convention.
      to_ours: how it becomes ours, for data and noise of standard deviation 1.
      zero: what is at time or level 0.
      source: letter of the time at which a jump starts.
      target: letter of the time at which it ends.
      levels: {name: Level}; the first one is the time of the papers, in their letter of the source.
      coefficients: (k, standard deviation of the data) -> (a, n) of the point.
      predictions: {name: (a, n, standard deviation of the data) -> (p, q)}.
      velocity: the velocity in the papers' letters.
      jump: the flow map in the papers' letters.
      average: the average velocity in the papers' letters, and its sign.
      network: what networks are asked for.
    """

    title: str
    translations: Sequence[str]
    to_ours: str
    zero: str
    source: str
    target: str
    levels: dict[str, Level]
    coefficients: Callable[[float, float], tuple[float, float]]
    predictions: dict[str, Callable[[float, float, float], tuple[float, float]]]
    velocity: str
    jump: str
    average: str
    network: str


def _share(k: float) -> float:
    """``k / (1 + k)``, 1 at infinity."""
    return 1.0 if math.isinf(k) else k / (1 + k)


def _inverse(share: float) -> float:
    """The k of a share."""
    return math.inf if share == 1 else share / (1 - share)


def _circle(k: float, std: float = 1.0) -> tuple[float, float]:
    """Cosine and sine of the angle whose tangent is k, whatever the data."""
    root = math.hypot(1, k)
    return (0.0, 1.0) if math.isinf(k) else (1 / root, k / root)


def _tangent(angle: float) -> float:
    return math.inf if angle >= math.pi / 2 else math.tan(angle)


def _log(k: float) -> float:
    return -math.inf if k == 0 else math.log(k)


def _from_squared(signal: float) -> float:
    """k of a path of constant variance whose squared factor of the data is given."""
    return math.inf if signal == 0 else math.sqrt((1 - signal) / signal)


def _stepped(betas: Sequence[float]) -> Level:
    """The steps 1, 2, ... of a schedule of variances; between them the logarithm of k is linear."""
    logs, kept = [], 1.0
    for beta in betas:
        kept *= 1 - beta
        logs.append(_log(_from_squared(kept)))

    def ratio(step: float, std: float) -> float:
        below = min(int(step), len(logs) - 1)
        return math.exp(logs[below - 1] + (step - below) * (logs[below] - logs[below - 1]))

    def value(k: float, std: float) -> float:
        at = _log(k)
        if not logs[0] <= at <= logs[-1]:
            return math.nan
        above = next(index for index, log in enumerate(logs) if log >= at)
        return 1.0 if above == 0 else above + (at - logs[above - 1]) / (logs[above] - logs[above - 1])

    return Level(ratio, value, 1, len(logs))


SIGMA = Level(lambda v, std: v, lambda k, std: k, 0, math.inf)
LOG_SIGMA = Level(lambda v, std: math.exp(v), lambda k, std: _log(k), -700, 700)
LOG_SNR = Level(lambda v, std: math.exp(-v / 2), lambda k, std: -2 * _log(k), -1400, 1400)
FROM_NOISE = Level(lambda v, std: _inverse(1 - v), lambda k, std: 1 - _share(k), 0, 1)
FROM_DATA = Level(lambda v, std: _inverse(v), lambda k, std: _share(k), 0, 1)
OWN = Level(lambda v, std: std * _inverse(1 - v), lambda k, std: 1 - _share(k / std), 0, 1)
ANGLE_OF = Level(lambda v, std: std * _tangent(v), lambda k, std: math.atan(k / std), 0, math.pi / 2)
COSINE = Level(lambda v, std: _tangent(math.pi / 2 * v), lambda k, std: 2 / math.pi * math.atan(k), 0, 1)
ALPHA = Level(lambda v, std: _from_squared(v * v), lambda k, std: _circle(k)[0], 0, 1)
ALPHA_BAR = Level(lambda v, std: _from_squared(v), lambda k, std: _circle(k)[0] ** 2, 0, 1)
DDPM = _stepped([1e-4 + (0.02 - 1e-4) * i / 999 for i in range(1000)])
LATENT = _stepped([(0.00085**0.5 + (0.012**0.5 - 0.00085**0.5) * i / 999) ** 2 for i in range(1000)])

_BAR = "alpha = sqrt(alpha_bar), sigma = sqrt(1 - alpha_bar): t = alpha / (alpha + sigma), I_t = x / (alpha + sigma)"
_DATA, _NOISE = (lambda a, n, std: (1.0, 0.0)), (lambda a, n, std: (0.0, 1.0))


def _score(a: float, n: float, std: float) -> tuple[float, float]:
    return 0.0, -math.inf if n == 0 else -1 / n


def _edm(a: float, n: float, std: float) -> tuple[float, float]:
    """``(x1 - c_skip x) / c_out`` at ``x = x1 + n e``, whose quotients are regular at the data."""
    root = math.hypot(n, std)
    return n / (std * root), -std / root


_COMMON = {"x1": _DATA, "eps": _NOISE, "score": _score}


def _linear(k: float, std: float) -> tuple[float, float]:
    """``(1 - t, t)`` at time t from the data."""
    return 1 - _share(k), _share(k)


CONVENTIONS: dict[str, Convention] = {
    "ours": Convention(
        title="this project",
        translations=(),
        to_ours="-",
        zero="noise of the data's own standard deviation",
        source="s",
        target="t",
        levels={"t": OWN},
        coefficients=lambda k, std: (1 - _share(k / std), std * _share(k / std)),
        predictions={
            "v": lambda a, n, std: (1.0, -std),
            "x1": _DATA,
            "x0": lambda a, n, std: (0.0, std),
            "score": _score,
        },
        velocity="b_t(x)",
        jump="X_{s,t}(x)",
        average="v_{s,t}(x)",
        network="v",
    ),
    "noise_at_zero": Convention(
        title="flow matching, stochastic interpolants, rectified flow, shortcut models",
        translations=(OURS,),
        to_ours=OURS,
        zero="noise",
        source="s",
        target="t",
        levels={"t": FROM_NOISE},
        coefficients=_linear,
        predictions={"v": lambda a, n, std: (1.0, -1.0), **_COMMON},
        velocity="b_t, v_t or u_t",
        jump="X_{s,t}",
        average="v_{s,t}, same sign",
        network="v",
    ),
    "noise_at_zero_from_t": Convention(
        title="secant losses, Lagrangian flow maps on manifolds",
        translations=(OURS_SWAPPED_LETTERS,),
        to_ours=OURS_SWAPPED_LETTERS,
        zero="noise",
        source="t",
        target="s",
        levels={"t": FROM_NOISE},
        coefficients=_linear,
        predictions={"v": lambda a, n, std: (1.0, -1.0), **_COMMON},
        velocity="v(x_t, t)",
        jump="not recorded",
        average="same sign",
        network="v",
    ),
    "noise_at_one": Convention(
        title="MeanFlow and relatives",
        translations=(NOISE_AT_ONE,),
        to_ours=NOISE_AT_ONE,
        zero="data",
        source="t",
        target="r",
        levels={"t": FROM_DATA},
        coefficients=_linear,
        predictions={"u": lambda a, n, std: (-1.0, 1.0), **_COMMON},
        velocity="v(z_t, t) = e - x",
        jump="z_t - (t - r) u(z_t, r, t)",
        average="u(z_t, r, t), opposite sign",
        network="u, or the data",
    ),
    "noise_at_one_from_t": Convention(
        title="Align Your Flow, SoFlow, TVM",
        translations=(NOISE_AT_ONE_SOURCE_T,),
        to_ours=NOISE_AT_ONE_SOURCE_T,
        zero="data",
        source="t",
        target="s",
        levels={"t": FROM_DATA},
        coefficients=_linear,
        predictions={"u": lambda a, n, std: (-1.0, 1.0), **_COMMON},
        velocity="v(x_t, t) = e - x",
        jump="f(x_t, t, s)",
        average="(f - x_t) / (s - t), opposite sign",
        network="average velocity",
    ),
    "edm": Convention(
        title="EDM, consistency models",
        translations=(NOISE_LEVEL,),
        to_ours=NOISE_LEVEL,
        zero="data; the time is the level of noise",
        source="sigma",
        target="to",
        levels={"sigma": SIGMA, "log_sigma": LOG_SIGMA, "log_snr": LOG_SNR},
        coefficients=lambda k, std: (1.0, k),
        predictions={"D": _DATA, "F": _edm, "eps": _NOISE, "score": _score},
        velocity="(x - D) / sigma",
        jump="f(x, sigma), to the data; G(x, t, s) of CTM",
        average="none",
        network="F",
    ),
    "trigflow": Convention(
        title="TrigFlow: sCM",
        translations=(ANGLE,),
        to_ours=ANGLE,
        zero="data; the time is an angle",
        source="tau",
        target="to",
        levels={"tau": ANGLE_OF},
        coefficients=lambda k, std: (_circle(k / std)[0], std * _circle(k / std)[1]),
        predictions={"F": lambda a, n, std: (-n / std**2, a), **_COMMON},
        velocity="sigma_d F",
        jump="cos(tau - tau') x - sin(tau - tau') sigma_d F",
        average="none",
        network="F",
    ),
    "vp": Convention(
        title="progressive distillation, phased and multistep CM, BOOT",
        translations=(SIGNAL_AND_NOISE,),
        to_ours=SIGNAL_AND_NOISE,
        zero="data",
        source="t",
        target="s",
        levels={"t": COSINE, "alpha": ALPHA, "log_snr": LOG_SNR},
        coefficients=_circle,
        predictions={"v": lambda a, n, std: (-n, a), **_COMMON},
        velocity="v = alpha eps - sigma x1, on the cosine path",
        jump="DDIM step",
        average="none",
        network="v, x1 or eps",
    ),
    "ddpm": Convention(
        title="DDPM, linear variances 1e-4 to 0.02",
        translations=(),
        to_ours=_BAR,
        zero="data; the time counts 1,000 steps",
        source="step",
        target="to",
        levels={"step": DDPM, "alpha_bar": ALPHA_BAR, "log_snr": LOG_SNR},
        coefficients=_circle,
        predictions={"eps": _NOISE, "x0": _DATA, "v": lambda a, n, std: (-n, a), "score": _score},
        velocity="none; score = -eps / sqrt(1 - alpha_bar)",
        jump="none",
        average="none",
        network="eps",
    ),
    "latent_diffusion": Convention(
        title="latent diffusion, scaled variances 0.00085 to 0.012",
        translations=(),
        to_ours=_BAR,
        zero="data; the time counts 1,000 steps",
        source="step",
        target="to",
        levels={"step": LATENT, "alpha_bar": ALPHA_BAR, "log_snr": LOG_SNR},
        coefficients=_circle,
        predictions={"eps": _NOISE, "x0": _DATA, "v": lambda a, n, std: (-n, a), "score": _score},
        velocity="none; score = -eps / sqrt(1 - alpha_bar)",
        jump="none",
        average="none",
        network="eps",
    ),
}
