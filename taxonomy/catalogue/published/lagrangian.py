"""Published settings of the methods in ``objectives/methods/lagrangian.py``."""

from taxonomy.catalogue.published.setting import PublishedTimes, Setting

SETTINGS: dict[str, tuple[Setting, ...]] = {}
TIMES: dict[str, tuple[PublishedTimes, ...]] = {}
