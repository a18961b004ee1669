"""From a run to its scores: after training, and during it."""
