"""`make bench`: how fast and how frugal a load is, beside what limits it, in one run.

Each figure is measured in processes of their own, on the same emulator, machine and data as the
limit or the peer that it is printed with; ratios are what counts, since machines differ. Where a
figure is a median, its name says of how many. The table goes to the terminal and, as JSON, to
`bench.json`. `make bench BENCH=quick` takes so few sessions that start-up outweighs all else, to
see that all of it works.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import httpx

from tests.bench import accounts, marts, soak
from tests.bench.processes import KEY, ROOT, Measured, emulator, run, sync

PAGE = 100
LATENCY_MS = 300
DAY_S = 86_400
A_DAY = 5_000
"""Sessions a day where the length of history is what differs."""
CHANGED = 1_000
REPEATS = 3
HERE = Path(__file__).parent
DLT_VENV = ROOT / ".venv-dlt"


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        what: what was measured.
        value: the figure.
        unit: its unit.
        limit: what it is to be held against; None for a figure that explains another.
        least: whether the limit is the least that is good, not the most.
        beside: what the limit is.
    """

    what: str
    value: float
    unit: str
    limit: float | None = None
    least: bool = False
    beside: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether it keeps to its limit."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.least else self.value <= self.limit


@dataclass(frozen=True)
class Sizes:
    """How many sessions each part takes."""

    paced: int
    limited: int
    peers: int
    account: int
    histories: tuple[int, int, int]


FULL = Sizes(
    paced=100_000,
    limited=50_000,
    peers=40_000,
    account=1_000,
    histories=(10_000, 100_000, 1_000_000),
)
QUICK = Sizes(
    paced=10_000,
    limited=5_000,
    peers=2_000,
    account=200,
    histories=(5_000, 10_000, 20_000),
)


def emulator_alone(sizes: Sizes) -> Iterator[Figure]:
    """How fast the emulator serves and how much it holds, so that it isn't what is measured."""
    most = sizes.histories[-1]
    for items in (False, True):
        with emulator(most) as api:
            # So many that its start, of which there is one, doesn't count for much.
            pages = 4_000 if most >= FULL.histories[-1] else 100
            _read(api.url, pages, line_items=items)
            used = api.stop()
        name = f"emulator, {most:,} sessions{', line items' if items else ''}"
        yield Figure(f"{name}: pages a CPU second", pages / used.cpu_s, "/s", 300, least=True)
        yield Figure(f"{name}: peak memory", used.peak_mb, "MB", 1_024)


def paced(sizes: Sizes) -> Iterator[Figure]:
    """A first load that the API's pace limits."""
    pages = sizes.paced / PAGE
    load, refused = _load_at(25, sizes.paced)
    requests = load.report["requests"]
    what = f"first load of {sizes.paced:,}, 25 requests/s, {LATENCY_MS} ms +-30 %"
    ideal = f"1.05 x {pages:,.0f} pages / 25 + 2 s"
    yield Figure(f"{what}: wall", load.wall_s, "s", 1.05 * pages / 25 + 2, False, ideal)
    yield Figure(f"{what}: requests", requests, "", 1.03 * pages + 16)
    yield Figure(f"{what}: refused", 100 * refused / requests, "%", 1)
    # Ten seconds long: one second with many sessions near its end is a tenth of it.
    loads = [_load_at(100, sizes.paced, "--seed", seed) for seed in range(1, REPEATS + 1)]
    rates = [pages / load.wall_s for load, _ in loads]
    requests = median(load.report["requests"] for load, _ in loads)
    refused = max(refused for _, refused in loads)
    what = f"first load of {sizes.paced:,}, 100 requests/s, median of {REPEATS} shops"
    yield Figure(f"{what}: pages", median(rates), "/s", 80, least=True)
    yield Figure(f"{what}: slowest", min(rates), "/s")
    yield Figure(f"{what}: requests", requests, "")
    yield Figure(f"{what}: refused", 100 * refused / requests, "%", 1)


