"""The least that a load can cost: each step done by its library alone, on the same pages.

Run in a process of its own: `python -m tests.bench.floors URL WAREHOUSE LINE_ITEMS`; prints CPU
seconds a step. `WAREHOUSE` is a finished load of the same pages, whose rows are inserted again.
"""

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import duckdb
import httpx
import msgspec
import pyarrow as pa

from pipelines import layout
from pipelines.children import LINE_ITEMS
from pipelines.columns import Table
from pipelines.schema import SESSIONS
from tests.bench.processes import KEY

LIMIT = ("limit", "100")
ROWS_A_LOAD = 8_000
PATH = "/v1/checkout/sessions"

Params = list[tuple[str, str]]
Request = tuple[str, Params]
T = TypeVar("T")


def main(url: str, warehouse: str, line_items: str) -> None:
    """Measure the three steps."""
    expand: Params = [("expand[]", "data.line_items")] if line_items == "true" else []
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
        asked = list(_requests(client, PATH, [LIMIT, *expand]))
        pages, download_s = _timed(lambda: [client.get(at, params=p).content for at, p in asked])
    tables = SESSIONS, *([LINE_ITEMS] if line_items == "true" else [])
    rows = {table: _rows(Path(warehouse), table) for table in tables}
    elements, decode_s = _timed(lambda: sum(len(_elements(page)) for page in pages))
    known = sum(table.num_rows for table in rows.values())
    # The first ten items of a session come inside it.
    assert rows[SESSIONS].num_rows <= elements <= known, f"{elements} read, {known} stored"
    with tempfile.TemporaryDirectory() as name, _empty(Path(name) / "floor.duckdb") as connection:
        _, insert_s = _timed(lambda: _insert(connection, rows))
    print(json.dumps({"download": download_s, "decode": decode_s, "insert": insert_s}))


def _requests(client: httpx.Client, path: str, base: Params, after: str = "") -> Iterator[Request]:
    """Read all of a list, or what follows an element, to learn what to ask for; not measured."""
    while True:
        asked = [*base, ("starting_after", after)] if after else base
        yield path, asked
        page = client.get(path, params=asked).json()
        for element in page["data"]:
            items = element.get("line_items", {"has_more": False})
            if items["has_more"]:
                at = f"{PATH}/{element['id']}/line_items"
                yield from _requests(client, at, [LIMIT], items["data"][-1]["id"])
        if not page["has_more"]:
            return
        after = page["data"][-1]["id"]


def _elements(page: bytes) -> Sequence[object]:
    """The elements of a page as Python objects."""
    elements: Sequence[object] = msgspec.json.decode(page)["data"]
    return elements


def _rows(warehouse: Path, table: Table) -> pa.Table:
    created = "created" if table is SESSIONS else "session_created"
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.sql(f"from {table.name} order by {created} desc")
        rows: pa.Table = found.to_arrow_table()
        return rows


def _empty(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path), config={"threads": 1})
    connection.execute(layout.create(SESSIONS))
    connection.execute(layout.create(LINE_ITEMS))
    return connection


def _insert(connection: duckdb.DuckDBPyConnection, rows: Mapping[Table, pa.Table]) -> None:
    loads = math.ceil(rows[SESSIONS].num_rows / ROWS_A_LOAD)
    for table, all_ in rows.items():
        size = math.ceil(all_.num_rows / loads)
        for start in range(0, all_.num_rows, size):
            connection.register("part", all_.slice(start, size))
            connection.execute(f"insert into {table.name} by name from part")
    connection.execute("checkpoint")


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    done = work()
    return done, time.process_time() - began


if __name__ == "__main__":
    main(*sys.argv[1:])
