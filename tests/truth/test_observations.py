"""Observations in any order end in the state that the rule for them gives."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truth_shop import (
    DAY_S,
    NOW,
    Handmade,
    Place,
    Value,
    assert_history_is_a_chain,
    handmade,
    may_still_change,
    said,
)

from pipelines.runs import Options

SESSIONS = 8
BORN = NOW - 2 * DAY_S
STATES = [
    ("open", "unpaid"),
    ("open", "no_payment_required"),
    ("expired", "unpaid"),
    ("complete", "unpaid"),
    ("complete", "paid"),
    ("complete", "no_payment_required"),
]


VERSIONS = ("2026-10-28.endive", "2025-01-27.acacia")


@dataclass(frozen=True)
class Observation:
    """What one response showed of each session."""

    at: int
    shown: tuple[tuple[int, ...], ...]
    """State and version of each session's payload, and a note that may be all that differs."""
    asked: str = VERSIONS[0]
    """API version asked for."""

    def sessions(self) -> list[Value]:
        return [
            handmade(
                number,
                BORN + number // 2,
                status=STATES[state][0],
                payment_status=STATES[state][1],
                metadata={"version": str(version), "note": str(note)},
                amount_total=100 * version,
            )
            for number, (state, version, *note) in enumerate(self.shown)
        ]


@dataclass
class Kept:
    """What the rule keeps of one session."""

    session: Value
    observed_at: int
    confirmed_at: int
    asked: str
    in_doubt: bool = False
    history: list[tuple[str, int, int]] = field(default_factory=list)


def leads_back(stored: Value, seen: Value) -> bool:
    ended = stored["status"] in ("complete", "expired") and seen["status"] == "open"
    return ended or (stored["payment_status"] == "paid" and seen["payment_status"] == "unpaid")


def alike(stored: Value, seen: Value) -> bool:
    names = ("status", "payment_status", "amount_total")
    return all(stored[name] == seen[name] for name in names)


def ruled(observations: Sequence[Observation]) -> dict[str, Kept]:
    """The state after loads in this order, by the design's rule.

    Left out are sessions of which an observation came late that lies between the first and the
    last time at which the stored version was seen: the rule knows only the first. What differs when
    another API version is first asked for, and else is the same, is no change.
    """
    kept: dict[str, Kept] = {}
    for observation in observations:
        for seen in observation.sessions():
            first = Kept(seen, observation.at, observation.at, observation.asked)
            known = kept.setdefault(seen["id"], first)
            older = observation.at < known.observed_at
            late = observation.at < known.confirmed_at
            if seen == known.session:
                known.in_doubt |= late and not older and observation.asked != known.asked
                known.asked = known.asked if late else observation.asked
                known.confirmed_at = max(known.confirmed_at, observation.at)
                continue
            if older or leads_back(known.session, seen):
                continue
            known.in_doubt |= late
            if observation.asked == known.asked or not alike(known.session, seen):
                text = said(json.dumps(known.session))
                known.history.append((text, known.observed_at, observation.at))
                known.observed_at = observation.at
            known.session, known.asked = seen, observation.asked
            known.confirmed_at = observation.at
    return {id_: one for id_, one in kept.items() if not one.in_doubt}


one_session = st.tuples(st.integers(0, len(STATES) - 1), st.integers(1, 3))
observations = st.builds(
    Observation,
    at=st.integers(NOW, NOW + 5),
    shown=st.tuples(*[one_session] * SESSIONS),
)
# Seldom another state or amount, so that often all that differs is a note.
noted = st.tuples(st.sampled_from([0, 0, 0, 4]), st.sampled_from([1, 1, 1, 2]), st.integers(0, 1))
asked_for = st.builds(
    Observation,
    at=st.integers(NOW, NOW + 5),
    shown=st.tuples(*[noted] * SESSIONS),
    asked=st.sampled_from(VERSIONS),
)


