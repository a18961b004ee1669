"""What the training command imports: only what a run of planar data needs before its first step."""

import subprocess
import sys

HEAVY = ("ott", "sklearn", "diffrax", "torch")  # each takes a second or more


def test_training_starts_without_the_packages_of_evaluation():
    code = f"import sys, experiments.train; print(sorted(set({HEAVY}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "[]"
