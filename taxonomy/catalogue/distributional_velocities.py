"""Distribution matching by two velocities: that of the wanted law, and that of the student's own samples."""

from taxonomy.catalogue.method import NOISE_LEVEL, Method

METHODS = (
    Method(
        name="dmd",
        title="Distribution matching distillation (DMD, DMD2)",
        characterization="distributional",
        velocity="teacher",
        stop_gradient="all of the target",
        engine="none",
        times="s = 0, t = 1, r uniform; {auxiliary} of the batch for the second network",
        weight="(1 - r) over the mean absolute error of the teacher's denoiser",
        paper="yin2023one",
        code="tianweiy/DMD2",
        headline="ImageNet 64, 1 step, FID 2.62",
        formula="X_{0,1}(z) . sg[w_r(I_r) - b_r(I_r)], I_r on the way from fresh noise to X_{0,1}(z)\n"
        "|w_r(I_r) - dI_r|^2, w the second network",
        translation=NOISE_LEVEL,
        note="The law of one jump, no path: the gradient is that of a divergence of the noised laws, reverse KL. The "
        "second network can be the map's own diagonal, or itself at negative times; from scratch, its diagonal is the "
        "teacher.",
        differs="One optimizer for both networks; uniform times instead of noise levels. DMD2's adversarial loss and "
        "its several steps are left out, DMD's pairs are an option; from scratch without start_from.",
    ),
)
