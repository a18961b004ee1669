"""Published settings of the methods in ``objectives/methods/consistency_segments.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting

SETTINGS: dict[str, tuple[Setting, ...]] = {}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {}
