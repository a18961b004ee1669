"""Densities of points under a trained map."""
