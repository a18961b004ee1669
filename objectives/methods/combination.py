"""Any sound combination of the choices, published or not: characterization, velocity, stop-gradient, step, times."""

import jax.numpy as jnp

from objectives import weighting
from objectives.losses import eulerian, integral, lagrangian, progressive
from objectives.methods.checks import check_option, check_used
from objectives.methods.shared import DIAGONALS, constant, diagonal, law_of, source, teacher_of
from objectives.objective import Batch, Loss, Maps, Objective, Term
from taxonomy import flow_map
from taxonomy import times as time_laws
from taxonomy.arrays import expand
from taxonomy.interpolants import Interpolant
from taxonomy.shapes import PerExample, Points

# Which velocities a rule can use, which parts can be stopped (the first is the default), and how its step can be taken.
CHOICES = {
    "lagrangian": (("self", "ema", "teacher"), lagrangian.STOP_GRADIENT, ("jvp", "difference")),
    "pulled_back": (("sample", "teacher"), lagrangian.PULLED_BACK, ("jvp",)),
    "eulerian": (("self", "ema", "teacher", "sample"), eulerian.STOP_GRADIENT, ("jvp", "difference")),
    "semigroup": (("self", "ema", "teacher"), progressive.STOP_GRADIENT, ("none",)),
    "integral": (("self", "ema", "teacher"), ("target",), ("none",)),
    "integral_end": (("sample", "teacher"), ("target",), ("none",)),
}
VELOCITIES = ("self", "ema", "teacher", "sample")
# Half the distance of a central difference, as in transition models and FreeFlow.
STEP = 0.005
BOTH_DIRECTIONS = ("pulled_back", "integral_end")


def combination(
    *,
    characterization: str = "lagrangian",
    velocity: str = "self",
    stop_gradient: str = "",
    engine: str = "",
    times: str = "",
    diagonal_share: float = 0.5,
    adaptive_power: float = 0.0,
    decay: float = 0.99,
) -> Objective:
    """Any rule with any velocity that is sound for it; with its own or the EMA's velocity, flow matching is added.

    stop_gradient, engine and times: empty for the first that the rule has. decay: of the EMA.
    """
    check(characterization=characterization, velocity=velocity, stop_gradient=stop_gradient, engine=engine, times=times)
    check_used("decay", decay, unused=0.99, by=velocity == "ema", needs="velocity = 'ema'")
    has_diagonal = velocity in ("self", "ema")
    check_used("diagonal_share", diagonal_share, unused=0.5, by=has_diagonal, needs="velocity = 'self' or 'ema'")
    _, stops, engines = CHOICES[characterization]
    stop_gradient, engine = stop_gradient or stops[0], engine or engines[0]
    if engine == "difference":
        stop_gradient = "target"
    times = times or ("square" if characterization in BOTH_DIRECTIONS else "triangle")
    # Without a teacher or a sample velocity, something must say what the velocity is.
    share = diagonal_share if has_diagonal else 0.0
    law = law_of(times)
    if characterization in ("semigroup", "integral", "integral_end"):
        law = time_laws.with_uniform(law)
    loss = _loss(characterization, velocity, stop_gradient, engine)
    weight = weighting.adaptive(power=adaptive_power)
    term = Term(
        characterization, loss, law, 1 - share, weight, _cost(characterization, velocity, stop_gradient, engine)
    )
    return Objective(
        (diagonal(share, law=DIAGONALS[times]), term) if share else (term,),
        needs_teacher=velocity == "teacher",
        both_directions=times == "square",
        target_decay=constant(decay) if velocity == "ema" else None,
    )


def check(*, characterization: str, velocity: str, stop_gradient: str, engine: str, times: str) -> None:
    """Checks that the choices exist and go together.

    Args:
      characterization: a key of ``CHOICES``.
      velocity: one of ``VELOCITIES``.
      stop_gradient: what is held fixed, or "".
      engine: "jvp", "difference" or "none", or "".
      times: name of a time distribution, or "".

    Raises:
      ValueError: saying which choice does not fit, why, and what does.
    """
    check_option("characterization", characterization, CHOICES)
    check_option("velocity", velocity, VELOCITIES)
    velocities, stops, engines = CHOICES[characterization]
    if velocity not in velocities:
        raise ValueError(f"{characterization} with velocity = {velocity!r} is unsound: {_why(characterization)}")
    if stop_gradient:
        check_option("stop_gradient", stop_gradient, stops)
    if engine:
        check_option("engine", engine, engines)
    if engine == "difference" and stop_gradient not in ("", "target"):
        raise ValueError(
            f"engine = 'difference' with stop_gradient = {stop_gradient!r}; expected 'target': a gradient "
            "through a small difference is divided by it"
        )
    if velocity == "sample" and characterization == "eulerian" and stop_gradient in ("velocity", "none"):
        raise ValueError(
            f"eulerian with velocity = 'sample' and stop_gradient = {stop_gradient!r} is biased: the noise of the "
            "velocity adds its variance to the loss; expected 'advection' or 'target', where it enters linearly"
        )
    if times:
        law_of(times)
    if times == "square" and characterization in ("semigroup", "integral"):
        raise ValueError(f"times = 'square' with {characterization}, whose stop lies on the way; expected 'triangle'")
    if times not in ("", "square") and characterization in BOTH_DIRECTIONS:
        raise ValueError(
            f"times = {times!r} with {characterization}, which pulls points back; expected 'square': both directions "
            "must be trained"
        )


