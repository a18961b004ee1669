"""What a trained map is good for: rewards, inverse problems, likelihoods, the way back to noise."""
