"""A person's data erased for good: from what is stored, from the file's bytes, from later reads.

Rows that are deleted leave their bytes in a DuckDB file. So the file is made anew beside the old
one, and takes its place at once: a kill leaves the one or the other, whole.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.errors import WarehouseError
from pipelines.places import File, filled
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


def forget(file: File, who: Who, protection: Protection, tell: Tell) -> int:
    """Empty the personal fields of a person's sessions for good, and return how many there are.

    Args:
        file: the warehouse's file.
        who: whose.
        protection: what is taken out of all sessions.
        tell: is told how far it is.

    Raises:
        WarehouseError: the file can't be read, or made anew; it is as it was then.
    """
    with _drafts(file.path) as (draft, final), Warehouse(file).settled() as connection:
        found = connection.execute(query("forget/find"), _named(who, protection)).fetchall()
        if not found:
            return 0
        _copy(connection, draft)
        copied = Warehouse(File(draft, 0))
        copied.reflatten(tell, protection, [id_ for (id_,) in found])
        with copied.attached() as rebuilt:
            _copy(rebuilt, final)
        final.replace(file.path)
    return len(found)


def make_anew(file: File) -> None:
    """Put the file's content in a new file, without the bytes of what was taken out of rows.

    Raises:
        WarehouseError: the file can't be read, or made anew; it is as it was then.
    """
    with _drafts(file.path) as (_, final), Warehouse(file).settled() as connection:
        _copy(connection, final)
        final.replace(file.path)


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


def _copy(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    connection.execute(filled("forget/attach_target", path=str(target)))
    connection.execute(query("publish/copy"))
    connection.execute(query("publish/detach_target"))


@contextmanager
def _drafts(path: Path) -> Iterator[tuple[Path, Path]]:
    """Give two places beside a file, for its owner alone, and leave nothing there."""
    draft, final = (path.with_name(f".{path.name}.{name}") for name in ("draft", "part"))
    places = [draft, draft.with_name(f"{draft.name}.wal"), final]
    before = os.umask(0o077)
    try:
        _remove(places)  # of one that was killed
        yield draft, final
    except (OSError, duckdb.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).split("\n")[0]
        raise WarehouseError(
            f"{path} can't be made anew: {reason}. It is as it was; make room for two more copies"
            " of it, then run this again",
            path=str(path),
        ) from None
    finally:
        _remove(places)
        os.umask(before)


def _remove(places: Sequence[Path]) -> None:
    for place in places:
        with suppress(OSError):
            place.unlink(missing_ok=True)
