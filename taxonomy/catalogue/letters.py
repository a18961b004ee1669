"""The letters of each paper: start and end of a jump, the end that is 0, the network's output and its sign.

Each entry says where it was read, and only what stands there. A paper whose letters were not found in a source that
could be read is in ``UNCHECKED`` with the reason. Where code and paper differ in a letter, this is the code's.
"""

from typing import NamedTuple

SOURCES = (
    "authors' code",
    "copy of the authors' code",
    "authors' page",
    "the paper",
    "third party's code",
    "third party's summary",
)
SIGNS = ("same", "opposite", "")
DATA, NOISE = "the data", "the noise"


class Letters(NamedTuple):
    """How one paper writes a jump.

    Attributes:
      start: of the time at which a jump starts, or ``NOISE`` where that is always the noise.
      end: of the time at which it ends, or ``DATA`` where that is always the data; empty where there are no jumps.
      zero: "data" or "noise", whichever is at time or level 0.
      output: letter of what the network gives.
      what: what that is.
      sign: of a velocity against ours, one of ``SIGNS``; empty where the output is none.
      jump: the end of a jump that starts at x, in these letters and Python's operators, alpha(t) and sigma(t) being
        the factors of data and noise; empty where none was read.
      kind: of the source, one of ``SOURCES``.
      source: where it was read: a repository with commit and file, or an address.
      note: what else a reader should know, or empty.
    """

    start: str
    end: str
    zero: str
    output: str
    what: str
    sign: str
    jump: str
    kind: str
    source: str
    note: str = ""


_CODE, _COPY, _PAGE, _PAPER, _OTHER, _SUMMARY = SOURCES
_AVERAGE = "average velocity"
_MEAN_FLOW = ("t", "r", "data", "u", _AVERAGE, "opposite", "x - (t - r) * u")
_TO_DATA = ("t", DATA, "data")

