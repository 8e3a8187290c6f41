"""Processes to measure: emulators, syncs and others, each with its own CPU time and peak memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KEY = "sk_test_bench"


@dataclass(frozen=True)
class Measured:
    """What a process that has ended took.

    Attributes:
        out: what it printed.
        wall_s: from start to end, seconds.
        cpu_s: user and system time, seconds.
        peak_mb: most memory at a time, MB.
    """

    out: str
    wall_s: float
    cpu_s: float
    peak_mb: float

    @property
    def report(self) -> dict[str, Any]:
        """Its output as the JSON object it is."""
        read: dict[str, Any] = json.loads(self.out)
        return read


class Emulator:
    """An emulator in a process of its own; `used` tells what it took once it has ended."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.url = url
        self._process = process
        self._began = time.perf_counter()

    def stop(self) -> Measured:
        """End it and say what it took."""
        self._process.terminate()
        return _ended(self._process, "", self._began)


@contextmanager
def emulator(sessions: int, *options: object) -> Iterator[Emulator]:
    """Run an emulator whose clock stands still, with so many sessions."""
    command = [sys.executable, "-m", "pipelines", "emulator", "--port", "0", "--frozen"]
    command += ["--sessions", str(sessions), *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    url = process.stdout.readline().split()[1].rstrip(",")
    started = Emulator(process, url)
    try:
        yield started
    finally:
        if process.returncode is None:
            started.stop()
        process.stdout.close()


def sync(
    url: str, folder: Path, *, line_items: bool = False, rate: int = 1_000, **settings: str
) -> Measured:
    """Run `checkouts sync` into `folder`, which must end well.

    Args:
        url: where the API is.
        folder: where its warehouse is.
        line_items: whether it reads them.
        rate: requests a second.
        settings: other settings, as `PUBLISH__PATH`.
    """
    done = run([sys.executable, "-m", "pipelines", "sync", "--json"], folder, {
        "STRIPE_API_KEY": KEY,
        "CHECKOUTS_STRIPE__BASE_URL": url,
        "CHECKOUTS_STRIPE__LINE_ITEMS": str(line_items).lower(),
        "CHECKOUTS_STRIPE__REQUESTS_PER_SECOND": str(rate),
        "CHECKOUTS_WAREHOUSE__PATH": str(folder / "bench.duckdb"),
        **{f"CHECKOUTS_{name}": value for name, value in settings.items()},
    })  # fmt: skip
    assert done.report["outcome"] == "completed", done.out
    return done


def run(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], codes: Sequence[int] = (0,)
) -> Measured:
    """Run a process to its end in `folder`; what it says on stderr is shown."""
    began = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | environ
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment
    )
    assert process.stdout is not None
    with process.stdout:
        out = process.stdout.read()
    measured = _ended(process, out, began)
    if process.returncode not in codes:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {out}")
    return measured


def _ended(process: subprocess.Popen[str], out: str, began: float) -> Measured:
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - began
    per_mb = 1024 if sys.platform != "darwin" else 1024**2
    return Measured(out, wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / per_mb)
