"""DuckDB's instances: what has no room in their memory goes beside the file that they are for.

Making one takes six times as long as to attach a file, so they are used again. Their settings are
as they were made, so whoever changes one has an instance to itself.
"""

import atexit
from pathlib import Path

import duckdb

from pipelines.places.place import CONFIG
from pipelines.queries import filled

_SPARE: list[duckdb.DuckDBPyConnection] = []
"""Those with nothing attached that nobody uses."""

# Of what is left at the very end of a process DuckDB's binding says that it leaked.
atexit.register(_SPARE.clear)


def overflow(path: Path) -> Path:
    """Return the folder of what has no room in memory; by itself DuckDB takes the working folder.

    It is there while it is needed, and after a kill.
    """
    return path.with_name(f"{path.name}.tmp")


def made(path: Path) -> duckdb.DuckDBPyConnection:
    """Return a new instance, with nothing attached, for a file."""
    return duckdb.connect(config=CONFIG | {"temp_directory": str(overflow(path))})


def lent(path: Path) -> duckdb.DuckDBPyConnection:
    """Return an instance, with nothing attached, for a file; nobody else uses it meanwhile."""
    while True:
        try:
            instance = _SPARE.pop()
        except IndexError:
            return made(path)
        try:
            instance.execute(filled("ddl/overflow", path=str(overflow(path))))
        except duckdb.Error:  # something of another file had no room
            instance.close()
        else:
            return instance


def take_back(instance: duckdb.DuckDBPyConnection) -> None:
    """Keep an instance, with nothing attached, for whoever comes next."""
    _SPARE.append(instance)
