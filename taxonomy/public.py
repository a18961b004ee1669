"""What can be imported from ``taxonomy`` itself; see ``taxonomy.__all__``."""

# ruff: noqa: F401
from taxonomy.catalogue import CATALOGUE, lookup
from taxonomy.curricula import Curriculum
from taxonomy.equivalences import EQUIVALENCES
from taxonomy.exact import ExactFlow, gaussian, mixture
from taxonomy.exact_data import boxes, empirical
from taxonomy.exact_map import solve
from taxonomy.exact_planar import checkerboard, eight_gaussians, spiral, two_moons
from taxonomy.flow_map import AverageVelocity, Velocity, integrated, jump
from taxonomy.interpolants import INTERPOLANTS, LINEAR, TRIGONOMETRIC, Interpolant
from taxonomy.times import Law, Times
