"""What the integration tests share: an installation, and how it is asked and started."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pipelines import cli, config, places, runs
from pipelines.outcomes import Report
from pipelines.runs import Options
from pipelines.settings import Settings
from pipelines.windows import Window
from tests import warehouses

NOW = 1_790_000_000
HOUR_S, DAY_S = 3_600, 86_400
SETTLE_S = 60
START = 1_546_300_800
"""2019-01-01, the first second that a sync reads by default."""
KEY = "sk_test_integration"
LIVE_KEY = "sk_live_integration"
CALL_WITHIN_S = 300
"""What a command inside this process may take, in seconds."""
SECRETS = (KEY, LIVE_KEY, "integration")

REPORT_KEYS = {
    "run_id",
    "account",
    "outcome",
    "requests",
    "retries",
    "pages",
    "windows",
    "sessions_read",
    "inserted",
    "updated",
    "unchanged",
    "rejected",
    "watermark",
    "newest_covered",
    "duration_s",
}


@dataclass(frozen=True)
class Done:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """Its stdout, which must be exactly one JSON object."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


class Folder:
    """Where commands are run.

    Attributes:
        folder: their working directory.
    """

    folder: Path

    def begin(self, *arguments: str, **environ: str | None) -> "subprocess.Popen[str]":
        """Start a command as a process of its own."""
        given = {**os.environ, **environ}
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines", *arguments],
            cwd=self.folder,
            env={name: value for name, value in given.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environ: str | None) -> Done:
        """Run a command to its end, as a process of its own."""
        return finish(self.begin(*arguments, **environ))

    def call(self, *arguments: str, **environ: str | None) -> Done:
        """Run a command inside this process, which takes a tenth of the time of `run`."""
        out, err = io.StringIO(), io.StringIO()
        handlers = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)}
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            for name, value in environ.items():
                if value is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, value)
            # If one that should be refused serves instead, this process ends, and the test fails.
            signal.alarm(CALL_WITHIN_S)
            try:
                cli.main(arguments)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            finally:
                signal.alarm(0)
                for sign, handler in handlers.items():
                    signal.signal(sign, handler)
        return Done(code, out.getvalue(), err.getvalue())


class Installation(Folder):
    """A folder with a config.yaml that points at an emulator, and its warehouse.

    Args:
        folder: where; made if it isn't there.
        url: where the API is.
        accounts: the accounts of the config.yaml; none means `default`.
        settings: other settings, as `sync__reread_ratio=0`.
    """

    def __init__(
        self, folder: Path, url: str, accounts: Sequence[dict[str, Any]] = (), **settings: Any
    ) -> None:
        self.folder = folder
        self.url = url
        self.file = folder / "config.yaml"
        self.warehouse = folder / "data" / "checkouts.duckdb"
        tree: dict[str, Any] = {
            "stripe": {"base_url": url, "requests_per_second": 1_000, "retry_for_s": 5},
            "accounts": list(accounts),
            "warehouse": warehouses.section(folder, "data/checkouts.duckdb")
            | {"lock_timeout_s": 20},
        }
        for name, value in settings.items():
            section, _, key = name.partition("__")
            if key:
                tree.setdefault(section, {})[key] = value
            else:
                tree[section] = value
        folder.mkdir(parents=True, exist_ok=True)
        self.file.write_text(yaml.safe_dump(tree), encoding="utf-8")

    def settings(self, **over: Any) -> Settings:
        """Its settings, with others above them, as `sync__reread_ratio=0`."""
        return config.load(self.file, _variables(over))

    def sync(self, options: Options | None = None, account: str = "", **over: Any) -> Report:
        """Sync in this process."""
        settings = warehouses.made(self.settings(**over))
        (chosen, *_) = settings.chosen([account] if account else [])
        return runs.sync(settings, chosen, options)

    def backfill(
        self,
        first: int,
        end: int,
        options: Options | None = None,
        *,
        missing: bool = False,
        line_items: bool = False,
        **over: Any,
    ) -> Report:
        """Backfill the seconds from `first` up to `end`, itself outside, in this process."""
        settings = warehouses.made(self.settings(**over))
        window = Window(first - 1, end - 1)
        return runs.backfill(
            settings,
            settings.chosen()[0],
            window,
            options,
            missing=missing,
            line_items=line_items,
        )

    @property
    def place(self) -> places.Place:
        """Where its warehouse lives."""
        return places.place_of(self.settings().warehouse)

    def rows(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with warehouses.reading(self.place) as connection:
            return connection.execute(sql, list(given)).fetchall()

    def table(self, sql: str) -> list[dict[str, Any]]:
        """Ask the warehouse; rows by column."""
        with warehouses.reading(self.place) as connection:
            connection.execute("set TimeZone = 'Asia/Kolkata'")  # which must change nothing
            return connection.sql(sql).to_arrow_table().to_pylist(maps_as_pydicts="strict")

    def change(self, sql: str) -> None:
        """Change the warehouse behind the program's back."""
        with self.place.connect(read_only=False) as connection:
            connection.execute(sql)

    def value(self, sql: str, *given: Any) -> Any:
        """Ask the warehouse for one value."""
        return self.rows(sql, *given)[0][0]

    def coverage(self, account: str = "default") -> list[tuple[int, int]]:
        """What is covered, oldest first."""
        return self.rows(
            'select "after", until from meta.coverage where account = ? order by "after"', account
        )

    def runs(self) -> list[tuple[str, str]]:
        """Kind and outcome of all runs, in order."""
        return self.rows("select kind, outcome from meta.runs order by rowid")


def finish(process: "subprocess.Popen[str]", within_s: float = 120) -> Done:
    """Wait for a process to end."""
    try:
        out, err = process.communicate(timeout=within_s)
    finally:
        process.kill()
    return Done(process.returncode, out, err)


def one_line(err: str) -> str:
    """The single line that a failure puts on stderr: no traceback, no key."""
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("checkouts: ")
    assert "Traceback" not in err
    assert not any(secret in err for secret in SECRETS)
    return lines[0]


def windows_asked(requests: Sequence[dict[str, Any]]) -> list[tuple[int, int | None]]:
    """The windows of list requests as `(after, until)`, each once; without an end None."""
    asked = []
    for request in requests:
        params = httpx.QueryParams(request["query"])
        if "created[gt]" not in params:
            continue
        until = params.get("created[lte]")
        asked.append((int(params["created[gt]"]), int(until) if until else None))
    return list(dict.fromkeys(asked))


def _variables(over: dict[str, Any]) -> dict[str, str]:
    return {f"CHECKOUTS_{name.upper()}": str(value) for name, value in over.items()}
