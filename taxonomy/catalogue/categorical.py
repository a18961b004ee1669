"""The simplex: the rules of a flow map for its mean denoiser, a distribution over categories."""

from taxonomy.catalogue.method import NO_HEADLINE, OURS, Method

_DIAGONAL = "-sum_k x1^k log psi_{t,t}^k(I_t)\n"
_NOISE = "The noise has the standard deviation of the data."
_FLOOR = "Each term has examples of its own, and a floor keeps the target a distribution. " + _NOISE

METHODS = (
    Method(
        name="categorical_lsd",
        title="Lagrangian self-distillation of the mean denoiser (DFM, LSD)",
        characterization="Lagrangian",
        velocity="own",
        stop_gradient="all of the target",
        engine="jvp",
        times="triangle s <= t, uniform; {diagonal} on the diagonal",
        weight="uniform; cross entropy and KL",
        paper="potaptchik2026discrete",
        code="none found",
        headline=NO_HEADLINE,
        formula=_DIAGONAL + "KL(sg[q] | psi_{s,t}(I_s)), q ~ psi_{t,t}(X_{s,t}(I_s)) / (1 + C d_t log psi_{s,t}(I_s)), "
        "C = (t - s)(1 - t) / (1 - s)",
        translation=OURS,
        note="LSD for data that are categories: psi = x + (1 - s) v is a distribution and is compared by KL. "
        "Categorical flow maps (arXiv 2602.12233) take squares of the same rule times 1 - t, or a bound on them.",
        differs=_FLOOR,
    ),
    Method(
        name="categorical_esd",
        title="Eulerian self-distillation of the mean denoiser (DFM, ESD)",
        characterization="Eulerian",
        velocity="own",
        stop_gradient="all of the target",
        engine="jvp",
        times="triangle s <= t, uniform; {diagonal} on the diagonal",
        weight="uniform; cross entropy and KL",
        paper="potaptchik2026discrete",
        code="none found",
        headline=NO_HEADLINE,
        formula=_DIAGONAL + "KL(sg[q] | psi_{s,t}(I_s)), q ~ psi_{s,s}(I_s) / (1 - t - (1 - s)(t - s) D_s log "
        "psi_{s,t}(I_s))",
        translation=OURS,
        note="ESD for data that are categories; D_s is the derivative along the own velocity. Near t = 1 the target "
        "is a quotient of two numbers near zero.",
        differs=_FLOOR,
    ),
    Method(
        name="categorical_psd",
        title="Progressive self-distillation of the mean denoiser (DFM, PSD; FMLM)",
        characterization="semigroup",
        velocity="own",
        stop_gradient="all of the target",
        engine="none",
        times="triangle s <= t, uniform; stop at the midpoint; {diagonal} on the diagonal",
        weight="uniform; cross entropy and KL",
        paper="potaptchik2026discrete",
        code="none found",
        headline=NO_HEADLINE,
        formula=_DIAGONAL + "KL(sg[a psi_{s,u}(I_s) + (1 - a) psi_{u,t}(X_{s,u}(I_s))] | psi_{s,t}(I_s)), a = "
        "(1 - t)(u - s) / ((1 - u)(t - s))",
        translation=OURS,
        note="PSD for data that are categories: the target is an average of two distributions, whatever the network. "
        "Flow map language models (arXiv 2602.16813) distil by the same rule.",
        differs="Each term has examples of its own. " + _NOISE,
    ),
)
