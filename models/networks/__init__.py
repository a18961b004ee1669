"""Networks with two times: one file for each kind, and the table of kinds."""

from models.networks.kind import DTYPES, Divisor, Fields, Kind, Option
from models.networks.table import KINDS, build, fields_of, options

__all__ = ["DTYPES", "KINDS", "Divisor", "Fields", "Kind", "Option", "build", "fields_of", "options"]
