"""The tables and marts as Parquet files, by month where they are large.

Only what changed is written. Each file is written beside its place and put there at once.
"""

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from pipelines.errors import ConfigError
from pipelines.queries import names, query
from pipelines.schema import TABLES
from pipelines.warehouse import Warehouse

MANIFEST = ".manifest.json"
"""What each file was made from, beside the files: a fingerprint by path."""
MADE = re.compile(r"(marts/)?\w+(\.parquet|/month=[\w-]+/data\.parquet)")
"""A file of ours in the folder; no other is ever removed."""
UNWRITTEN = re.compile(r'file \\?"[^"]*\.part\\?": ([^"\n]+)')
"""How DuckDB says why a file of ours can't be written."""
HISTORY = "checkout_session_history"
MARTS_BY_MONTH = {"sessions": "by_month", "abandoned_sessions": "computed_by_month"}
"""The large marts; a month of the second takes as long to compute as all of it."""


def check(folder: Path) -> None:
    """Check that a folder is none of another program's.

    Raises:
        ConfigError: it is.
        OSError: it can't be read.
    """
    _manifest(folder)


def write(warehouse: Warehouse, folder: Path, *, anew: bool) -> None:
    """Bring a folder up to date: `<table>.parquet`, or `<table>/month=2026-09/data.parquet`.

    Args:
        warehouse: where the rows are.
        folder: where the files go.
        anew: look at every row, whatever the runs did.

    Raises:
        ConfigError: the folder is another program's.
        OSError: the folder can't be written.
        WarehouseError: the warehouse can't be read.
    """
    before = os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with warehouse.reading() as connection:
            _write_changed(connection, folder, anew=anew)
    finally:
        os.umask(before)


def _write_changed(connection: duckdb.DuckDBPyConnection, folder: Path, *, anew: bool) -> None:
    stored = _manifest(folder)
    ((state,),) = connection.execute(query("publish/fingerprint")).fetchall()
    all_there = all((folder / path).is_file() for path in filter(MADE.fullmatch, stored))
    if stored.get("state") == state and all_there and not anew:
        return
    made: dict[str, str] = {}
    for name, how in _relations():
        connection.execute(query("parquet/choose"), {"relation": name})
        made |= _write_relation(connection, folder, name, how, stored)
    for gone in filter(MADE.fullmatch, stored.keys() - made.keys()):
        (folder / gone).unlink(missing_ok=True)
    _put(folder / MANIFEST, json.dumps(made | {"state": state}, indent=1).encode())


def _relations() -> Iterator[tuple[str, str]]:
    """Yield each table and mart with the query that lays it out: whole, or by month."""
    for table in TABLES:
        child = any(column.name == "session_id" for column in table.columns)
        yield table.name, "children_by_month" if child else "by_month"
    yield HISTORY, "history_by_month"
    for mart in names("marts"):
        yield f"marts.{mart}", MARTS_BY_MONTH.get(mart, "whole")


def _write_relation(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    name: str,
    how: str,
    stored: Mapping[str, str],
) -> dict[str, str]:
    """Bring the files of a table or mart up to date; return what each is made from, by path."""
    if how == "whole":
        return _write_whole(connection, folder, _path(name), stored)
    if how == "computed_by_month":
        connection.execute(query("parquet/compute"))
        connection.execute(query("parquet/choose"), {"relation": "computed"})
        how = "by_month"
    connection.execute(query(f"parquet/{how}"))
    made: dict[str, str] = {}
    months = connection.execute(query("parquet/months")).fetchall()
    for month, fingerprint, earliest, latest in months:
        path = _path(name, month)
        made[path] = fingerprint
        if stored.get(path) != fingerprint or not (folder / path).is_file():
            span = {"earliest": earliest, "latest": latest}
            rows = connection.sql(query("parquet/month"), params=span)
            _beside(folder / path, rows).replace(folder / path)
    return made


def _write_whole(
    connection: duckdb.DuckDBPyConnection, folder: Path, path: str, stored: Mapping[str, str]
) -> dict[str, str]:
    """Write a mart of one file, since to compute its rows takes longer than to write them.

    Where they are those of the file that is there, that one stays.
    """
    part = _beside(folder / path, connection.sql(query("parquet/whole")))
    ((fingerprint,),) = connection.execute(query("parquet/file"), {"path": str(part)}).fetchall()
    if stored.get(path) == fingerprint and (folder / path).is_file():
        part.unlink()
    else:
        part.replace(folder / path)
    return {path: fingerprint}


def _path(name: str, month: str | None = None) -> str:
    """Return a file's place in the folder, as tools find partitions: `sessions/month=2026-09/`."""
    place = name.replace(".", "/")
    return f"{place}.parquet" if month is None else f"{place}/month={month}/data.parquet"


def _beside(path: Path, rows: duckdb.DuckDBPyRelation) -> Path:
    """Write rows beside the place of a file, and return where.

    Raises:
        OSError: they can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        rows.write_parquet(str(part), compression="zstd")
    except duckdb.IOException as error:
        unwritten = UNWRITTEN.search(str(error))
        if unwritten is None:  # so it is the warehouse that can't be read
            raise
        raise OSError(errno.EIO, unwritten[1]) from None
    return part


def _put(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def _manifest(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(found, dict) or "state" not in found:
        raise ConfigError(
            f"publish.parquet: {folder / MANIFEST} is another program's, so the folder is left as"
            " it is; name another folder",
            key="publish.parquet",
        )
    return found
