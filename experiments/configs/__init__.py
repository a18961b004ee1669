"""One file per data set, one variant per objective: ``--config=experiments/configs/checkerboard.py:lsd``."""
