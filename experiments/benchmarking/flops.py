"""Counts the floating-point operations of the matrix products and convolutions in a traced function.

Networks spend their operations in these, and they can be counted exactly from shapes: before XLA fuses anything, and
however often a scan runs. Elementwise work counts nothing, so that a share of the machine's peak is one of useful
operations.
"""

from collections.abc import Iterator
import math

from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn


def matmul_flops(jaxpr: ClosedJaxpr | Jaxpr) -> int:
    """Operations of the matrix products and convolutions of a function; an addition and a multiplication are two.

    A scan counts as often as it runs, of a conditional the dearest branch counts, a loop of unknown length counts once,
    and of a function that is mapped over devices the part of one device. Products that XLA finds to be the same, or
    needless, are counted as they were written.

    Args:
      jaxpr: such as ``jax.make_jaxpr(function)(*arguments)``.

    Returns:
      the number.
    """
    inner = jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
    return sum(map(_of_equation, inner.eqns))


def _of_equation(equation: JaxprEqn) -> int:
    name = equation.primitive.name
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        left, out = equation.invars[0].aval.shape, equation.outvars[0].aval.shape
        return 2 * math.prod(out) * math.prod(left[axis] for axis in contracted)
    if name == "conv_general_dilated":
        shape, places = equation.invars[1].aval.shape, equation.params["dimension_numbers"].rhs_spec
        # Features of the input within a group, and the window; zeros around the image count as well.
        window = math.prod(shape[axis] for axis in places[1:])
        return 2 * math.prod(equation.outvars[0].aval.shape) * window
    inner = [matmul_flops(jaxpr) for jaxpr in _inside(equation)]
    if name == "cond":
        return max(inner)
    return sum(inner) * (equation.params["length"] if name == "scan" else 1)


def _inside(equation: JaxprEqn) -> Iterator[ClosedJaxpr | Jaxpr]:
    """What a call, a loop, a conditional or a rule of one's own holds: an argument, or one of several in a tuple."""
    for value in equation.params.values():
        candidates = value if isinstance(value, tuple | list) else (value,)
        yield from (inner for inner in candidates if isinstance(inner, ClosedJaxpr | Jaxpr))
