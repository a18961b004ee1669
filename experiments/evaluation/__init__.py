"""From a run to its scores: after training, and on the way."""
