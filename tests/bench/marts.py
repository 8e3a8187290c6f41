"""How long each mart takes to answer on a large warehouse."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from pipelines.queries import names

BASE, DAYS = 20_000, 90
COPIES = 50
CHILDREN = ("line_items", "discounts")
SESSIONS = """
insert into checkout_sessions by name
select * replace (
    id || '-' || $copy as id,
    created - to_days($copy * 20) as created,
    customer_details_email || $copy as customer_details_email
)
from checkout_sessions where id not like '%-%'
"""
ITEMS = """
insert into checkout_session_{} by name
select * replace (
    session_id || '-' || $copy as session_id,
    session_created - to_days($copy * 20) as session_created
)
from checkout_session_{} where session_id not like '%-%'
"""
HISTORY = """
insert into checkout_session_history by name
select
    account, id, 'open' as status, 'unpaid' as payment_status, amount_total, api_version,
    created as observed_at, observed_at as superseded_at, created as last_seen_at
from checkout_sessions where status <> 'open' and hash(id) % 10 = 0
"""


def figures(sync: Callable[[Path], Any], figure: Callable[..., Any]) -> list[Any]:
    """Return the seconds that each mart takes on a million sessions; the limit is one.

    Args:
        sync: loads 20,000 sessions with their line items into a folder's `bench.duckdb`.
        figure: makes a row of the table.
    """
    with tempfile.TemporaryDirectory() as name:
        sync(Path(name))
        with duckdb.connect(str(Path(name) / "bench.duckdb")) as connection:
            connection.execute("set preserve_insertion_order = false")
            connection.execute("set threads = $threads", {"threads": os.cpu_count()})
            _enlarge(connection)
            return [
                figure(
                    f"marts.{mart} of {BASE * COPIES:,} sessions: seconds",
                    _time(connection, mart),
                    1,
                )
                for mart in names("marts")
            ]


def _enlarge(connection: duckdb.DuckDBPyConnection) -> None:
    for copy in range(1, COPIES):
        connection.execute(SESSIONS, {"copy": copy})
        for child in CHILDREN:
            connection.execute(ITEMS.format(child, child), {"copy": copy})
    connection.execute(HISTORY)
    connection.execute("checkpoint")


def _time(connection: duckdb.DuckDBPyConnection, mart: str) -> float:
    """Read all rows of a mart; of the two widest the columns that a question asks of them."""
    columns = {
        "sessions": "account, created_date, email, country, outcome, amount_total_major",
        "line_items": "account, created_date, is_paid, description, quantity, amount_total_major",
    }.get(mart, "columns(*)")
    began = time.perf_counter()
    connection.execute(f"select count(*), bit_xor(hash({columns})) from marts.{mart}").fetchall()
    return time.perf_counter() - began
