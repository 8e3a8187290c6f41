"""What a response of the API says, taken apart without trust."""

import json
import re
from array import array
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec
import pyarrow as pa

from pipelines import nesting, payload
from pipelines.errors import SourceContractError, TransientSourceError

OK = 200
_MALFORMED_AT = re.compile(r"\(byte (\d+)\)")
_NUMBER_BEGUN = re.compile(rb"[-+.\deE]*")


class Envelope(msgspec.Struct, gc=False):
    """A list response around its elements."""

    object: str
    has_more: bool
    data: list[msgspec.Raw]


def envelope_of(body: bytes, request_id: str | None) -> Envelope:
    """Return a list response's envelope.

    Raises:
        TransientSourceError: the body was cut off.
        SourceContractError: it is no list.
    """
    try:
        return _decoded(body)
    except msgspec.ValidationError as error:
        reason = str(error)
    except RecursionError:
        reason = "it is nested too deep"
    except EOFError:
        raise TransientSourceError(
            "the API's answer was cut off", status=OK, request_id=request_id
        ) from None
    except ValueError:
        reason = "it is no JSON; check stripe.base_url"
    raise SourceContractError(
        f"the API's answer is no list of sessions ({reason}); nothing of it was stored, the next"
        " run asks again",
        status=OK,
        request_id=request_id,
    )


def api_time_of(response: httpx.Response, request_id: str | None) -> int:
    """Return a response's `Date`, epoch seconds.

    Raises:
        SourceContractError: it has none that can be read.
    """
    try:
        at = parsedate_to_datetime(response.headers["date"])
        # A zone of -0000 means UTC, without saying where.
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (KeyError, ValueError, TypeError, OverflowError):
        raise SourceContractError(
            "the API's answer has no Date that can be read, and no other clock is trusted; nothing"
            " of it was stored, the next run asks again",
            status=OK,
            request_id=request_id,
        ) from None


def error_of(body: bytes) -> dict[str, Any]:
    """Return the error object of a refusal's body, empty where there is none."""
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return error if isinstance(error, dict) else {}


def seconds_of(header: str | None) -> float | None:
    """Return the seconds that a `Retry-After` asks for, None where it doesn't say."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _decoded(body: bytes) -> Envelope:
    try:
        _check_text(body)
        return _envelope(body)
    except msgspec.ValidationError:
        raise
    except ValueError:  # malformed for the fast decoder, which lone surrogates are too
        return _guarded_envelope(body)


def _check_text(body: bytes) -> None:
    """Refuse what is no UTF-8, in a fifth of the time that decoding takes.

    Raises:
        ValueError: it is none.
    """
    offsets = pa.py_buffer(array("i", [0, len(body)]))
    text = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(body)])
    text.validate(full=True)


def _envelope(body: bytes) -> Envelope:
    """Decode a list, of which elements may be nested too deep for a decoder.

    Raises:
        RecursionError: it is so itself.
    """
    try:
        return _decoder.decode(body)
    except RecursionError:
        found = nesting.apart(body)
        if found is None:
            raise
    envelope = _decoder.decode(found[0])
    envelope.data = [msgspec.Raw(element) for element in found[1]]
    return envelope


def _guarded_envelope(body: bytes) -> Envelope:
    """Decode a list in which texts hold halves of surrogate pairs; its elements keep them.

    Raises:
        EOFError: it is right up to where it ends, so it was cut off.
    """
    try:
        text = body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise EOFError from None
        raise
    guarded = payload.guarded(text.encode("utf-8", "backslashreplace"))
    try:
        envelope = _envelope(guarded)
    except msgspec.ValidationError:
        raise
    except ValueError as error:
        where = _MALFORMED_AT.search(str(error))
        # Of a number that was cut off nobody can tell that more was to come.
        if where is None or _NUMBER_BEGUN.fullmatch(guarded, int(where[1])):
            raise EOFError from None
        raise
    envelope.data = [msgspec.Raw(payload.unguarded(bytes(raw))) for raw in envelope.data]
    return envelope


_decoder = msgspec.json.Decoder(Envelope)
