"""The papers of 2026 that the catalogue cites, in the order of their numbers."""

from taxonomy.catalogue.paper import Paper

PAPERS_OF_2026 = (
    Paper(
        key="lu2026one",
        authors="Yiyang Lu and Susie Lu and Qiao Sun and Hanhong Zhao and Zhicheng Jiang and Xianbang Wang and "
        "Tianhong Li and Zhengyang Geng and Kaiming He",
        title="One-step Latent-free Image Generation with Pixel Mean Flows",
        year=2026,
        arxiv="2601.22158",
    ),
    Paper(
        key="li2026trajectory",
        authors="Zhiqi Li and Yuchen Sun and Duowen Chen and Jinjin He and Bo Zhu",
        title="Trajectory Consistency for One-Step Generation on Euler Mean Flows",
        year=2026,
        arxiv="2602.02571",
        venue="ICML 2026",
    ),
    Paper(
        key="deng2026generative",
        authors="Mingyang Deng and He Li and Tianhong Li and Yilun Du and Kaiming He",
        title="Generative Modeling via Drifting",
        year=2026,
        arxiv="2602.04770",
    ),
    Paper(
        key="holderrieth2026diamond",
        authors="Peter Holderrieth and Douglas Chen and Luca Eyring and Ishin Shah and Giri Anantharaman and Yutong He "
        "and Zeynep Akata and Tommi Jaakkola and Nicholas Matthew Boffi and Max Simchowitz",
        title="Diamond Maps: Efficient Reward Alignment via Stochastic Flow Maps",
        year=2026,
        arxiv="2602.05993",
    ),
    Paper(
        key="woo2026riemannian",
        authors="Dongyeop Woo and Marta Skreta and Seonghyun Park and Kirill Neklyudov and Sungsoo Ahn",
        title="Riemannian MeanFlow",
        year=2026,
        arxiv="2602.07744",
        venue="ICML 2026",
    ),
    Paper(
        key="potaptchik2026discrete",
        authors="Peter Potaptchik and Jason Yim and Adhi Saravanan and Peter Holderrieth and Eric Vanden-Eijnden "
        "and Michael S. Albergo",
        title="Discrete Flow Maps",
        year=2026,
        arxiv="2604.09784",
    ),
    Paper(
        key="gu2026anyflow",
        authors="Yuchao Gu and Guian Fang and Yuxin Jiang and Weijia Mao and Song Han and Han Cai and Mike Zheng Shou",
        title="AnyFlow: Any-Step Video Diffusion Model with On-Policy Flow Map Distillation",
        year=2026,
        arxiv="2605.13724",
    ),
    Paper(
        key="mccallum2026strong",
        authors="Sam McCallum and Zander W. Blasingame and Timothy Herschell and Niklas Rindtorff and Alexander Tong "
        "and James Foster",
        title="Strong Stochastic Flow Maps",
        year=2026,
        arxiv="2606.01086",
    ),
    Paper(
        key="pan2026ito",
        authors="Zhengkai Pan and Peter Potaptchik and Wenxi Yao and Michael S. Albergo and Jakiw Pidstrigach",
        title="Itô maps for any-step SDEs",
        year=2026,
        arxiv="2606.11156",
    ),
)
