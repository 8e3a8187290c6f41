"""An API made of handcrafted sessions, without a server: pages at any Date, with any bytes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import httpx

Session = dict[str, Any] | str


def created_of(session: Session) -> int:
    """A session's second; a text is JSON as it stands."""
    value = json.loads(session) if isinstance(session, str) else session
    return int(value["created"])


def id_of(session: Session) -> str:
    """A session's id."""
    value = json.loads(session) if isinstance(session, str) else session
    return str(value["id"])


@dataclass
class Scripted(httpx.BaseTransport):
    """Serves sessions in pages, as the API does.

    Attributes:
        sessions: all there are; texts are sent as they stand.
        now: its Date, epoch seconds.
        before: called before each answer, with the request's parameters.
        asked: the parameters of all requests.
    """

    sessions: Sequence[Session]
    now: int
    before: Callable[[dict[str, str]], None] | None = None
    asked: list[dict[str, str]] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a list request."""
        params = dict(request.url.params)
        self.asked.append(params)
        # What is seen is fixed when the request arrives; what happens meanwhile comes too late.
        sessions, now = list(self.sessions), self.now
        if self.before is not None:
            self.before(params)
        after = int(params.get("created[gt]", -(2**60)))
        until = int(params.get("created[lte]", 2**60))
        rows = [s for s in sessions if after < created_of(s) <= until]
        rows.sort(key=created_of, reverse=True)
        cursor = params.get("starting_after")
        if cursor is not None:
            ids = [id_of(s) for s in rows]
            rows = rows[ids.index(cursor) + 1 :] if cursor in ids else []
        limit = int(params.get("limit", 10))
        page = rows[:limit]
        texts = [s if isinstance(s, str) else json.dumps(s) for s in page]
        more = json.dumps(len(rows) > limit)
        body = f'{{"object":"list","has_more":{more},"data":[{",".join(texts)}]}}'
        headers = {"Date": formatdate(now, usegmt=True), "Request-Id": "req_scripted"}
        return httpx.Response(200, content=body.encode(), headers=headers)
