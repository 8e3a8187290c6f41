"""The least that a load can cost: each step done by its library alone, on the same pages.

Run in a process of its own: `python -m tests.bench.floors URL WAREHOUSE LINE_ITEMS`; prints CPU
seconds a step. `WAREHOUSE` is a finished load of the same pages, whose rows are inserted again.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import duckdb
import httpx
import msgspec
import pyarrow as pa

from pipelines import layout
from pipelines.schema import SESSIONS
from tests.bench.processes import KEY

PAGE = 100
ROWS_A_LOAD = 8_000
PATH = "/v1/checkout/sessions"

Params = list[tuple[str, str]]
T = TypeVar("T")


def main(url: str, warehouse: str, line_items: str) -> None:
    """Measure the three steps."""
    expand: Params = [("expand[]", "data.line_items")] if line_items == "true" else []
    base: Params = [("limit", str(PAGE)), *expand]
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
        asked = [base + cursor for cursor in _cursors(client, base)]
        pages, download_s = _timed(lambda: [client.get(PATH, params=p).content for p in asked])
    rows = _rows(Path(warehouse))
    sessions, decode_s = _timed(lambda: sum(len(_elements(page)) for page in pages))
    assert sessions == rows.num_rows, f"{sessions} sessions on the pages, {rows.num_rows} stored"
    with tempfile.TemporaryDirectory() as name, _empty(Path(name) / "floor.duckdb") as connection:
        _, insert_s = _timed(lambda: _insert(connection, rows))
    print(json.dumps({"download": download_s, "decode": decode_s, "insert": insert_s}))


def _cursors(client: httpx.Client, base: Params) -> Iterator[Params]:
    """Page through all sessions to learn what to ask for; not measured."""
    cursor: Params = []
    while True:
        yield cursor
        page = client.get(PATH, params=base + cursor).json()
        if not page["has_more"]:
            return
        cursor = [("starting_after", page["data"][-1]["id"])]


def _elements(page: bytes) -> Sequence[object]:
    """The sessions of a page as Python objects."""
    elements: Sequence[object] = msgspec.json.decode(page)["data"]
    return elements


def _rows(warehouse: Path) -> pa.Table:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.sql("from checkout_sessions order by created desc")
        table: pa.Table = found.to_arrow_table()
        return table


def _empty(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path), config={"threads": 1})
    connection.execute(layout.create(SESSIONS))
    return connection


def _insert(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
    for start, end in pairwise([*range(0, rows.num_rows, ROWS_A_LOAD), rows.num_rows]):
        part = rows.slice(start, end - start)
        connection.register("part", part)
        connection.execute("insert into checkout_sessions by name from part")
    connection.execute("checkpoint")


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    done = work()
    return done, time.process_time() - began


if __name__ == "__main__":
    main(*sys.argv[1:])
