"""Connections to the API, each lent to one request at a time.

httpx's own pool looks at every connection that it has, with a system call each, whenever a request
begins or ends, and under one lock: with fifty of them that takes longer than the request. Its
client costs as much again, for cookies and redirects that this API has none of. So there is one
transport a connection, and who asks takes the one that was used last.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx
from isal import isal_zlib

MOST_BYTES = 1 << 27
"""Longest answer believed: room for a page of sessions of a megabyte each."""
LOOK_EVERY_S = 1.0
"""How often to look for requests that take too long, in seconds."""

_GZIP = 31
"""What zlib calls a window of 32 KiB with gzip's header and trailer."""


class Connections:
    """Transports to one server; threads share them.

    Args:
        make: makes another transport, where all are lent.
        headers: sent with every request.
        timeout_s: what one request may take, to the last byte of its answer.
        stop: once it is set, nothing more is asked, and bodies are read no further.
    """

    def __init__(
        self,
        make: Callable[[], httpx.BaseTransport],
        headers: Mapping[str, str],
        timeout_s: float,
        stop: threading.Event,
    ) -> None:
        self._make = make
        self._headers = httpx.Headers({"Accept-Encoding": "gzip", **headers})
        self._timeout_s = timeout_s
        self._stop = stop
        self._all: list[_Connection] = []
        self._idle: list[_Connection] = []
        self._lent_until: dict[object, tuple[float, _Connection]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def get(self, url: str) -> tuple[httpx.Response, bytes]:
        """Return a response, which is closed, and its body; one that is too long is cut.

        Raises:
            httpx.TransportError: the server can't be reached, is too slow, or broke off; or it
                was stopped.
            httpx.DecodingError: the body isn't encoded as it says.
        """
        deadline = time.monotonic() + self._timeout_s
        with self._lent(deadline) as connection:
            response = connection.get(url, self._headers)
            try:
                body = b"".join(self._parts(response, deadline))
            finally:
                response.close()
        # A response and its stream point to each other, so both would stay in memory until Python
        # searches for garbage, which a run makes it do rarely.
        response.stream = httpx.ByteStream(b"")
        return response, body

    def stop(self) -> None:
        """Ask nothing more, and let those who wait for an answer wait no longer."""
        self._stop.set()
        with self._lock:
            lent = [connection for _, connection in self._lent_until.values()]
        for connection in lent:
            connection.break_off()

    def close(self) -> None:
        """Close all, those that are lent too."""
        self._stop.set()
        self._closed.set()
        with self._lock:
            connections = list(self._all)
        for connection in connections:
            connection.close()

    @contextmanager
    def _lent(self, until: float) -> "Iterator[_Connection]":
        with self._lock:
            if self._stop.is_set():
                raise httpx.ConnectError("stopped")
            if not self._all:
                threading.Thread(target=self._watch, name="connections", daemon=True).start()
            if not self._idle:
                self._all.append(_Connection(self._make(), self._timeout_s, self._stop))
                self._idle.append(self._all[-1])
            connection = self._idle.pop()
            lease = object()
            self._lent_until[lease] = until, connection
        try:
            yield connection
        finally:
            with self._lock:
                del self._lent_until[lease]
                self._idle.append(connection)

    def _watch(self) -> None:
        """Close what is lent for too long, since a byte now and then keeps a wait for a header."""
        while not self._closed.wait(LOOK_EVERY_S):
            now = time.monotonic()
            with self._lock:
                late = [lent for until, lent in self._lent_until.values() if until < now]
            for connection in late:
                connection.close()

    def _parts(self, response: httpx.Response, deadline: float) -> Iterator[bytes]:
        """Read a body that may be slow or endless."""
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Timely(response.stream, deadline)
        size = 0
        for part in _decoded(response):
            yield part
            size += len(part)
            if size > MOST_BYTES:
                return
            if self._stop.is_set():
                raise httpx.ReadError("stopped")


class _Connection:
    """A transport with one connection, of which another thread can break off an exchange."""

    def __init__(
        self, transport: httpx.BaseTransport, timeout_s: float, stop: threading.Event
    ) -> None:
        self._transport = transport
        self._stop = stop
        self._stream: Any = None
        timeout = httpx.Timeout(timeout_s, connect=10, pool=None)
        self._extensions = {"timeout": timeout.as_dict(), "trace": self._look}

    def get(self, url: str, headers: httpx.Headers) -> httpx.Response:
        """Send a request, and return its response with the body still to come."""
        request = httpx.Request("GET", url, headers=headers, extensions=self._extensions)
        return self._transport.handle_request(request)

    def break_off(self) -> None:
        """Let whoever waits for an answer meet the end of it; to close a socket wakes nobody."""
        found = self._stream.get_extra_info("socket") if self._stream is not None else None
        if found is not None:
            with suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        self._transport.close()

    def _look(self, _: str, event: Mapping[str, Any]) -> None:
        """Keep the connection that httpcore made, plain or with TLS, of all that it tells."""
        made = event.get("return_value")
        if hasattr(made, "get_extra_info"):
            self._stream = made
            if self._stop.is_set():  # while it was made
                self.break_off()


class _Timely(httpx.SyncByteStream):
    """A body that ends by a deadline: httpx bounds the wait for each part of it alone."""

    def __init__(self, stream: httpx.SyncByteStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for part in self._stream:
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("the body took too long")
            yield part

    def close(self) -> None:
        self._stream.close()


def _decoded(response: httpx.Response) -> Iterator[bytes]:
    if response.headers.get("content-encoding") != "gzip":
        yield from response.iter_bytes()
        return
    # A third of the time that the standard library's takes.
    unpack = isal_zlib.decompressobj(_GZIP)
    try:
        for part in response.iter_raw():
            yield unpack.decompress(part)
    except isal_zlib.error as error:  # type: ignore[misc] # its stub calls the class an instance
        raise httpx.DecodingError(str(error)) from None
