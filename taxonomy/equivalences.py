"""Which rows of the catalogue coincide: exactly, up to a factor, in a limit or on average, each with its test."""

import dataclasses

RELATIONS = ("equal", "equal up to a factor", "equal up to a term", "equal on average", "limit", "special case")

_PROVEN = "tests/objectives/test_identities.py::test_"
_CONTRACT = "tests/objectives/test_contract.py::test_"
_MORE = "tests/objectives/test_equivalences.py::test_"
_UNBIASED = f"{_PROVEN}sample_velocity_is_unbiased_exactly_where_it_is_used_linearly"
_SEMIGROUP = f"{_PROVEN}semigroup_tends_to_the_eulerian_and_the_lagrangian_rule"
_VANISHES = f"{_CONTRACT}on_the_diagonal_self_distillation_has_no_residual_and_no_gradient"
_DIAGONAL = f"{_MORE}at_equal_times_losses_of_the_sample_velocity_are_flow_matching"
_ALPHA = f"{_PROVEN}alpha_flow_is_mean_flow_in_the_limit_and_flow_matching_at_one"
_SIMPLIFIED = f"{_MORE}simplified_consistency_is_continuous_consistency_up_to_a_weight"


@dataclasses.dataclass(frozen=True)
class Equivalence:
    """A relation between the losses of two rows.

    Attributes:
      left: name of a row.
      right: name of a row.
      relation: one of ``RELATIONS``; "limit" and "special case" read: left becomes right.
      statement: what exactly holds; of gradients, unless it says otherwise.
      test: path::function of the test that proves it.
    """

    left: str
    right: str
    relation: str
    statement: str
    test: str


