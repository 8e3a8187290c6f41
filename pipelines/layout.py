"""The warehouse file's layout: created, recognised, brought up to date."""

from collections.abc import Mapping
from contextlib import suppress

import duckdb

from pipelines.columns import Table
from pipelines.errors import WarehouseError
from pipelines.places import ZSTD, Place
from pipelines.queries import in_order, literal, names, qualified, query
from pipelines.schema import TABLES

VERSION = 6
"""The layout that this program writes.

Raised with every change of `schema.py`, `sql/ddl/` or `sql/marts/`, which the file holds.
"""
REFILL_BELOW = 2
"""Files of an older layout lack columns or tables that are filled from the payloads."""


def version(connection: duckdb.DuckDBPyConnection, path: str) -> int:
    """Return a file's layout version, 0 for a file without tables.

    Raises:
        WarehouseError: it is another program's file, or a newer program's.
    """
    try:
        ((found,),) = connection.execute(query("state/version")).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        with suppress(duckdb.Error):  # of a transaction that this ended
            connection.execute("rollback")
        ((tables,),) = connection.execute(query("state/tables")).fetchall()
        if not tables:
            return 0
        raise WarehouseError(
            f"{path} is a DuckDB file of another program; nothing was written to it."
            " Set warehouse.path to another file",
            path=path,
        ) from None
    found = found or 0
    if found > VERSION:
        raise WarehouseError(
            f"{path} has layout {found}, made by a newer version of this program, which knows"
            f" layout {VERSION}; upgrade it. Nothing was written",
            path=path,
        )
    return found


def migrate(connection: duckdb.DuckDBPyConnection, place: Place, found: int) -> None:
    """Bring a warehouse of an older layout to this program's, through an open transaction.

    Tables are made where they lack, then each version since the file's own makes what else it
    changed, then all that holds no data is made anew.
    """
    place.define(connection, query("ddl/schemas"))
    for table in TABLES:
        place.define(connection, create(table))
    place.define(connection, query("ddl/meta"))
    for step in range(found + 1, VERSION + 1):
        if found and f"layout_{step}" in names("ddl"):
            place.define(connection, query(f"ddl/layout_{step}"))
    for table in TABLES:
        place.define(connection, comments(table))
    place.define(connection, query("ddl/comments"))
    place.define(connection, query("ddl/macros"))
    for mart in in_order("marts"):
        place.define(connection, query(f"marts/{mart}"))
    place.define(connection, passed_on(connection))
    place.arrange(connection)
    connection.execute(query("ddl/note_version"), {"version": VERSION})


def create(table: Table) -> str:
    """Return the statement that creates a table of the schema."""
    columns = ",\n".join(
        f'    "{column.name}" {column.kind.sql}'
        # zstd: a third of the time and a sixth of the room of DuckDB's own choice.
        + (ZSTD if column.name == "payload" else "")
        for column in table.columns
    )
    return f"create table if not exists {table.name} (\n{columns}\n)"


def comments(table: Table) -> str:
    """Return the statements that put the schema's words on a table and its columns."""
    of_table = f"comment on table {table.name} is {literal(table.grain.capitalize())};\n"
    return of_table + _of_columns(table.name, {c.name: c.comment for c in table.columns})


def passed_on(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the statements that put on marts' columns the words of those that they pass on.

    One without words of its own has those of its name in the first relation that its mart reads.
    """
    words: dict[str, dict[str, str | None]] = {}
    for relation, column, comment in connection.execute(query("ddl/words")).fetchall():
        words.setdefault(relation, {})[column] = comment
    statements = []
    for mart in in_order("marts"):
        own = words.get(f"marts.{mart}", {})
        read = [words[name] for name in qualified(f"marts/{mart}") if name in words]
        given = {
            column: word
            for column, comment in own.items()
            for word in [each[column] for each in read if each.get(column)][:1]
            if word and not comment
        }
        own.update(given)
        statements.append(_of_columns(f"marts.{mart}", given))
    return "\n".join(statements)


def _of_columns(relation: str, words: Mapping[str, str]) -> str:
    return "\n".join(
        f'comment on column {relation}."{column}" is {literal(comment)};'
        for column, comment in words.items()
    )
