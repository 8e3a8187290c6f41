"""The line items that a list response leaves out, read side by side.

A list shows the first ten of a session. The others cost requests of their own, so they are asked
for only where the session or its first ten aren't as stored, or no complete list is. What is stored
is looked up after the session was read and before it is loaded; if another run writes in between,
the load compares once more and marks what it then lacks, so that the next sync reads it.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import payload
from pipelines.batches import Batch, Drift, Elements, Owner, Reject
from pipelines.children import LINE_ITEMS
from pipelines.errors import SourceRequestError
from pipelines.flatten import Flattener
from pipelines.stripe_api import PAGE_SIZE, StripeApi

MOST_AT_ONCE = 20
"""Sessions whose further line items are read at a time."""
_COMPLETE = "line_items_complete"


class Stored(NamedTuple):
    """A session that is stored with all its line items: its payload, and theirs in order."""

    payload: str
    items: Sequence[str]


LookUp = Callable[[Sequence[str], int, int], Mapping[str, Stored]]
"""Returns what is stored with all line items: of these ids, created from one second to another."""


class _Item(msgspec.Struct, gc=False):
    id: str


@dataclass(frozen=True, slots=True)
class _Partial:
    """A session of which only the first line items were read."""

    id: str
    created: int
    observed_at: int
    payload: str
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Rest:
    """Further line items of a session; or its reject, where they can't be had."""

    elements: Elements | None = None
    drift: Sequence[Drift] = ()
    reject: Reject | None = None


class LineItems:
    """Completes the line items of a window's sessions; threads may share one.

    Args:
        api: the account's access to the API.
        flattener: makes columns of them.
        turn: held by whoever makes columns.
        look_up: tells what is stored; without it everything is read.
    """

    def __init__(
        self, api: StripeApi, flattener: Flattener, turn: Lock, look_up: LookUp | None
    ) -> None:
        self._api = api
        self._flattener = flattener
        self._turn = turn
        self._look_up = look_up
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="line-items")

    def complete(self, batch: Batch) -> Batch:
        """Return the batch with all line items that aren't stored already.

        A session whose line items the API refuses for good is set aside.

        Raises:
            SourceError: the API failed or broke its contract.
            WarehouseError: what is stored can't be looked up.
        """
        with self._turn:
            partial = _partial(batch)
        partial = self._unlike_stored(partial)
        if not partial:
            return batch
        futures = [self._pool.submit(self._rest, one) for one in partial]
        done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()  # raises what went wrong
        rests = [future.result() for future in futures]
        with self._turn:
            return self._with(batch, list(zip(partial, rests, strict=True)))

    def close(self) -> None:
        """Let its threads go."""
        self._pool.shutdown(wait=False)

    def _unlike_stored(self, partial: Sequence[_Partial]) -> list[_Partial]:
        if not partial or self._look_up is None:
            return list(partial)
        created = [one.created for one in partial]
        stored = self._look_up([one.id for one in partial], min(created), max(created))
        return [one for one in partial if not _is_stored(one, stored.get(one.id))]

    def _rest(self, one: _Partial) -> _Rest:
        first = [item.encode() for item in one.items]
        try:
            position, raws = self._read(one.id, first)
        except SourceRequestError as error:
            said = f"{error.status} {error.code or ''}".strip()
            reason = f"its line items can't be read: the API answered {said}"
            return _Rest(reject=self._reject(one, first, reason, has_more=True))
        except (ValueError, RecursionError) as error:
            return _Rest(reject=self._reject(one, first, str(error), has_more=True))
        try:
            owner = Owner(one.id, one.created, one.observed_at)
            return _Rest(*self._flattener.elements(LINE_ITEMS, owner, raws, position))
        except (ValueError, RecursionError) as error:
            return _Rest(reject=self._reject(one, [*first[:position], *raws], str(error)))

    def _reject(
        self, one: _Partial, items: Sequence[bytes], reason: str, *, has_more: bool = False
    ) -> Reject:
        """Return the session set aside with its line items, which may be mended or read later."""
        listed = b'{"object":"list","data":[%b],"has_more":%b}' % (
            b",".join(items),
            msgspec.json.encode(has_more),
        )
        text = b'%b,"line_items":%b}' % (one.payload.encode()[:-1], listed)
        return self._flattener.set_aside(text, reason)

    def _read(self, session_id: str, first: Sequence[bytes]) -> tuple[int, list[bytes]]:
        """Read what follows the first items; all, if they changed since they were listed."""
        if first:
            try:
                return len(first), self._pages(session_id, first)
            except SourceRequestError as error:
                if error.param != "starting_after":
                    raise
        return 0, self._pages(session_id, [])

    def _pages(self, session_id: str, first: Sequence[bytes]) -> list[bytes]:
        """Return the line items that follow the first ones."""
        raws: list[bytes] = []
        ids = [_id_of(item) for item in first]
        seen = set(ids)
        while True:
            params = [("limit", str(PAGE_SIZE))]
            if ids:
                params.append(("starting_after", ids[-1]))
            page = self._api.list_line_items(session_id, params)
            if page.has_more and not page.data:
                raise page.breach("an empty page of line items that says there is more")
            found = [bytes(raw) for raw in page.data]
            raws += found
            ids = [_id_of(item) for item in found]
            if len(seen) + len(ids) != len(seen.union(ids)):
                raise page.breach("the same line item twice, so their cursor isn't moving")
            if not page.has_more:
                return raws
            seen.update(ids)

    def _with(self, batch: Batch, rests: Sequence[tuple[_Partial, _Rest]]) -> Batch:
        """Return a batch with further line items, and without the sessions that have none."""
        found = {one.id: rest.elements for one, rest in rests if rest.elements is not None}
        rejects = [(rest.reject, one.observed_at) for one, rest in rests if rest.reject is not None]
        batch = batch.without({reject.head.id for reject, _ in rejects})
        known = batch.children.get(LINE_ITEMS.name, LINE_ITEMS.rows.empty_table())
        anew = [id_ for id_, elements in found.items() if elements.first == 0]
        if anew:
            replaced = pc.is_in(known["session_id"], pa.array(anew, pa.string()))
            known = known.filter(pc.invert(replaced))
        # All in one go: a few more columns cost little, many small ones a lot.
        rows, drift = self._flattener.rows(LINE_ITEMS, list(found.values()))
        completed = pc.is_in(batch.sessions["id"], pa.array(found, pa.string()))
        flags = pc.or_kleene(batch.sessions[_COMPLETE], completed)
        place = batch.sessions.schema.get_field_index(_COMPLETE)
        return replace(
            batch,
            sessions=batch.sessions.set_column(place, _COMPLETE, flags),
            children=batch.children | {LINE_ITEMS.name: pa.concat_tables([known, rows])},
            rejects=[*batch.rejects, *rejects],
            drift=[*batch.drift, *drift, *(odd for _, rest in rests for odd in rest.drift)],
        )


