"""Everything that runs: data, configurations, the training loop, checkpoints, evaluation, comparison, pictures."""
