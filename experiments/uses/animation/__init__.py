"""Moving pictures of flow maps, from the exact map of the checkerboard."""
