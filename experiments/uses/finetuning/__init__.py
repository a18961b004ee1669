"""Fine-tuning of a trained map on a reward."""
