import numpy as np
import pytest

from objectives.build import OBJECTIVES
from objectives.mixture import mixture
from objectives.objective import Maps
from taxonomy import flow_map
from taxonomy.interpolants import INTERPOLANTS
from tests.helpers import softmaxed, tiny, tiny_params
from tests.objectives.test_build import draw


def counted(calls, v):
    def counting(*args):
        calls.append(1)
        return v(*args)

    return counting


@pytest.mark.parametrize(
    ("name", "student", "target", "teacher"),
    # Calls of the network's code: a jvp traces it once, and both branches of a curriculum are traced.
    [
        ("flow_matching", 1, 0, 0),
        ("reflow", 1, 0, 17),
        ("endpoint_regression", 1, 0, 17),
        ("cmt", 1, 0, 34),
        ("lmd", 1, 0, 1),
        ("lsd", 2, 1, 0),
        ("ayf_lmd", 1, 0, 1),
        ("tvm", 2, 1, 0),
        ("fmm", 4, 0, 0),
        ("lmf", 1, 1, 0),
        ("free_flow", 4, 4, 2),
        ("pid", 2, 0, 1),
        ("boot", 2, 1, 2),
        ("sdei", 1, 1, 1),
        ("stei", 2, 2, 0),
        ("sdee", 1, 1, 1),
        ("stee", 1, 1, 0),
        ("emd", 1, 0, 1),
        ("esd", 3, 1, 0),
        ("ayf_emd", 1, 0, 1),
        ("mean_flow", 2, 0, 0),
        ("improved_mean_flow", 2, 1, 0),
        ("pixel_mean_flow", 2, 1, 0),
        ("alpha_flow", 3, 1, 0),
        ("so_flow", 2, 1, 0),
        ("decoupled_mean_flow", 2, 0, 0),
        ("rectified_mean_flow", 2, 0, 34),
        ("tim", 2, 2, 0),
        ("esc", 4, 0, 0),
        ("euler_mean_flow", 2, 1, 0),
        ("progressive_distillation", 2, 2, 2),
        ("shortcut", 2, 2, 0),
        ("psd_m", 2, 2, 0),
        ("psd_u", 2, 2, 0),
        ("split_mean_flow", 2, 2, 1),
        ("pfmm", 2, 2, 10),
        ("cd", 1, 1, 2),
        ("ct", 1, 1, 0),
        ("ict", 1, 1, 0),
        ("ect", 1, 1, 0),
        ("cd_continuous", 1, 0, 1),
        ("ct_continuous", 1, 0, 0),
        ("scd", 1, 0, 1),
        ("sct", 1, 0, 0),
        ("tcm", 2, 4, 0),
        ("ctm", 3, 2, 5),
        ("phased_cm", 1, 1, 2),
        ("multistep_cm", 1, 1, 0),
        ("consistency_fm", 1, 1, 0),
        ("facm", 2, 0, 0),
        ("ucgm", 1, 3, 0),
        ("imm", 1, 1, 0),
        ("drifting", 1, 0, 0),
        ("dmd", 3, 1, 1),
        ("rcm", 4, 1, 2),
        ("any_flow", 7, 5, 1),
        ("ssfm", 2, 2, 0),
        ("ito_map", 2, 1, 0),
        ("posterior_map", 2, 1, 0),
        ("riemannian_lsd", 2, 1, 0),
        ("riemannian_esd", 3, 1, 0),
        ("riemannian_psd", 2, 2, 0),
        ("riemannian_mean_flow", 2, 0, 0),
        ("categorical_lsd", 3, 0, 0),
        ("categorical_esd", 3, 0, 0),
        ("categorical_psd", 4, 0, 0),
    ],
)
def test_network_evaluations_are_those_that_the_cost_counts(name, student, target, teacher):
    objective, v = OBJECTIVES[name](), tiny(tiny_params())
    calls = {key: [] for key in ("student", "target", "teacher")}
    maps = Maps(
        student=counted(calls["student"], v),
        target=counted(calls["target"], v),
        teacher=counted(calls["teacher"], flow_map.diagonal(v)),
        stage=counted(calls["target"], v),
        auxiliary=counted(calls["student"], flow_map.diagonal(v)),
        log_variance=lambda s, t: s + t,
        # It makes the targets, too.
        log_denoiser=softmaxed(counted(calls["student"], v)),
    )
    value, _ = mixture(objective.terms, maps, INTERPOLANTS["linear"], draw(objective, 8))
    assert np.isfinite(value)
    assert {key: len(made) for key, made in calls.items()} == {"student": student, "target": target, "teacher": teacher}