def _load_at(rate: int, sessions: int, *options: object) -> tuple[Measured, int]:
    """Load 90 uneven days at a pace, and return how many requests were refused, too."""
    latency = ("--days", 90, "--latency-ms", LATENCY_MS)
    with emulator(sessions, *latency, *options) as api, folder() as place:
        return sync(api.url, place, rate=rate), _refused(api.url)


def limited(sizes: Sizes) -> Iterator[Figure]:
    """A load from an account that may send fewer requests than configured."""
    limit = 10
    options = ("--days", 90, "--latency-ms", LATENCY_MS, "--requests-per-second", limit)
    with emulator(sizes.limited, *options) as api, folder() as place:
        load = sync(api.url, place, rate=25)
        refused = _refused(api.url)
    report = load.report
    what = f"first load of {sizes.limited:,}, 25 requests/s configured, {limit} allowed"
    yield Figure(f"{what}: pages", report["pages"] / load.wall_s, "/s", 0.9 * limit, least=True)
    yield Figure(f"{what}: refused", 100 * refused / report["requests"], "%", 5)


def cpu(sizes: Sizes) -> Iterator[Figure]:
    """CPU a session: of the whole, of its stages, of the floors, and of dlt."""
    n = sizes.paced
    for items, most in ((False, 150), (True, 220)):
        with emulator(n, "--days", 90) as api, folder() as place:
            load = sync(api.url, place, line_items=items)
            floors = _part("floors", api.url, str(place / "bench.duckdb"), str(items).lower())
            with folder() as other:
                stages = _part("stages", environ=_environ(api.url, other, items))
        what = f"load of {n:,}{' with line items' if items else ''}: CPU a session"
        per = 1e6 / n
        yield Figure(what, load.cpu_s * per, "us", most)
        floor = sum(floors.values()) * per
        yield Figure(f"{what}, whole", load.cpu_s * per, "us", 1.6 * floor, False, "1.6 x floors")
        for name, seconds in floors.items():
            yield Figure(f"  floor: {name}", seconds * per, "us")
        for name, seconds in stages.items():
            yield Figure(f"  stage: {name}", seconds * per, "us")


def peers(sizes: Sizes) -> Iterator[Figure]:
    """The same work by dlt."""
    n = sizes.peers
    python = _dlt()
    with emulator(n, "--days", 90) as api:
        with folder() as place:
            ours = sync(api.url, place)
        with folder() as place:
            theirs = run([python, str(HERE / "dlt_load.py"), api.url, str(place)], place, {})
    assert int(theirs.out.split()[-1]) == ours.report["inserted"] == n
    per = 1e6 / n
    what = f"load of {n:,}, no latency"
    yield Figure(f"{what}: CPU a session", ours.cpu_s * per, "us")
    yield Figure(f"{what}, dlt: CPU a session", theirs.cpu_s * per, "us")
    yield Figure(f"{what}: dlt's CPU / ours", theirs.cpu_s / ours.cpu_s, "x", 20, least=True)
    yield Figure(f"{what}: dlt's wall / ours", theirs.wall_s / ours.wall_s, "x")


