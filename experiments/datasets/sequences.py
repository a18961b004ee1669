"""The truth about data that are categories: a law of finitely many sequences."""

from typing import NamedTuple

import numpy as np

from taxonomy import simplex

# The corners of a simplex of three categories in its own plane; differences keep their length.
TRIANGLE = np.array([[-1 / np.sqrt(2), -1 / np.sqrt(6)], [1 / np.sqrt(2), -1 / np.sqrt(6)], [0.0, 2 / np.sqrt(6)]])


class Sequences(NamedTuple):
    """Truth about data that are categories: a law of finitely many sequences.

    Attributes:
      codes: [sequences, positions]; the category in each position.
      weights: [sequences]; their probabilities.
      letters: one for each category.
    """

    codes: np.ndarray
    weights: np.ndarray
    letters: str

    @property
    def names(self) -> tuple[str, ...]:
        """Each sequence as a word."""
        return tuple("".join(self.letters[code] for code in codes) for codes in self.codes)

    @property
    def is_triangle(self) -> bool:
        """Whether there is one position of three categories, which can be drawn."""
        return self.codes.shape[1] == 1 and len(self.letters) == len(TRIANGLE)

    def shares(self, samples: np.ndarray) -> np.ndarray:
        """How often each sequence occurs among samples [n, dim], each position at its nearest category; [sequences]."""
        codes = simplex.nearest(samples, categories=len(self.letters))
        return (codes[:, None] == self.codes[None]).all(axis=-1).mean(axis=0)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] of one position of three categories as places [..., 2] in the plane of its triangle."""
        return (points - 1 / len(TRIANGLE)) @ TRIANGLE.astype(points.dtype)
