"""Known velocities and the Lagrangian rule: the target time moves."""

from objectives.losses.direct import flow_matching, misalignment, regression
from objectives.losses.lagrangian import (
    bootstrap,
    difference,
    lagrangian,
    pulled_back,
    round_trip,
    two_ended_difference,
)
from taxonomy import flow_map
from tests.helpers import tiny
from tests.objectives.cases_shared import (
    Case,
    X,
    average_d_t,
    d_t,
    denoiser_of_level,
    gap,
    jump_of_level,
    level,
    own,
    square,
    teacher,
)


def unit(a):
    return a / (a**2).sum(axis=1, keepdims=True) ** 0.5


def secant(v, d):
    """Average velocity of two jumps of any map."""
    return (flow_map.jump(v, d.u, d.t, flow_map.jump(v, d.s, d.u, d.x)) - d.x) / gap(d)


def pid(p, f, d):
    """``sigma dx/dsigma = x - D(x, sigma)`` between two noise levels; only the teacher's D is stopped."""
    z, first, near, far = d.x / d.s[:, None], level(d.s), level(d.u), level(d.t)
    x = jump_of_level(p, z, first, near)
    slope = (x - jump_of_level(p, z, first, far)) / (near - far)
    data = denoiser_of_level(teacher, jump_of_level(f, z, first, near), near)
    return square(x - near * slope - data)


def boot(p, f, d):
    """The target is a step of DDIM from the shorter jump, all in noise levels."""
    z, first, near, far = d.x / d.s[:, None], level(d.s), level(d.u), level(d.t)
    y = jump_of_level(f, z, first, near)
    data = denoiser_of_level(teacher, y, near)
    target = data + far / near * (y - data)
    return square(jump_of_level(p, z, first, far) - target) * (d.t / (d.t - d.u)) ** 2


CASES = {
    "flow_matching": Case(
        lambda p, d: flow_matching(tiny(p), d.x, d.t, velocity=d.w),
        lambda p, f, d: square(tiny(p)(d.t, d.t, d.x) - d.w),
        lambda e, d: flow_matching(e.v, d.x, d.t, velocity=e.b(d.t, d.x)),
    ),
    "lsd": Case(
        lambda p, d: lagrangian(tiny(p), own(p), d.x, d.s, d.t),
        lambda p, f, d: square(d_t(p, d.s, d.t, d.x) - own(f)(d.t, X(f, d.s, d.t, d.x))),
        lambda e, d: lagrangian(e.v, flow_map.diagonal(e.v), d.x, d.s, d.t),
    ),
    "lsd, nothing stopped": Case(
        lambda p, d: lagrangian(tiny(p), own(p), d.x, d.s, d.t, stop_gradient="none"),
        lambda p, f, d: square(d_t(p, d.s, d.t, d.x) - own(p)(d.t, X(p, d.s, d.t, d.x))),
        lambda e, d: lagrangian(e.v, flow_map.diagonal(e.v), d.x, d.s, d.t, stop_gradient="none"),
    ),
    "lmd": Case(
        lambda p, d: lagrangian(tiny(p), teacher, d.x, d.s, d.t, stop_gradient="none"),
        lambda p, f, d: square(d_t(p, d.s, d.t, d.x) - teacher(d.t, X(p, d.s, d.t, d.x))),
        lambda e, d: lagrangian(e.v, e.b, d.x, d.s, d.t, stop_gradient="none"),
    ),
    "lmd, teacher's input stopped": Case(
        lambda p, d: lagrangian(tiny(p), teacher, d.x, d.s, d.t),
        lambda p, f, d: square(d_t(p, d.s, d.t, d.x) - teacher(d.t, X(f, d.s, d.t, d.x))),
        lambda e, d: lagrangian(e.v, e.b, d.x, d.s, d.t),
    ),
    "ayf_lmd": Case(
        lambda p, d: lagrangian(tiny(p), teacher, d.x, d.s, d.t, stop_gradient="target"),
        lambda p, f, d: square(
            tiny(p)(d.s, d.t, d.x) - teacher(d.t, X(f, d.s, d.t, d.x)) + gap(d) * average_d_t(f, d.s, d.t, d.x)
        ),
        lambda e, d: lagrangian(e.v, e.b, d.x, d.s, d.t, stop_gradient="target"),
    ),
    "fmm": Case(
        lambda p, d: pulled_back(tiny(p), tiny(p), d.x, d.s, d.t, velocity=d.w),
        lambda p, f, d: square(d_t(p, d.s, d.t, X(p, d.t, d.s, d.x)) - d.w),
        lambda e, d: pulled_back(e.v, e.v, d.x, d.s, d.t, velocity=e.b(d.t, d.x)),
    ),
    "fmm, round trip": Case(
        lambda p, d: round_trip(tiny(p), d.x, d.s, d.t),
        lambda p, f, d: square(X(p, d.s, d.t, X(p, d.t, d.s, d.x)) - d.x),
        lambda e, d: round_trip(e.v, d.x, d.s, d.t),
    ),
    "lmf": Case(
        lambda p, d: pulled_back(tiny(p), tiny(p), d.x, d.s, d.t, velocity=d.w, stop_gradient="target"),
        lambda p, f, d: square(
            tiny(p)(d.s, d.t, X(f, d.t, d.s, d.x)) - d.w + gap(d) * average_d_t(f, d.s, d.t, X(f, d.t, d.s, d.x))
        ),
        lambda e, d: pulled_back(e.v, e.v, d.x, d.s, d.t, velocity=e.b(d.t, d.x), stop_gradient="target"),
    ),
    "regression": Case(
        lambda p, d: regression(tiny(p), d.x, d.s, d.t, velocity=own(p)(d.s, d.x)),
        lambda p, f, d: square(tiny(p)(d.s, d.t, d.x) - own(f)(d.s, d.x)),
        # The end of the jump is reached in two.
        lambda e, d: regression(e.v, d.x, d.s, d.t, velocity=secant(e.v, d)),
    ),
    "misalignment": Case(
        # The angle has no units: at this length the offset under the root is lost in rounding.
        lambda p, d: misalignment(1e3 * tiny(p)(d.s, d.t, d.x), velocity=1e3 * own(p)(d.t, d.w)),
        lambda p, f, d: square(unit(tiny(p)(d.s, d.t, d.x)) - unit(own(f)(d.t, d.w))) / 2,
        None,
    ),
    "free_flow": Case(
        lambda p, d: difference(tiny(p), tiny(p), teacher, d.x, d.s, d.t, before=d.t - 0.02, after=d.t + 0.01),
        lambda p, f, d: square(
            tiny(p)(d.s, d.t, d.x)
            - teacher(d.t, X(f, d.s, d.t, d.x))
            + gap(d) / 0.03 * tiny(f)(d.s, d.t + 0.01, d.x)
            - gap(d) / 0.03 * tiny(f)(d.s, d.t - 0.02, d.x)
        ),
        None,
    ),
    "pid": Case(
        lambda p, d: two_ended_difference(tiny(p), teacher, d.x, d.s, d.u, d.t),
        pid,
        # Zero if the teacher's velocity is the average one from there to t.
        lambda e, d: two_ended_difference(e.v, lambda u, y: e.v(u, d.t, y), d.x, d.s, d.u, d.t),
    ),
    "boot": Case(
        lambda p, d: bootstrap(tiny(p), tiny(p), teacher, d.x, d.s, d.u, d.t),
        boot,
        lambda e, d: bootstrap(e.v, e.v, lambda u, y: e.v(u, d.t, y), d.x, d.s, d.u, d.t),
    ),
}
