"""A person's data erased for good: from what is stored, from the files' bytes, from later reads.

Rows that are deleted leave their bytes in a DuckDB file. So the file is made anew. A lake keeps its
old data files for a while, so they are removed; after a kill, the next time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from pipelines.drafts import drafts
from pipelines.file_warehouse import FileWarehouse
from pipelines.places import File, Place
from pipelines.privacy import Protection
from pipelines.queries import query
from pipelines.reflatten import Tell
from pipelines.warehouse import Warehouse


@dataclass(frozen=True)
class Who:
    """Whose sessions are meant: ids of customers and sessions, e-mail addresses."""

    customers: Sequence[str] = ()
    emails: Sequence[str] = ()
    sessions: Sequence[str] = ()


def forget(place: Place, who: Who, protection: Protection, tell: Tell) -> int:
    """Empty the personal fields of a person's sessions for good, and return how many there are.

    Args:
        place: where the warehouse lives.
        who: whose.
        protection: what is taken out of all sessions.
        tell: is told how far it is.

    Raises:
        WarehouseError: it can't be read or written; a file is as it was then.
    """
    named = _named(who, protection)
    if isinstance(place, File):
        return _forget_in_file(place, named, protection, tell)
    return _forget_in_place(Warehouse(place), named, protection, tell)


def leave_nothing(place: Place) -> None:
    """Leave no bytes of what was taken out of rows.

    Raises:
        WarehouseError: the warehouse can't be read, or made anew; its rows are as they were.
    """
    if not isinstance(place, File):
        Warehouse(place).purge()
        return
    with drafts(place) as (_, final), FileWarehouse(place).settled() as connection:
        final.fill(connection)
        final.take_place()


def _forget_in_file(
    file: File, named: dict[str, list[str]], protection: Protection, tell: Tell
) -> int:
    warehouse = FileWarehouse(file)
    warehouse.require()
    with drafts(file) as (draft, final), warehouse.settled() as connection:
        found = _find(connection, named)
        if not found:
            return 0
        draft.fill(connection)
        copied = FileWarehouse(draft)
        copied.reflatten(tell, protection, sorted(found))
        with copied.attached() as rebuilt:
            final.fill(rebuilt)
        final.take_place()
    return len(found)


def _forget_in_place(
    warehouse: Warehouse, named: dict[str, list[str]], protection: Protection, tell: Tell
) -> int:
    forgotten: set[str] = set()
    while True:  # others may load more of the person's sessions meanwhile
        with warehouse.reading() as connection:
            found = _find(connection, named) - forgotten
        if not found:
            break
        warehouse.reflatten(tell, protection, sorted(found))
        forgotten |= found
    warehouse.purge()  # also for one that was killed before it came to this
    return len(forgotten)


def _find(connection: duckdb.DuckDBPyConnection, named: dict[str, list[str]]) -> set[str]:
    return {id_ for (id_,) in connection.execute(query("forget/find"), named).fetchall()}


def _named(who: Who, protection: Protection) -> dict[str, list[str]]:
    """Return what is looked for, also as it is stored where the settings hash it."""

    def stored(texts: Sequence[str], *paths: str) -> list[str]:
        return [each for text in texts for each in (text, *protection.hashes(text, *paths))]

    emails = stored(who.emails, "customer_email", "customer_details.email")
    return {
        "customers": stored(who.customers, "customer", "customer_account"),
        "emails": [email.lower() for email in emails],
        "sessions": list(who.sessions),
    }
