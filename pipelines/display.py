"""What people and programs see: tables, answers, a progress bar. The only module that prints.

Answers go to stdout; progress and errors go to stderr, so that stdout stays clean.
"""

import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from pipelines.cells import cell
from pipelines.errors import UsageError
from pipelines.words import compared, count, done, moment, printable, span

ROWS_SHOWN = 100
PLAIN_WIDTH = 200
PLAIN_EVERY_S = 5.0


def say(text: str = "", end: str = "\n") -> None:
    """Print a line on stdout."""
    with _readers_may_go():
        print(text, end=end)


def note(text: str) -> None:
    """Print a line on stderr; where that can't be written, nothing ends for it."""
    try:
        print(text, file=sys.stderr)
    except OSError:
        _let_go(sys.stderr)


def said() -> None:
    """Wait until all that was said is on its way.

    Raises:
        UsageError: it can't be written.
    """
    with _readers_may_go():
        sys.stdout.flush()


@contextmanager
def _readers_may_go() -> Iterator[None]:
    """Say nothing any more once nobody reads it, as `head` once it has its lines."""
    try:
        yield
    except OSError as error:
        _let_go(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise UsageError(f"the output can't be written: {error.strerror}") from None


def _let_go(stream: TextIO) -> None:
    """Write to nowhere what a stream still holds, and all that follows."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[Any], None] | None]:
    """Show how far runs are: a bar on a terminal, a line now and then elsewhere.

    Args:
        quiet: show nothing.
    """
    if quiet:
        yield None
    elif sys.stderr.isatty():
        yield from _bar()
    else:
        yield _lines()


@contextmanager
def share(what: str) -> Iterator[Callable[[float], None]]:
    """Show on a terminal which share of something is done, 0 to 1."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 -- only where there is a terminal
    from rich.progress import Progress  # noqa: PLC0415 -- likewise

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda done: bar.update(task, completed=done)


def _bar() -> Iterator[Callable[[Any], None]]:
    from rich.console import Console  # noqa: PLC0415 -- only where there is a terminal
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 -- likewise

    columns = (TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[done]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(state: Any) -> None:
            if state.account not in tasks:
                tasks[state.account] = bar.add_task(state.account, total=1.0, done="")
            bar.update(tasks[state.account], completed=state.share, done=done(state))

        yield tell


def _lines() -> Callable[[Any], None]:
    last = time.monotonic()

    def tell(state: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_EVERY_S:
            last = time.monotonic()
            note(f"{state.account}: {done(state)}")

    return tell


def show_report(
    report: Mapping[str, Any],
    zone: ZoneInfo,
    ranges: Sequence[str] = (),
    begins: int | None = None,
) -> None:
    """Print what a run did, from its JSON object.

    Args:
        report: the object.
        zone: of the times shown.
        ranges: what was to be read, in words.
        begins: the first second that syncs read, where that is still to come.
    """
    name = report["account"]
    for line in ranges:
        say(f"{name}: {line}")
    if report["outcome"] != "failed" or report["sessions_read"]:
        rate = report["sessions_read"] / max(report["duration_s"], 0.001)
        say(
            f"{name}: {count(report['sessions_read'], 'session')} in"
            f" {count(report['requests'], 'request')} and {report['duration_s']:.1f} s"
            f" ({rate:,.0f} a second): {report['inserted']:,} new, {report['updated']:,} changed,"
            f" {report['unchanged']:,} unchanged"
        )
    if report["rejected"]:
        say(f"{name}: {count(report['rejected'], 'session')} did not fit the columns; see why:")
        say("  checkouts sql -q rejects")
    if begins is not None:
        first = moment(begins, zone if zone.key != "UTC" else None)
        say(f"{name}: syncs read nothing before {first}, which is still to come; see sync.start")
    elif report["watermark"]:
        say(f"{name}: complete up to {_shown(report['watermark'], zone)}")
    elif report["newest_covered"]:
        say(f"{name}: history is not complete yet; the next sync reads what is missing")


def show_findings(findings: Any) -> None:
    """Print what a verification found: each difference, then how many."""
    name = findings.account
    for found in findings.differences:
        paths = f": {printable(', '.join(found.paths))}" if found.paths else ""
        say(f"{name}: {found.kind} {printable(found.id)}{paths}")
    if findings.error is not None or findings.interrupted:
        return
    say(f"{name}: {compared(findings)}")


def show_status(status: Mapping[str, Any], now: float) -> None:
    """Print one account's status, from its JSON object."""
    say(status["account"] + ("" if status["in_config"] else " (not in config.yaml)"))
    mark = status["watermark"]
    age = f" ({span(now - _second(mark))} ago)" if mark else ""
    holes = "none" if not status["holes"] else count(len(status["holes"]), "hole")
    if status["holes"]:
        # As `backfill --from --to` takes them: the first moment of it, and the first behind it.
        first, end = (int(_second(status["holes"][0][at])) + 1 for at in ("after", "until"))
        holes += f", the oldest {moment(first)} up to {moment(end)}"
    error = status["last_error"]
    runs = status["last_runs"]
    last = f"{runs[0]['kind']} {runs[0]['outcome']}" if runs else "none"
    if runs and runs[0]["ended_at"]:
        last += f", {moment(int(runs[0]['ended_at'].timestamp()))}"
    rows = [
        ("complete up to", (_shown(mark) if mark else "-") + age),
        ("newest covered", _shown(status["newest_covered"])),
        ("holes", holes),
        ("sessions", f"{status['sessions']:,}"),
        ("unsettled", f"{status['unsettled']:,}"),
        ("missing", f"{status['missing']:,}"),
        ("line items", _lacking(status["line_items_incomplete"])),
        ("rejects", _with_query(status["rejects"], "rejects")),
        ("drift", _with_query(status["drift"], "drift")),
        ("requests", f"{status['requests_last_30_days']:,} in the last 30 days"),
        ("last run", last),
        ("checks", _failed(status["failed_checks"])),
        ("last error", "none" if error is None else printable(error["message"])),
    ]
    for label, value in rows:
        say(f"  {label:<15} {value}")


def show_checks(found: Sequence[Any]) -> None:
    """Print what must hold of the stored data, and examples of what contradicts it."""
    width = max(len(check.name) for check in found)
    for check in found:
        result = f"{check.wrong:,} wrong" if check.wrong else "holds"
        say(f"{check.name:<{width}}  {result:<10}  {check.title}")
        for row in check.examples:
            cells = (f"{name}={cell(value)}" for name, value in row.items() if value is not None)
            say(f"  {', '.join(cells)}")
    wrong = sum(check.wrong > 0 for check in found)
    say(f"{count(len(found), 'check')}: {f'{wrong} not held' if wrong else 'all hold'}")


def _failed(checks: Sequence[str]) -> str:
    if not checks:
        return "all hold"
    return f"not held: {', '.join(checks)}; see `checkouts verify --offline`"


def show_rebuilt(rebuilt: Any) -> None:
    """Print what a rebuilding of the columns did."""
    say(
        f"{count(rebuilt.sessions, 'session')} and {count(rebuilt.line_items, 'line item')}"
        " rebuilt from their payloads"
    )
    if rebuilt.loaded:
        say(f"{count(rebuilt.loaded, 'session')} rejected before did fit now")
    if rebuilt.rejected:
        say(f"{count(rebuilt.rejected, 'session')} did not fit the columns; see why:")
        say("  checkouts sql -q rejects")


def show_forgotten(sessions: int) -> None:
    """Print how many sessions a person had."""
    if not sessions:
        say("nothing found: no stored session is meant by that, and nothing was changed")
    else:
        say(f"{count(sessions, 'session')} forgotten: their personal fields are empty for good")


def show_check(check: Any) -> None:
    """Print what the doctor looked at, and the remedy below it."""
    say(f"{'bad' if check.remedy else 'ok':<4} {check.name:<10} {printable(check.found)}")
    if check.remedy:
        say(f"     {'':<10} -> {printable(check.remedy)}")


def show_rows(
    rows: Sequence[Sequence[Any]], columns: Sequence[str], whole: str = "--format csv"
) -> None:
    """Print a table that fits the terminal, and say what didn't fit.

    Args:
        rows: all of them.
        columns: their names.
        whole: the command's option that prints all.
    """
    from rich import box  # noqa: PLC0415 -- only where a table is shown
    from rich.console import Console  # noqa: PLC0415 -- likewise
    from rich.table import Table  # noqa: PLC0415 -- likewise
    from rich.text import Text  # noqa: PLC0415 -- likewise

    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else PLAIN_WIDTH
    shown = rows[:ROWS_SHOWN]
    cells = [[cell(value) for value in row] for row in shown]
    fitting = 0
    used = 1
    for at, name in enumerate(columns):
        used += max(len(name), *(len(row[at]) for row in cells), 1) + 3
        if used > width and fitting:
            break
        fitting += 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for at, name in enumerate(columns[:fitting]):
        numeric = any(isinstance(row[at], int | float | Decimal) for row in shown)
        table.add_column(Text(name), justify="right" if numeric else "left", no_wrap=True)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row[:fitting]))
    printed = io.StringIO()
    console = Console(file=printed, width=width, force_terminal=on_terminal, highlight=False)
    console.print(table, crop=True)
    say(printed.getvalue(), end="")
    left = [f"{len(rows) - ROWS_SHOWN:,} more rows"] if len(rows) > ROWS_SHOWN else []
    if fitting < len(columns):
        left.append(count(len(columns) - fitting, "more column"))
    say(f"{count(len(rows), 'row')}" + (f"; {', '.join(left)}: use {whole}" if left else ""))


def write_file(path: Path, content: bytes) -> None:
    """Write a file; what was there before stays until all is written.

    Raises:
        UsageError: it can't be written.
    """
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):  # as /dev/stdout
            path.write_bytes(content)
            return
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"-o {path}: {error.strerror}") from None


def show_written(rows: int, path: Path) -> None:
    """Say on stderr how much a file holds."""
    note(f"wrote {count(rows, 'row')} to {path}")


def _lacking(sessions: int) -> str:
    if not sessions:
        return "complete"
    return f"lacking for {count(sessions, 'session')}; `checkouts backfill` reads them"


def _with_query(number: int, name: str) -> str:
    return f"{number:,}; see `checkouts sql -q {name}`" if number else "0"


def _second(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def _shown(iso: str | None, zone: ZoneInfo | None = None) -> str:
    if iso is None:
        return "-"
    shown_zone = zone if zone is not None and zone.key != "UTC" else None
    return moment(int(_second(iso)), shown_zone)
