"""The published ablations, one file for each group of papers."""
