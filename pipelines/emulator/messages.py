"""A request and a response of the emulator."""

from dataclasses import dataclass, field

from starlette.datastructures import Headers


@dataclass(frozen=True)
class Request:
    """An HTTP request, read whole."""

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Response:
    """An HTTP response before it is sent; a header without a value isn't."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
