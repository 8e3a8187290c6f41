"""Numbers, times and outcomes in words for people; pure."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo


def moment(second: int | None, zone: ZoneInfo | None = None) -> str:
    """Return an epoch second for people: `2026-10-01 14:30:00 UTC`."""
    if second is None:
        return "-"
    at = datetime.fromtimestamp(second, zone or UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} {zone.key if zone else 'UTC'}"


def span(seconds: float) -> str:
    """Return a length of time in its largest whole unit: `2 h`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{max(0, seconds):.0f} s"


def size(number: float) -> str:
    """Return bytes for people: `12.3 MB`."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:  # noqa: PLR2004 -- SI prefixes
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"


def count(number: int, noun: str) -> str:
    """Return how many of something: `1,234 sessions`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def printable(text: str) -> str:
    """Return a text without what would move a terminal's cursor or change its colours."""
    return "".join(c if c.isprintable() else "\N{MIDDLE DOT}" for c in text)


def done(state: Any) -> str:
    """Return how far a run is, in words."""
    rate = state.sessions / state.elapsed_s if state.elapsed_s > 0 else 0
    back = f", back to {moment(state.oldest)[:10]}" if state.oldest else ""
    return (
        f"{count(state.sessions, 'session')} ({rate:,.0f} a second),"
        f" {count(state.requests, 'request')}{back}"
    )


def compared(findings: Any) -> str:
    """Return how much a verification compared and how much of it differs."""
    kinds = {
        kind: len(findings.of(kind)) for kind in dict.fromkeys(d.kind for d in findings.differences)
    }
    told = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
    holes = f"; {count(len(findings.holes), 'hole')} not compared" if findings.holes else ""
    return f"{count(findings.compared, 'session')} compared: {told or 'no difference'}{holes}"


def mending(findings: Any, *, named: bool, config_file: Path | None) -> str:
    """Return the command that mends what a verification found; nothing if nothing is wrong.

    Args:
        findings: what it found.
        named: name the account.
        config_file: the settings to name.
    """
    if findings.mending is None:
        return ""
    first, end = (
        f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"
        for second in (findings.mending.after + 1, findings.mending.until + 1)
    )
    options = " --line-items" if findings.mends_line_items else ""
    options += f" --account {findings.account}" if named else ""
    options += f" --config {shlex.quote(str(config_file))}" if config_file is not None else ""
    return f"checkouts backfill --from {first} --to {end}{options}"
