"""Published methods as combinations of losses, times and weights: one function per method, one file per rule."""
