"""The emulator's socket and server: loopback only, quiet, ends at once."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HOST = "127.0.0.1"

_GRACE_S = 1  # for responses under way when the server is told to stop


def listen(port: int) -> socket.socket:
    """A socket that listens on loopback; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    # Named as TCP, or asyncio leaves Nagle's algorithm on and small responses take 40 ms.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen()
    except OSError:
        sock.close()
        raise
    return sock


def url_of(sock: socket.socket) -> str:
    """The base URL of what listens on a socket."""
    return f"http://{HOST}:{sock.getsockname()[1]}"


class _Protocol(H11Protocol):
    """HTTP/1.1 that shows the application its connection, so that a fault can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def shown(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "connection": transport}, receive, send)

        self.app = shown


class Server(uvicorn.Server):
    """A server that says when it listens, and takes signals as a wish to end.

    Args:
        app: what it serves.
        ready: called once it listens.
    """

    def __init__(self, app: ASGIApp, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                date_header=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to listen, and says so."""
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends at SIGINT and SIGTERM without raising them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self.handle_exit) for each in signals}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def run(server: Server, sock: socket.socket) -> None:
    """Serves until the server is told to stop."""
    asyncio.run(server.serve(sockets=[sock]))
