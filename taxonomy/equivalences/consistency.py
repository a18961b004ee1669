"""Relations between methods that learn jumps to the data, or to the end of a segment."""

from taxonomy.equivalences.equivalence import Equivalence
from taxonomy.equivalences.proofs import CONSISTENCY, FROM_DATA, IDENTITIES, SAMPLE_TEACHER, SIMPLIFIED, UNIFIED

EQUIVALENCES: tuple[Equivalence, ...] = (
    Equivalence(
        "ct_continuous",
        "mean_flow",
        "equal up to a factor",
        "Continuous consistency is t - s times MeanFlow at t = 1.",
        f"{IDENTITIES}continuous_consistency_is_mean_flow_times_the_gap",
    ),
    Equivalence(
        "ct",
        "ct_continuous",
        "limit",
        "Finite consistency over its step tends to the continuous one at first order.",
        f"{IDENTITIES}finite_consistency_tends_to_the_continuous_one_at_first_order",
    ),
    Equivalence(
        "ct",
        "cd",
        "limit",
        "On average over the data the sample's velocity is biased at a finite step; the bias vanishes with the step.",
        f"{IDENTITIES}consistency_training_is_biased_at_finite_step_and_unbiased_in_the_limit",
    ),
    Equivalence(
        "sct",
        "ct_continuous",
        "equal up to a factor",
        "Unweighted and not normalized, sCT is 2 cos(tau) / sin(tau) times X . sg[dX/dtau] along the sample, "
        "that is s ((1 - s)^2 + s^2) / (1 - s) times continuous consistency.",
        SIMPLIFIED,
    ),
    Equivalence(
        "scd",
        "cd_continuous",
        "equal up to a factor",
        "Unweighted and not normalized, sCD is 2 cos(tau) / sin(tau) times X . sg[dX/dtau] along the teacher, "
        "that is s ((1 - s)^2 + s^2) / (1 - s) times continuous consistency.",
        SIMPLIFIED,
    ),
    Equivalence(
        "ict",
        "ct",
        "equal",
        "On the same times and with the current weights as target it is one loss, before weight and metric.",
        FROM_DATA,
    ),
    Equivalence(
        "ect",
        "ict",
        "equal",
        "On the same times it is one loss, with one weight; they differ in the scale of the metric and in how the step "
        "shrinks.",
        FROM_DATA,
    ),
    Equivalence(
        "tcm",
        "ect",
        "special case",
        "In the first half of training, before a stage is frozen, both terms are ECT.",
        FROM_DATA,
    ),
    Equivalence(
        "cd",
        "ct",
        "special case",
        "A teacher that gives the sample's velocity makes the neighbour of the same noise and data.",
        SAMPLE_TEACHER,
    ),
    Equivalence(
        "scd",
        "sct",
        "special case",
        "A teacher that gives the sample's velocity makes sCD the loss of sCT.",
        SAMPLE_TEACHER,
    ),
    Equivalence(
        "cd",
        "cd_continuous",
        "limit",
        "Consistency distillation over its step tends to the continuous one at first order.",
        f"{CONSISTENCY}consistency_distillation_tends_to_the_continuous_one",
    ),
    Equivalence(
        "phased_cm",
        "cd",
        "special case",
        "With one phase the residual is that of CD; a pseudo-Huber metric and one over the step weigh it.",
        f"{CONSISTENCY}one_phase_is_consistency_distillation",
    ),
    Equivalence(
        "phased_cm",
        "multistep_cm",
        "special case",
        "A teacher that gives the sample's velocity makes the neighbour of multistep consistency, before the metric.",
        SAMPLE_TEACHER,
    ),
    Equivalence(
        "multistep_cm",
        "ct",
        "special case",
        "With one segment the loss is that of CT over the step.",
        f"{CONSISTENCY}one_segment_is_consistency_training",
    ),
    Equivalence(
        "consistency_fm",
        "multistep_cm",
        "special case",
        "Without the part that compares velocities the loss is multistep consistency.",
        f"{CONSISTENCY}consistency_flow_matching_without_its_prior_is_multistep_consistency",
    ),
    Equivalence(
        "ctm",
        "cd",
        "special case",
        "At t = 1, with one step of the teacher, the second term is CD.",
        f"{CONSISTENCY}trajectories_that_end_at_the_data_are_consistency_distillation",
    ),
    Equivalence(
        "facm",
        "ct_continuous",
        "equal up to a factor",
        "Without clip and weight the second term is (1 - s^p) / (1 - s) times continuous consistency.",
        f"{CONSISTENCY}flow_anchored_consistency_is_continuous_consistency_up_to_a_factor",
    ),
    Equivalence(
        "ucgm",
        "ct_continuous",
        "limit",
        "At ratio 1, without clip and weight: 4 / sin(1.57 (1 - s)) times the other, at second order in the step.",
        UNIFIED,
    ),
    Equivalence(
        "ucgm",
        "ct",
        "equal up to a factor",
        "At a ratio in (0, 1), without clip and weight: 4 / (sin(1.57 (1 - s)) (u - s)) times the other.",
        UNIFIED,
    ),
    Equivalence(
        "ucgm",
        "alpha_flow",
        "special case",
        "At ratio 0 the jump to the data is regressed on the sample's velocity, as in alpha-Flow at a = 1 and t = 1.",
        UNIFIED,
    ),
    Equivalence(
        "imm",
        "ct",
        "equal up to a factor",
        "With one particle it is two-time consistency times k / (d scale l), l the norm of the residual.",
        f"{CONSISTENCY}moment_matching_of_single_particles_pulls_along_the_consistency_residual",
    ),
)
