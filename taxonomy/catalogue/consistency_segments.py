"""Consistency models that end elsewhere than at the data: at the ends of segments, or at any target time."""

from taxonomy.catalogue.method import NO_HEADLINE, NOISE_LEVEL, OURS, SIGNAL_AND_NOISE, Method

METHODS = (
    Method(
        name="ctm",
        title="Consistency trajectory models (CTM)",
        characterization="semigroup",
        velocity="teacher",
        stop_gradient="all of the target",
        engine="finite step",
        times="triangle s <= t, uniform, u uniform between them, two steps of the teacher from s to u; {diagonal} "
        "on the diagonal",
        weight="uniform",
        paper="kim2023consistency",
        code="sony/ctm",
        headline="CIFAR-10, 1 step with adversarial loss, FID 1.73",
        formula="|v_{t,t}(I_t) - dI_t|^2\n"
        "|X'_{t,1}(X_{s,t}(I_s)) - sg[X'_{t,1}(X_{u,t}(x_u))]|^2, x_u from the teacher, X' the EMA of the weights",
        translation=NOISE_LEVEL,
        note="The first map between any two times; jumps are compared at the data. Its cost here includes integrating "
        "the teacher.",
        differs="No adversarial term, no perceptual distance; flow matching of constant weight is the denoising term; "
        "from scratch without start_from.",
    ),
    Method(
        name="phased_cm",
        title="Phased consistency models (PCM)",
        characterization="Eulerian",
        velocity="teacher",
        stop_gradient="all of the target",
        engine="finite step",
        times="s uniform, u = s + 0.02, t the end of one of 4 phases",
        weight="inverse step; pseudo-Huber distance",
        paper="wang2024phased",
        code="G-U-N/Phased-Consistency-Model",
        headline=NO_HEADLINE,
        formula="|X_{s,e}(I_s) - sg[X_{u,e}(x_u)]|^2, e the end of the phase of s, x_u one midpoint step of the "
        "teacher from I_s",
        translation=SIGNAL_AND_NOISE,
        note="Each phase has a consistency model of its own, so that several steps need no new noise.",
        differs="No guidance, no adversarial term, a second-order step of the teacher; the distance of an example "
        "instead of one for each coordinate; all weights are trained, from scratch without start_from.",
    ),
    Method(
        name="multistep_cm",
        title="Multistep consistency models",
        characterization="Eulerian",
        velocity="sample",
        stop_gradient="all of the target",
        engine="finite step",
        times="s uniform, u = s + 0.02, t the end of one of 4 segments",
        weight="inverse step",
        paper="heek2024multistep",
        code="none found",
        headline=NO_HEADLINE,
        formula="|X_{s,e}(I_s) - sg[X_{u,e}(I_u)]|^2, e the end of the segment of s",
        translation=SIGNAL_AND_NOISE,
        note="One segment is a consistency model, and ever more of them tend to a diffusion model.",
        differs="A fixed step and a weight of our own: the published weight was not found.",
    ),
    Method(
        name="consistency_fm",
        title="Consistency flow matching (Consistency-FM)",
        characterization="Eulerian",
        velocity="sample",
        stop_gradient="all of the target",
        engine="finite step",
        times="s uniform, u = s + 0.001, t the end of one of 2 segments",
        weight="inverse step; 0.00001 on the second part",
        paper="yang2024consistency",
        code="YangLing0818/consistency_flow_matching",
        headline="CIFAR-10, 2 steps, FID 5.34 (unverified)",
        formula="|X_{s,e}(I_s) - sg[X_{u,e}(I_u)]|^2 + c |v_{s,e}(I_s) - sg[v_{u,e}(I_u)]|^2, e the end of the segment",
        translation=OURS,
        note="Neighbours must agree on the end and on the velocity; the second is a prior for straight paths.",
        differs="Current weights as the target, an average as an option; the loss is divided by the step; no boundary, "
        "which the published configurations name and their class does not read.",
    ),
)
