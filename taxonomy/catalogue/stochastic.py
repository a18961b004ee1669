"""Maps that are told more than a point: a path of noise, or a point on the way to the data."""

from taxonomy.catalogue.method import NO_HEADLINE, NOISE_AT_ONE_SOURCE_T, OURS, Method

_DRIVEN = "|v_{t,t}(I_t, W) - (dI_t - a_t x0 + sigma_t dW_t/dt)|^2, a_t = sigma_t^2 / (2 alpha_t std^2)\n"

METHODS = (
    Method(
        name="ssfm",
        title="Strong stochastic flow maps (SSFM)",
        characterization="semigroup",
        velocity="own",
        stop_gradient="all of the target",
        engine="none",
        times="triangle s <= t, uniform, u the midpoint; {diagonal} on the diagonal",
        weight="gap of the rule",
        paper="mccallum2026strong",
        code="sammccallum/ssfm",
        headline=NO_HEADLINE,
        formula=_DRIVEN
        + "|v_{s,t}(I_s, W) - sg[(v'_{s,u}(I_s, W) + v'_{u,t}(X'_{s,u}(I_s, W), W)) / 2]|^2, v' the EMA of the weights",
        translation=NOISE_AT_ONE_SOURCE_T,
        note="The map is told a polynomial in place of a Brownian path and follows it: the strong solution of a "
        "stochastic differential equation, not only its law.",
        differs="One polynomial on [0, 1] in place of one on each interval; the diagonal in place of short steps; a "
        "noise that vanishes at the data; Algorithm 1 of the paper stops the other side, its code this one.",
    ),
    Method(
        name="ito_map",
        title="Ito maps",
        characterization="Lagrangian",
        velocity="own",
        stop_gradient="velocity and its input",
        engine="jvp",
        times="triangle s <= t, uniform; {diagonal} on the diagonal",
        weight="uniform",
        paper="pan2026ito",
        code="none found",
        headline=NO_HEADLINE,
        formula=_DRIVEN + "|d/dt X_{s,t}(I_s, W) - sg[v_{t,t}(X_{s,t}(I_s, W), W)]|^2",
        translation=OURS,
        note="LSD along each path of noise: the noise at the end is in both sides of the rule and cancels.",
        differs="Legendre polynomials in place of Karhunen-Loeve or Haar features; the loss is derived here, because "
        "the paper's text was not read.",
    ),
    Method(
        name="posterior_map",
        title="Posterior diamond maps, meta flow maps",
        characterization="Lagrangian",
        velocity="own",
        stop_gradient="velocity and its input",
        engine="jvp",
        times="triangle r <= s of the inner path, uniform; {diagonal} on the diagonal; t of the outer path uniform",
        weight="uniform",
        paper="holderrieth2026diamond",
        code="PeterHolderrieth/diamond_maps",
        headline=NO_HEADLINE,
        formula="|v_{s,s}(J_s; t, I_t) - dJ_s|^2, J_s = alpha_s z + beta_s x1 with noise z of its own\n"
        "|d/ds X_{r,s}(J_r; t, I_t) - sg[v_{s,s}(X_{r,s}(J_r; t, I_t); t, I_t)]|^2",
        translation=OURS,
        note="LSD of the path from noise to the data that x_t may become, told (t, x_t): one jump is a sample. Meta "
        "flow maps (arXiv 2601.14430) are the same object.",
        differs="The diagonal learns from samples, not from the velocity that a trained map has for the posterior.",
    ),
)
