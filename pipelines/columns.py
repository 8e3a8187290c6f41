"""What a column and a table are made of: the words in which `schema.py` is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import Any

import pyarrow as pa

ADDED = ("account", "api_version", "run_id", "first_observed_at", "missing_since")
"""Columns that a load adds to what was received; all but the account only to sessions."""


class Kind(Enum):
    """What a field holds."""

    TEXT = auto()
    ID = auto()
    """An id, also where the API sent the object itself."""
    INTEGER = auto()
    MINOR = auto()
    """An amount in the currency's minor unit (cents; whole yen for JPY; fils for KWD)."""
    DECIMAL = auto()
    """A decimal number as text, so that no digit is lost."""
    BOOLEAN = auto()
    TIME = auto()
    TEXTS = auto()
    IDS = auto()
    MAP = auto()
    JSON = auto()
    """An object with changing keys, or a list of objects: as received."""

    @property
    def sql(self) -> str:
        """The column's DuckDB type."""
        return _TYPES[self][0]

    @property
    def arrow(self) -> pa.DataType:
        """The column's Arrow type on its way into DuckDB."""
        return _TYPES[self][1]


_TYPES: dict[Kind, tuple[str, pa.DataType]] = {
    Kind.TEXT: ("VARCHAR", pa.string()),
    Kind.ID: ("VARCHAR", pa.string()),
    Kind.INTEGER: ("BIGINT", pa.int64()),
    Kind.MINOR: ("BIGINT", pa.int64()),
    Kind.DECIMAL: ("VARCHAR", pa.string()),
    Kind.BOOLEAN: ("BOOLEAN", pa.bool_()),
    Kind.TIME: ("TIMESTAMPTZ", pa.timestamp("s", tz="UTC")),
    Kind.TEXTS: ("VARCHAR[]", pa.list_(pa.string())),
    Kind.IDS: ("VARCHAR[]", pa.list_(pa.string())),
    Kind.MAP: ("MAP(VARCHAR, VARCHAR)", pa.map_(pa.string(), pa.string())),
    # Named as JSON, so that DuckDB, which was asked already, doesn't look whether it is any.
    Kind.JSON: ("JSON", pa.json_(pa.string())),
}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        path: the field's path in the API's object, or the column's own name where `derived`.
        kind: what it holds.
        comment: its meaning and unit, in one line.
        personal: whether it may hold a person's data.
        derived: whether the pipeline makes it, so that no field of the API fills it.
        one_of: the values that the API documents, joined by `|`; empty where it may be any.
    """

    path: str
    kind: Kind
    comment: str
    personal: bool = False
    derived: bool = False
    one_of: str = ""

    @property
    def name(self) -> str:
        """The column's name: the path joined by `_`."""
        return self.path.replace(".", "_")

    @cached_property
    def values(self) -> frozenset[str]:
        """The values that the API documents; none where it may be any."""
        return frozenset(self.one_of.split("|")) if self.one_of else frozenset()


@dataclass(frozen=True, eq=False)
class Table:
    """A table of the data contract and the columns it has, in order.

    Attributes:
        name: the table.
        grain: what one row is.
        columns: all columns.
        source: path of the list in a session that a child table has the elements of.
        older: paths that older API versions use for a path of today.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    source: str = ""
    older: dict[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[Column, ...]:
        """The columns that the API's fields fill."""
        return tuple(column for column in self.columns if not column.derived)

    @cached_property
    def rows(self) -> pa.Schema:
        """The rows on their way into DuckDB, which adds what only a load knows."""
        kept = [column for column in self.columns if column.name not in ADDED]
        return pa.schema([(column.name, column.kind.arrow) for column in kept])

    def to_arrow(self, values: Mapping[str, Sequence[Any]]) -> pa.Table:
        """Return the rows of columns of Python's values.

        All columns are made in one call, as members of rows: in each call Arrow lets go of Python's
        lock, and gets it back when no other thread wants it.
        """
        columns = [values[name] for name in self.rows.names]
        rows: Any = pa.array(list(zip(*columns, strict=True)), self._stored_row)
        return pa.Table.from_struct_array(rows.view(self._row))

    @cached_property
    def _row(self) -> pa.StructType:
        return pa.struct(self.rows)

    @cached_property
    def _stored_row(self) -> pa.StructType:
        """A row's type, with what its members are stored as."""
        members = [(each.name, getattr(each.type, "storage_type", each.type)) for each in self.rows]
        return pa.struct(members)
