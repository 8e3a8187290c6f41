"""JSON nested so deep that no decoder takes it: told apart by its brackets alone.

A decoder gives up at about a thousand levels, and with it a whole page for one session's sake.
"""

import re
from collections.abc import Iterator

MOST_LEVELS = 100
"""Levels that are kept of what is read all the same: more than the API's objects have."""

_SPACE = b" \t\r\n"
_IS_DATA = re.compile(rb'"data"[ \t\r\n]*:[ \t\r\n]*\[\Z')
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def shallow(raw: bytes) -> bytes:
    """Return JSON in which null stands for whatever is nested too deep."""
    kept: list[bytes] = []
    at = 0
    for begin, end, level in _nested(raw):
        if level == MOST_LEVELS:
            kept += [raw[at:begin], b"null"]
            at = end
    return b"".join([*kept, raw[at:]])


def apart(body: bytes) -> tuple[bytes, list[bytes]] | None:
    """Return a list response without its elements, and these; None where it has no such list."""
    since = 0
    for begin, end, level in _nested(body):
        if level != 1:
            continue
        if not _IS_DATA.search(body, since, begin + 1):
            since = end
            continue
        inside = body[begin:end]
        spans = [(first, last) for first, last, level in _nested(inside) if level == 1]
        elements = [inside[first:last] for first, last in spans]
        commas = b"," * (len(spans) - 1)
        if _without(inside, spans).translate(None, _SPACE) != b"[%b]" % commas:
            return None  # something in it is no object and no list
        return body[:begin] + b"[]" + body[end:], elements
    return None


def _without(raw: bytes, spans: list[tuple[int, int]]) -> bytes:
    begins = [0, *(last for _, last in spans)]
    ends = [*(first for first, _ in spans), len(raw)]
    return b"".join(raw[begin:end] for begin, end in zip(begins, ends, strict=True))


def _nested(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield where each object and array begins and ends, with its level, from 0; inner first."""
    begun: list[int] = []
    for token in _TOKEN.finditer(raw):
        mark = token[0]
        if mark in (b"{", b"["):
            begun.append(token.start())
        elif mark in (b"}", b"]"):
            if not begun:
                return
            begin = begun.pop()
            yield begin, token.end(), len(begun)
