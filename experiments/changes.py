"""What a kind of data needs otherwise than the defaults of a row, which are those of its paper."""

# In the plane, as docs/settings.md shows with figures: a weight or a robust metric on a residual with noise in it moves
# the minimizer far from the conditional mean; and times drawn by logits leave out the noise end, from which one jumps.
_PLAIN, _UNIFORM = {"power": 0.0}, {"times": "triangle"}
PLANE_CHANGES = {
    "ayf_lmd": _UNIFORM,
    "tvm": _UNIFORM,
    "ayf_emd": _UNIFORM,
    "mean_flow": _PLAIN | _UNIFORM,
    "improved_mean_flow": _PLAIN | _UNIFORM,
    "pixel_mean_flow": _PLAIN | _UNIFORM,
    "alpha_flow": _PLAIN | _UNIFORM,
    "so_flow": _PLAIN | _UNIFORM,
    "decoupled_mean_flow": _UNIFORM,
    "rectified_mean_flow": _PLAIN | _UNIFORM,
    "esc": _PLAIN | _UNIFORM,
    "facm": {"power": 0.0, "cosine": 0.0},
}
