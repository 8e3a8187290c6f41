"""The command line: arguments -> one call -> exit code.

What a command needs is imported when it runs, so that `--help` answers at once.
"""

import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import click

from pipelines import __version__
from pipelines.commands import (
    demo,
    doctor,
    emulator,
    forget,
    list_,
    reflatten,
    report,
    serve,
    sql,
    status,
    sync,
    verify,
)
from pipelines.ending import NOTHING, end_at_once, end_on_signals
from pipelines.errors import CheckoutsError, UsageError

EPILOG = "Exit codes: 0 done, 2 wrong use or setting, 3 the API, 4 some sessions rejected, 5 the"
EPILOG += " warehouse, 6 a difference, 130 interrupted."

_RUN_STAYS = "what was committed stays, and the next run goes on from there"
_AGAIN = "what was committed stays; run it again"
_LEFT_BEHIND = {
    "sync": _RUN_STAYS,
    "backfill": _RUN_STAYS,
    "serve": _RUN_STAYS,
    "reflatten": _AGAIN,
    "forget": _AGAIN,
    "sql": "what was committed stays",  # with --unsafe it writes
    "demo": "run it again",
}
"""What a command that is ended at once leaves behind; the others change nothing."""

_IMPORTS = "<frozen importlib._bootstrap>"
"""Where Python says that code is which runs an import."""

_LOOK_AGAIN_S = 0.02


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and exit with its code; an error is one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    left_behind = _LEFT_BEHIND.get(given[0] if given else "", NOTHING)
    end_on_signals(left_behind)
    debug = "--debug" in given
    _set_up_streams()
    try:
        _check_text(given)
        code = cli.main(given, "checkouts", standalone_mode=False, obj=left_behind) or 0
        _flush()
        sys.exit(code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        hint = f"; see `{where} --help`" if where else ""
        _fail(f"{_sentence(error.format_message())}{hint}", 2)
    except CheckoutsError as error:
        if debug:
            logging.getLogger(__name__).exception("failed")
        _fail(error.message, error.exit_code)
    except Exception as error:
        if debug:
            raise
        _fail(f"unexpected {type(error).__name__}; run it again with --debug to see where", 1)


def _check_text(given: Sequence[str]) -> None:
    """Refuse arguments of bytes that are no text, which neither DuckDB nor the API would take.

    Raises:
        UsageError: one of them isn't UTF-8.
    """
    for argument in given:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(f"the argument {argument!r} is not UTF-8 text") from None


def _set_up_streams() -> None:
    """Write UTF-8 whatever the locale is, and what whoever runs this has closed to nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # so that no file gets its place
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 -- until the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _interrupt_on_signals(left_behind: str) -> None:
    """End a run after what it is committing; a second signal doesn't wait for anything.

    An import is brought to its end first: modules in C take an exception in their midst for another
    one, lose it, or end the process with it.
    """

    def interrupt(_: int, frame: FrameType | None) -> None:
        end_on_signals(left_behind)
        if not _is_importing(frame):
            raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, _LOOK_AGAIN_S)

    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, interrupt)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != _IMPORTS:
        frame = frame.f_back
    return frame is not None


def _sentence(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _fail(message: str, code: int) -> NoReturn:
    with suppress(CheckoutsError):
        _flush()
    _tell(message)
    sys.exit(code)


def _flush() -> None:
    from pipelines import display

    display.said()


def _tell(message: str) -> None:
    from pipelines import display

    display.note(f"checkouts: {message}")


class _Commands(click.Group):
    """The commands; a signal while one runs is an interruption, which it may end in its own way."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        try:
            _interrupt_on_signals(context.obj)
            return super().invoke(context)
        except KeyboardInterrupt:  # click would print an empty line for it
            end_at_once(context.obj)
        finally:
            end_on_signals(context.obj)
            signal.setitimer(signal.ITIMER_REAL, 0)


@click.group(
    cls=_Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="checkouts")
def cli() -> None:
    """Stripe Checkout Sessions in a local DuckDB file: current, complete and typed."""


for command in (
    demo.demo,
    sync.sync,
    sync.backfill,
    verify.verify,
    list_.list_,
    status.status,
    sql.sql,
    report.report,
    reflatten.reflatten,
    forget.forget,
    doctor.doctor,
    emulator.emulator,
    serve.serve,
):
    cli.add_command(command)
