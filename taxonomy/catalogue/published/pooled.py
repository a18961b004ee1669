"""The published velocity of samples, of the methods that may average it over a pool of data instead."""

from taxonomy.catalogue.published.setting import Setting

# Method -> the paper whose loss has ``dI`` of the example as a target.
_PAPERS = {
    "flow_matching": "2210.02747",
    "lsd": "2505.18825",
    "tvm": "2511.19797",
    "fmm": "2406.07507",
    "lmf": "2602.07744",
    "stei": "2505.14502",
    "stee": "2505.14502",
    "esd": "2505.18825",
    "mean_flow": "2505.13447",
    "improved_mean_flow": "2512.02012",
    "pixel_mean_flow": "2601.22158",
    "decoupled_mean_flow": "2510.24474",
    "alpha_flow": "2510.20771",
    "so_flow": "2512.15657",
    "tim": "2509.04394",
    "euler_mean_flow": "2602.02571",
    "shortcut": "2410.12557",
    "psd_m": "2505.18825",
    "psd_u": "2505.18825",
    "ctm": "2310.02279",
    "ct_continuous": "2303.01469",
    "sct": "2410.11081",
    "ct": "2303.01469",
    "ict": "2310.14189",
    "ect": "2406.14548; arXiv 2410.18958 has a mean over a batch",
}
_POOL = Setting(
    name="pool",
    published=None,
    source="ours",
    here=512,
    reason="It counts with velocity = 'pooled' alone, which arXiv 2302.00670 has for scores.",
)

SETTINGS: dict[str, tuple[Setting, ...]] = {
    name: (Setting(name="velocity", published="sample", source=f"arXiv {paper}"), _POOL)
    for name, paper in _PAPERS.items()
}
