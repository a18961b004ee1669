"""The run-time checker of shapes and types, as ``tests/conftest.py`` installs it."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
