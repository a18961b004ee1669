"""Published settings of the methods in ``objectives/methods/distributional_hybrids.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

_RCM = "NVlabs/rcm@20207e5, rcm/models/t2v_model_distill_rcm.py"
_RCM_RUN = "NVlabs/rcm@97578b7, rcm/configs/experiments/rcm/wan2pt1_t2v.py"
# FastGen has the method with the values of the authors' recipes, which it names.
_ANY = "NVlabs/FastGen@f7d8456, fastgen/configs/experiments/WanT2V/config_anyflow.py"
_ANY_LATER = "NVlabs/FastGen@f7d8456, fastgen/configs/experiments/WanT2V/config_anyflow_onpolicy.py"
_ANY_LOSS = "NVlabs/FastGen@2a1a495, fastgen/methods/distribution_matching/anyflow.py"
_NOISE = Spread(mean=0.0, quartiles=(0.0, 0.0, 0.0))

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "rcm": (
        Setting(
            name="strength",
            published=0.01,
            source=f"{_RCM_RUN}: loss_scale 100 and loss_scale_dmd 1, both of sums of squares",
        ),
        Setting(
            name="correction_share",
            published="as many examples as the consistency has",
            source=_RCM,
            here=0.25,
            reason="The correction is one half of the consistency's share of the batch, for the second network's sake.",
        ),
        Setting(
            name="fake_share",
            published="4 steps of 5",
            source=f"{_RCM_RUN}, student_update_freq; 9 of 10 for 14B",
            here=0.25,
            reason="Both networks are trained in every step here, the second one as often as it is asked.",
        ),
        Setting(
            name="warm_up",
            published="1,000 of 100,000 steps, without the correction",
            source=f"{_RCM_RUN}, tangent_warmup",
            here=0.1,
            reason="The share of sCD is taken, and the correction acts throughout.",
        ),
        Setting(
            name="normalize",
            published=0.1,
            source=_RCM,
            unit="root of the sum of squares of the tangent, noise of standard deviation 1",
        ),
        Setting(
            name="jumps before the correction",
            published="none to three with fresh noise after each, no gradient",
            source=f"{_RCM}, max_simulation_steps_fake = 4",
            here="none",
            reason="The jump from the noise is corrected alone.",
        ),
        Setting(name="output", published="TrigFlow", source=_RCM),
    ),
    "any_flow": (
        Setting(name="step", published=0.005, source=f"{_ANY}, jvp_finite_diff_eps"),
        Setting(name="share on the diagonal, of the map's terms", published=0.5, source=f"{_ANY}, flow_matching_ratio"),
        Setting(name="share of t = 1, of the map's terms", published=0.25, source=f"{_ANY}, consistency_ratio"),
        Setting(
            name="correction_share",
            published="as many examples as the map's terms together",
            source=f"{_ANY_LOSS}, single_train_step",
            here=0.25,
            reason="A roll-out costs three jumps, and the map's terms need half of the batch.",
        ),
        Setting(
            name="fake_share",
            published="as many examples as the correction",
            source=f"{_ANY_LATER}, student_update_freq",
            here=0.25,
            reason="It is the share of the correction.",
        ),
        Setting(name="strength", published=1.0, source=f"{_ANY_LATER}: DMD and map as 1 to 1, on means of squares"),
        Setting(
            name="begin",
            published="after 6,000 of 7,200 steps",
            source=f"{_ANY} and {_ANY_LATER}",
            here=0.8,
            reason="It is a share that divides short trainings; the second network does not begin as the teacher here.",
        ),
        Setting(
            name="jumps",
            published="one of 2, 4, 8, 16, 50 in each step",
            source=f"{_ANY_LATER}, student_sample_steps_list",
            here=0,
            reason="Zero draws one of the published numbers, for each example.",
        ),
        Setting(name="gradient", published="all", source=f"{_ANY_LOSS}, gen_data_from_net"),
        Setting(
            name="times",
            published="two sorted uniform times, both shifted by 5 to the noise",
            source=f"{_ANY}, shift",
            here="two sorted uniform times",
            reason="The shift belongs to latents of videos.",
        ),
        Setting(
            name="weight of the time",
            published="a fixed one, beta08, the map's losses rescaled to the mean of flow matching",
            source=_ANY,
            here="uniform",
            reason="Each term has a mean of its own, and the formula of the weight was not read.",
        ),
    ),
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "rcm": (
        PublishedTimes(
            term="consistency",
            sampler="tan(tau) = exp(N(-0.8, 1.6)), sigma_data = 1",
            source=_RCM_RUN,
            s=Spread(mean=0.6343, quartiles=(0.4309, 0.6900, 0.8675)),
        ),
        PublishedTimes(
            term="correction",
            sampler="tan(tau) = sigma / (1 - sigma), sigma = 5 u / (1 + 4 u), u uniform",
            source=f"{_RCM}, draw_training_time_D with timestep_shift = 5",
            s=_NOISE,
            u=Spread(mean=0.2530, quartiles=(0.0625, 0.1667, 0.3750)),
            reason="The shift belongs to videos; without it the code has tan(tau) = exp(N(0, 1.6)), as here.",
        ),
    ),
}
