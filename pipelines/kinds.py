"""The kinds of values that DuckDB has: those that Arrow and Parquet hold as they are, and text."""

from collections.abc import Set as AbstractSet
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.sqltypes import VARCHAR, DuckDBPyType

WHOLE = {"tinyint", "smallint", "integer", "bigint"}
WHOLE |= {"utinyint", "usmallint", "uinteger", "ubigint"}
TIMES = {"date", "time", "time_ns", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"}
TIMES |= {"timestamp with time zone"}
OTHERS = {"boolean", "hugeint", "float", "double", "decimal"}
OTHERS |= {"varchar", "uuid", "enum", "blob", "null"}
HELD = WHOLE | TIMES | OTHERS
"""What Arrow and Parquet have, too."""
KEYS = WHOLE | {"varchar"}
"""What a key of a map may be in JSON."""


def table(relation: duckdb.DuckDBPyRelation, held: AbstractSet[str] = HELD) -> pa.Table:
    """Return an answer of DuckDB's; what isn't held is text as DuckDB writes it, nested too."""
    wanted = [_held(kind, held) for kind in relation.types]
    if [str(kind) for kind in wanted] == [str(kind) for kind in relation.types]:
        return _arrow(relation)
    # By place, since two columns may have one name.
    cells = (
        duckdb.SQLExpression(f"#{place}").cast(kind) for place, kind in enumerate(wanted, start=1)
    )
    return _arrow(relation.select(*cells)).rename_columns(relation.columns)


def beyond_python(column: "pa.ChunkedArray[Any]") -> "pa.ChunkedArray[Any]":
    """Return a column whose times Python can't hold, years above 9999 and infinity, with text."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        relation = connection.from_arrow(pa.table({"column": column}))
        return table(relation, WHOLE | OTHERS).column(0)


def _arrow(relation: duckdb.DuckDBPyRelation) -> pa.Table:
    found: pa.Table = relation.to_arrow_table()
    return found


def _held(kind: DuckDBPyType, held: AbstractSet[str]) -> DuckDBPyType:
    """Return the type that a value of a type gets."""
    if kind.id in ("list", "array"):
        (_, inner), *length = _members(kind)
        made = _held(inner, held)
        return duckdb.array_type(made, length[0][1]) if length else duckdb.list_type(made)
    if kind.id in ("struct", "tuple"):
        members = enumerate(_members(kind), start=1)
        return duckdb.struct_type(
            {name or f"element{place}": _held(inner, held) for place, (name, inner) in members}
        )
    if kind.id == "map":
        (_, key), (_, inner) = _members(kind)
        return duckdb.map_type(key if key.id in KEYS else VARCHAR, _held(inner, held))
    if kind.id == "variant":
        return DuckDBPyType("JSON")
    return kind if kind.id in held else VARCHAR


def _members(kind: DuckDBPyType) -> list[tuple[str, Any]]:
    """Return the types that a type is made of, by name; of an array also its length."""
    return kind.children
