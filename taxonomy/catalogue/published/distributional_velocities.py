"""Published settings of the methods in ``objectives/methods/distributional_velocities.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_DMD = "arXiv 2311.18828"
_CODE = "tianweiy/DMD2@4e54501, main/edm/edm_guidance.py"
_RUN = "tianweiy/DMD2@4e54501, experiments/imagenet/imagenet_lr2e-6_scratch.sh"
_NOISE = Spread(mean=0.0, quartiles=(0.0, 0.0, 0.0))

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "dmd": (
        Setting(
            name="real",
            published="teacher",
            source=f"{_CODE}; the student's own velocity in TwinFlow, arXiv 2512.05150",
        ),
        Setting(
            name="fake",
            published="auxiliary",
            source=f"{_CODE}, fake_unet; the twin is v_(-r,-r) in inclusionAI/TwinFlow@f5b12c4, "
            "twinflow.py, dist_match",
        ),
        Setting(
            name="fake_share",
            published="5 updates of the second network for one of the student, on as many examples each",
            source=f"{_RUN}, dfake_gen_update_ratio; one for one in DMD",
            here=0.5,
            reason="Both are trained in every step, as in DMD, on as many examples.",
        ),
        Setting(
            name="regression",
            published=0.0,
            source="DMD2, arXiv 2405.14867, which drops the pairs; they are there in DMD",
        ),
        Setting(
            name="weight of the regression",
            published=0.25,
            source=_DMD,
            unit="of a perceptual (LPIPS) distance, beside a distribution term of weight 1",
            here=1.0,
            reason="A perceptual distance needs a network of pictures; the square of the points is compared here.",
        ),
        Setting(
            name="diagonal_share",
            published=None,
            source="ours",
            here=0.25,
            reason="It is used without a teacher alone, which DMD does not do.",
        ),
        Setting(name="normalized", published=True, source=f"{_DMD}, eq. (8); {_CODE}, weight_factor"),
        Setting(
            name="strength",
            published=1.0,
            source=f"{_CODE}: 0.5 of a mean of squares, alone in the run without the adversarial loss",
        ),
        Setting(
            name="teacher_steps",
            published=None,
            source="not found",
            here=8,
            reason="The pairs are made once and kept in DMD; here each step makes new ones by as many as reflow does.",
        ),
        Setting(
            name="weight of the second network's loss",
            published="that of EDM",
            source=f"{_CODE}, compute_loss_fake",
            here="uniform, on velocities",
            reason="The second network predicts a velocity here, whose loss needs no weight.",
        ),
        Setting(name="stop_gradient", published="both networks and the noised points", source=_CODE),
    ),
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "dmd": (
        PublishedTimes(
            term="correction",
            sampler="a level from the 20th to the 980th of 1,000, rho = 7, sigma from 0.002 to 80, sigma_data = 0.5",
            source=f"{_CODE} and main/edm/train_edm.py",
            s=_NOISE,
            u=Spread(mean=0.3528, quartiles=(0.0295, 0.1652, 0.7204)),
            reason="Times are uniform; the published levels crowd at the noise.",
        ),
    ),
}
