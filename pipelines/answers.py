"""Questions in SQL: what is asked, and the answer in the form asked for."""

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import cells, kinds, queries
from pipelines.errors import UsageError
from pipelines.places import place_of
from pipelines.publish import readable
from pipelines.settings import Settings
from pipelines.warehouse import Warehouse

FOLDER = "queries"


def named() -> list[str]:
    """Return the names of the queries that come with the program."""
    return queries.names(FOLDER)


def title(name: str) -> str:
    """Return what a named query answers."""
    return queries.title(f"{FOLDER}/{name}")


def statement(text: str | None, file_text: str | None, name: str | None) -> str:
    """Return the SQL that was asked for.

    Raises:
        UsageError: no query has that name, or there is no SQL.
    """
    if name is not None:
        if name not in named():
            raise UsageError(f"no query is named {name!r}; `checkouts sql` lists them")
        return queries.query(f"{FOLDER}/{name}")
    chosen = (text if text is not None else file_text) or ""
    if not chosen.strip():
        raise UsageError("there is no SQL; `checkouts sql` lists the named queries")
    return chosen


def text_of(file: BinaryIO) -> str:
    """Return a file's text.

    Raises:
        UsageError: it is none.
    """
    try:
        return file.read().decode()
    except UnicodeDecodeError:
        raise UsageError(f"-f {file.name}: it is not UTF-8 text") from None


def parameters(given: Sequence[str]) -> dict[str, str]:
    """Return `k=v` options as a mapping.

    Raises:
        UsageError: one has no `=`.
    """
    for pair in given:
        if "=" not in pair or not pair.split("=", 1)[0]:
            raise UsageError(f"--param: expected name=value, got {pair!r}")
    return dict(pair.split("=", 1) for pair in given)


def ask(settings: Settings, sql: str, params: dict[str, str], *, unsafe: bool = False) -> pa.Table:
    """Return the answer; `unsafe` SQL may do more than read the warehouse.

    Raises:
        WarehouseError: there is no warehouse, or it can't be read.
        UsageError: DuckDB doesn't accept the SQL.
    """
    # What is written belongs into the warehouse, never into its copy.
    chosen = Warehouse(place_of(settings.warehouse)) if unsafe else readable(settings)
    return chosen.ask(sql, params, unsafe=unsafe)


def rows(answer: pa.Table) -> list[tuple[Any, ...]]:
    """Return an answer as rows; a map is a dict, a time beyond Python's years is text."""
    return list(zip(*(_values(column) for column in answer.columns), strict=True))


def objects(answer: pa.Table) -> list[dict[str, Any]]:
    """Return an answer as rows by column, each column by a name of its own."""
    names = unlike(answer.column_names)
    return [dict(zip(names, row, strict=True)) for row in rows(answer)]


def unlike(names: Sequence[str]) -> list[str]:
    """Return names that differ, as DuckDB makes them for a table: `a, a` becomes `a, a_1`."""
    made: list[str] = []
    taken: Counter[str] = Counter()
    for name in names:
        new = name
        while new.lower() in taken:
            new = f"{name}_{taken[name.lower()]}"
            taken[name.lower()] += 1
        taken[new.lower()] += 1
        made.append(new)
    return made


def _values(column: "pa.ChunkedArray[Any]") -> list[Any]:
    try:
        return column.to_pylist(maps_as_pydicts="lossy")
    except (OverflowError, ValueError):
        return kinds.beyond_python(column).to_pylist(maps_as_pydicts="lossy")


def encode(answer: pa.Table, path: Path, format_: str | None) -> bytes:
    """Return an answer as a file's content; the format asked for decides, else its ending.

    Raises:
        UsageError: neither says what to write.
    """
    kind = format_ or path.suffix.removeprefix(".").lower()
    if kind == "parquet":
        out = io.BytesIO()
        named = answer.rename_columns(unlike(answer.column_names))
        pq.write_table(named, out, compression="zstd")
        return out.getvalue()
    if kind == "csv":
        return cells.to_csv(rows(answer), answer.column_names).encode()
    if kind == "json":
        return (cells.as_json(objects(answer)) + "\n").encode()
    if kind == "table":
        raise UsageError(f"-o {path}: a table is for a terminal; use --format csv or json")
    raise UsageError(f"-o {path}: expected a name that ends in .csv, .json or .parquet")