def histories(sizes: Sizes) -> Iterator[Figure]:
    """Memory of a load, and what later syncs cost, by how much is stored."""
    loads: dict[int, Measured] = {}
    changed: dict[int, float] = {}
    rest: dict[int, float] = {}
    for n in sizes.histories:
        # At one density: a longer history, not a busier shop.
        options = ("--days", n // A_DAY, "--days-ahead", 0)
        with emulator(n, *options) as api, folder() as place:
            loads[n] = sync(api.url, place)
            size_mb = (place / "bench.duckdb").stat().st_size / 1e6
            yield Figure(f"load of {n:,}: file", size_mb, "MB")
            changed[n] = median(_changed(api.url, place, str(k)) for k in range(REPEATS))
            _advance(api.url, 70 * DAY_S)
            while sync(api.url, place).report["updated"]:
                pass
            nothing = [sync(api.url, place) for _ in range(REPEATS)]
            rest[n] = median(one.wall_s for one in nothing)
            requests = max(one.report["requests"] for one in nothing)
        yield Figure(f"sync with nothing new, {n:,} stored: requests", requests, "", 1)
    few, some, many = sizes.histories
    for n in sizes.histories:
        memory, beside = loads[n].peak_mb, f"1.3 x that of {some:,}"
        yield Figure(f"load of {n:,}: peak memory", memory, "MB", 500)
        if n == many:
            most = 1.3 * loads[some].peak_mb
            yield Figure(f"load of {n:,}: peak memory", memory, "MB", most, False, beside)
    of = f"median of {REPEATS}, from process start"
    for n in sizes.histories:
        yield Figure(f"sync with nothing new, {n:,} stored: wall, {of}", rest[n], "s", 1.5)
    yield Figure(f"  {many:,} against {few:,}", rest[many] / rest[few], "x", 1.3)
    for n in sizes.histories:
        yield Figure(f"sync with {CHANGED:,} changed, {n:,} stored: wall, {of}", changed[n], "s")
    yield Figure(f"  {many:,} against {few:,}", changed[many] / changed[few], "x", 1.5)


def published(sizes: Sizes) -> Iterator[Figure]:
    """What a copy and Parquet files add to a sync that changes some sessions."""
    n = sizes.paced
    what = f"sync with {CHANGED:,} changed, {n:,} stored"
    with emulator(n, "--days", 90, "--days-ahead", 0) as api, folder() as place:
        sync(api.url, place, line_items=True)
        alone = _changed(api.url, place, "alone", line_items=True)
        yield Figure(f"{what}, line items: wall", alone, "s")
        copy, parquet = {"PUBLISH__PATH": "copy.duckdb"}, {"PUBLISH__PARQUET": "parquet"}
        for name, where in (("copy", copy), ("Parquet files", parquet)):
            first = sync(api.url, place, line_items=True, **where)
            yield Figure(f"  the first {name}: wall", first.wall_s, "s")
            again = _changed(api.url, place, name, line_items=True, **where)
            yield Figure(f"{what}, {name}: wall", again, "s", 2 * alone if where is copy else None)


def many_accounts(sizes: Sizes) -> Iterator[Figure]:
    """Many accounts side by side, each with a pace of its own."""
    with folder() as place:
        together_s, alone_s = accounts.side_by_side(sizes.account, place)
    what = f"{accounts.ACCOUNTS} accounts of {sizes.account:,}, {accounts.RATE} requests/s each"
    yield Figure(f"{what}: wall", together_s, "s", 1.2 * alone_s, False, "1.2 x one alone")


def large_marts(sizes: Sizes) -> Iterator[Figure]:
    """How long each mart takes on a million sessions with their line items."""
    if sizes is QUICK:
        return
    with emulator(marts.BASE, "--days", marts.DAYS) as api:
        yield from marts.figures(
            lambda place: sync(api.url, place, line_items=True),
            lambda what, value, limit: Figure(what, value, "s", limit),
        )


def many_syncs(sizes: Sizes) -> Iterator[Figure]:
    """What thousands of syncs in one process leave behind."""
    with emulator(soak.SESSIONS, *soak.SHOP, *soak.FAULTS) as api:
        for row in soak.soak(api.url, 100 if sizes is QUICK else soak.SYNCS):
            yield Figure(row["what"], row["value"], "", row["limit"])


def main(arguments: Sequence[str]) -> None:
    """Measure, print, write."""
    parts: dict[str, Callable[[Sizes], Iterator[Figure]]] = {
        "emulator": emulator_alone,
        "paced": paced,
        "limited": limited,
        "cpu": cpu,
        "peers": peers,
        "histories": histories,
        "publish": published,
        "accounts": many_accounts,
        "marts": large_marts,
        "soak": many_syncs,
    }
    parser = argparse.ArgumentParser(prog="make bench BENCH=...")
    parser.add_argument("what", nargs="*", help=f"quick, or any of {', '.join(parts)}")
    given = parser.parse_args(arguments).what
    unknown = set(given) - {"quick", *parts}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    sizes = QUICK if "quick" in given else FULL
    chosen = [name for name in parts if name in given] or [*parts]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, DuckDB {duckdb.__version__}")
    rows: list[Figure] = []
    for name in chosen:
        for figure in parts[name](sizes):
            rows.append(figure)
            print(_line(figure), flush=True)
    written = [asdict(row) | {"holds": row.holds} for row in rows]
    (ROOT / "bench.json").write_text(
        json.dumps({"machine": machine, "figures": written}, indent=1) + "\n", encoding="utf-8"
    )


def _line(figure: Figure) -> str:
    shown = f"{figure.what:<78} {_number(figure.value):>9} {figure.unit:<3}"
    if figure.limit is None:
        return shown.rstrip()
    bound = "at least" if figure.least else "at most"
    beside = f" ({figure.beside})" if figure.beside else ""
    verdict = "" if figure.holds else "  MISSED"
    return f"{shown} {bound} {_number(figure.limit)}{beside}{verdict}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="checkouts-bench-") as name:
        yield Path(name)


def _environ(url: str, place: Path, line_items: bool) -> dict[str, str]:
    return {
        "STRIPE_API_KEY": KEY,
        "CHECKOUTS_STRIPE__BASE_URL": url,
        "CHECKOUTS_STRIPE__LINE_ITEMS": str(line_items).lower(),
        "CHECKOUTS_STRIPE__REQUESTS_PER_SECOND": "1000",
        "CHECKOUTS_WAREHOUSE__PATH": str(place / "bench.duckdb"),
    }


def _part(name: str, *arguments: str, environ: dict[str, str] | None = None) -> dict[str, float]:
    """Run another module of this package, which prints seconds by step."""
    command = [sys.executable, "-m", f"tests.bench.{name}", *arguments]
    with folder() as place:
        seconds: dict[str, float] = run(command, place, environ or {}).report
    return seconds


def _dlt() -> str:
    """The interpreter that has dlt, installed when it is first needed."""
    python = DLT_VENV / "bin" / "python"
    if not (DLT_VENV / "installed").exists():
        venv.create(DLT_VENV, with_pip=True, clear=True)
        wanted = str(HERE / "dlt-requirements.txt")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "-r", wanted], check=True)
        (DLT_VENV / "installed").touch()
    return str(python)


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, auth=(KEY, ""), trust_env=False)


