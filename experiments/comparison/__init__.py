"""Several objectives, or several samplers, on one budget and in one table."""
