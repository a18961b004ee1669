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
        times="triangle s <= t, uniform, u = s + 0.05; groups of 4 share them",
        weight="uniform",
        paper="zhou2025inductive",
        code="lumalabs/imm",
        headline="ImageNet 256, 8 steps, FID 1.99",
        formula="MMD^2({X_{s,t}(I_s)}, sg{X_{u,t}(I_u)}) over the particles of a group",
        translation=NOISE_AT_ONE,
        note="Consistency of the distribution instead of each point; with one particle it is like consistency "
        "training.",
        differs="A step of fixed length and no weight of the time; the network predicts average velocities.",
    ),
)