def _read(url: str, pages: int, *, line_items: bool) -> None:
    params: dict[str, str | int] = {"limit": PAGE}
    if line_items:
        params["expand[]"] = "data.line_items"
    with _client(url) as client:
        for _ in range(pages):
            page = client.get("/v1/checkout/sessions", params=params).raise_for_status().json()
            params["starting_after"] = page["data"][-1]["id"]


def _refused(url: str) -> int:
    """How many requests an emulator refused since it was last asked."""
    with _client(url) as client:
        refused: int = client.get("/_emulator/stats").json()["refusals"]
        client.post("/_emulator/reset")
    return refused


def _advance(url: str, seconds: int) -> None:
    with _client(url) as client:
        client.post("/_emulator/advance", params={"seconds": seconds}).raise_for_status()


def _changed(url: str, place: Path, value: str, **options: Any) -> float:
    """Change the newest open sessions and return how long a sync takes that finds them."""
    with duckdb.connect(str(place / "bench.duckdb"), read_only=True) as connection:
        ids = connection.execute(
            "select id from meta.unsettled where reason = 'open' order by created desc limit ?",
            [CHANGED],
        ).fetchall()
    with _client(url) as client:
        for (session,) in ids:
            path = f"/v1/checkout/sessions/{session}"
            client.post(path, data={"metadata[bench]": value}).raise_for_status()
    done = sync(url, place, **options)
    assert done.report["updated"] == len(ids), done.out
    return done.wall_s


if __name__ == "__main__":
    main(sys.argv[1:])
