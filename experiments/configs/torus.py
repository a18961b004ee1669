"""Eight wrapped normal laws along a closed line on the flat torus of two angles; noise is uniform on it.

    python -m experiments.train --config=experiments/configs/torus.py:riemannian_lsd --workdir=runs/torus

Variants: flow_matching and the methods on curved spaces, riemannian_lsd, riemannian_esd, riemannian_psd and
riemannian_mean_flow. A toy of this project, without a paper. Scores: docs/spaces.md.
"""

from ml_collections import ConfigDict

from experiments import settings


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "riemannian_lsd"."""
    return settings.curved("torus", variant)
