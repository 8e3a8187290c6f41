"""The named queries tell what they say, also of rare states of a warehouse."""

import json
from collections import defaultdict
from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest
from installation import DAY_S, HOUR_S, NOW, Installation
from scripted import Scripted
from test_guards import PAID, session

from pipelines.emulator.app import Running
from pipelines.runs import Options as RunOptions

Start = Callable[..., Running]
Install = Callable[..., Installation]


def answer(place: Installation, name: str) -> list[dict[str, Any]]:
    """A named query's rows."""
    done = place.call("sql", "-q", name, "--format", "json")
    assert (done.code, done.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(done.out)
    return rows


def test_recent_changes_has_sessions_whose_line_items_alone_changed(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=60, days=30)
    place = install(emulator.url)
    place.sync()
    session_id, created = place.rows(
        "select id, epoch(created)::bigint from checkout_sessions"
        " where status = 'complete' and payment_status = 'paid' and line_items_complete"
        " order by created limit 1"
    )[0]
    place.change(
        "update checkout_session_line_items set quantity = 99,"
        " payload = json_merge_patch(payload, '{\"quantity\": 99}')"
        f" where session_id = '{session_id}'"
    )
    emulator.advance(HOUR_S)
    report = place.backfill(created, created + 1, line_items=True)
    assert report.counts.updated == 1
    assert answer(place, "recent_changes") == [
        {"before": "complete, paid", "after": "complete, paid, other line items", "sessions": 1}
    ]
    emulator.advance(2 * DAY_S)
    changed = place.sync().counts.updated
    rows = answer(place, "recent_changes")
    assert sum(row["sessions"] for row in rows) == changed > 0
    assert not any("line items" in row["after"] for row in rows)


def test_recent_changes_leaves_out_what_was_found_the_same_in_another_version(
    install: Install,
) -> None:
    place = install("http://127.0.0.1:9", sync__reread_ratio=0)
    items = {"object": "list", "has_more": False, "data": [{"id": "li_1", "object": "item"}]}
    before = [session(number, line_items=items) for number in (1, 2, 3)]
    place.sync(RunOptions(transport=Scripted(before, NOW)))
    first = session(1, line_items=items, metadata={"step": "2"})
    place.sync(RunOptions(transport=Scripted([first, *before[1:]], NOW + 60)))
    items = {"object": "list", "has_more": False, "data": [{"id": "li_2", "object": "item"}]}
    after = [first, session(2, line_items=items), session(3, **PAID)]
    api = Scripted(after, NOW + 120)
    report = place.sync(RunOptions(transport=api), stripe__api_version="2025-01-27.acacia")
    assert report.counts.updated == 2
    assert answer(place, "recent_changes") == [
        {"before": "open, unpaid", "after": "complete, paid", "sessions": 1},
        {"before": "open, unpaid", "after": "open, unpaid, other line items", "sessions": 1},
    ]


def test_abandoned_with_email_compares_amounts_within_a_currency_alone(
    loaded: Installation,
) -> None:
    largest = defaultdict(list)
    for currency, amount in loaded.rows(
        "select currency, amount_total_major from marts.abandoned_sessions"
        " where email is not null and amount_total is not null and not same_email_paid_later"
        " and created_date > (select max(created_date) from marts.daily_sessions) - 30"
        " order by amount_total_major desc"
    ):
        largest[currency].append(amount)
    shown = groupby(answer(loaded, "abandoned_with_email"), lambda row: row["currency"])
    found = [(currency, [row["amount_major"] for row in rows]) for currency, rows in shown]
    assert len(found) == len(largest) > 2
    for currency, amounts in found:
        assert amounts == pytest.approx([float(each) for each in largest[currency][:5]])
    counts = [len(largest[currency]) for currency, _ in found]
    assert counts == sorted(counts, reverse=True)
