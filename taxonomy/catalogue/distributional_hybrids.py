"""Rules of a path together with distribution matching."""

from taxonomy.catalogue.method import ANGLE, NO_HEADLINE, NOISE_AT_ONE, Method

METHODS = (
    Method(
        name="rcm",
        title="Score-regularized continuous consistency (rCM)",
        characterization="Eulerian",
        velocity="teacher",
        stop_gradient="all of the target",
        engine="jvp",
        times="log-normal tangent of the angle, t = 1; r from another one, s = 0 and t = 1 on the other terms",
        weight="normalized tangent; on the correction 1 / 100 over the error of the teacher's denoiser",
        paper="zheng2025large",
        code="NVlabs/rcm",
        headline=NO_HEADLINE,
        formula="|F - sg[F + g]|^2 with X = cos(tau) x - sin(tau) F and g = cos(tau) dX/dtau along the teacher\n"
        "X_{0,1}(z) . sg[w_r(I_r) - b_r(I_r)], I_r on the way from fresh noise to X_{0,1}(z)\n"
        "|w_r(I_r) - dI_r|^2, w the second network",
        translation=ANGLE,
        note="sCD covers the modes of the teacher, the distribution matching of its long jump sharpens them.",
        differs="One jump from the noise instead of up to four with fresh noise between; the tangent fades in as in "
        "sCD; no guidance; one optimizer for both networks; from scratch without start_from.",
    ),
    Method(
        name="any_flow",
        title="AnyFlow, flow maps distilled on their own roll-outs",
        characterization="Eulerian",
        velocity="sample",
        stop_gradient="all of the target",
        engine="central difference",
        times="two sorted uniform times, t = 1 in half; {diagonal} on the diagonal; roll-outs by 0 <= a < b <= 1, "
        "one of n equal jumps",
        weight="uniform; (1 - r) over the error of the teacher's denoiser on the correction, in the last fifth",
        paper="gu2026anyflow",
        code="NVlabs/AnyFlow",
        headline=NO_HEADLINE,
        formula="|v_{t,t}(I_t) - dI_t|^2\n"
        "|v_{s,t}(I_s) - sg[dI_s + (t - s) (v_{s+h,t}(I_{s+h}) - v_{s-h,t}(I_{s-h})) / (2 h)]|^2, h = 0.005\n"
        "x . sg[w_r(I_r) - b_r(I_r)], x = X_{b,1}(X_{a,b}(X_{0,a}(z))), I_r on the way from fresh noise to x\n"
        "|w_r(I_r) - dI_r|^2, w the second network",
        translation=NOISE_AT_ONE,
        note="The map is learned along paths, as in TiM; then the law of its own roll-outs is matched, by "
        "three jumps for n.",
        differs="One training instead of two, in which the second network learns from the start; no shift of the "
        "times, no guidance; a number of jumps for each example instead of each step; from scratch without start_from.",
    ),
)
