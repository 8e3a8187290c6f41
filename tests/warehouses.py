"""Where the tests' warehouses live: in files, or in lakes where a PostgreSQL server is named.

A test makes hundreds of them and asks thousands of questions, so what costs most of that is done
once a process: an empty file is made by the program and then copied, and one DuckDB asks them all.
"""

import atexit
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from pipelines import layout
from pipelines.places import CONFIG, File, Place, place_of
from pipelines.queries import literal
from pipelines.settings import Settings
from tests.lake.postgres import VARIABLE, make_database

_OWN = threading.local()


def section(folder: Path, name: str) -> dict[str, Any]:
    """The `warehouse` settings of an installation in a folder; a lake is the folder's own."""
    port = os.environ.get(VARIABLE)
    if port is None:
        return {"path": name}
    database = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]
    return {"path": make_database(int(port), database), "data_path": f"{name}.lake"}


def made(settings: Settings) -> Settings:
    """The settings; an empty file is there then, as a first sync makes it, unless a log is left."""
    place = place_of(settings.warehouse)
    if isinstance(place, File) and not place.exists and not place.log.exists():
        place.make()
        place.path.write_bytes(_empty())
    return settings


@contextmanager
def reading(place: Place) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for questions to a warehouse, in UTC."""
    if not isinstance(place, File):
        with place.connect(read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection
        return
    connection = _own()
    connection.execute(f"attach {literal(place.name)} as warehouse (read_only)")
    try:
        connection.execute("use warehouse")
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        with suppress(duckdb.Error):  # of a transaction that a failure ended
            connection.execute("rollback")
        connection.execute("use memory")
        connection.execute("detach warehouse")


def _own() -> duckdb.DuckDBPyConnection:
    """This thread's connection."""
    if not hasattr(_OWN, "connection"):
        _OWN.connection = duckdb.connect(config=CONFIG)
        if threading.current_thread() is threading.main_thread():
            # Others end before; what DuckDB finds at the very end of a process it calls leaked.
            atexit.register(_OWN.__dict__.clear)
    connection: duckdb.DuckDBPyConnection = _OWN.connection
    return connection


@cache
def _empty() -> bytes:
    """A file with an empty warehouse."""
    with tempfile.TemporaryDirectory() as folder:
        file = File(Path(folder) / "empty.duckdb", patience_s=0)
        with file.connect(read_only=False) as connection:
            connection.execute("begin")
            layout.migrate(connection, file, 0)
            connection.execute("commit")
        return file.path.read_bytes()