def _partial(batch: Batch) -> list[_Partial]:
    incomplete = pc.invert(batch.sessions[_COMPLETE])  # null where none were read
    sessions = batch.sessions.select(["id", "created", "observed_at", "payload"]).filter(incomplete)
    if not sessions.num_rows:
        return []
    items: dict[str, list[str]] = {id_: [] for id_ in _list(sessions["id"])}
    rows = batch.children.get(LINE_ITEMS.name, LINE_ITEMS.rows.empty_table())
    rows = rows.select(["session_id", "payload"])
    rows = rows.filter(pc.is_in(rows["session_id"], sessions["id"].combine_chunks()))
    for id_, text in zip(_list(rows["session_id"]), _list(rows["payload"]), strict=True):
        items[id_].append(text)
    return [
        _Partial(id_, created, at, text, items[id_])
        for id_, created, at, text in zip(
            items,
            _list(sessions["created"].cast(pa.int64())),
            _list(sessions["observed_at"].cast(pa.int64())),
            _list(sessions["payload"]),
            strict=True,
        )
    ]


def _is_stored(one: _Partial, stored: Stored | None) -> bool:
    """Whether a session and its first line items are as stored."""
    return (
        stored is not None
        and payload.same(one.payload, stored.payload)
        and len(one.items) <= len(stored.items)
        and all(map(payload.same, one.items, stored.items))
    )


def _id_of(item: bytes) -> str:
    try:
        return _item.decode(item).id
    except ValueError:
        raise ValueError("a line item has no id, so those after it can't be asked for") from None


def _list(column: "pa.ChunkedArray[Any]") -> list[Any]:
    return column.to_pylist()


_item = msgspec.json.Decoder(_Item)
