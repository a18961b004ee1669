"""Curved spaces: the rules of a flow map whose jumps follow geodesics."""

from taxonomy.catalogue.method import NO_HEADLINE, OURS, OURS_SWAPPED_LETTERS, Method

METHODS = (
    Method(
        name="riemannian_lsd",
        title="Generalised Lagrangian self-distillation (G-LSD)",
        characterization="Lagrangian",
        velocity="own",
        stop_gradient="velocity and its input",
        engine="jvp",
        times="triangle s <= t, uniform; {diagonal} on the diagonal",
        weight="uniform",
        paper="davis2025generalised",
        code="none found",
        headline=NO_HEADLINE,
        formula="|v_{t,t}(I_t) - dI_t|^2\n|d_t X_{s,t}(I_s) - sg[v_{t,t}(X_{s,t}(I_s))]|^2, X_{s,t}(x) = "
        "exp_x((t - s) v)",
        translation=OURS,
        note="LSD on a sphere or torus: both vectors are tangent at the mapped point, one jvp through exp. In flat "
        "space it is LSD.",
        differs="Each term has examples of its own.",
    ),
    Method(
        name="riemannian_esd",
        title="Generalised Eulerian self-distillation (G-ESD)",
        characterization="Eulerian",
        velocity="own",
        stop_gradient="advection",
        engine="jvp",
        times="triangle s <= t, uniform; {diagonal} on the diagonal",
        weight="uniform",
        paper="davis2025generalised",
        code="none found",
        headline=NO_HEADLINE,
        formula="|v_{t,t}(I_t) - dI_t|^2\n|d_s X_{s,t}(I_s) + sg[dX_{s,t}(I_s)[v_{s,s}(I_s)]]|^2",
        translation=OURS,
        note="ESD on a sphere or torus; the differential takes the velocity to the mapped point, where both are "
        "compared.",
        differs="Each term has examples of its own.",
    ),
    Method(
        name="riemannian_psd",
        title="Generalised progressive self-distillation (G-PSD)",
        characterization="semigroup",
        velocity="own",
        stop_gradient="all of the target",
        engine="none",
        times="triangle s <= t, uniform; stop at the midpoint; {diagonal} on the diagonal",
        weight="uniform",
        paper="davis2025generalised",
        code="none found",
        headline=NO_HEADLINE,
        formula="|v_{t,t}(I_t) - dI_t|^2\ndistance(X_{s,t}(I_s), sg[X_{u,t}(X_{s,u}(I_s))])^2",
        translation=OURS,
        note="PSD on a sphere or torus: points are compared by their distance. Riemannian MeanFlow calls it split "
        "flow.",
        differs="Each term has examples of its own.",
    ),
    Method(
        name="riemannian_mean_flow",
        title="Riemannian MeanFlow (RMF)",
        characterization="Eulerian",
        velocity="sample",
        stop_gradient="all of the target",
        engine="jvp",
        times="triangle s <= t, uniform; {diagonal} on the diagonal",
        weight="uniform",
        paper="woo2026riemannian",
        code="dongyeop3813/Riemannian-MeanFlow",
        headline=NO_HEADLINE,
        formula="|v_{t,t}(I_t) - dI_t|^2\n|v_{s,t}(I_s) - sg[(t - s) P D_s[w] v - P D_x[w] log_x(y)]|^2, w = dI_s, "
        "y = X_{s,t}(I_s)",
        translation=OURS_SWAPPED_LETTERS,
        note="MeanFlow on a sphere or torus: the derivative of (t - s) v = log_x(y) along the path, made tangent by P.",
        differs="Jumps go forward alone, and no tangent is clipped.",
    ),
)
