"""PLACEHOLDER sphere"""

from ml_collections import ConfigDict

from experiments import settings


def get_config(variant: str | None = None) -> ConfigDict:
    """The configuration of a variant such as "riemannian_lsd"."""
    return settings.curved("sphere", variant)
