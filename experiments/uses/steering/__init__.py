"""Sampling that is steered by a reward, without training."""
