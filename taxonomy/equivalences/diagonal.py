"""Relations on average over the data at a point, at equal times, and of guided targets."""

from taxonomy.equivalences.equivalence import Equivalence
from taxonomy.equivalences.proofs import DIAGONAL, LAGRANGIAN, UNBIASED, VANISHES

EQUIVALENCES: tuple[Equivalence, ...] = (
    Equivalence(
        "mean_flow",
        "ayf_emd",
        "equal on average",
        "Over the data at a point the sample's velocity gives what the exact velocity gives, up to the gap's factor.",
        UNBIASED,
    ),
    Equivalence(
        "ct_continuous",
        "cd_continuous",
        "equal on average",
        "Over the data at a point the sample's velocity gives what the exact velocity gives.",
        UNBIASED,
    ),
    Equivalence(
        "stee",
        "sdee",
        "equal on average",
        "Over the data at a point the sample's velocity gives what the exact velocity gives.",
        UNBIASED,
    ),
    Equivalence(
        "lsd", "flow_matching", "special case", "At s = t the Lagrangian term and its gradient are 0.", VANISHES
    ),
    Equivalence("esd", "flow_matching", "special case", "At s = t the Eulerian term and its gradient are 0.", VANISHES),
    Equivalence("psd_m", "flow_matching", "special case", "At s = t the second term and its gradient are 0.", VANISHES),
    Equivalence("mean_flow", "flow_matching", "special case", "At s = t the second term is the first.", DIAGONAL),
    Equivalence("fmm", "flow_matching", "special case", "At s = t the first term is flow matching.", DIAGONAL),
    Equivalence("lmf", "flow_matching", "special case", "At s = t the loss is flow matching.", DIAGONAL),
    Equivalence("stee", "flow_matching", "special case", "At s = t the loss is flow matching.", DIAGONAL),
    Equivalence(
        "mean_flow",
        "decoupled_mean_flow",
        "equal",
        "Guided targets have one fixed point: scale w = omega / (1 - kappa) in MeanFlow, 1 / (1 - omega) in DMF.",
        f"{LAGRANGIAN}guided_targets_have_the_stated_fixed_point",
    ),
)
