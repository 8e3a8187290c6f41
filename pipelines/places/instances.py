"""Instances of DuckDB that are used again: making one takes six times as long as to attach a file.

Their settings are as they were made, so whoever changes one has an instance to itself.
"""

import atexit

import duckdb

from pipelines.places.place import CONFIG

_SPARE: list[duckdb.DuckDBPyConnection] = []
"""Those with nothing attached that nobody uses."""

# Of what is left at the very end of a process DuckDB's binding says that it leaked.
atexit.register(_SPARE.clear)


def lend() -> duckdb.DuckDBPyConnection:
    """Return an instance with nothing attached, which nobody else uses."""
    try:
        return _SPARE.pop()
    except IndexError:
        return duckdb.connect(config=CONFIG)


def take_back(instance: duckdb.DuckDBPyConnection) -> None:
    """Keep an instance, with nothing attached, for whoever comes next."""
    _SPARE.append(instance)