EQUIVALENCES: tuple[Equivalence, ...] = (
    Equivalence(
        "mean_flow",
        "emd",
        "equal up to a term",
        "On the same velocity both have the value |R|^2; MeanFlow keeps the part -2 R . grad v of the gradient.",
        f"{_MORE}mean_flow_has_the_value_of_the_eulerian_residual_and_a_part_of_its_gradient",
    ),
    Equivalence(
        "esd",
        "mean_flow",
        "equal up to a term",
        "ESD is MeanFlow on the own velocity plus 2 (t - s) R . grad d_s v.",
        f"{_PROVEN}full_esd_is_mean_flow_on_the_own_velocity_plus_one_term",
    ),
    Equivalence(
        "lsd",
        "ayf_lmd",
        "equal up to a term",
        "LSD is the stopped Lagrangian loss on the own velocity plus 2 (t - s) R . grad d_t v.",
        f"{_PROVEN}lsd_is_the_stopped_lagrangian_target_plus_one_term",
    ),
    Equivalence(
        "ayf_emd",
        "mean_flow",
        "equal up to a factor",
        "The pseudo-loss of AYF-EMD has (t - s) / 2 times the gradient of MeanFlow on the teacher's velocity.",
        f"{_MORE}ayf_emd_is_mean_flow_on_the_teacher_times_half_the_gap",
    ),
    Equivalence(
        "ayf_lmd",
        "lmd",
        "limit",
        "The squared discrete AYF-LMD loss over its step tends to t - s times LMD with its whole target stopped.",
        f"{_MORE}discrete_ayf_lmd_tends_to_the_stopped_lagrangian_loss",
    ),
    Equivalence(
        "tvm",
        "lsd",
        "special case",
        "Where the averaged weights are the weights, and without guidance, the terminal term of TVM is that of LSD.",
        f"{_MORE}tvm_is_lsd_where_the_average_is_the_network",
    ),
    Equivalence(
        "fmm",
        "lmd",
        "equal",
        "For an invertible map the pulled-back residual is the Lagrangian one at the source point, in value.",
        f"{_PROVEN}pulled_back_lagrangian_is_the_lagrangian_residual_at_the_source",
    ),
    Equivalence(
        "lmf",
        "fmm",
        "special case",
        "LMF is the first term of FMM with source point and derivative stopped; its push-forward form is the same.",
        f"{_MORE}lmf_is_the_first_term_of_fmm_with_source_and_derivative_stopped",
    ),
    Equivalence(
        "psd_u",
        "esd",
        "limit",
        "With a vanishing first leg the semigroup residual over its share tends to the Eulerian one, in value.",
        _SEMIGROUP,
    ),
    Equivalence(
        "psd_u",
        "lsd",
        "limit",
        "With a vanishing second leg the semigroup residual over its share tends to the Lagrangian one, in value.",
        _SEMIGROUP,
    ),
    Equivalence(
        "pfmm",
        "psd_m",
        "equal up to a factor",
        "In points instead of velocities the semigroup loss on the same target map is (t - s)^2 times as large.",
        f"{_PROVEN}progressive_in_points_is_the_gap_squared_times_the_loss",
    ),
    Equivalence(
        "sdei",
        "sdee",
        "equal on average",
        "Over u uniform on [s, t] both are least squares around the exact map.",
        f"{_PROVEN}secants_average_to_the_exact_map",
    ),
    Equivalence(
        "improved_mean_flow",
        "mean_flow",
        "special case",
        "Along the sample's velocity the improved loss is MeanFlow.",
        f"{_PROVEN}improved_mean_flow_along_the_sample_is_mean_flow",
    ),
    Equivalence(
        "tim",
        "mean_flow",
        "limit",
        "The central difference tends to MeanFlow at second order in its step.",
        f"{_PROVEN}central_difference_tends_to_mean_flow_at_second_order",
    ),
    Equivalence("alpha_flow", "mean_flow", "limit", "alpha-Flow tends to MeanFlow at first order as a -> 0.", _ALPHA),
    Equivalence(
        "alpha_flow",
        "flow_matching",
        "special case",
        "At a = 1 the whole jump is regressed on the sample's velocity, as flow matching does at s = t.",
        _ALPHA,
    ),
    Equivalence(
        "alpha_flow",
        "so_flow",
        "equal up to a factor",
        "alpha-Flow is twice the consistency term of SoFlow, for every step.",
        f"{_MORE}alpha_flow_is_twice_so_flow",
    ),
    Equivalence(
        "alpha_flow",
        "euler_mean_flow",
        "equal up to a factor",
        "Both have the same target, an Euler step of the data and one jump; alpha-Flow divides the loss by a.",
        f"{_MORE}alpha_flow_is_euler_mean_flow_over_the_share_of_the_step",
    ),
    Equivalence(
        "alpha_flow",
        "psd_m",
        "equal up to a factor",
        "At a = 1/2, with the own average velocity in place of the sample's, alpha-Flow is twice PSD-M.",
        f"{_MORE}alpha_flow_at_one_half_on_the_own_velocity_is_twice_psd_m",
    ),
    Equivalence(
        "alpha_flow",
        "ct",
        "equal up to a factor",
        "With two times consistency training is (t - s)^2 times alpha-Flow before its weight; CT is the case t = 1.",
        f"{_PROVEN}alpha_flow_is_two_time_consistency",
    ),
    Equivalence(
        "ct_continuous",
        "mean_flow",
        "equal up to a factor",
        "Continuous consistency is t - s times MeanFlow at t = 1.",
        f"{_PROVEN}continuous_consistency_is_mean_flow_times_the_gap",
    ),
    Equivalence(
        "ct",
        "ct_continuous",
        "limit",
        "Finite consistency over its step tends to the continuous one at first order.",
        f"{_PROVEN}finite_consistency_tends_to_the_continuous_one_at_first_order",
    ),
    Equivalence(
        "ct",
        "cd",
        "limit",
        "On average over the data the sample's velocity is biased at a finite step; the bias vanishes with the step.",
        f"{_PROVEN}consistency_training_is_biased_at_finite_step_and_unbiased_in_the_limit",
    ),
    Equivalence(
        "sct",
        "ct_continuous",
        "equal up to a factor",
        "Unweighted and not normalized, sCT is 2 cos(tau) / sin(tau) times X . sg[dX/dtau] along the sample.",
        _SIMPLIFIED,
    ),
    Equivalence(
        "scd",
        "cd_continuous",
        "equal up to a factor",
        "Unweighted and not normalized, sCD is 2 cos(tau) / sin(tau) times X . sg[dX/dtau] along the teacher.",
        _SIMPLIFIED,
    ),
    Equivalence(
        "mean_flow",
        "ayf_emd",
        "equal on average",
        "Over the data at a point the sample's velocity gives what the exact velocity gives, up to the gap's factor.",
        _UNBIASED,
    ),
    Equivalence(
        "ct_continuous",
        "cd_continuous",
        "equal on average",
        "Over the data at a point the sample's velocity gives what the exact velocity gives.",
        _UNBIASED,
    ),
    Equivalence(
        "stee",
        "sdee",
        "equal on average",
        "Over the data at a point the sample's velocity gives what the exact velocity gives.",
        _UNBIASED,
    ),
    Equivalence(
        "lsd", "flow_matching", "special case", "At s = t the Lagrangian term and its gradient are 0.", _VANISHES
    ),
    Equivalence(
        "esd", "flow_matching", "special case", "At s = t the Eulerian term and its gradient are 0.", _VANISHES
    ),
    Equivalence(
        "psd_m", "flow_matching", "special case", "At s = t the second term and its gradient are 0.", _VANISHES
    ),
    Equivalence("mean_flow", "flow_matching", "special case", "At s = t the second term is the first.", _DIAGONAL),
    Equivalence("lmf", "flow_matching", "special case", "At s = t the loss is flow matching.", _DIAGONAL),
    Equivalence("stee", "flow_matching", "special case", "At s = t the loss is flow matching.", _DIAGONAL),
    Equivalence(
        "mean_flow",
        "decoupled_mean_flow",
        "equal",
        "Guided targets have one fixed point: scale w = omega / (1 - kappa) in MeanFlow, 1 / (1 - omega) in DMF.",
        f"{_MORE}guided_targets_have_the_stated_fixed_point",
    ),
)


def involving(name: str) -> tuple[Equivalence, ...]:
    """The equivalences that name a row on either side."""
    return tuple(one for one in EQUIVALENCES if name in (one.left, one.right))
