"""Published settings of the methods in ``objectives/methods/distributional.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting, Spread

# The authors published no training code; this is that of a later paper's comparison, for ImageNet.
_CODE = "EDAPINENUT/ExplicitShortCut@0ad609e, loss/imm_loss.py"

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "imm": (
        Setting(name="group", published=4, source=f"arXiv 2503.07565, Fig. 5; {_CODE}"),
        Setting(name="halvings", published=12, source=f"{_CODE}, gamma; the paper has 12 to 15"),
        Setting(
            name="step",
            published=0.0,
            source=f"{_CODE}: the step of the noise level alone",
            unit="time; above 0 the least length of the step, as in versions of this project with a fixed one",
        ),
        Setting(
            name="signal_power", published=2.0, source=f"{_CODE}, a; lumalabs/imm@0ab7362, README.md, has a of 1 and 2"
        ),
        Setting(name="weight_shift", published=4.0, source=f"{_CODE}, b; the paper has 4 and 5"),
        Setting(
            name="weight",
            published="over_squares",
            source="arXiv 2503.07565, Table 4: sigmoid(b - lambda) (-d lambda / dt) / 2 alpha^a / (alpha^2 + sigma^2); "
            f"{_CODE}",
        ),
        Setting(
            name="kernel", published="laplace", source="arXiv 2503.07565; the kernel of Gauss is an alternative there"
        ),
        Setting(
            name="form of the kernel",
            published="exp(-w max(|x - y|, eps) / D), w = 1 / |c_out|, c_out = -(t - s) sigma_data",
            source=f"arXiv 2503.07565; {_CODE}",
            unit="norm over all D coordinates, noise of standard deviation 0.5",
        ),
        Setting(
            name="least distance",
            published=1e-4,
            source=f"{_CODE}: 1e-8 of the sum of squares",
            unit="root of the sum of squares, noise of standard deviation 0.5; here twice the number",
        ),
        Setting(
            name="largest noise level",
            published=165.7,
            source=f"{_CODE}: t_max = 0.994",
            unit="noise level in standard deviations of the data",
        ),
        Setting(name="target", published="current weights", source=_CODE),
    ),
    "drifting": (
        Setting(
            name="group",
            published=None,
            source="not found",
            here=8,
            reason="A group stays on one device, and small batches must hold one.",
        ),
        Setting(name="kernel", published="laplace", source="arXiv 2602.04770, eq. (12)"),
        Setting(
            name="temperature",
            published=0.05,
            source="arXiv 2602.04770, the notebook of the plane; 0.02, 0.05 and 0.2 together on ImageNet",
            unit="times the root of the number of coordinates, where features have about unit variance",
        ),
        Setting(
            name="normalization of the kernel",
            published="root of the product of a softmax over data and points together and one over the examples",
            source="arXiv 2602.04770, Algorithm 2, as in reachomk/sinkhorn@1ccaacc, imagenet/drifting_loss.py",
            here="a softmax over the data, and one over the points",
            reason="This is eq. (11) of the paper, the form in which the drift is a difference of scores.",
        ),
        Setting(
            name="features",
            published="a frozen encoder at several scales, each with its own drift of unit length",
            source="arXiv 2602.04770, Appendix A, as in reachomk/sinkhorn@1ccaacc, imagenet/drifting_loss.py",
            here="the points",
            reason="The points of the plane and small pictures are compared directly.",
        ),
    ),
}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {
    "imm": (
        PublishedTimes(
            term="moments",
            sampler="t ~ U[0, 0.994], r ~ U[0, t], s = eta^-1(eta(t) - eta_max / 2^12) at least r, eta = t / (1 - t), "
            "noise at 1",
            source=_CODE,
            s=Spread(mean=0.5030, quartiles=(0.2545, 0.5030, 0.7515)),
            u=Spread(mean=0.5146, quartiles=(0.2571, 0.5132, 0.7738)),
            t=Spread(mean=0.7515, quartiles=(0.6198, 0.8145, 0.9327)),
        ),
    ),
}
