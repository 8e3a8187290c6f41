"""What the tests of truth share: an installation, the API's own state, and how both are compared.

What must hold is worked out here from the design's words, not with the program's own arithmetic.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from installation import KEY, Folder

from pipelines import config, places, runs
from pipelines.emulator.app import Running
from pipelines.findings import Findings
from pipelines.outcomes import Report
from pipelines.runs import Options
from pipelines.settings import Settings
from pipelines.verify import verify
from pipelines.windows import Window
from tests import warehouses

NOW = 1_790_000_000
START = 1_546_300_800
"""2019-01-01, the first second that a sync reads by default."""
SETTLE_S = 60
HOUR_S, DAY_S = 3_600, 86_400
FRESH_S = 25 * HOUR_S
LATE_PAYMENT_S = 62 * DAY_S

Value = dict[str, Any]


class Place(Folder):
    """A folder with a config.yaml that points at an API, and its warehouse.

    Args:
        folder: where; made if it isn't there.
        url: where the API is.
        settings: other settings, as `sync__reread_ratio=0`.
    """

    def __init__(self, folder: Path, url: str = "http://127.0.0.1:9", **settings: Any) -> None:
        self.folder = folder
        self.url = url
        self.warehouse = folder / "warehouse.duckdb"
        tree: dict[str, Any] = {
            "stripe": {
                "base_url": url,
                "requests_per_second": 1_000,
                "retry_for_s": 5,
                "line_items": False,
            },
            "warehouse": warehouses.section(folder, self.warehouse.name) | {"lock_timeout_s": 30},
        }
        for name, value in settings.items():
            section, _, key = name.partition("__")
            tree.setdefault(section, {})[key] = value
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(json.dumps(tree), encoding="utf-8")

    def settings(self, **over: Any) -> Settings:
        """Its settings, with others above them, as `sync__reread_ratio=0`."""
        variables = {f"CHECKOUTS_{name.upper()}": str(value) for name, value in over.items()}
        return config.load(self.folder / "config.yaml", variables)

    def sync(self, options: Options | None = None, **over: Any) -> Report:
        """Sync in this process."""
        settings = warehouses.made(self.settings(**over))
        return runs.sync(settings, settings.chosen()[0], options)

    def backfill(self, first: int, end: int, options: Options | None = None, **over: Any) -> Report:
        """Backfill the seconds from `first` up to `end`, itself outside, in this process."""
        settings = warehouses.made(self.settings(**over))
        window = Window(first - 1, end - 1)
        return runs.backfill(settings, settings.chosen()[0], window, options)

    def verify(self, first: int | None = None, end: int | None = None, **over: Any) -> Findings:
        """Compare all, or the seconds from `first` up to `end`, in this process."""
        settings = self.settings(**over)
        window = None if first is None or end is None else Window(first - 1, end - 1)
        return verify(settings, settings.chosen()[0], window)

    def rows(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with warehouses.reading(self._place) as connection:
            return connection.execute(sql, list(given)).fetchall()

    def change(self, sql: str, *given: Any) -> None:
        """Change the warehouse behind the program's back."""
        with self._place.connect(read_only=False) as connection:
            connection.execute(sql, list(given))

    @property
    def exists(self) -> bool:
        """Whether there is a warehouse."""
        return self._place.exists

    @property
    def _place(self) -> places.Place:
        return places.place_of(self.settings().warehouse)

    def stored(self) -> dict[str, str]:
        """The stored sessions by id, each as `said` puts it; fails on one stored twice."""
        rows = self.rows("select id, payload::varchar from checkout_sessions")
        found = {id_: said(text) for id_, text in rows}
        assert len(found) == len(rows), "a session is stored twice"
        return found

    def coverage(self) -> list[tuple[int, int]]:
        """What is covered, oldest first."""
        return self.rows('select "after", until from meta.coverage order by "after"')

    def unsettled(self) -> dict[str, int]:
        """When each unsettled session was last read, epoch seconds."""
        return dict(self.rows("select id, epoch_us(read_at) // 1000000 from meta.unsettled"))


