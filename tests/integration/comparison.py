"""The warehouse against the API, by another way than the program's own.

The columns are derived here from the field list of Stripe's API reference, so that a mistake in the
program's schema can't hide.
"""

import csv
import json
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from installation import DAY_S, HOUR_S, KEY, SETTLE_S, Installation

from pipelines.emulator.app import Running
from tests import warehouses

FIELDS = Path(__file__).parents[1] / "data" / "checkout_session_fields.tsv"
DERIVED = {
    "account",
    "payload",
    "api_version",
    "first_observed_at",
    "observed_at",
    "line_items_complete",
    "missing_since",
    "run_id",
}
AS_JSON = ("payment_method_options", "branding_settings", "custom_text", "wallet_options")
AS_JSON += ("permissions",)
CHILDREN = ("line_items", "custom_fields", "discounts", "shipping_options")
CHILDREN += ("customer_details.tax_ids", "optional_items")
TIMES = {"created", "expires_at", "after_expiration.recovery.expires_at"}


def field_types() -> dict[str, str]:
    """The paths of a session's fields, with the reference's words for their types."""
    with FIELDS.open(encoding="utf-8") as file:
        return {row["path"]: row["type"] for row in csv.DictReader(file, delimiter="\t")}


@cache
def expected_columns() -> dict[str, tuple[str, str]]:
    """The columns that the data contract asks for: name -> (path, DuckDB type)."""
    columns = {}
    for path, words in field_types().items():
        inside = path.startswith(tuple(f"{name}." for name in (*AS_JSON, *CHILDREN)))
        if "[]" in path or inside or path in CHILDREN or path == "client_secret":
            continue
        kind = _duckdb_type(path, words)
        if kind is not None:
            columns[path.replace(".", "_")] = (path, kind)
    return columns


def _duckdb_type(path: str, words: str) -> str | None:
    if path in AS_JSON or words == "array of object":
        return "JSON"
    if path in TIMES:
        return "TIMESTAMP WITH TIME ZONE"
    if words.startswith("array of"):
        return "VARCHAR[]"
    known = {
        "integer": "BIGINT",
        "boolean": "BOOLEAN",
        "object map": "MAP(VARCHAR, VARCHAR)",
        "object": None,
    }
    return known.get(words, "VARCHAR")


def listed(url: str, key: str = KEY) -> Iterator[dict[str, Any]]:
    """All sessions that the API shows, newest first, paged by hand."""
    params = {"limit": "100"}
    with httpx.Client(base_url=url, auth=(key, "")) as client:
        while True:
            page = client.get("/v1/checkout/sessions", params=params).raise_for_status().json()
            yield from page["data"]
            if not page["has_more"]:
                return
            params["starting_after"] = page["data"][-1]["id"]


def at(session: dict[str, Any], path: str) -> Any:
    """The value at a path of a session, None where it or an object on the way is missing."""
    value: Any = session
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None and path.startswith("collected_information.shipping_details."):
        return at(session, path.removeprefix("collected_information."))
    return value


def stored_value(session: dict[str, Any], path: str, kind: str) -> Any:
    """What the column of a path must hold for a session."""
    value = at(session, path)
    if kind == "VARCHAR":
        return value["id"] if isinstance(value, dict) else value
    if kind == "VARCHAR[]" and value is not None:
        return [each["id"] if isinstance(each, dict) else each for each in value]
    return value


def scrubbed(value: Any) -> Any:
    """A session as it may be stored: without credentials and without the list of line items."""

    def deep(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: deep(v) for k, v in value.items() if k != "client_secret"}
        return [deep(each) for each in value] if isinstance(value, list) else value

    return {name: deep(each) for name, each in deep(value).items() if name != "line_items"}


