"""DuckDB with a lake attached: kept for the process, since its extensions take long to load."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache

import duckdb

from pipelines.places.extensions import load_extensions
from pipelines.places.place import CONFIG
from pipelines.queries import filled, query

CONNECT_TIMEOUT_S = 10

_ENGINES: dict[tuple[str, bool], duckdb.DuckDBPyConnection] = {}
"""By the lake's name and whether read-only."""


@dataclass(frozen=True)
class Address:
    """Where a lake is, and how many seconds to wait for others who write to it.

    Attributes:
        catalog: the catalog's address, as `postgres:host=db dbname=lake`.
        data_path: the folder or the URL of the data files.
        patience_s: how long a writer waits for its turn, in seconds.
    """

    catalog: str
    data_path: str
    patience_s: float

    @property
    def name(self) -> str:
        """What messages call the lake."""
        return f"ducklake:{self.catalog}"


def engine(address: Address, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Return DuckDB with the lake attached; whoever asks takes a cursor of it.

    Raises:
        WarehouseError: an extension is lacking.
    """
    key = (address.name, read_only)
    if key not in _ENGINES:
        _ENGINES[key] = _attached(address, read_only=read_only)
    return _ENGINES[key]


def discard(address: Address, *modes: bool) -> None:
    """Keep the lake's engines no longer: those that are read-only, those that are not."""
    for read_only in modes:
        _ENGINES.pop((address.name, read_only), None)


def _attached(address: Address, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config=CONFIG | {"temp_directory": _overflow()})
    try:
        load_extensions(connection, address.name)
        if address.data_path.startswith("s3://"):
            _reach_store(connection)
        server = f"{address.catalog} connect_timeout={CONNECT_TIMEOUT_S}"
        how = "lake/attach_read_only" if read_only else "lake/attach"
        lake = filled(how, address=f"ducklake:{server}", data_path=address.data_path)
        connection.execute(lake)
        if not read_only:
            patience = f"options=-clock_timeout={max(1, round(address.patience_s * 1000))}"
            turns = f"{server.removeprefix('postgres:')} {patience}"
            connection.execute(filled("lake/attach_turns", address=turns))
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _overflow() -> str:
    """Return the folder of what has no room in memory, one a process, its owner's alone.

    By itself DuckDB takes the working folder, for all to read.
    """
    folder = tempfile.mkdtemp(prefix="checkouts-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _reach_store(connection: duckdb.DuckDBPyConnection) -> None:
    """Put the object store's key, which came by environment, where nobody sees it."""
    settings = connection.execute(query("lake/store_settings"))
    assert settings.description is not None
    columns = [column[0] for column in settings.description]
    named = dict(zip(columns, settings.fetchall()[0], strict=True))
    if named["key_id"]:
        connection.execute(filled("lake/store_secret", **named))