@lru_cache(maxsize=20_000)
def said(text: str | bytes) -> str:
    """A session's JSON as one spelling of its value, without what must not be stored."""

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: kept(each) for name, each in value.items() if name != "client_secret"}
        return [kept(each) for each in value] if isinstance(value, list) else value

    session = kept(json.loads(text))
    session.pop("line_items", None)
    return json.dumps(session, sort_keys=True)


@lru_cache(maxsize=20_000)
def meant(spelling: str) -> Value:
    """The value of one spelling; never to be changed."""
    value: Value = json.loads(spelling)
    return value


def shown(emulator: Running) -> dict[str, str]:
    """All sessions that the API shows now by id, not through its pages."""
    bodies = emulator.store.bodies(int(emulator.now))
    found = {meant(said(body))["id"]: said(body) for body in bodies}
    assert len(found) == len(bodies)
    return found


def listed(url: str) -> dict[str, str]:
    """All sessions that the API of another process shows now, paged by hand, by id."""
    params = {"limit": "100"}
    found: dict[str, str] = {}
    with httpx.Client(base_url=url, auth=(KEY, ""), trust_env=False) as client:
        while True:
            page = client.get("/v1/checkout/sessions", params=params).raise_for_status().json()
            for session in page["data"]:
                found[session["id"]] = said(json.dumps(session))
            if not page["has_more"]:
                return found
            params["starting_after"] = page["data"][-1]["id"]


def edit(url: str, ids: Iterable[str], **metadata: str) -> None:
    """Change the metadata of sessions at the API."""
    data = {f"metadata[{name}]": value for name, value in metadata.items()}
    with httpx.Client(base_url=url, auth=(KEY, ""), trust_env=False) as client:
        for id_ in ids:
            client.post(f"/v1/checkout/sessions/{id_}", data=data).raise_for_status()


def assert_equal(place: Place, api: dict[str, str]) -> None:
    """The warehouse holds the API's sessions, each once and as the API shows it."""
    stored = place.stored()
    assert stored.keys() - api.keys() == set(), "the API has no such session"
    assert api.keys() - stored.keys() == set(), "the API has it, the warehouse doesn't"
    assert [id_ for id_ in api if stored[id_] != api[id_]] == [], "stored otherwise"
    columns = place.rows(
        "select id, status, payment_status, amount_total, epoch_us(created) // 1000000,"
        " missing_since from checkout_sessions"
    )
    names = ("id", "status", "payment_status", "amount_total", "created")
    for *found, missing in columns:
        session = meant(api[found[0]])
        assert found == [session.get(name) for name in names]
        assert missing is None


def assert_coverage_is_sane(place: Place, now: float, settle_s: int = SETTLE_S) -> None:
    """No window is empty, overlaps or touches another, and none is newer than what is final."""
    coverage = place.coverage()
    assert all(after < until for after, until in coverage)
    assert all(one[1] < other[0] for one, other in pairwise(coverage))
    assert not coverage or coverage[-1][1] <= now - settle_s


def assert_history_is_a_chain(place: Place) -> None:
    """Each version of a session ends when the next was seen first, and says something else."""
    versions = place.rows(
        "select id, observed_at, superseded_at, payload::varchar from ("
        "  select id, observed_at, superseded_at, payload, rowid as place, 0 as current"
        "  from checkout_session_history union all"
        "  select id, observed_at, null, payload, 0, 1 from checkout_sessions"
        ") order by id, current, place"
    )
    for older, newer in pairwise(versions):
        if older[0] == newer[0]:
            assert older[2] == newer[1], "a version ends when the next begins"
            assert older[1] <= older[2]
            assert said(older[3]) != said(newer[3]), "a version that changes nothing"


def may_still_change(session: Value, read_at: int) -> bool:
    """Whether a session is unsettled by the design's words, last read at a moment."""
    if session["status"] == "open":
        return True
    if session["status"] != "complete":
        return False
    waits = session["payment_status"] == "unpaid" and session["mode"] != "setup"
    return (waits and read_at < session["created"] + LATE_PAYMENT_S) or (
        read_at < session["created"] + FRESH_S
    )