def columns_of(place: Installation, account: str) -> dict[str, list[Any]]:
    """All columns of an account's sessions as Python values."""
    expected = expected_columns()
    shown = ["account", "id", "payload::varchar as payload", "missing_since"]
    for name, (_, kind) in expected.items():
        if name == "id":
            continue
        as_shown = {
            "TIMESTAMP WITH TIME ZONE": f"epoch_us({name}) // 1000000 as {name}",
            "JSON": f"{name}::varchar as {name}",
            "MAP(VARCHAR, VARCHAR)": f"to_json({name})::varchar as {name}",
        }
        shown.append(as_shown.get(kind, name))
    with warehouses.reading(place.place) as connection:
        table = connection.sql(
            f"select {', '.join(shown)} from checkout_sessions where account = $1", params=[account]
        ).to_arrow_table()
    return {name: table.column(name).to_pylist() for name in table.column_names}


def assert_same_sessions(
    place: Installation,
    sessions: list[dict[str, Any]],
    *,
    account: str = "default",
    gone: frozenset[str] = frozenset(),
) -> None:
    """Each session is stored once, its payload and every column as the API shows them.

    Args:
        place: the installation.
        sessions: what the API shows.
        account: whose sessions are looked at.
        gone: ids that are stored although the API doesn't show them any more.
    """
    columns = columns_of(place, account)
    ids = columns["id"]
    assert len(ids) == len(set(ids)), "a session is stored twice"
    by_id = {session["id"]: session for session in sessions}
    missing = {i for i, since in zip(ids, columns["missing_since"], strict=True) if since}
    assert set(ids) - gone == set(by_id)
    assert missing == gone
    for index, session_id in enumerate(ids):
        if session_id in gone:
            continue
        session = by_id[session_id]
        payload = columns["payload"][index]
        assert json.loads(payload) == scrubbed(session)
        assert "client_secret" not in payload
        for name, (path, kind) in expected_columns().items():
            found = columns[name][index]
            if kind in ("JSON", "MAP(VARCHAR, VARCHAR)") and found is not None:
                found = json.loads(found)
            assert found == stored_value(session, path, kind), (session_id, name)


def assert_coverage_is_sane(
    place: Installation, now: float, account: str = "default", settle_s: int = SETTLE_S
) -> None:
    """No window is empty, overlaps or touches another, and none is newer than what is final."""
    coverage = place.coverage(account)
    assert all(after < until for after, until in coverage)
    for (_, until), (after, _) in pairwise(coverage):
        assert until < after
    assert not coverage or coverage[-1][1] <= now - settle_s


def assert_runs_add_up(place: Installation) -> None:
    """Every run's sessions are those that were new, changed, the same or rejected."""
    assert place.rows("select * from meta.runs where outcome = 'running'") == []
    assert (
        place.rows(
            "select run_id from meta.runs"
            " where sessions_read <> inserted + updated + unchanged + rejected"
            " or requests < pages"
        )
        == []
    )


def unsettled_by_contract(
    sessions: list[dict[str, Any]], now: float, late_payment_days: int = 62
) -> set[str]:
    """The sessions that may still change, all of them read just now."""
    return {
        s["id"]
        for s in sessions
        if s["status"] == "open"
        or (
            s["status"] == "complete"
            and s["payment_status"] == "unpaid"
            and s["mode"] != "setup"
            and now < s["created"] + late_payment_days * DAY_S
        )
        or (s["status"] == "complete" and now < s["created"] + 25 * HOUR_S)
    }


def assert_equal(
    place: Installation,
    emulator: Running,
    *,
    account: str = "default",
    key: str = KEY,
    all_read_now: bool = True,
) -> list[dict[str, Any]]:
    """The warehouse holds exactly what the API shows, and its own books are right.

    Args:
        place: the installation.
        emulator: the API.
        account: whose sessions are looked at.
        key: the key to ask the API with.
        all_read_now: whether everything unsettled was read by the last run.
    """
    now = emulator.now
    sessions = list(listed(emulator.url, key))
    assert_same_sessions(place, sessions, account=account)
    assert_coverage_is_sane(place, now, account)
    assert_runs_add_up(place)
    unsettled = place.rows(
        "select id, epoch_us(read_at) // 1000000 from meta.unsettled where account = ?", account
    )
    if all_read_now:
        assert {each for each, _ in unsettled} == unsettled_by_contract(sessions, now)
        assert all(read_at == int(now) for _, read_at in unsettled)
    return sessions
