"""The Lagrangian rule from noise alone, s = 0: a teacher is distilled without data."""

from taxonomy.catalogue.method import NOISE_AT_ONE, NOISE_LEVEL, SIGNAL_AND_NOISE, Method

METHODS = (
    Method(
        name="free_flow",
        title="FreeFlow, flow map distillation without data",
        characterization="Lagrangian",
        velocity="teacher",
        stop_gradient="all of the target",
        engine="central difference",
        times="s = 0, t uniform; the correction at t = 1",
        weight="uniform; (1 - r)^2 / 10 on the correction",
        paper="tong2025flow",
        code="ShangyuanTong/FreeFlow",
        headline="ImageNet 256, 1 step, FID 1.45",
        formula="|v_{0,t}(z) - sg[b_t(X_{0,t}(z)) - t d_t v_{0,t}(z)]|^2\n"
        "X_{0,1}(z) . sg[w_r(I_r) - b_r(I_r)], I_r on the way from fresh noise to X_{0,1}(z)\n"
        "|w_r(I_r) - dI_r|^2, w the second network",
        translation=NOISE_AT_ONE,
        note="No data: noise and a teacher; a second network measures where the samples leave the teacher's "
        "distribution.",
        differs="A constant strength of the correction instead of a balance of gradient norms; no guidance; "
        "from scratch without start_from.",
    ),
    Method(
        name="pid",
        title="Physics-informed distillation (PID)",
        characterization="Lagrangian",
        velocity="teacher",
        stop_gradient="velocity and its input",
        engine="finite step",
        times="s = 0, t uniform on [0, 1 - h], h = 0.004",
        weight="uniform, on mean denoisers",
        target="teacher",
        paper="tee2024physics",
        code="pantheon5100/pid_diffusion",
        headline="CIFAR-10, 1 step, FID 3.92 (unverified)",
        formula="|psi_{0,t}(z) + t (1 - t) d_t psi_{0,t}(z) - sg[D_t(X_{0,t}(z))]|^2, "
        "psi_{0,t} = z + v_{0,t}, D the teacher's denoiser",
        translation=NOISE_LEVEL,
        note="LMD from noise alone, as a residual of denoisers; the gradient passes through the difference.",
        differs="Uniform times instead of a grid of noise levels; no perceptual distance; from scratch "
        "without start_from.",
    ),
    Method(
        name="boot",
        title="BOOT, data-free distillation by bootstrapping",
        characterization="Lagrangian",
        velocity="teacher",
        stop_gradient="all of the target",
        engine="finite step",
        times="s = 0, t uniform on [0, 1 - h], h = 0.04; {boundary} at t = 0",
        weight="(1 - t)^2, that of mean denoisers; uniform at t = 0",
        paper="gu2023boot",
        code="none found",
        headline="ImageNet 64, 1 step, FID 16.3 (unverified)",
        formula="|X_{0,t+h}(z) - sg[x + h b_t(x)]|^2 / h^2 at x = X_{0,t}(z)\n|v_{0,0}(z) - b_0(z)|^2",
        translation=SIGNAL_AND_NOISE,
        note="The first data-free one: the map at t + h is the map at t and one step of the teacher.",
        differs="Uniform times instead of a grid; no guidance; from scratch without start_from.",
    ),
)
