"""One made-up session: who, what, and what becomes of it.

Everything follows from the session's draw (64 bytes), its `created` and the time, so that
nothing of a session need be stored.
"""

from typing import NamedTuple

from pipelines.emulator.catalogue import (
    COUPONS,
    CURRENCIES,
    FREE,
    GOODS,
    LONGEST,
    SHELF,
    SUBSCRIPTIONS,
    TRIAL,
)
from pipelines.emulator.ids import PAIRS
from pipelines.emulator.people import Person
from pipelines.emulator.profiles import DAY_S, HOUR_S, Profile

NEVER = 1 << 62
SETTLED_S = 62 * DAY_S  # after this much time since `created` nothing changes

_INVOICED_S = 25 * HOUR_S  # an invoice is there before this much time since `created`

# Shares, in bytes' worth of 256.
_ABANDONED = 78
_DELAYED = 150
_NEVER_PAID = 16
_LATE_INVOICE = 90
_LONG_CART = 180  # of the sessions of a shop that sells in bulk

_CURRENCY_SHARES = (100, 64, 28, 20, 14, 10, 8, 12)
_CURRENCY = [number for number, share in enumerate(_CURRENCY_SHARES) for _ in range(share)]
_COUPON_SHARES = (216, 16, 10, 10, 4)
_COUPON = [number for number, share in enumerate(_COUPON_SHARES) for _ in range(share)]
_ITEMS = (1, 1, 1, 1, 2, 2, 2, 3, 3, 1, 2, 3, 1, 1, 4, 6)


class Life(NamedTuple):
    """When what happens to a session, in epoch seconds; `NEVER` if it doesn't."""

    expires_at: int
    completed_at: int
    paid_at: int
    invoiced_at: int


class Session(NamedTuple):
    """A session before it is put into words.

    Attributes:
        number: its place in the shop, by age.
        id: its id.
        created: epoch seconds.
        draw: the 64 bytes that decide everything about it.
        noise: the draw as characters, for ids.
        code: its number as characters, for ids.
        profile: what it shares with others.
        person: who it is for.
        events: what becomes of it.
        recovered_from: the id of the session that this one makes good, or None.
    """

    number: int
    id: str
    created: int
    draw: bytes
    noise: str
    code: str
    profile: Profile
    person: Person
    events: Life
    recovered_from: str | None


class Basket(NamedTuple):
    """Where a session's line items stand on the shelf, and in what terms they are priced."""

    start: int
    end: int
    kind: int
    currency: int
    coupon: int
    tax: int


def life(draw: bytes, created: int, profile: Profile) -> Life:
    """What becomes of a session."""
    lifetime_s = profile.plan.lifetime_s
    expires_at = created + lifetime_s
    if draw[1] < _ABANDONED:
        return Life(expires_at, NEVER, NEVER, NEVER)
    share = (draw[2] << 8 | draw[3]) / 65_536
    completed_at = created + 40 + int((lifetime_s - 100) * share**6)
    paid_at = completed_at
    if profile.delayed and draw[4] < _DELAYED:
        wait_s = 3 * HOUR_S + (14 * DAY_S - 3 * HOUR_S) * draw[5] // 256
        paid_at = NEVER if draw[4] < _NEVER_PAID else completed_at + wait_s
    invoiced_at = NEVER
    if profile.invoice:
        wait_s = draw[6] * 60 if draw[7] < _LATE_INVOICE else 0
        invoiced_at = min(completed_at + wait_s, created + _INVOICED_S - 60)
    return Life(expires_at, completed_at, paid_at, invoiced_at)


def status(events: Life, now: int) -> str:
    """A session's `status` at a time in epoch seconds."""
    if now >= events.completed_at:
        return "complete"
    return "expired" if now >= events.expires_at else "open"


def free(draw: bytes, profile: Profile) -> bool:
    """Whether the session's discount leaves nothing to pay."""
    return profile.payment and _COUPON[draw[9]] == FREE


def basket(draw: bytes, profile: Profile, *, complete: bool) -> Basket:
    """A session's line items; some discounts and taxes are known only once it is complete."""
    plan = profile.plan
    currency = _CURRENCY[draw[8]]
    coupon = _COUPON[draw[9]] if profile.payment else 0
    if not complete and COUPONS[coupon].typed:
        coupon = 0
    taxed = plan.manual_tax or (plan.auto_tax and complete)
    kind = GOODS
    if profile.payment:
        count = _ITEMS[draw[12] & 15]
        if plan.bulk and draw[12] < _LONG_CART:
            count = 11 + (draw[13] * (LONGEST - 10) >> 8)
    elif profile.setup:
        count = 0
    else:
        kind = TRIAL if plan.trial else SUBSCRIPTIONS
        count = 1 + draw[12] % 2
    start = (draw[10] << 8 | draw[11]) % SHELF
    tax = CURRENCIES[currency].tax if taxed else 0
    return Basket(start, start + count, kind, currency, coupon, tax)


def line_item_id(session: Session, position: int) -> str:
    """The id of a session's line item, counted from 0."""
    return f"li_1{session.noise[48:61]}{session.code}{PAIRS[position]}"
