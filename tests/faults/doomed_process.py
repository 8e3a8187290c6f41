"""Processes that are killed at a chosen step of writing to the warehouse.

DuckDB is the real one; only its connections are watched, so that the kill comes at a known step.
"""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import truth_process

DURING_S = 0.0005
"""How long after a step began the kill comes, when it is to come during it, in seconds."""


class Doom:
    """Kills this process before, during or after a step.

    Args:
        step: the number of the step from 1, or the statement that it executes, or `close`.
        when: `before`, `during` or `after`.
    """

    def __init__(self, step: int | str, when: str) -> None:
        self._step = step
        self._when = when
        self._steps = 0

    def take(self, name: str, act: Callable[[], Any]) -> Any:
        """Take the next step, unless it is the last before the kill."""
        self._steps += 1
        if self._step not in (self._steps, name):
            return act()
        if self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._when == "during":
            # Nobody handles its signal, so the kernel ends the process, whatever it is at.
            signal.setitimer(signal.ITIMER_REAL, DURING_S)
        done = act()
        os.kill(os.getpid(), signal.SIGKILL)
        return done


class Cursor:
    """A connection to a watched instance."""

    def __init__(self, connection: Any, take: Callable[[str, Callable[[], Any]], Any]) -> None:
        self._connection = connection
        self._take = take

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *parameters: Any) -> Any:
        return self._take(sql, lambda: self._connection.execute(sql, *parameters))


class Instance:
    """An instance of DuckDB whose steps are taken while it has a file attached to write."""

    def __init__(self, connection: Any, doom: Doom) -> None:
        self._connection = connection
        self._doom = doom
        self._writes = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *parameters: Any) -> Any:
        if " as warehouse" in sql:
            self._writes = "read_only" not in sql
        name = "close" if "detach warehouse" in sql else sql
        return self._take(name, lambda: self._connection.execute(sql, *parameters))

    def cursor(self) -> Cursor:
        return Cursor(self._connection.cursor(), self._take)

    def close(self) -> None:
        self._take("close", self._connection.close)

    def _take(self, name: str, act: Callable[[], Any]) -> Any:
        return self._doom.take(name, act) if self._writes else act()


def killed_at(
    folder: str, arguments: Sequence[str], environ: Mapping[str, str], step: int | str, when: str
) -> None:
    """Run a command line that is killed before, during or after a step of a writing connection.

    Args:
        folder: where.
        arguments: the command line.
        environ: its environment.
        step: the number of the step from 1, or the statement that it executes, or `close`, which is
            when the file is let go of.
        when: `before`, `during` or `after`.
    """
    import duckdb  # noqa: PLC0415 -- not before the process has been forked

    connect = duckdb.connect
    doom = Doom(step, when)

    def watched(*given: Any, read_only: bool = False, **options: Any) -> Any:
        connection = connect(*given, read_only=read_only, **options)
        return connection if read_only else Instance(connection, doom)

    duckdb.connect = watched
    truth_process.command(folder, arguments, environ)
