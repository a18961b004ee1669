"""Published settings of the methods in ``objectives/methods/consistency_continuous.py``."""

from taxonomy.catalogue.published.anchored import SETTINGS as ANCHORED
from taxonomy.catalogue.published.anchored import TIMES as ANCHORED_TIMES
from taxonomy.catalogue.published.setting import PublishedTimes, Setting

SETTINGS: dict[str, tuple[Setting, ...]] = {} | ANCHORED
TIMES: dict[str, tuple[PublishedTimes, ...]] = {} | ANCHORED_TIMES