def load_all(place: Place, given_: Sequence[Observation]) -> None:
    """Load observations in this order, each by a backfill of its own."""
    for observation in given_:
        api = Handmade(lambda _, o=observation: o.sessions(), observation.at)  # type: ignore[misc]
        report = place.backfill(
            BORN - 5,
            BORN + SESSIONS,
            Options(transport=api),
            stripe__api_version=observation.asked,
        )
        assert report.outcome == "completed", report.error
        counts = report.counts
        assert counts.row()["sessions_read"] == SESSIONS
        assert counts.inserted + counts.updated + counts.unchanged == SESSIONS


def assert_as_ruled(place: Place, expected: dict[str, Kept]) -> None:
    stored = place.stored()
    assert len(stored) == SESSIONS
    assert {i: stored[i] for i in expected} == {
        i: said(json.dumps(k.session)) for i, k in expected.items()
    }
    seen = dict(place.rows("select id, epoch_us(observed_at) // 1000000 from checkout_sessions"))
    assert {i: seen[i] for i in expected} == {i: k.observed_at for i, k in expected.items()}
    history = place.rows(
        "select id, payload::varchar, epoch_us(observed_at) // 1000000,"
        " epoch_us(superseded_at) // 1000000 from checkout_session_history order by rowid"
    )
    found: dict[str, list[tuple[str, int, int]]] = {id_: [] for id_ in expected}
    for id_, payload, observed_at, superseded_at in history:
        if id_ in found:
            found[id_].append((said(payload), observed_at, superseded_at))
    assert found == {id_: kept.history for id_, kept in expected.items()}


@contextmanager
def loaded(given_: Sequence[Observation]) -> Iterator[tuple[Place, dict[str, Kept]]]:
    """A place with these observations loaded, which are as ruled, and what the rule says."""
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        load_all(place, given_)
        expected = ruled(given_)
        assert_as_ruled(place, expected)
        yield place, expected


few = settings(
    max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@few
@given(st.lists(observations, min_size=1, max_size=6))
def test_loads_in_any_order_end_as_the_rule_says(given_: list[Observation]) -> None:
    with loaded(given_) as (place, expected):
        assert_history_is_a_chain(place)
        unsettled = {i: may_still_change(k.session, NOW) for i, k in expected.items()}
        found = place.unsettled()
        assert {i for i in expected if i in found} == {i for i in expected if unsettled[i]}


@few
@given(st.lists(asked_for, min_size=2, max_size=6))
def test_loads_in_several_api_versions_end_as_the_rule_says(given_: list[Observation]) -> None:
    with loaded(given_) as (place, expected):
        asked = dict(place.rows("select id, api_version from checkout_sessions"))
        assert {i: asked[i] for i in expected} == {i: k.asked for i, k in expected.items()}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("gap", [0, 2])
def test_what_happened_once_ends_the_same_in_whatever_order_it_is_loaded(
    order: Sequence[int], gap: int, install: Callable[..., Place]
) -> None:
    # A life that only goes forward: open, then complete and unpaid, then paid.
    lives = [(0, 1), (3, 2), (4, 3)]
    story = [Observation(NOW + n * gap, (lives[n],) * SESSIONS) for n in range(3)]
    place = install()
    load_all(place, [story[number] for number in order])
    assert place.stored() == {s["id"]: said(json.dumps(s)) for s in story[-1].sessions()}
    assert_history_is_a_chain(place)


def test_an_observation_older_than_the_last_confirmation_does_not_win(
    install: Callable[..., Place],
) -> None:
    """Seen at 0, so again at 20; what a slow request saw at 10 is loaded after that."""
    place = install()
    now, before = (
        Observation(NOW + 20, ((0, 1),) * SESSIONS),
        Observation(NOW, ((0, 1),) * SESSIONS),
    )
    between = Observation(NOW + 10, ((0, 2),) * SESSIONS)
    load_all(place, [before, now, between])
    assert place.stored() == {s["id"]: said(json.dumps(s)) for s in now.sessions()}
