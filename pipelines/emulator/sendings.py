"""Answers sent badly: late, in part, without end, or never."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Send

_PARTS, _PART_S = 10, 0.02
_DRIP_S = 0.1
_CHUNK = b" " * 65_536


@dataclass(frozen=True)
class Connection:
    """A connection on which an answer is to be sent.

    Attributes:
        transport: the connection itself.
        receive: tells when the client has gone.
        send: sends as it should be.
    """

    transport: asyncio.Transport
    receive: Receive
    send: Send

    async def gone(self, within_s: float | None = None) -> bool:
        """Whether the client goes away within so many seconds; without them, wait until it does."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while (await self.receive())["type"] != "http.disconnect":
                    pass
            return True
        return False

    async def reset(self) -> None:
        """Break the connection, so that the client gets a reset."""
        at_once = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, at_once
        )
        self.transport.abort()
        await self.gone()

    async def body(self, part: bytes, *, more: bool = True) -> None:
        """Send a part of the body."""
        await self.send({"type": "http.response.body", "body": part, "more_body": more})


Start = dict[str, Any]
Sending = Callable[[Connection, Start, bytes], Awaitable[None]]


async def well(to: Connection, start: Start, body: bytes) -> None:
    """Sends an answer as it should be."""
    await to.send(start)
    await to.body(body, more=False)


async def _reset(to: Connection, _start: Start, _body: bytes) -> None:
    await to.reset()


async def _hang(to: Connection, _start: Start, _body: bytes) -> None:
    await to.gone()


async def _reset_body(to: Connection, start: Start, body: bytes) -> None:
    await to.send(start)
    await to.body(body[: len(body) // 2])
    await asyncio.sleep(_PART_S)  # or the reset would overtake it
    await to.reset()


async def _close_body(to: Connection, start: Start, body: bytes) -> None:
    await to.send(start)
    await to.body(body[: len(body) // 2])
    to.transport.close()
    await to.gone()


async def _slow(to: Connection, start: Start, body: bytes) -> None:
    await to.send(start)
    size = len(body) // _PARTS + 1
    for first in range(0, len(body), size):
        await to.body(body[first : first + size])
        await asyncio.sleep(_PART_S)
    await to.body(b"", more=False)


async def _drip(to: Connection, start: Start, body: bytes) -> None:
    await to.send(start)
    for byte in body:
        await to.body(bytes([byte]))
        if await to.gone(_DRIP_S):
            return
    await to.body(b"", more=False)


async def _flood(to: Connection, start: Start, _body: bytes) -> None:
    unsized = [
        (name, value)
        for name, value in start["headers"]
        if name not in (b"content-length", b"content-encoding")
    ]
    await to.send({**start, "headers": unsized})
    while not to.transport.is_closing():
        await to.body(_CHUNK)
        await asyncio.sleep(0)


SENDINGS: dict[str | None, Sending] = {
    "reset": _reset,
    "reset-body": _reset_body,
    "close-body": _close_body,
    "slow": _slow,
    "drip": _drip,
    "flood": _flood,
    "hang": _hang,
}
"""How an answer is sent, by the kind of fault."""
