"""Accounts of every shape: crowded seconds, none, one, an old API version, edges of windows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from comparison import assert_equal, assert_same_sessions, listed, scrubbed
from installation import DAY_S, NOW, SETTLE_S, START, Installation, windows_asked

from pipelines.emulator.app import Running
from pipelines.queries import names

Start = Callable[..., Running]
Install = Callable[..., Installation]
Serve = Callable[..., Running]

DATA = Path(__file__).parents[1] / "data"
FIXTURE = json.loads((DATA / "checkout_session_fixture.json").read_text(encoding="utf-8"))
ITEM = {
    "id": "li_1",
    "object": "item",
    "currency": "usd",
    "description": "Tea",
    "price": {"id": "price_1", "object": "price", "product": "prod_1"},
}


def session(number: int, created: int, **fields: Any) -> dict[str, Any]:
    """A paid session with an id of its own, as the API would show it."""
    return FIXTURE | {
        "id": f"cs_test_{number:08d}",
        "created": created,
        "expires_at": created + DAY_S,
        "status": "complete",
        "payment_status": "paid",
        **fields,
    }


@pytest.fixture
def serve(start: Start, tmp_path: Path) -> Serve:
    """Starts an emulator that serves these sessions."""

    def run(sessions: list[dict[str, Any]], **options: Any) -> Running:
        file = tmp_path / "sessions.ndjson"
        file.write_text("".join(json.dumps(each) + "\n" for each in sessions), encoding="utf-8")
        return start(load=file, **options)

    return run


def test_twelve_thousand_sessions_in_one_second_load_completely(
    serve: Serve, install: Install
) -> None:
    small = {"id": "", "object": "checkout.session", "livemode": False, "status": "expired"}
    second = NOW - 40 * DAY_S
    emulator = serve(
        [small | {"id": f"cs_test_{n:06d}", "created": second} for n in range(12_000)]
        + [small | {"id": f"cs_test_b{n}", "created": second - 1} for n in range(3)]
        + [small | {"id": f"cs_test_a{n}", "created": second + 1} for n in range(250)]
    )
    place = install(emulator.url)
    report = place.sync()
    assert report.outcome == "completed"
    assert report.counts.inserted == 12_253
    ids = {each for (each,) in place.rows("select id from checkout_sessions")}
    assert ids == {each["id"] for each in emulator.sessions()}
    assert place.value("select count(*) from checkout_sessions") == 12_253
    assert place.coverage() == [(START - 1, report.watermark)]


@pytest.mark.parametrize("crowd", [1, 99, 100, 101, 250])
def test_sessions_that_share_seconds_at_the_borders_of_pages_are_all_there_once(
    crowd: int, serve: Serve, install: Install
) -> None:
    moments = [NOW - 9 * DAY_S + 7 * k for k in range(1_500 // crowd + 3) for _ in range(crowd)]
    emulator = serve([session(n, created) for n, created in enumerate(moments)])
    place = install(emulator.url)
    report = place.sync()
    assert report.counts.row()["sessions_read"] == report.counts.inserted == len(moments)
    assert_equal(place, emulator)


def test_an_empty_account_is_complete_and_says_so(start: Start, install: Install) -> None:
    emulator = start(sessions=0, days_ahead=0)
    place = install(emulator.url)
    report = place.sync()
    assert (report.outcome, report.requests, report.counts.inserted) == ("completed", 1, 0)
    assert place.coverage() == [(START - 1, report.watermark)]
    emulator.advance(600)
    assert place.sync().requests == 1
    assert place.value("select count(*) from checkout_sessions") == 0
    assert [outcome for _, outcome in place.runs()] == ["completed", "completed"]


@pytest.mark.parametrize("created", [START, START + 1, NOW - 100 * DAY_S, NOW - SETTLE_S, NOW])
def test_an_account_with_one_session_has_it(created: int, serve: Serve, install: Install) -> None:
    emulator = serve([session(1, created)])
    place = install(emulator.url)
    assert place.sync().counts.inserted == 1
    assert_equal(place, emulator)


def test_a_session_before_the_start_is_not_read_and_one_at_the_start_is(
    serve: Serve, install: Install
) -> None:
    emulator = serve([session(1, START - 1), session(2, START)])
    place = install(emulator.url)
    place.sync()
    assert place.rows("select id from checkout_sessions") == [("cs_test_00000002",)]


def test_an_answer_of_an_older_api_version_loads_unchanged(start: Start, install: Install) -> None:
    file = DATA / "list_response_example.json"
    emulator = start(load=file)
    place = install(emulator.url)
    place.sync()
    (stored,) = place.rows("select payload::varchar from checkout_sessions")
    (example,) = json.loads(file.read_text(encoding="utf-8"))["data"]
    assert json.loads(stored[0]) == scrubbed(example)
    assert_same_sessions(place, [example])


def test_shipping_details_of_older_versions_land_in_the_same_columns(
    serve: Serve, install: Install
) -> None:
    address = {"city": "Köln", "country": "DE", "line1": "Domplatz 1", "line2": None}
    details = {"name": "Ada", "address": address | {"postal_code": "50667", "state": None}}
    old = session(1, NOW - DAY_S, collected_information=None, shipping_details=details)
    new = session(2, NOW - DAY_S, collected_information={"shipping_details": details})
    emulator = serve([old, new])
    place = install(emulator.url)
    place.sync()
    assert_same_sessions(place, [old, new])
    rows = place.rows(
        "select columns('collected_information_shipping_details_.*') from checkout_sessions"
    )
    assert rows[0] == rows[1]
    assert "Köln" in rows[0]


def test_ids_that_were_expanded_are_stored_as_ids_and_secrets_nowhere(
    serve: Serve, install: Install
) -> None:
    secret = "cs_secret_do_not_store"
    expanded = session(
        1,
        NOW - DAY_S,
        customer={"id": "cus_1", "object": "customer", "client_secret": secret},
        payment_intent={"id": "pi_1", "nested": [{"client_secret": secret, "kept": 1}]},
        client_secret=secret,
    )
    emulator = serve([expanded])
    place = install(emulator.url)
    place.sync()
    assert place.rows("select customer, payment_intent from checkout_sessions") == [
        ("cus_1", "pi_1")
    ]
    assert_same_sessions(place, [expanded])
    # zstd would hide it in the file, so every column is looked at as text.
    assert secret not in str(place.rows("select columns(*)::varchar from checkout_sessions"))


def test_awkward_texts_numbers_and_unknown_fields_come_through(
    serve: Serve, install: Install
) -> None:
    texts = ["", " ", "'", '"', "\\", "a\nb\r\n\tc", "😀", "ﷺ", "أهلا", "\u2028", "NULL", "{}"]
    texts += ["\x00 within", "\ufeff", "e\u0301", "%_$1 ? :x"]
    sessions = [
        session(
            n,
            NOW - DAY_S + n // 3,
            client_reference_id=text,
            metadata={"k" + text: text, "": "empty key"},
            amount_total=[0, -1, 2**63 - 1, -(2**63), 9_007_199_254_740_993][n % 5],
            brand_new={"deep": [text, 1.5, None, True, 10**30]},
        )
        for n, text in enumerate(texts)
    ]
    emulator = serve(sessions)
    place = install(emulator.url)
    report = place.sync()
    assert report.counts.rejected == 0, place.rows("select id, reason from meta.rejects")
    assert_same_sessions(place, list(listed(emulator.url)))


def test_sessions_exactly_at_the_edges_of_windows_are_read_once(
    serve: Serve, install: Install
) -> None:
    moments = [START, NOW - 200, NOW - 101, NOW - 100, NOW - 99, NOW - 61, NOW - 60, NOW - 59, NOW]
    emulator = serve([session(n, created) for n, created in enumerate(moments)])
    place = install(emulator.url)
    report = place.backfill(NOW - 200, NOW - 100)
    assert report.counts.inserted == 2
    assert windows_asked(emulator.requests()) == [(NOW - 201, NOW - 101)]
    assert place.coverage() == [(NOW - 201, NOW - 101)]
    report = place.sync()
    assert report.counts.inserted == len(moments) - 2
    assert_equal(place, emulator)
    assert place.coverage() == [(START - 1, report.watermark)]


@pytest.mark.slow
def test_sums_beyond_64_bits_are_exact_and_stop_no_command(serve: Serve, install: Install) -> None:
    most = 2**63 - 1
    sums = ("amount_subtotal", "amount_discount", "amount_tax", "amount_total")
    item = ITEM | dict.fromkeys((*sums, "quantity"), most)
    items = {"object": "list", "has_more": False, "data": [item, item | {"id": "li_2"}]}
    details = {"amount_discount": most, "amount_shipping": most, "amount_tax": most}
    emulator = serve(
        [
            session(
                number,
                NOW - DAY_S,
                currency="usd",
                amount_total=most,
                amount_subtotal=-(2**63) if number else most,
                total_details=details,
                line_items=items,
            )
            for number in range(3)
        ]
    )
    place = install(emulator.url, publish={"parquet": "parquet"})
    assert place.call("sync").code == 0
    offline = place.call("verify", "--offline", "--json")
    assert (offline.code, offline.err) == (6, "")  # the amounts don't add up, which is told
    wrong = {check["name"] for check in offline.object["checks"] if check["wrong"]}
    assert wrong == {"amounts_add_up", "amounts_not_negative", "line_items_add_up"}
    for command in ("status", "report"):
        assert place.call(command).code == 0, command
    for mart in names("marts"):
        assert place.call("sql", f"select * from marts.{mart}").code == 0, mart
    for query in names("queries"):
        assert place.call("sql", "-q", query).code == 0, query

    question = ("sql", "select units, paid_amount_major::varchar as paid from marts.products")
    (row,) = json.loads(place.call(*question, "--format", "json").out)
    assert row == {"units": 6 * most, "paid": f"{6 * most // 100}.{6 * most % 100:02}0"}
    assert str(6 * most) in place.call(*question, "--format", "csv").out
    assert place.call(*question, "-o", "products.parquet").code == 0
    for file in ("products.parquet", "parquet/marts/products.parquet"):
        assert pq.read_table(place.folder / file)["units"].to_pylist() == [6 * most]