def _why(characterization: str) -> str:
    reasons = {
        "lagrangian": "the sample's velocity belongs to the path at I_s, and the rule needs the mean velocity at the "
        "mapped point X_{s,t}(I_s), so that the target is biased; pull the point back instead, with characterization "
        "'pulled_back' (FMM, LMF) or 'integral_end' (STEE)",
        "semigroup": "two legs need a map or a velocity everywhere, which one sample does not give; "
        "take velocity = 'self', 'ema' or 'teacher', or characterization 'eulerian' with engine 'difference'",
        "integral": "the velocity is needed at the mapped point X_{s,u}(I_s), where the sample is not; take "
        "characterization 'integral_end' (STEE)",
    }
    known = "take velocity = 'sample' or 'teacher': the velocity is needed at the point of the path itself"
    return reasons.get(characterization, known)


def _velocity_at(maps: Maps, path: Interpolant, batch: Batch, velocity: str, time: PerExample) -> Points:
    """The velocity at the point of the path at a time."""
    if velocity == "sample":
        return path.velocity(time, batch.x0, batch.x1)
    point = path.position(time, batch.x0, batch.x1)
    return teacher_of(maps)(time, point) if velocity == "teacher" else maps.target(time, time, point)


def _loss(characterization: str, velocity: str, stop_gradient: str, engine: str) -> Loss:
    def loss(maps: Maps, path: Interpolant, batch: Batch) -> PerExample:
        s, u, t = batch.times
        x_s = source(path, batch)
        b = teacher_of(maps) if velocity == "teacher" else flow_map.diagonal(maps.target)
        if characterization == "lagrangian" and engine == "difference":
            before, after = jnp.maximum(t - STEP, 0), jnp.minimum(t + STEP, 1)
            return lagrangian.difference(maps.student, maps.target, b, x_s, s, t, before=before, after=after)
        if characterization == "lagrangian":
            return lagrangian.lagrangian(maps.student, b, x_s, s, t, stop_gradient=stop_gradient)
        if characterization == "pulled_back":
            x_t, w = path.position(t, batch.x0, batch.x1), _velocity_at(maps, path, batch, velocity, t)
            back = maps.student if stop_gradient == "none" else maps.target
            return lagrangian.pulled_back(maps.student, back, x_t, s, t, velocity=w, stop_gradient=stop_gradient)
        if characterization == "eulerian":
            w = _velocity_at(maps, path, batch, velocity, s)
            if engine == "jvp":
                return eulerian.eulerian(maps.student, x_s, s, t, velocity=w, stop_gradient=stop_gradient)
            p, q = jnp.maximum(s - STEP, 0), jnp.minimum(s + STEP, 1)
            behind, ahead = ((time, x_s + expand(time - s, x_s) * w) for time in (p, q))
            return eulerian.central(maps.student, maps.target, x_s, s, t, velocity=w, behind=behind, ahead=ahead)
        if characterization == "semigroup":
            two = flow_map.integrated(teacher_of(maps), steps=1) if velocity == "teacher" else maps.target
            return progressive.progressive(maps.student, two, x_s, s, u, t, stop_gradient=stop_gradient)
        if characterization == "integral":
            return integral.interior(maps.student, maps.target, b, x_s, s, u, t)
        x_u, w = path.position(u, batch.x0, batch.x1), _velocity_at(maps, path, batch, velocity, u)
        return integral.end(maps.student, maps.target, x_u, s, u, t, velocity=w)

    return loss


def _cost(characterization: str, velocity: str, stop_gradient: str, engine: str) -> float:
    one = 0 if velocity == "sample" else 1
    if characterization == "lagrangian":
        if engine == "difference":
            return 3 + 3 + one
        return {"velocity": 2 + 4, "none": 2 + 4 + 2, "target": 2 + 2}[stop_gradient] + one
    if characterization == "pulled_back":
        return {"none": 1 + 2 + 4 + 2, "target": 1 + 2 + 2}[stop_gradient] + one
    if characterization == "eulerian":
        if engine == "difference":
            return 3 + 2 + one
        # Where nothing is stopped, the model's own velocity has a backward pass too.
        through = 2 if stop_gradient == "none" and velocity == "self" else 0
        engines = {"advection": 2 + 2 + 4, "velocity": 2 + 4, "none": 2 + 4, "target": 2 + 2}
        return engines[stop_gradient] + one + through
    if characterization == "semigroup":
        # A teacher's leg is one midpoint step, with the value at s = t.
        return 3 + (6 if velocity == "teacher" else 2) + (4 if stop_gradient == "none" and velocity == "self" else 0)
    return 3 + 1 + one