def due(session: Value, read_at: int, now: int, ratio: float) -> bool:
    """Whether a stored session must be read again now, by the design's words."""
    if not may_still_change(session, read_at):
        return False
    if session["status"] == "open" or ratio == 0:
        return True
    born = session["created"]
    waits = session["payment_status"] == "unpaid" and session["mode"] != "setup"
    if waits and read_at < born + LATE_PAYMENT_S and now - read_at >= ratio * (now - born):
        return True
    return read_at < born + FRESH_S <= now


def pages_that_hold(wanted: set[int], created: Sequence[int]) -> int:
    """How many pages of 100, cut newest first over all sessions, hold a wanted index.

    Args:
        wanted: indexes into `created`.
        created: all sessions' seconds, newest first.
    """
    assert all(newer >= older for newer, older in pairwise(created))
    return len({index // 100 for index in wanted})


def least_requests(dues: Iterable[int], stored: Sequence[int], covered: int, new: int) -> int:
    """The fewest requests that read all due seconds and what is new, tried in every way.

    The due seconds are cut into runs, each read as one window; the newest run is read together
    with what is new.

    Args:
        dues: the due `created` seconds up to `covered`.
        stored: the `created` seconds of all stored sessions up to `covered`, ascending.
        covered: the end of what is covered.
        new: how many sessions lie after it.
    """
    seconds = sorted({second for second in dues if second <= covered})
    rank = 0
    before, through = [], []
    for second in seconds:
        while rank < len(stored) and stored[rank] < second:
            rank += 1
        before.append(rank)
        while rank < len(stored) and stored[rank] == second:
            rank += 1
        through.append(rank)
    # best[i]: the fewest requests for the oldest i due seconds, in windows of their own.
    best = [0]
    for end in range(len(seconds)):
        best.append(
            min(
                best[first] + max(1, math.ceil((through[end] - before[first]) / 100))
                for first in range(end + 1)
            )
        )
    total = sum(second <= covered for second in stored)
    widened = (
        best[first] + max(1, math.ceil((total - before[first]) / 100))
        for first in range(len(seconds))
    )
    return min([best[-1] + 1, *widened]) + math.ceil(new / 100)


@dataclass
class Handmade(httpx.BaseTransport):
    """An API made of handcrafted sessions, without a server.

    Attributes:
        sessions: gives all that can be seen at a moment.
        now: its Date, epoch seconds.
        requests: how many it was asked.
    """

    sessions: Callable[[int], Sequence[Value]]
    now: int
    requests: int = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a list request as Stripe does."""
        self.requests += 1
        params = dict(request.url.params)
        after = int(params.get("created[gt]", -(2**60)))
        until = int(params.get("created[lte]", 2**60))
        rows = [s for s in self.sessions(self.now) if after < s["created"] <= until]
        rows.sort(key=lambda s: (-s["created"], s["id"]))
        if "starting_after" in params:
            ids = [s["id"] for s in rows]
            rows = rows[ids.index(params["starting_after"]) + 1 :]
        limit = int(params.get("limit", 10))
        body = {"object": "list", "has_more": len(rows) > limit, "data": rows[:limit]}
        date = httpx.Headers({"Date": http_date(self.now)})
        return httpx.Response(200, json=body, headers=date)


def http_date(second: int) -> str:
    """An epoch second as HTTP writes it."""
    return formatdate(second, usegmt=True)


def handmade(number: int, created: int, **fields: Any) -> Value:
    """An open session of a hundred euros."""
    return {
        "id": f"cs_test_{number:05d}",
        "object": "checkout.session",
        "created": created,
        "livemode": False,
        "mode": "payment",
        "status": "open",
        "payment_status": "unpaid",
        "amount_total": 10_000,
        "currency": "eur",
        "metadata": {},
        **fields,
    }
