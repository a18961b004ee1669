"""The papers that the catalogue cites, and their BibTeX."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Paper:
    """A paper on arXiv.

    Attributes:
      key: BibTeX key.
      authors: "First Last and First Last", empty where they were not verified.
      title: the title; of the first version where a later one changed it.
      year: year of the first version.
      arxiv: identifier, such as "2505.18825".
      venue: where it was published, or empty.
    """

    key: str
    authors: str
    title: str
    year: int
    arxiv: str
    venue: str = ""


_LISTED = (
    Paper(
        key="salimans2022progressive",
        authors="Tim Salimans and Jonathan Ho",
        title="Progressive Distillation for Fast Sampling of Diffusion Models",
        year=2022,
        arxiv="2202.00512",
        venue="ICLR 2022",
    ),
    Paper(
        key="liu2022flow",
        authors="Xingchao Liu and Chengyue Gong and Qiang Liu",
        title="Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow",
        year=2022,
        arxiv="2209.03003",
        venue="ICLR 2023",
    ),
    Paper(
        key="lipman2022flow",
        authors="Yaron Lipman and Ricky T. Q. Chen and Heli Ben-Hamu and Maximilian Nickel and Matt Le",
        title="Flow Matching for Generative Modeling",
        year=2022,
        arxiv="2210.02747",
        venue="ICLR 2023",
    ),
    Paper(
        key="song2023consistency",
        authors="Yang Song and Prafulla Dhariwal and Mark Chen and Ilya Sutskever",
        title="Consistency Models",
        year=2023,
        arxiv="2303.01469",
        venue="ICML 2023",
    ),
    Paper(
        key="gu2023boot",
        authors="Jiatao Gu and Shuangfei Zhai and Yizhe Zhang and Lingjie Liu and Joshua M. Susskind",
        title="BOOT: Data-free Distillation of Denoising Diffusion Models with Bootstrapping",
        year=2023,
        arxiv="2306.05544",
    ),
    Paper(
        key="kim2023consistency",
        authors="Dongjun Kim and Chieh-Hsin Lai and Wei-Hsiang Liao and Naoki Murata and Yuhta Takida and "
        "Toshimitsu Uesaka and Yutong He and Yuki Mitsufuji and Stefano Ermon",
        title="Consistency Trajectory Models: Learning Probability Flow ODE Trajectory of Diffusion",
        year=2023,
        arxiv="2310.02279",
        venue="ICLR 2024",
    ),
    Paper(
        key="song2023improved",
        authors="Yang Song and Prafulla Dhariwal",
        title="Improved Techniques for Training Consistency Models",
        year=2023,
        arxiv="2310.14189",
        venue="ICLR 2024",
    ),
    Paper(
        key="heek2024multistep",
        authors="Jonathan Heek and Emiel Hoogeboom and Tim Salimans",
        title="Multistep Consistency Models",
        year=2024,
        arxiv="2403.06807",
    ),
    Paper(
        key="wang2024phased",
        authors="Fu-Yun Wang and Zhaoyang Huang and Alexander William Bergman and Dazhong Shen and Peng Gao and "
        "Michael Lingelbach and Keqiang Sun and Weikang Bian and Guanglu Song and Yu Liu and Hongsheng Li and "
        "Xiaogang Wang",
        title="Phased Consistency Models",
        year=2024,
        arxiv="2405.18407",
        venue="NeurIPS 2024",
    ),
    Paper(
        key="boffi2024flow",
        authors="Nicholas M. Boffi and Michael S. Albergo and Eric Vanden-Eijnden",
        title="Flow Map Matching with Stochastic Interpolants: A Mathematical Framework for Consistency Models",
        year=2024,
        arxiv="2406.07507",
    ),
    Paper(
        key="geng2024consistency",
        authors="Zhengyang Geng and Ashwini Pokle and William Luo and Justin Lin and J. Zico Kolter",
        title="Consistency Models Made Easy",
        year=2024,
        arxiv="2406.14548",
    ),
    Paper(
        key="yang2024consistency",
        authors="Ling Yang and Zixiang Zhang and Zhilong Zhang and Xingchao Liu and Minkai Xu and Wentao Zhang and "
        "Chenlin Meng and Stefano Ermon and Bin Cui",
        title="Consistency Flow Matching: Defining Straight Flows with Velocity Consistency",
        year=2024,
        arxiv="2407.02398",
    ),
    Paper(
        key="lu2024simplifying",
        authors="Cheng Lu and Yang Song",
        title="Simplifying, Stabilizing and Scaling Continuous-Time Consistency Models",
        year=2024,
        arxiv="2410.11081",
        venue="ICLR 2025",
    ),
    Paper(
        key="frans2024one",
        authors="Kevin Frans and Danijar Hafner and Sergey Levine and Pieter Abbeel",
        title="One Step Diffusion via Shortcut Models",
        year=2024,
        arxiv="2410.12557",
        venue="ICLR 2025",
    ),
    Paper(
        key="lee2024truncated",
        authors="Sangyun Lee and Yilun Xu and Tomas Geffner and Giulia Fanti and Karsten Kreis and Arash Vahdat and "
        "Weili Nie",
        title="Truncated Consistency Models",
        year=2024,
        arxiv="2410.14895",
    ),
    Paper(
        key="tee2024physics",
        authors="Joshua Tian Jin Tee and Kang Zhang and Hee Suk Yoon and Dhananjaya Nagaraja Gowda and Chanwoo Kim and "
        "Chang D. Yoo",
        title="Physics Informed Distillation for Diffusion Models",
        year=2024,
        arxiv="2411.08378",
        venue="TMLR 2024",
    ),
    Paper(
        key="zhou2025inductive",
        authors="Linqi Zhou and Stefano Ermon and Jiaming Song",
        title="Inductive Moment Matching",
        year=2025,
        arxiv="2503.07565",
        venue="ICML 2025",
    ),
    Paper(
        key="sun2025unified",
        authors="Peng Sun and Yi Jiang and Tao Lin",
        title="Unified Continuous Generative Models",
        year=2025,
        arxiv="2505.07447",
    ),
    Paper(
        key="geng2025mean",
        authors="Zhengyang Geng and Mingyang Deng and Xingjian Bai and J. Zico Kolter and Kaiming He",
        title="Mean Flows for One-step Generative Modeling",
        year=2025,
        arxiv="2505.13447",
        venue="NeurIPS 2025",
    ),
    Paper(
        key="liu2025learning",
        authors="Wenze Liu and Xiangyu Yue",
        title="Learning to Integrate Diffusion ODEs by Averaging the Derivatives",
        year=2025,
        arxiv="2505.14502",
        venue="NeurIPS 2025",
    ),
    Paper(
        key="boffi2025build",
        authors="Nicholas M. Boffi and Michael S. Albergo and Eric Vanden-Eijnden",
        title="How to Build a Consistency Model: Learning Flow Maps via Self-Distillation",
        year=2025,
        arxiv="2505.18825",
    ),
    Paper(
        key="sabour2025align",
        authors="Amirmojtaba Sabour and Sanja Fidler and Karsten Kreis",
        title="Align Your Flow: Scaling Continuous-Time Flow Map Distillation",
        year=2025,
        arxiv="2506.14603",
    ),
    Paper(
        key="peng2025flow",
        authors="Yansong Peng and Kai Zhu and Yu Liu and Pingyu Wu and Hebei Li and Xiaoyan Sun and Feng Wu",
        title="FACM: Flow-Anchored Consistency Models",
        year=2025,
        arxiv="2507.03738",
        venue="ICLR 2026",
    ),
    Paper(
        key="guo2025splitmeanflow",
        authors="Yi Guo and Wei Wang and Zhihang Yuan and Rong Cao and Kuan Chen and Zhengyang Chen and "
        "Yuanyuan Huo and Yang Zhang and Yuping Wang and Shouda Liu and Yuxuan Wang",
        title="SplitMeanFlow: Interval Splitting Consistency in Few-Step Generative Modeling",
        year=2025,
        arxiv="2507.16884",
    ),
    Paper(
        key="wang2025transition",
        authors="Zidong Wang and Yiyuan Zhang and Xiaoyu Yue and Xiangyu Yue and Yangguang Li and Wanli Ouyang and "
        "Lei Bai",
        title="Transition Models: Rethinking the Generative Learning Objective",
        year=2025,
        arxiv="2509.04394",
    ),
    Paper(
        key="hu2025cmt",
        authors="Zheyuan Hu and Chieh-Hsin Lai and Yuki Mitsufuji and Stefano Ermon",
        title="CMT: Mid-Training for Efficient Learning of Consistency, Mean Flow, and Flow Map Models",
        year=2025,
        arxiv="2509.24526",
        venue="ICLR 2026",
    ),
    Paper(
        key="zhang2025alphaflow",
        authors="Huijie Zhang and Aliaksandr Siarohin and Willi Menapace and Michael Vasilkovsky and "
        "Sergey Tulyakov and Qing Qu and Ivan Skorokhodov",
        title="AlphaFlow: Understanding and Improving MeanFlow Models",
        year=2025,
        arxiv="2510.20771",
        venue="ICLR 2026",
    ),
    Paper(
        key="lee2025decoupled",
        authors="Kyungmin Lee and Sihyun Yu and Jinwoo Shin",
        title="Decoupled MeanFlow: Turning Flow Models into Flow Maps for Accelerated Sampling",
        year=2025,
        arxiv="2510.24474",
        venue="ICLR 2026",
    ),
    Paper(
        key="tong2025flow",
        authors="Shangyuan Tong and Nanye Ma and Saining Xie and Tommi Jaakkola",
        title="Flow Map Distillation Without Data",
        year=2025,
        arxiv="2511.19428",
    ),
    Paper(
        key="zhou2025terminal",
        authors="Linqi Zhou and Mathias Parger and Ayaan Haque and Jiaming Song",
        title="Terminal Velocity Matching",
        year=2025,
        arxiv="2511.19797",
    ),
    Paper(
        key="zhang2025flow",
        authors="Xinxi Zhang and Shiwei Tan and Quang Nguyen and Quan Dao and Ligong Han and Xiaoxiao He and "
        "Tunyu Zhang and Alen Mrdovic and Dimitris Metaxas",
        title="Flow Straighter and Faster: Efficient One-Step Generative Modeling via MeanFlow on Rectified "
        "Trajectories",
        year=2025,
        arxiv="2511.23342",
    ),
    Paper(
        key="geng2025improved",
        authors="Zhengyang Geng and Yiyang Lu and Zongze Wu and Eli Shechtman and J. Zico Kolter and Kaiming He",
        title="Improved Mean Flows: On the Challenges of Fastforward Generative Models",
        year=2025,
        arxiv="2512.02012",
        venue="CVPR 2026",
    ),
    Paper(
        key="lin2025design",
        authors="Haitao Lin and Peiyan Hu and Minsi Ren and Zhifeng Gao and Zhi-Ming Ma and Guolin Ke and Tailin Wu "
        "and Stan Z. Li",
        title="On the Design of One-step Diffusion via Shortcutting Flow Paths",
        year=2025,
        arxiv="2512.11831",
        venue="ICLR 2026",
    ),
    Paper(
        key="luo2025soflow",
        authors="Tianze Luo and Haotian Yuan and Zhuang Liu",
        title="SoFlow: Solution Flow Models for One-Step Generative Modeling",
        year=2025,
        arxiv="2512.15657",
        venue="ICLR 2026",
    ),
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
        key="woo2026riemannian",
        authors="Dongyeop Woo and Marta Skreta and Seonghyun Park and Kirill Neklyudov and Sungsoo Ahn",
        title="Riemannian MeanFlow",
        year=2026,
        arxiv="2602.07744",
        venue="ICML 2026",
    ),
)
PAPERS: dict[str, Paper] = {paper.key: paper for paper in _LISTED}


def bibtex(paper: Paper) -> str:
    """The BibTeX entry of a paper; a note replaces authors that were not verified."""
    # Double braces keep the capitals of names such as MeanFlow, whatever the style does to titles.
    fields = {"title": f"{{{paper.title}}}"}
    if paper.authors:
        fields["author"] = paper.authors
    fields["journal"] = f"arXiv preprint arXiv:{paper.arxiv}"
    fields["year"] = str(paper.year)
    fields["eprint"] = paper.arxiv
    fields["archivePrefix"] = "arXiv"
    notes = [paper.venue] if paper.venue else []
    if not paper.authors:
        notes.append("authors not verified here")
    if notes:
        fields["note"] = "; ".join(notes)
    return "\n".join([f"@article{{{paper.key},", *(f"  {name}={{{text}}}," for name, text in fields.items()), "}"])
