"""Options that a kind of data needs in place of a method's defaults, which are in docs/published.md."""

from collections.abc import Mapping

from objectives.build import OBJECTIVES, default_options

# In the plane, as docs/settings.md shows with figures: a weight or a robust metric on a residual with noise in it moves
# the minimizer far from the conditional mean; and times drawn by logits leave out the noise end, from which one jumps.
_PLAIN, _UNIFORM = {"adaptive_power": 0.0}, {"times": "triangle"}
# SDEI's jumps begin on the grid of one sampler; one map is sampled by several numbers of steps here.
_ANYWHERE = {"on_grid": False}
PLANE_CHANGES = {
    "sdei": _ANYWHERE,
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
    "tim": _PLAIN | _UNIFORM | {"end_share": 0.0, "gap_power": 0.0, "cosine": 0.0},
    "esc": _PLAIN | _UNIFORM,
    "facm": {"times": "uniform", "adaptive_power": 0.0, "cosine": 0.0},
}

# Small images within some hundred steps, not the papers' hundreds of thousands. With grad X . w stopped, ESD diverges,
# as on the checkerboard. CT's average that makes the targets still holds 27 % of its first weights after 400 steps of
# the paper's grid, and one jump is grey: a coarser last grid and a faster average.
IMAGE_CHANGES = {"sdei": _ANYWHERE, "esd": {"stop_gradient": "velocity"}, "ct": {"last": 18, "decay": 0.5}}

# What a search found on top of these, with figures: docs/settings.md. A velocity over a pool of data has the same mean
# and less noise, so that LSD's diagonal needs fewer examples; its bounded weight holds back the jumps that end between
# the squares; and one step starts from the noise, where the triangle has no source.
POOLED = {"velocity": "pooled", "pool": 2048}
LSD_RECIPE = {"diagonal_share": 0.5, "adaptive_power": 0.5, "times": "noise_end"}


def with_recipe(changes: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """What a kind of data needs, and the recipe's options: a pool for every method that can have one as it is set.

    Args:
      changes: {objective: {option: value}}.

    Returns:
      the same with the recipe's, for every objective that has any.
    """
    # sCT normalizes a tangent that has the velocity in it, and refuses a pool.
    pooled = {name: POOLED for name in OBJECTIVES if "velocity" in default_options(name) and name != "sct"}
    recipe = pooled | {"lsd": POOLED | LSD_RECIPE}
    return {name: {**changes.get(name, {}), **recipe.get(name, {})} for name in {**changes, **recipe}}
