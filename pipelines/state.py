"""What the warehouse knows about an account when a run begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import duckdb

from pipelines.queries import query
from pipelines.windows import Window


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A stored session that may still change.

    Attributes:
        id: the session.
        created: its second.
        read_at: API time when it was last read, epoch seconds.
        reason: `open`, `unpaid`, `fresh` or `partial`.
        before: stored sessions older than its second, counted from the oldest unsettled one.
        through: the same up to the end of its second.
    """

    id: str
    created: int
    read_at: int
    reason: str
    before: int
    through: int


class Keys(NamedTuple):
    """Which keys are stored, as fingerprints.

    Attributes:
        owner: another account name that this account's key was stored under.
        stored: the key that the account was last read with, None for a new account.
    """

    owner: str | None
    stored: str | None


@dataclass(frozen=True)
class State:
    """What the warehouse knows about an account when a run begins.

    Attributes:
        livemode: its mode, None while unknown.
        key_fingerprint: which key it was read with, None for a new account.
        api_time: latest API time seen, epoch seconds, 0 for none.
        ended: runs that had ended in that second.
        coverage: what was read completely, oldest first.
        unsettled: sessions that may still change, oldest first.
        fingerprint_owner: another account name that this key was stored under.
        stored: how many sessions are stored up to the newest covered second, counted as in
            `unsettled`.
        newest_id: its newest stored session, looked up where the key is another.
        forgotten: ids of sessions whose personal fields stay empty, of all accounts.
    """

    livemode: bool | None = None
    key_fingerprint: str | None = None
    api_time: int = 0
    ended: Sequence[str] = ()
    coverage: Sequence[Window] = ()
    unsettled: Sequence[Unsettled] = ()
    stored: int = 0
    fingerprint_owner: str | None = None
    newest_id: str | None = None
    forgotten: Sequence[str] = ()


def known(
    connection: duckdb.DuckDBPyConnection, account: str, fingerprint: str, late_payment_s: int
) -> State:
    """Return what is known about an account, which may be nothing.

    Args:
        connection: a connection to the warehouse.
        account: the account's name.
        fingerprint: that of its key.
        late_payment_s: how long a payment may take, in seconds.
    """
    named = {"account": account}
    owner = keys(connection, account, fingerprint).owner
    forgotten = [id_ for (id_,) in connection.execute(query("state/forgotten")).fetchall()]
    rows = connection.execute(query("state/account"), named).fetchall()
    if not rows:
        return State(fingerprint_owner=owner, forgotten=forgotten)
    ((livemode, key_fingerprint, api_time),) = rows
    ended = connection.execute(query("state/ended"), named | {"api_time": api_time}).fetchall()
    coverage = [Window(*w) for w in connection.execute(query("state/coverage"), named).fetchall()]
    newest_s = coverage[-1].until if coverage else 0
    moments = {"newest": newest_s, "api_time": api_time, "late_payment_s": late_payment_s}
    ranked = connection.execute(query("state/unsettled"), named | moments).fetchall()
    newest: list[tuple[str]] = []
    if key_fingerprint != fingerprint:
        newest = connection.execute(query("state/newest_id"), named).fetchall()
    return State(
        livemode=livemode,
        key_fingerprint=key_fingerprint,
        api_time=api_time,
        ended=[id_ for (id_,) in ended],
        coverage=coverage,
        unsettled=[Unsettled(*session) for session in ranked if session[0] is not None],
        stored=ranked[-1][-1] if ranked else 0,
        fingerprint_owner=owner,
        newest_id=newest[0][0] if newest else None,
        forgotten=forgotten,
    )


def keys(connection: duckdb.DuckDBPyConnection, account: str, fingerprint: str) -> Keys:
    """Return which keys are stored now.

    Args:
        connection: a connection to the warehouse.
        account: the account's name.
        fingerprint: that of its key.
    """
    named = {"account": account, "key_fingerprint": fingerprint}
    (found,) = connection.execute(query("state/keys"), named).fetchall()
    return Keys(*found)
