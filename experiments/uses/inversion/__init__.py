"""Data to noise and back."""
