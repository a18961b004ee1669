"""Which methods coincide: exactly, up to a factor, in a limit or on average, each with its test."""

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

_OWN_TEACHER = f"{_MORE}self_distillation_has_the_own_diagonal_as_its_teacher"
_SAMPLE_TEACHER = f"{_MORE}training_has_the_sample_as_its_teacher"
_PAIRS = f"{_MORE}rows_on_pairs_are_the_plain_ones_on_other_data"
_FROM_DATA = f"{_MORE}consistency_rows_from_data_have_one_loss"
_UNIFIED = f"{_MORE}unified_models_run_from_regression_over_consistency_to_continuous_consistency"


@dataclasses.dataclass(frozen=True)
class Equivalence:
    """A relation between the losses of two methods.

    Attributes:
      left: name of a method.
      right: name of a method.
      relation: one of ``RELATIONS``; "limit" and "special case" read: left becomes right.
      statement: what exactly holds; of gradients, unless stated otherwise.
      test: path::function of the test that proves it.
    """

    left: str
    right: str
    relation: str
    statement: str
    test: str


EQUIVALENCES: tuple[Equivalence, ...] = (
    Equivalence(
        "reflow",
        "flow_matching",
        "equal",
        "Reflow is flow matching on pairs of noise and the end of the teacher's trajectory from it.",
        _PAIRS,
    ),
    Equivalence(
        "cmt",
        "endpoint_regression",
        "special case",
        "At s = 0 and t = 1 the jump of the teacher's trajectory is its whole way from noise to data.",
        f"{_MORE}mid_training_over_the_whole_way_is_endpoint_regression",
    ),
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
        "Where the EMA is the weights, and without guidance, the terminal term of TVM is that of LSD.",
        f"{_MORE}tvm_is_lsd_where_the_average_is_the_network",
    ),
    Equivalence(
        "lsd",
        "lmd",
        "special case",
        "LSD is LMD with the velocity stopped, where the teacher is the map's own diagonal.",
        _OWN_TEACHER,
    ),
    Equivalence(
        "boot",
        "ayf_lmd",
        "limit",
        "From s = 0 the main term of BOOT times its step tends to AYF-LMD with its weight t, at first order.",
        f"{_MORE}boot_is_discrete_ayf_lmd_from_noise",
    ),
    Equivalence(
        "free_flow",
        "ayf_lmd",
        "limit",
        "From s = 0 the prediction of FreeFlow tends to the loss of AYF-LMD at second order in its step.",
        f"{_MORE}prediction_of_free_flow_tends_to_ayf_lmd_from_noise",
    ),
    Equivalence(
        "pid",
        "lmd",
        "limit",
        "From s = 0, at first order: (1 - t)^2 times LMD with the velocity stopped, plus 2 (1 - t) R . grad X.",
        f"{_MORE}pid_tends_to_lmd_on_a_stopped_teacher_from_noise",
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
        f"{_MORE}pfmm_of_the_student_itself_is_psd_m_in_points",
    ),
    Equivalence(
        "shortcut",
        "psd_m",
        "special case",
        "With the current weights as target, the longer jumps of shortcut models are PSD-M on a dyadic grid.",
        f"{_MORE}shortcut_is_psd_m_on_a_dyadic_grid",
    ),
    Equivalence(
        "split_mean_flow",
        "psd_u",
        "equal",
        "The second terms are one loss; on the diagonal a teacher's velocity stands for the sample's.",
        f"{_MORE}split_mean_flow_is_psd_u_with_a_teacher_on_the_diagonal",
    ),
    Equivalence(
        "progressive_distillation",
        "pfmm",
        "equal up to a factor",
        "Two jumps of one frozen map through the midpoint; the weights are max(s^2, (1 - s)^2) and (t - s)^2.",
        f"{_MORE}progressive_distillation_is_pfmm_up_to_its_weight",
    ),
    Equivalence(
        "sdei",
        "sdee",
        "equal on average",
        "Over u uniform on [s, t] both are least squares around the exact map.",
        f"{_PROVEN}secants_average_to_the_exact_map",
    ),
    Equivalence(
        "stei",
        "sdei",
        "special case",
        "STEI is SDEI whose teacher is the map's own diagonal.",
        _OWN_TEACHER,
    ),
    Equivalence(
        "esd",
        "emd",
        "special case",
        "ESD is EMD with the advection stopped, where the teacher is the map's own diagonal.",
        _OWN_TEACHER,
    ),
    Equivalence(
        "improved_mean_flow",
        "mean_flow",
        "special case",
        "The derivative follows the own velocity; where that is the sample's, the second term is that of MeanFlow.",
        f"{_MORE}improved_mean_flow_is_mean_flow_where_its_own_velocity_is_that_of_the_sample",
    ),
    Equivalence(
        "pixel_mean_flow",
        "improved_mean_flow",
        "equal",
        "One loss of the map; for a network that gives mean denoisers it is their squared error over (1 - s)^2.",
        f"{_MORE}pixel_mean_flow_is_improved_mean_flow_of_a_denoiser",
    ),
    Equivalence(
        "rectified_mean_flow",
        "mean_flow",
        "equal",
        "Rectified MeanFlow is MeanFlow on pairs of noise and the end of the teacher's trajectory from it.",
        _PAIRS,
    ),
    Equivalence(
        "decoupled_mean_flow",
        "mean_flow",
        "equal",
        "Before the learned likelihood and without guidance the loss is that of MeanFlow.",
        f"{_MORE}decoupled_mean_flow_has_the_loss_of_mean_flow",
    ),
    Equivalence(
        "esc",
        "mean_flow",
        "equal on average",
        "Over the data at a point MeanFlow gives what the plug-in velocity over all data gives.",
        f"{_MORE}explicit_shortcut_has_the_mean_of_mean_flow_over_the_data",
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
        "Unweighted and not normalized, sCT is 2 cos(tau) / sin(tau) times X . sg[dX/dtau] along the sample, "
        "that is s ((1 - s)^2 + s^2) / (1 - s) times continuous consistency.",
        _SIMPLIFIED,
    ),
    Equivalence(
        "scd",
        "cd_continuous",
        "equal up to a factor",
        "Unweighted and not normalized, sCD is 2 cos(tau) / sin(tau) times X . sg[dX/dtau] along the teacher, "
        "that is s ((1 - s)^2 + s^2) / (1 - s) times continuous consistency.",
        _SIMPLIFIED,
    ),
    Equivalence(
        "ict",
        "ct",
        "equal",
        "On the same times and with the current weights as target it is one loss, before weight and metric.",
        _FROM_DATA,
    ),
    Equivalence(
        "ect",
        "ict",
        "equal",
        "On the same times it is one loss, with its weight and metric; they differ in how the step shrinks.",
        _FROM_DATA,
    ),
    Equivalence(
        "tcm",
        "ict",
        "special case",
        "In the first half of training, before a stage is frozen, both terms are iCT.",
        _FROM_DATA,
    ),
    Equivalence(
        "cd",
        "ct",
        "special case",
        "A teacher that gives the sample's velocity makes the neighbour of the same noise and data.",
        _SAMPLE_TEACHER,
    ),
    Equivalence(
        "scd",
        "sct",
        "special case",
        "A teacher that gives the sample's velocity makes sCD the loss of sCT.",
        _SAMPLE_TEACHER,
    ),
    Equivalence(
        "cd",
        "cd_continuous",
        "limit",
        "Consistency distillation over its step tends to the continuous one at first order.",
        f"{_MORE}consistency_distillation_tends_to_the_continuous_one",
    ),
    Equivalence(
        "phased_cm",
        "cd",
        "special case",
        "With one phase the residual is that of CD; a pseudo-Huber metric and one over the step weigh it.",
        f"{_MORE}one_phase_is_consistency_distillation",
    ),
    Equivalence(
        "phased_cm",
        "multistep_cm",
        "special case",
        "A teacher that gives the sample's velocity makes the neighbour of multistep consistency, before the metric.",
        _SAMPLE_TEACHER,
    ),
    Equivalence(
        "multistep_cm",
        "ct",
        "special case",
        "With one segment the loss is that of CT over the step.",
        f"{_MORE}one_segment_is_consistency_training",
    ),
    Equivalence(
        "consistency_fm",
        "multistep_cm",
        "special case",
        "Without the part that compares velocities the loss is multistep consistency.",
        f"{_MORE}consistency_flow_matching_without_its_prior_is_multistep_consistency",
    ),
    Equivalence(
        "ctm",
        "cd",
        "special case",
        "At t = 1, with one step of the teacher, the second term is CD.",
        f"{_MORE}trajectories_that_end_at_the_data_are_consistency_distillation",
    ),
    Equivalence(
        "facm",
        "ct_continuous",
        "equal up to a factor",
        "Without clip and weight the second term is (1 - s^p) / (1 - s) times continuous consistency.",
        f"{_MORE}flow_anchored_consistency_is_continuous_consistency_up_to_a_factor",
    ),
    Equivalence(
        "ucgm",
        "ct_continuous",
        "limit",
        "At ratio 1, without clip and weight: 4 / sin(1.57 (1 - s)) times the other, at second order in the step.",
        _UNIFIED,
    ),
    Equivalence(
        "ucgm",
        "ct",
        "equal up to a factor",
        "At a ratio in (0, 1), without clip and weight: 4 / (sin(1.57 (1 - s)) (u - s)) times the other.",
        _UNIFIED,
    ),
    Equivalence(
        "ucgm",
        "alpha_flow",
        "special case",
        "At ratio 0 the jump to the data is regressed on the sample's velocity, as in alpha-Flow at a = 1 and t = 1.",
        _UNIFIED,
    ),
    Equivalence(
        "imm",
        "ct",
        "equal up to a factor",
        "With one particle it is two-time consistency times k / (d scale l), l^2 the mean square of the residual.",
        f"{_MORE}moment_matching_of_single_particles_pulls_along_the_consistency_residual",
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
    Equivalence("fmm", "flow_matching", "special case", "At s = t the first term is flow matching.", _DIAGONAL),
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
    """The equivalences that name a method on either side."""
    return tuple(one for one in EQUIVALENCES if name in (one.left, one.right))
