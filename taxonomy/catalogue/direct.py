"""Direct regression: on velocities, or on the ends of solved trajectories."""

from taxonomy.catalogue.method import NO_HEADLINE, NOISE_LEVEL, OURS, Method

METHODS = (
    Method(
        name="flow_matching",
        title="Flow matching",
        characterization="tangent",
        velocity="sample",
        stop_gradient="nothing",
        engine="none",
        times="s = t, uniform",
        weight="uniform",
        target="none",
        paper="lipman2022flow",
        code="facebookresearch/flow_matching",
        headline=NO_HEADLINE,
        formula="|v_{t,t}(I_t) - dI_t|^2",
        translation=OURS,
        note="It learns the velocity, the diagonal of every flow map, and no jump.",
        differs="",
    ),
    Method(
        name="reflow",
        title="Rectified flow, second round (reflow)",
        characterization="tangent",
        velocity="paired samples",
        stop_gradient="nothing",
        engine="none",
        times="s = t, uniform",
        weight="uniform",
        target="teacher",
        paper="liu2022flow",
        code="gnobitab/RectifiedFlow",
        headline=NO_HEADLINE,
        formula="|v_{t,t}(I_t) - (z1 - z0)|^2 with I_t = (1 - t) z0 + t z1 and z1 = X_{0,1}(z0) of a first flow",
        translation=OURS,
        note="Flow matching on noise paired with where a first flow carried it: straighter paths. Its cost here "
        "includes making the pairs.",
        differs="Pairs are made anew in each step, by 8 midpoint steps of the teacher, and not kept; from scratch "
        "without start_from.",
    ),
    Method(
        name="endpoint_regression",
        title="Knowledge distillation from pairs of noise and end point",
        characterization="direct",
        velocity="paired samples",
        stop_gradient="nothing",
        engine="none",
        times="s = 0, t = 1",
        weight="uniform",
        target="teacher",
        paper="liu2022flow",
        code="gnobitab/RectifiedFlow",
        headline=NO_HEADLINE,
        formula="|v_{0,1}(z0) - (z1 - z0)|^2 with z1 the end of the teacher's trajectory from z0",
        translation=OURS,
        note="The plainest distillation, reflow's option of t = 0 alone: one jump, learned from solved trajectories, "
        "whose cost is counted here.",
        differs="Pairs are made anew in each step and not kept; no perceptual distance; from scratch without "
        "start_from.",
    ),
    Method(
        name="cmt",
        title="Consistency mid-training (CMT)",
        characterization="direct",
        velocity="teacher",
        stop_gradient="nothing",
        engine="none",
        times="triangle s <= t, uniform, on a solved trajectory that starts from noise",
        weight="uniform",
        target="teacher",
        paper="hu2025cmt",
        code="sony/cmt",
        headline="ImageNet 512, 2 steps, FID 1.84",
        formula="|v_{s,t}(x_s) - (x_t - x_s) / (t - s)|^2 with x_s and x_t on one trajectory of the teacher that "
        "starts from noise",
        translation=NOISE_LEVEL,
        note="A warm-up between flow matching and a flow map objective: jumps are regressed on trajectories, whose "
        "cost is counted here.",
        differs="Both times of the jump are trained, not the data end alone; trajectories are solved anew in each "
        "step; no perceptual distance.",
    ),
)
