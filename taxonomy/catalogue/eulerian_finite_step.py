"""The Eulerian rule with two times at a finite step: no derivative of the network is taken."""

from taxonomy.catalogue.method import NO_HEADLINE, NOISE_AT_ONE, NOISE_AT_ONE_SOURCE_T, OURS, Method

METHODS = (
    Method(
        name="alpha_flow",
        title="alpha-Flow",
        characterization="Eulerian",
        velocity="sample",
        stop_gradient="all of the target",
        engine="finite step",
        times="two sorted logit-normal times, {diagonal} on the diagonal; u = s + a (t - s)",
        weight="adaptive power, in which 1 / a cancels",
        paper="zhang2025alphaflow",
        code="snap-research/alphaflow",
        headline="ImageNet 256, 1 step, FID 2.58",
        formula="|v_{t,t}(I_t) - dI_t|^2\n"
        "|v_{s,t}(I_s) - sg[a dI_s + (1 - a) v_{u,t}(I_s + (u - s) dI_s)]|^2 / a, a from 1 to 0",
        translation=NOISE_AT_ONE,
        note="A bridge from flow matching at a = 1 to MeanFlow at a = 0, crossed during training.",
        differs="No guidance and no clamp of the target.",
    ),
    Method(
        name="so_flow",
        title="SoFlow, solution flow models",
        characterization="Eulerian",
        velocity="sample",
        stop_gradient="all of the target",
        engine="finite step",
        times="two sorted logit-normal times, {diagonal} on the diagonal; u = s + r (t - s), r from 0.1 to 0.002",
        weight="adaptive power",
        paper="luo2025soflow",
        code="zlab-princeton/SoFlow",
        headline="ImageNet 256, 1 step, FID 2.96",
        formula="|v_{t,t}(I_t) - dI_t|^2\nv_{s,t}(I_s) . sg[(X_{s,t}(I_s) - X_{u,t}(I_s + (u - s) dI_s)) / (u - s)]",
        translation=NOISE_AT_ONE_SOURCE_T,
        note="The gradient of alpha-Flow written as a dot product, so that no small step divides it.",
        differs="No guidance, no dropout, the Euler form alone; times as in MeanFlow instead of a distribution for "
        "each end.",
    ),
    Method(
        name="tim",
        title="Transition models (TiM)",
        characterization="Eulerian",
        velocity="sample",
        stop_gradient="all of the target",
        engine="central difference",
        times="triangle s <= t, uniform; {diagonal} on the diagonal",
        weight="uniform",
        paper="wang2025transition",
        code="WZDTHU/TiM",
        headline="ImageNet 256, 2 evaluations, FID 6.14",
        formula="|v_{t,t}(I_t) - dI_t|^2\n"
        "|v_{s,t}(I_s) - sg[dI_s + (t - s) (v_{s+h,t}(I_{s+h}) - v_{s-h,t}(I_{s-h})) / (2 h)]|^2, h = 0.005",
        translation=NOISE_AT_ONE,
        note="MeanFlow without a forward-mode derivative: two more evaluations along the sample's path.",
        differs="Linear transport alone; no share of jumps to the data, no weights, no term of directions or "
        "features, no guidance.",
    ),
    Method(
        name="euler_mean_flow",
        title="Euler mean flows (EMF)",
        characterization="Eulerian",
        velocity="sample",
        stop_gradient="all of the target",
        engine="finite step",
        times="triangle s <= t, uniform; {diagonal} on the diagonal; u = s + 0.02",
        weight="1 / a on the second term",
        paper="li2026trajectory",
        code="none found",
        headline=NO_HEADLINE,
        formula="|v_{t,t}(I_t) - dI_t|^2\n"
        "|v_{s,t}(I_s) - sg[a dI_s + (1 - a) v_{u,t}(I_s + (u - s) dI_s)]|^2, a = (u - s) / (t - s)",
        translation=OURS,
        note="The semigroup rule whose first, short leg is an Euler step of the data: the template of alpha-Flow.",
        differs="The weight, the step and the share of the diagonal are ours: the published ones were not found.",
    ),
)
