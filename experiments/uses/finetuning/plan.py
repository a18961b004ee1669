"""How a map is fine-tuned: the numbers of the command line, and what an update costs."""

from typing import NamedTuple

FORWARD, GRADIENT = 1, 3  # forward-pass equivalents: a backward pass costs two
LAGRANGIAN = 2 + 4 + 1  # a jvp, its backward pass, and the model's own velocity
SEVERAL = 4  # jumps by which a map that composes makes samples
LOSSES = ("implicit", "explicit", "weighted")


class Plan(NamedTuple):
    """How a map is fine-tuned.

    Attributes:
      method: a key of ``recipes.RECIPES``.
      steps: updates of "map" and "ode".
      batch_size: noises per update.
      learning_rate: of Adam, falling to zero along a cosine.
      penalty: of the squared distance from the reference's end, in units of 1 / std^2; of "map" and "ode".
      map_penalty: of the same at random (s, t) along the path of the data; of "map" and "dmd".
      tangent_penalty: of the squared distance from the reference's velocity; of "map", "ode" and "dmd".
      ode_steps: Euler steps of "ode", and of a tilted velocity.
      tilt_steps: updates of "tilt", "tilt_data" and "dmd".
      stages: steps of the tilt of "tilt", each with samples of the model that the last one has made.
      tilt_loss: one of ``LOSSES``, of "tilt".
      noise_from: least time of the noised points of "dmd".
      seed: of noise, data and times.
    """

    method: str = "map"
    steps: int = 500
    batch_size: int = 512
    learning_rate: float = 3e-4
    penalty: float = 1.0
    map_penalty: float = 0.01
    tangent_penalty: float = 0.01
    ode_steps: int = 16
    tilt_steps: int = 4000
    stages: int = 4
    tilt_loss: str = "implicit"
    noise_from: float = 0.0
    seed: int = 0

    @property
    def updates(self) -> int:
        """Updates of the method in one stage."""
        if self.method == "tilt":
            return max(1, self.tilt_steps // self.stages)
        return self.tilt_steps if self.method in ("tilt_data", "dmd") else self.steps

    @property
    def rounds(self) -> int:
        """Stages of the method."""
        return self.stages if self.method == "tilt" else 1

    def evaluations(self, *, composes: bool = True) -> int:
        """Forward-pass equivalents per example of an update.

        Args:
          composes: whether the model is a map; of a velocity the tilt has no rule for jumps, and more steps a sample.

        Returns:
          the count.
        """
        both = FORWARD + GRADIENT
        if self.method in ("tilt", "tilt_data"):
            regressed = GRADIENT + (LAGRANGIAN if composes else 0)
            if self.method == "tilt_data":
                return regressed
            drawn = FORWARD * (SEVERAL if composes else self.ode_steps)
            # The velocity before the step; the map's look-ahead, where there is one.
            return regressed + drawn + FORWARD * (2 if composes else 1)
        held = both * ((self.map_penalty > 0 and self.method != "ode") + (self.tangent_penalty > 0))
        if self.method == "dmd":
            # The generator and the fake velocity are trained; the real and the fake one are asked at the noised points.
            return 2 * GRADIENT + 2 * FORWARD + held
        return both * (self.ode_steps if self.method == "ode" else 1) + held
