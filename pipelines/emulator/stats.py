"""What the emulator was asked for, so that tests can count requests."""

from collections import Counter, deque
from typing import Any

_MOST_LISTS = 10_000


class Stats:
    """Counts of requests since the start or the last reset, and a log of list requests."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._lists: deque[dict[str, Any]] = deque(maxlen=_MOST_LISTS)
        self._faults: Counter[str] = Counter()
        self._pages = 0
        self._sessions = 0

    def reset(self) -> None:
        """Starts again from nothing."""
        self._requests.clear()
        self._lists.clear()
        self._faults.clear()
        self._pages = self._sessions = 0

    def count(self, route: str, status: int) -> None:
        """Counts a response."""
        self._requests[route, status] += 1

    def count_fault(self, kind: str) -> None:
        """Counts a fault."""
        self._faults[kind] += 1

    def count_page(self, query: str, rows: int) -> None:
        """Counts a page of sessions."""
        self._pages += 1
        self._sessions += rows
        self._lists.append({"query": query, "rows": rows})

    def summary(self) -> dict[str, Any]:
        """The counts: by route and status, refusals, list pages, sessions on them, faults."""
        routes: dict[str, dict[str, int]] = {}
        for (route, status), count in sorted(self._requests.items()):
            routes.setdefault(route, {})[str(status)] = count
        return {
            "requests": self._requests.total(),
            "refusals": sum(n for (_, status), n in self._requests.items() if status >= 400),  # noqa: PLR2004 - HTTP's line between success and refusal
            "list_pages": self._pages,
            "sessions_listed": self._sessions,
            "routes": routes,
            "faults": dict(sorted(self._faults.items())),
        }

    def lists(self) -> list[dict[str, Any]]:
        """The last 10,000 list requests that were answered: query string and rows."""
        return list(self._lists)
