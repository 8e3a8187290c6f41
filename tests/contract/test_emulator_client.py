"""The official client finds in the emulator what it expects of Stripe."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe
from emulator_fixture import NOW, official

from pipelines.emulator.app import Running

Sessions = list[dict[str, Any]]


def ids(page: Any) -> list[str]:
    return [session.id for session in page.data]


def test_paging_forward_visits_every_session_once_newest_first(
    client: stripe.StripeClient, sessions: Sessions
) -> None:
    page = client.v1.checkout.sessions.list({"limit": 90})
    assert [s.id for s in page.auto_paging_iter()] == [s["id"] for s in sessions]


def test_paging_backward_visits_every_newer_session_oldest_first(
    client: stripe.StripeClient, sessions: Sessions
) -> None:
    oldest = sessions[-1]["id"]
    page = client.v1.checkout.sessions.list({"limit": 33, "ending_before": oldest})
    newer = [s["id"] for s in sessions[:-1]]
    assert [s.id for s in page.auto_paging_iter()] == newer[::-1]


def test_a_page_holds_ten_sessions_unless_asked(
    client: stripe.StripeClient, sessions: Sessions
) -> None:
    page = client.v1.checkout.sessions.list()
    assert ids(page) == [s["id"] for s in sessions[:10]]
    assert page.has_more
    assert page.url == "/v1/checkout/sessions"


@pytest.mark.parametrize(
    "name", ["customer", "customer_account", "payment_intent", "payment_link", "subscription"]
)
def test_an_id_filters_the_list(name: str, client: stripe.StripeClient, sessions: Sessions) -> None:
    wanted = next(s[name] for s in sessions if s[name])
    page = client.v1.checkout.sessions.list({name: wanted, "limit": 100})
    assert ids(page) == [s["id"] for s in sessions if s[name] == wanted][:100]


def test_an_email_filters_the_list(client: stripe.StripeClient, sessions: Sessions) -> None:
    known = [s for s in sessions if s["customer_details"]]
    wanted = known[3]["customer_details"]["email"]
    page = client.v1.checkout.sessions.list({"customer_details": {"email": wanted}, "limit": 100})
    assert ids(page) == [s["id"] for s in known if s["customer_details"]["email"] == wanted]


@pytest.mark.parametrize("status", ["open", "complete", "expired"])
def test_a_status_filters_the_list(
    status: str, client: stripe.StripeClient, sessions: Sessions
) -> None:
    page = client.v1.checkout.sessions.list({"status": status, "limit": 100})
    expected = [s["id"] for s in sessions if s["status"] == status]
    assert [s.id for s in page.auto_paging_iter()] == expected
    assert expected


def test_created_filters_the_list_with_and_without_its_edges(
    client: stripe.StripeClient, sessions: Sessions
) -> None:
    low, high = sessions[60]["created"], sessions[20]["created"]

    def found(**bounds: int) -> list[str]:
        page = client.v1.checkout.sessions.list({"created": bounds, "limit": 100})
        return [s.id for s in page.auto_paging_iter()]

    assert found(gt=low, lt=high) == [s["id"] for s in sessions if low < s["created"] < high]
    assert found(gte=low, lte=high) == [s["id"] for s in sessions if low <= s["created"] <= high]
    exact = client.v1.checkout.sessions.list({"created": low, "limit": 100})
    assert ids(exact) == [s["id"] for s in sessions if s["created"] == low]


def test_a_session_can_be_retrieved_with_its_first_ten_line_items(
    client: stripe.StripeClient, sessions: Sessions
) -> None:
    plain = client.v1.checkout.sessions.retrieve(sessions[5]["id"])
    assert plain.to_dict() == sessions[5]
    full = client.v1.checkout.sessions.retrieve(sessions[5]["id"], {"expand": ["line_items"]})
    assert full.line_items is not None
    assert full.line_items.url == f"/v1/checkout/sessions/{full.id}/line_items"


def test_long_carts_show_ten_line_items_and_page_through_the_rest(
    client: stripe.StripeClient,
) -> None:
    page = client.v1.checkout.sessions.list({"limit": 100, "expand": ["data.line_items"]})
    long = [s for s in page.auto_paging_iter() if s.line_items.has_more]
    assert len(long) > 5
    for session in long[:5]:
        shown = [item.id for item in session.line_items.data]
        every = client.v1.checkout.sessions.line_items.list(session.id, {"limit": 100})
        items = list(every.auto_paging_iter())
        assert len(shown) == 10
        assert [item.id for item in items[:10]] == shown
        assert 11 <= len(items) <= 250
        assert len({item.id for item in items}) == len(items)
        last = client.v1.checkout.sessions.line_items.list(
            session.id, {"ending_before": items[-1].id, "limit": 2}
        )
        assert ids(last) == [items[-3].id, items[-2].id]
        assert last.has_more


def test_ids_expand_to_objects_of_their_kind(
    client: stripe.StripeClient, sessions: Sessions
) -> None:
    names = ["customer", "invoice", "payment_intent", "payment_link", "setup_intent"]
    names.append("subscription")
    page = client.v1.checkout.sessions.list(
        {"limit": 100, "expand": [f"data.{name}" for name in names]}
    )
    seen = set()
    for session, plain in zip(page.auto_paging_iter(), sessions, strict=True):
        for name in names:
            if plain[name] is None:
                assert session[name] is None
            else:
                seen.add(name)
                assert session[name].id == plain[name]
                assert session[name].object == name
    assert seen == set(names)


def test_metadata_can_be_changed_and_removed(start: Callable[..., Running]) -> None:
    own = start()
    client = official(own.url)
    session_id = client.v1.checkout.sessions.list({"limit": 1}).data[0].id
    edited = client.v1.checkout.sessions.update(
        session_id, {"metadata": {"note": 'a "b" ü', "order": "7"}}
    )
    assert edited.metadata is not None
    assert edited.metadata["note"] == 'a "b" ü'
    client.v1.checkout.sessions.update(session_id, {"metadata": {"note": ""}})
    again = client.v1.checkout.sessions.retrieve(session_id)
    assert again.metadata is not None
    assert again.metadata["order"] == "7"
    assert "note" not in again.metadata
    client.v1.checkout.sessions.update(session_id, {"metadata": ""})
    assert client.v1.checkout.sessions.list({"limit": 1}).data[0].metadata.to_dict() == {}


def test_live_mode_is_another_shop(emulator: Running, sessions: Sessions) -> None:
    live = official(emulator.url, "rk_live_contract")
    page = live.v1.checkout.sessions.list({"limit": 100})
    assert all(s.livemode and s.id.startswith("cs_live_") for s in page.data)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        live.v1.checkout.sessions.retrieve(sessions[0]["id"])
    assert refused.value.http_status == 404


def test_an_unknown_cursor_is_a_400_and_an_unknown_session_a_404(
    client: stripe.StripeClient,
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as cursor:
        client.v1.checkout.sessions.list({"starting_after": "cs_test_nope"})
    with pytest.raises(stripe.InvalidRequestError) as session:
        client.v1.checkout.sessions.retrieve("cs_test_nope")
    refused = [cursor.value, session.value]
    assert [e.http_status for e in refused] == [400, 404]
    assert [e.param for e in refused] == ["starting_after", "session"]
    for error in refused:
        assert error.code == "resource_missing"
        assert error.user_message == "No such checkout.session: 'cs_test_nope'"
        assert error.request_id is not None
        assert error.request_id.startswith("req_")


def test_a_refused_key_is_an_authentication_error(start: Callable[..., Running]) -> None:
    own = start(keys=("sk_test_only",))
    assert official(own.url, "sk_test_only").v1.checkout.sessions.list().data
    for key in ("sk_test_another", "pk_test_only", "nonsense1234"):
        with pytest.raises(stripe.AuthenticationError) as refused:
            official(own.url, key).v1.checkout.sessions.list()
        assert key not in str(refused.value)


def test_too_many_requests_are_a_rate_limit_error(start: Callable[..., Running]) -> None:
    own = start(requests_per_second=3)
    client = official(own.url)

    def ask_often() -> None:
        for _ in range(100):
            client.v1.checkout.sessions.list({"limit": 1})

    with pytest.raises(stripe.RateLimitError) as refused:
        ask_often()
    error = refused.value
    assert error.http_status == 429
    assert error.json_body["error"]["code"] == "rate_limit"
    headers = {name.lower(): value for name, value in error.headers.items()}
    assert headers["stripe-rate-limited-reason"] == "endpoint-rate"
    assert own.stats()["routes"]["GET /v1/checkout/sessions"]["429"] == 1
    # Another key has a budget of its own.
    assert official(own.url, "sk_test_other").v1.checkout.sessions.list().data


def test_sessions_appear_as_the_clock_passes_their_created(start: Callable[..., Running]) -> None:
    own = start(sessions=2_000, days=5)
    client = official(own.url)
    newest = client.v1.checkout.sessions.list({"limit": 1}).data[0]
    assert newest.created <= NOW
    own.advance(86_400)
    after = client.v1.checkout.sessions.list({"created": {"gt": NOW}, "limit": 100})
    created = [s.created for s in after.auto_paging_iter()]
    assert 200 < len(created) < 800
    assert min(created) > NOW
    assert max(created) <= NOW + 86_400
