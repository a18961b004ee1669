"""Published settings of the methods in ``objectives/methods/consistency_segments.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_PCM = "G-U-N/Phased-Consistency-Model@3230eb7, code/text_to_image_sd15/train_pcm_lora_sd15.sh"
_SD3 = "G-U-N/Phased-Consistency-Model@0b979fd, code/text_to_image_sd3/train_pcm_lora_sd3.py"
_CFM = "YangLing0818/consistency_flow_matching@cb257bc, configs/consistencyfm/cifar10_gaussian_ddpmpp.py"
_CTM = "sony/ctm@ff12be7, code/cm/script_util.py"

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "phased_cm": (
        Setting(name="phases", published=4, source=f"{_PCM}: multiphase"),
        Setting(
            name="step",
            published=0.02,
            source=f"{_PCM}: num_ddim_timesteps = 50, in the steps of its grid",
        ),
        Setting(
            name="scale",
            published=0.001,
            source=f"{_SD3}: huber_c",
            unit="each coordinate there, root of the mean of squares here; latents of unit spread",
        ),
        Setting(
            name="decay",
            published=0.0,
            source=f"{_SD3}: the network that is trained makes the target",
        ),
        Setting(
            name="weight of the time",
            published="uniform",
            source=f"{_SD3}: weighting = 1",
            here="inverse step",
            reason="The gradient keeps its order at any step with it.",
        ),
        Setting(
            name="distance",
            published="pseudo-Huber of each coordinate",
            source=f"{_PCM}: loss_type huber",
            here="pseudo-Huber of the example",
            reason="A metric acts on the squared residual of an example here.",
        ),
    ),
    "multistep_cm": (
        Setting(
            name="segments",
            published=None,
            source="not found",
            here=4,
            reason="The paper has several numbers of segments; four fit the tables of this project.",
        ),
        Setting(
            name="step",
            published=None,
            source="not found",
            here=0.02,
            reason="A fixed step of fifty to the whole path; no code of the authors was found.",
        ),
    ),
    "consistency_fm": (
        Setting(name="segments", published=2, source=f"{_CFM}: num_segments"),
        Setting(name="step", published=0.001, source=f"{_CFM}: delta_t"),
        Setting(name="straight", published=1e-5, source=f"{_CFM}: alpha"),
        Setting(
            name="decay",
            published=0.0,
            source="YangLing0818/consistency_flow_matching@cb257bc, losses.py: the trained network makes the target",
        ),
        Setting(
            name="boundary",
            published=0.9,
            source=f"{_CFM}: boundary, which the class that reads the configuration ignores",
            here="none",
            reason="The published runs had no boundary, because the name in the configuration is not read.",
        ),
    ),
    "ctm": (
        Setting(
            name="diagonal_share",
            published=None,
            source="not found",
            here=0.5,
            reason="The denoising term has a batch of its own there; half of the batch is as many examples.",
        ),
        Setting(
            name="teacher_steps",
            published=17,
            source=f"{_CTM}: num_heun_step, the largest of a random number",
            here=2,
            reason="Each step of the teacher is counted in the budget here.",
        ),
        Setting(
            name="decay",
            published=0.999,
            source=f"{_CTM}: start_ema",
        ),
        Setting(
            name="reduction",
            published="per_term",
            source=f"{_CTM}: consistency_weight and denoising_weight are 1",
        ),
        Setting(
            name="inner",
            published="student",
            source=f"{_CTM}: ctm_target_inner_type = model_sg",
        ),
        Setting(
            name="distance",
            published="LPIPS",
            source=f"{_CTM}: loss_norm",
            here="square",
            reason="A perceptual distance needs a trained network of pictures, which this project does not have.",
        ),
    ),
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "consistency_fm": (
        PublishedTimes(
            term="consistency",
            sampler="t ~ U[0, 1], r = min(t + 0.001, end of the segment)",
            source="YangLing0818/consistency_flow_matching@cb257bc, losses.py",
            s=Spread(mean=0.5, quartiles=(0.25, 0.5, 0.75)),
            t=Spread(mean=0.75, quartiles=(0.5, 0.5, 1.0)),
        ),
    ),
}
