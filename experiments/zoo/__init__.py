"""Weights in files of safetensors: those that come with the project, by name, and those that ``export`` writes."""
