"""The shapes of the house as types: times and numbers per example, points, and one number.

A run of the tests checks them at each call (``tests/conftest.py``), and that all arrays of one call have one batch and
all points one shape. Elsewhere they cost nothing and only inform.
"""

from jaxtyping import Array, Float

Scalar = Float[Array, ""]
# One number for each example: a time, a weight, a residual.
PerExample = Float[Array, " batch"]
# Noise, data, points of the path, velocities.
Points = Float[Array, "batch *point"]
# Further data points, the same for every example.
Pool = Float[Array, "pool *point"]