LETTERS: dict[str, Letters] = {
    "salimans2022progressive": Letters(
        *("t", "s", "data", "x, eps or v", "data, noise, or velocity of the circle", "", ""),
        *(_CODE, "google-research/google-research@1d4d2f1, diffusion_distillation/diffusion_distillation/dpm.py"),
    ),
    "liu2022flow": Letters(
        *("t", "", "noise", "v", "velocity", "same", ""),
        *(_CODE, "gnobitab/RectifiedFlow@13e3a30, ImageGeneration/losses.py"),
    ),
    "lipman2022flow": Letters(
        *("t", "", "noise", "dX_t", "velocity", "same", ""),
        *(_CODE, "facebookresearch/flow_matching@1e6525a, flow_matching/path/affine.py"),
    ),
    "song2023consistency": Letters(
        *(*_TO_DATA, "f", "data", "", ""),
        *(_CODE, "openai/consistency_models_cifar10@1ba9b5c, jcm/losses.py"),
        "t is the level of noise",
    ),
    "gu2023boot": Letters(
        *(NOISE, "t", "data", "y", "signal of the point at t", "", ""),
        *(_SUMMARY, "https://chatpaper.com/es/paper/35580"),
        "s < t is the next time",
    ),
    "song2023improved": Letters(
        *("sigma", DATA, "data", "model", "what c_out multiplies in the data, beside c_skip times the point", "", ""),
        *(_OTHER, "Kinyugo/consistency_models@07683cc, consistency_models/consistency_models.py"),
        "sigma is the level of noise, current_sigmas the next, smaller one",
    ),
    "kim2023consistency": Letters(
        *("t", "s", "data", "g", "mean denoiser of two times", "", "s / t * x + (1 - s / t) * g"),
        *(_CODE, "sony/ctm@b62096c, code/cm/karras_diffusion.py"),
        "t and s are levels of noise",
    ),
    "yin2023one": Letters(
        *(NOISE, DATA, "data", "G", "data", "", ""),
        *(_PAPER, "https://arxiv.org/abs/2311.18828"),
        "G takes the noise z and no time; t is the time of the diffusion that both scores see",
    ),
    "heek2024multistep": Letters(
        *("t", "t_step", "data", "f", "data", ""),
        *("alpha(t_step) * f + sigma(t_step) / sigma(t) * (x - alpha(t) * f)", _PAPER),
        "https://arxiv.org/abs/2403.06807",
        "t_step is the end of the segment, s < t the next time",
    ),
    "wang2024phased": Letters(
        *("t", "the end of the phase", "data", "eps", "noise", "", ""),
        *(_CODE, "G-U-N/Phased-Consistency-Model@2b6a6d5, code/text_to_image_sd15/train_pcm_lora_sd15.py"),
        "the times are indices of steps",
    ),
    "boffi2024flow": Letters(
        *("s", "t", "noise", "X", "the map", "", ""),
        *(_COPY, "jc-bao/flow_map_matching_public@0bfcf39, py/common/losses.py"),
    ),
    "geng2024consistency": Letters(
        *(*_TO_DATA, "f", "data", "", ""),
        *(_CODE, "locuslab/ect@2870411, training/loss.py"),
        "t is the level of noise, r < t the next one",
    ),
    "yang2024consistency": Letters(
        *("t", "end", "noise", "v", "velocity", "same", "x + (end - t) * v"),
        *(_CODE, "YangLing0818/consistency_flow_matching@cb257bc, losses.py"),
        "end is that of the segment, r > t the next time",
    ),
    "lu2024simplifying": Letters(
        *("t", "r", "data", "F", "velocity of the circle", "", "cos(t - r) * x - sin(t - r) * F"),
        *(_OTHER, "WZDTHU/TiM@31d83ef, tim/schedulers/transports.py, TrigFlow"),
        "t is the angle; a consistency model has r = 0",
    ),
    "frans2024one": Letters(
        *("t", "t + d", "noise", "v", _AVERAGE, "same", "x + d * v"),
        *(_COPY, "gudovskiy/odelt@c74bcad, targets_shortcut.py"),
        "d is the length of the jump, dt in the code",
    ),
    "lee2024truncated": Letters(
        *(*_TO_DATA, "D", "data", "", ""),
        *(_CODE, "NVlabs/TCM@f85b2ae, training/loss.py"),
        "t is the level of noise, r < t the next one",
    ),
    "tee2024physics": Letters(
        *("sigma_max", "t", "data", "F", "mean denoiser of two times", ""),
        *("t / sigma_max * x + (1 - t / sigma_max) * F", _CODE),
        "pantheon5100/pid_diffusion@48734a7, cm/karras_diffusion.py",
        "t is the level of noise; the start is always sigma_max",
    ),
    "zhou2025inductive": Letters(
        *("t", "s", "data", "F_x", _AVERAGE, "opposite", "x - (t - s) * F_x"),
        *(_COPY, "sefalkner/IMM-Training@9b6acb0, training/preconds.py"),
        "r lies between them; F_x is multiplied by sigma_data, the standard deviation of data and noise",
    ),
    "sun2025unified": Letters(
        *(*_TO_DATA, "F", "a combination of data and noise", "", ""),
        *(_CODE, "LINs-lab/UCGM@25e2b41, methods/unigen.py"),
        "lambda t is the next time",
    ),
    "geng2025mean": Letters(*_MEAN_FLOW, _COPY, "rese1f/meanflow@58d099c, meanflow.py"),
    "liu2025learning": Letters(
        *("t", "s", "noise", "f", _AVERAGE, "same", "x + (s - t) * f"),
        *(_CODE, "poppuppy/secant_expectation@713cb1a, transport/transport.py"),
        "r lies between them",
    ),
    "boffi2025build": Letters(
        *("s", "t", "noise", "phi", _AVERAGE, "same", "x + (t - s) * phi"),
        *(_COPY, "roni-dot/regularized-loss-flow-maps@afdaefa, py/common/network_utils.py"),
    ),
    "sabour2025align": Letters(
        *("t", "s", "data", "f", "the map", "", ""),
        *(_PAGE, "https://research.nvidia.com/labs/toronto-ai/AlignYourFlow"),
        "a consistency model has s = 0",
    ),
    "peng2025flow": Letters(
        *("t", "r", "noise", "F", _AVERAGE, "same", "x + (r - t) * F"),
        *(_CODE, "ali-vilab/FACM@d65cb9b, losses.py"),
        "r = 1 but for its copy of MeanFlow",
    ),
    "guo2025splitmeanflow": Letters(
        *_MEAN_FLOW,
        *(_OTHER, "clcarwin/SplitMeanFlow_MNIST@35b2e1e, train_splitmeanflow.py"),
        "s lies between them; the network is called with r before t",
    ),
    "wang2025transition": Letters(
        *("t", "r", "data", "F", _AVERAGE, "opposite", "x - (t - r) * F"),
        *(_CODE, "WZDTHU/TiM@31d83ef, tim/schedulers/transports.py, OT_FM"),
    ),
    "hu2025cmt": Letters(
        *(*_TO_DATA, "D", "data", "", ""),
        *(_CODE, "sony/cmt@3e29728, training/loss.py"),
        "t is the level of noise",
    ),
    "zheng2025large": Letters(
        *("t", DATA, "data", "F", "velocity of the circle", "", "cos(t) * x - sin(t) * F"),
        *(_CODE, "NVlabs/rcm@20207e5, rcm/models/t2v_model_distill_rcm.py"),
        "t is the angle; the network inside is one of flow matching, whose output is turned into F",
    ),
    "zhang2025alphaflow": Letters(
        *("t", "t_next", "data", "u", _AVERAGE, "opposite", "x - (t - t_next) * u"),
        *(_CODE, "snap-research/alphaflow@b0fef77, src/training/loss.py"),
    ),
    "lee2025decoupled": Letters(*_MEAN_FLOW, _CODE, "kyungmnlee/dmf@2273cce, loss.py"),
    "tong2025flow": Letters(
        *(NOISE, "1 - delta", "data", "F", _AVERAGE, "same", "x + delta * F"),
        *(_OTHER, "hugoaslm/Flow_Map_Distillation@b319882, src/freeflow/toy/training.py"),
        "delta is the length of the jump; the velocity is data minus noise though time runs to the noise",
    ),
    "zhou2025terminal": Letters(
        *("t", "s", "data", "F", _AVERAGE, "opposite", "x + (s - t) * F"),
        *(_CODE, "lumalabs/tvm@32fbfdb, training/wrapper.py"),
    ),
    "zhang2025flow": Letters(*_MEAN_FLOW, _CODE, "Xinxi-Zhang/Re-MeanFlow@d2e5f02, meanflow.py"),
    "geng2025improved": Letters(*_MEAN_FLOW, _CODE, "Lyy-iiis/imeanflow@a1cc3a9, imf.py"),
    "lin2025design": Letters(
        *_MEAN_FLOW,
        *(_CODE, "EDAPINENUT/ExplicitShortCut@3bf0f50, loss/esc_loss.py"),
        "the network is called with r before t",
    ),
    "luo2025soflow": Letters(
        *("t", "s", "data", "f", "the map", "", ""),
        *(
            _SUMMARY,
            "https://www.emergentmind.com/topics/solution-flow-models-soflow, https://en.papernotes.org/ICLR2026",
        ),
        "the data are called x_0 and the noise x_1",
    ),
    "lu2026one": Letters(*_MEAN_FLOW, _CODE, "Lyy-iiis/pMF@04f9e34, pmf.py"),
    "li2026trajectory": Letters(
        *("t", "r", "noise", "u or x_1", "average velocity, or data", "", ""),
        *(_PAGE, "https://zhiqili-cg.github.io/EulerMeanFlow_project/"),
        "s lies between them",
    ),
    "holderrieth2026diamond": Letters(
        *("s", "s_prime", "noise", "phi", _AVERAGE, "same", ""),
        *(_CODE, "PeterHolderrieth/diamond_maps@cda36a4, posterior_diamond_maps/py/common/flow_map.py"),
        "of the inner map; the point on the way is x_t, at the outer time t",
    ),
    "mccallum2026strong": Letters(
        *("s", "t", "data", "y", "the map", "", ""),
        *(_CODE, "sammccallum/ssfm@3f70657, ssfm/losses.py"),
        "h = s - t is the length of the jump; W, H and K are the path of noise on it",
    ),
    "deng2026generative": Letters(
        *(NOISE, DATA, "noise", "f", "data", "", ""),
        *(_PAGE, "https://lambertae.github.io/projects/drifting"),
        "f takes noise and no time",
    ),
    "woo2026riemannian": Letters(
        *("s", "t", "noise", "u", _AVERAGE, "same", "x + (t - s) * u"),
        *(_CODE, "dongyeop3813/Riemannian-MeanFlow@4d0e443, src/experiments/flowmap_learning/losses.py"),
        "of the Lagrangian losses; its Eulerian losses go from t to s. The jump is that of flat space",
    ),
    "potaptchik2026discrete": Letters(
        *(
            "s",
            "t",
            "noise",
            "psi",
            "mean denoiser of two times",
            "",
            "(1 - t) / (1 - s) * x + (t - s) / (1 - s) * psi",
        ),
        *(_PAGE, "https://malbergo.me/discrete-flow-maps.github.io"),
    ),
    "gu2026anyflow": Letters(
        *("t", "r", "data", "noise_pred", _AVERAGE, "opposite", "x - (t - r) * noise_pred"),
        *(_CODE, "NVlabs/AnyFlow@dec61ac, far/pipelines/pipeline_wan_anyflow.py"),
        "both times are multiplied by 1,000; the jump is in far/schedulers/scheduling_flowmap_euler_discrete.py",
    ),
}

# Papers whose letters were looked for and not found, with the reason.
UNCHECKED: dict[str, str] = {
    "davis2025generalised": "no code of the authors; its letters were not gone through",
    "pan2026ito": "no code of the authors was found; the text was not read",
}
