"""Networks that look at pictures, and the scores made of what they see."""
