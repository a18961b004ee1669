"""Distribution matching: a flow map is trained by comparing distributions instead of paths."""

from taxonomy.catalogue.method import NOISE_AT_ONE, Method

METHODS = (
    Method(
        name="imm",
        title="Inductive moment matching (IMM)",
        characterization="distributional",
        velocity="sample",
        stop_gradient="all of the target",
        engine="finite step",
        times="s uniform, t uniform after it, u where the noise level is lower by a constant; groups of 4 share them",
        weight="that of the likelihood's bound, shifted to the noise and held back at the ends",
        paper="zhou2025inductive",
        code="lumalabs/imm",
        headline="ImageNet 256, 8 steps, FID 1.99",
        formula="MMD^2({X_{s,t}(I_s)}, sg{X_{u,t}(I_u)}) over the particles of a group, with the kernel "
        "exp(-|x - y| / (D (t - s)))",
        translation=NOISE_AT_ONE,
        note="Consistency of the distribution instead of each point; with one particle it is like consistency "
        "training.",
        differs="No guidance; the linear path throughout.",
    ),
)
