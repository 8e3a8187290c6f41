"""A made-up shop: sessions that live and change, all of them a function of seed and time."""

import json
from binascii import b2a_base64
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b

from pipelines.emulator.body import line_items, render
from pipelines.emulator.catalogue import LONGEST, catalogue_of
from pipelines.emulator.ids import CODE_CHARS, Codes
from pipelines.emulator.people import People
from pipelines.emulator.profiles import DAY_S, PLANS, Profile
from pipelines.emulator.rhythm import created_times
from pipelines.emulator.session import Session, life, status
from pipelines.emulator.store import FIELDS, Horizon, same

_LATE = 64  # of 256 sessions, when some come late
_RECOVERED = 6  # of 256 sessions, if an expired one is near
_RECOVERED_TRIES = 16
_MOST_CACHED = 256  # sessions asked for twice in a request
_DISTINCT = bytes.maketrans(b"+/", b"xQ")  # 64 digits of base64 to 62
_ID_START = {"test": "cs_test_a1", "live": "cs_live_a1"}


class Shop:
    """The sessions of one account in one mode.

    Args:
        seed: another seed, other sessions.
        livemode: whether the account is in live mode.
        now: epoch seconds that split the shop's past from its future.
        sessions: how many sessions were created in the past.
        days: how long that past is.
        days_ahead: how long the shop goes on; then it is closed and comes to rest.
        late_s: a quarter of the sessions come up to this many seconds after `created`.
    """

    def __init__(
        self,
        seed: str,
        *,
        livemode: bool,
        now: int,
        sessions: int,
        days: float,
        days_ahead: float,
        late_s: int = 0,
    ) -> None:
        mode = "live" if livemode else "test"
        seed = f"{seed}/{mode}"
        self.created: Sequence[int] = created_times(
            seed, now=now, sessions=sessions, days=days, days_ahead=days_ahead
        )
        self._key = blake2b(seed.encode(), digest_size=32).digest()
        self._start = _ID_START[mode]
        self._codes = Codes(self._key + b"session")
        self._people = People(Codes(self._key + b"person"), len(self.created))
        self._catalogue = catalogue_of(seed, livemode=livemode)
        profiles = [
            Profile(plan, number, seed, livemode=livemode) for number, plan in enumerate(PLANS)
        ]
        self._profiles = [each for each in profiles for _ in range(each.plan.weight)]
        self._links = {each.link_id for each in profiles if each.link_id}
        self._late_s = late_s
        self._session = lru_cache(_MOST_CACHED)(self._make_session)

    def horizon(self, now: int) -> Horizon:
        """How many sessions were created by now, and which of them aren't seen yet."""
        end = bisect_right(self.created, now)
        if not self._late_s:
            return Horizon(end, frozenset())
        first = bisect_right(self.created, now - self._late_s)
        hidden = (index for index in range(first, end) if self._appears_at(index) > now)
        return Horizon(end, frozenset(hidden))

    def index_of(self, session_id: str) -> int | None:
        """The session with this id, or None."""
        start = len(self._start)
        index = self._codes.number(session_id[start : start + CODE_CHARS])
        if index is None or index >= len(self.created) or self.id_of(index) != session_id:
            return None
        return index

    def id_of(self, index: int) -> str:
        """A session's id."""
        return self._session(index).id

    def find(self, filters: Mapping[str, str], now: int) -> Sequence[int]:
        """Where sessions that match may be, sorted: all of them are in here, and some others."""
        narrow: list[Sequence[int]] = []
        if "customer" in filters:
            narrow.append(self._people.named(filters["customer"][4 : 4 + CODE_CHARS]))
        if "customer_account" in filters:
            narrow.append(self._people.named(filters["customer_account"][6 : 6 + CODE_CHARS]))
        if "customer_details.email" in filters:
            narrow.append(self._people.mailed(filters["customer_details.email"]))
        for name in ("payment_intent", "subscription"):
            if name in filters:
                index = self._codes.number(filters[name][-CODE_CHARS:])
                known = index is not None and index < len(self.created)
                narrow.append([index] if known and index is not None else [])
        if filters.get("payment_link", "") not in {"", *self._links}:
            narrow.append([])
        if filters.get("status") == "open":
            narrow.append(range(bisect_left(self.created, now - DAY_S), len(self.created)))
        return min(narrow, key=len, default=range(len(self.created)))

    def matches(self, index: int, filters: Mapping[str, str], now: int) -> bool:
        """Whether a session fits all the filters now."""
        draw = self._draw(index)
        profile = self._profiles[draw[0]]
        if "payment_link" in filters and profile.link_id != filters["payment_link"]:
            return False
        if "status" in filters:
            events = life(draw, self.created[index], profile)
            if status(events, now) != filters["status"]:
                return False
        if filters.keys() <= {"payment_link", "status"}:
            return True
        body = json.loads(self.body(index, now))
        return all(same(body, FIELDS[name], value) for name, value in filters.items())

    def body(self, index: int, now: int) -> str:
        """A session's body now, as JSON without line items."""
        return render(self._session(index), now, self._catalogue, self._people)

    def line_items(self, index: int, now: int, most: int = LONGEST) -> list[str]:
        """A session's first line items now, as JSON."""
        return line_items(self._session(index), now, self._catalogue, most)

    def _draw(self, index: int) -> bytes:
        return blake2b(index.to_bytes(8, "little"), key=self._key).digest()

    def _make_session(self, index: int) -> Session:
        draw = self._draw(index)
        noise = _noise(draw)
        code = self._codes.code(index)
        recovered = self._recovered_from(index) if draw[23] < _RECOVERED else None
        created, profile = self.created[index], self._profiles[draw[0]]
        return Session(
            index,
            f"{self._start}{code}{noise[:48]}",
            created,
            draw,
            noise,
            code,
            profile,
            self._people.of_session(index),
            life(draw, created, profile),
            recovered,
        )

    def _recovered_from(self, index: int) -> str | None:
        """An earlier session that expired and could be recovered, if one is near."""
        newest = bisect_left(self.created, self.created[index] - 2 * DAY_S) - 1
        for earlier in range(newest, max(newest - _RECOVERED_TRIES, -1), -1):
            draw = self._draw(earlier)
            profile = self._profiles[draw[0]]
            created = self.created[earlier]
            gone = status(life(draw, created, profile), self.created[index]) == "expired"
            if profile.plan.recovery and gone:
                return self.id_of(earlier)
        return None

    def _appears_at(self, index: int) -> int:
        """When a session is seen first, in epoch seconds."""
        draw = self._draw(index)
        wait_s = 1 + draw[61] * self._late_s // 256 if draw[60] < _LATE else 0
        return self.created[index] + min(wait_s, self._late_s)


def _noise(draw: bytes) -> str:
    """A draw as 72 characters of an id."""
    return b2a_base64(draw[:54], newline=False).translate(_DISTINCT).decode()
