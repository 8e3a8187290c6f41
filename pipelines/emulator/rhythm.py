"""When a shop's sessions are created: days and weeks have a rhythm, sales fill single seconds."""

from array import array
from collections.abc import Sequence
from random import Random

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S

# Visitors by hour of day (UTC) and by weekday from Monday, relative to an average one.
_HOURS = (
    *(0.35, 0.25, 0.2, 0.18, 0.2, 0.3, 0.5, 0.75, 1.0, 1.2, 1.3, 1.35),
    *(1.4, 1.35, 1.3, 1.3, 1.35, 1.45, 1.6, 1.75, 1.8, 1.6, 1.1, 0.6),
)
_WEEKDAYS = (1.0, 0.95, 0.95, 1.0, 1.15, 1.05, 0.9)
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday

_SALE_EVERY_DAYS = 30
_SALE_LEAST_SESSIONS = 50
_SALE_MOST = 400
_SALE_TAIL_S = 120


def created_times(
    seed: str, *, now: int, sessions: int, days: float, days_ahead: float
) -> Sequence[int]:
    """The sorted `created` of all of a shop's sessions, past and to come, in epoch seconds.

    Args:
        seed: another seed, another calendar.
        now: epoch seconds that split past from future.
        sessions: how many lie in the `days` days up to `now`.
        days: how far back the shop goes.
        days_ahead: how long it goes on, at the same rhythm.
    """
    start = now - int(days * _DAY_S)
    end = now + int(days_ahead * _DAY_S)
    sales = max(1, round(days / _SALE_EVERY_DAYS)) if sessions >= _SALE_LEAST_SESSIONS else 0
    size = min(_SALE_MOST, max(3, sessions // 60))
    past: list[int] = []
    for k in range(sales):
        past += _sale(f"{seed}/sale/{k}", start + (now - start) * (2 * k + 1) // (2 * sales), size)
    past = [second for second in past if start < second <= now]
    coming: list[int] = []
    if sales and days_ahead > 0:
        coming = _sale(f"{seed}/sale/next", now + (end - now) * 2 // 5, size)
        coming = [second for second in coming if now < second <= end]

    weights = _weights(seed, start, now)
    per_weight = (sessions - len(past)) / sum(weights) if weights else 0.0
    past += _spread(seed, start, now, per_weight)
    coming += _spread(f"{seed}/next", now, end, per_weight)
    past.sort()
    coming.sort()
    return array("q", past + coming)


def _sale(seed: str, near: int, size: int) -> list[int]:
    """A flash sale on the hour: most of it in one second, the rest in the two minutes after."""
    random = Random(seed)  # noqa: S311 - a made-up shop, not a secret
    second = near - near % _HOUR_S
    tail = [second + 1 + int(random.random() * _SALE_TAIL_S) for _ in range(size // 3)]
    return [second] * (size * random.randint(85, 115) // 100) + tail


def _hours(after: int, until: int) -> list[tuple[int, int, int]]:
    """The hours that touch `(after, until]`: number since 1970, first and last second of it."""
    if until <= after:
        return []
    return [
        (hour, max(hour * _HOUR_S, after + 1), min((hour + 1) * _HOUR_S - 1, until))
        for hour in range((after + 1) // _HOUR_S, until // _HOUR_S + 1)
    ]


def _weights(seed: str, after: int, until: int) -> list[float]:
    """How busy each hour that touches `(after, until]` is, edges by their share."""
    weights = []
    for hour, first, last in _hours(after, until):
        weekday = (hour // 24 + _EPOCH_WEEKDAY) % 7
        jitter = 0.75 + 0.5 * Random(f"{seed}/{hour}").random()  # noqa: S311 - as above
        share = (last - first + 1) / _HOUR_S
        weights.append(_HOURS[hour % 24] * _WEEKDAYS[weekday] * jitter * share)
    return weights


def _spread(seed: str, after: int, until: int, per_weight: float) -> list[int]:
    """Seconds of `(after, until]`, as many in each hour as it is busy."""
    seconds: list[int] = []
    busy = 0.0
    weights = _weights(seed, after, until)
    for (hour, first, last), weight in zip(_hours(after, until), weights, strict=True):
        busy += weight
        count = int(busy * per_weight + 1e-6) - len(seconds)
        draw = Random(f"{seed}/{hour}/seconds").random  # noqa: S311 - as above
        seconds += [first + int(draw() * (last - first + 1)) for _ in range(count)]
    return seconds
