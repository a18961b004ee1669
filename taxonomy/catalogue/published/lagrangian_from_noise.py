"""Published settings of the methods in ``objectives/methods/lagrangian_from_noise.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_PID = "pantheon5100/pid_diffusion@48734a7, cm/karras_diffusion.py"
_PID_SCRIPT = "pantheon5100/pid_diffusion@48734a7, scripts/distill_pid_diffusion.sh"
_NOISE = Spread(mean=0.0, quartiles=(0.0, 0.0, 0.0))
_NO_CODE = "The authors' code could not be read, and the text that could be read has no value"
_SMALL = "the step is small against the path and large against rounding."

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "free_flow": (
        Setting(name="step", published=None, source="not found", here=0.005, reason=f"{_NO_CODE}; {_SMALL}"),
        Setting(
            name="correction_share",
            published=0.25,
            source="arXiv 2511.19428, Table 1 (prediction 75, correction 25)",
        ),
        Setting(
            name="auxiliary_share",
            published=None,
            source="not found",
            here=0.25,
            reason=f"{_NO_CODE}; the second velocity is trained on as many points as the correction asks it about.",
        ),
        Setting(
            name="strength",
            published="by the gradient norms of the two terms",
            source="arXiv 2511.19428, as told at data-free-flow-distill.github.io",
            here=0.1,
            reason="A constant, that of hugoaslm/Flow_Map_Distillation@b319882, src/freeflow/toy/training.py.",
        ),
    ),
    "pid": (
        Setting(
            name="step",
            published="1 of 250 levels, rho = 7, from sigma = 80 to 0.002",
            source=f"{_PID_SCRIPT} (start_scales) and cm/karras_diffusion.py",
            unit="noise level, sigma_data = 0.5",
            here=0.004,
            reason="As many steps, of equal length in time: the path here is linear, and its times are uniform.",
        ),
        Setting(
            name="metric",
            published="perceptual (LPIPS) distance of mean denoisers",
            source=_PID_SCRIPT + ", loss_norm",
            here="square of mean denoisers",
            reason="A perceptual distance needs a network of pictures; the square is the code's other choice.",
        ),
        Setting(name="weight of the time", published="uniform", source=_PID_SCRIPT + ", weight_schedule"),
        Setting(name="stop_gradient", published="the teacher's denoiser and its input", source=_PID),
        Setting(
            name="output",
            published="mean denoiser, mixed with the noise by sigma / sigma_max",
            source=_PID + ", OneShotDenoiser.denoise",
        ),
    ),
    "boot": (
        Setting(name="step", published=None, source="not found", here=0.04, reason=f"{_NO_CODE}; {_SMALL}"),
        Setting(
            name="boundary_share",
            published=None,
            source="not found",
            here=0.25,
            reason=f"{_NO_CODE}; the start of all jumps is one time, which a quarter of the batch learns well.",
        ),
        Setting(
            name="weight of the time",
            published=None,
            source="not found",
            here="(1 - t)^2",
            reason="The paper compares mean denoisers, whose residual is (1 - t) times that of velocities.",
        ),
    ),
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "pid": (
        PublishedTimes(
            term="lagrangian",
            sampler="one of the 250 levels, sigma_data = 0.5, and the next one",
            source=_PID,
            s=_NOISE,
            u=Spread(mean=0.3596, quartiles=(0.0276, 0.1683, 0.7490)),
            t=Spread(mean=0.3635, quartiles=(0.0283, 0.1734, 0.7589)),
            reason="Times are uniform; the published levels crowd at both ends.",
        ),
    ),
}
