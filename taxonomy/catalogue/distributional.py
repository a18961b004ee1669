"""Distribution matching: a flow map is trained by comparing distributions instead of paths."""

from taxonomy.catalogue.method import NOISE_AT_ONE, OURS, Method

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
    Method(
        name="drifting",
        title="Drifting models",
        characterization="distributional",
        velocity="sample",
        stop_gradient="all of the target",
        engine="none",
        times="s = 0, t = 1; groups of 8",
        weight="uniform",
        target="none",
        paper="deng2026generative",
        code="lambertae/drifting",
        headline="ImageNet 256, 1 step, FID 1.54",
        formula="|x_i - sg[x_i + V_i]|^2, x = X_{0,1}(z), V_i = sum_j p_ij y_j - sum_j q_ij x_j over a group, j != i, "
        "p and q in proportion to exp(-|x_i - y_j| / tau) and exp(-|x_i - x_j| / tau), y data",
        translation=OURS,
        note="No network makes the target and no path is used: data attract, the other generated points repel. With a "
        "Gaussian kernel V is tau^2 times the difference of the scores of both smoothed laws, as in DMD.",
        differs="On the points themselves, at one temperature. Published: features of a frozen encoder at several "
        "scales and three temperatures, each drift normalized to unit length, softmax over both sides of all pairs at "
        "once, and guidance by data of other classes. The own data point is left out, so that both sums have as many "
        "terms.",
    ),
)
