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
from typing import NoReturn

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
from pipelines.errors import EXIT_INTERRUPTED, CheckoutsError, UsageError

EPILOG = "Exit codes: 0 done, 2 wrong use or setting, 3 the API, 4 some sessions rejected, 5 the"
EPILOG += " warehouse, 6 a difference, 130 interrupted."


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and exit with its code; an error is one line on stderr."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, _interrupt)
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    _set_up_streams()
    try:
        _check_text(given)
        code = cli.main(given, prog_name="checkouts", standalone_mode=False) or 0
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
    except (KeyboardInterrupt, click.Abort):  # outside a run, which ends by itself
        _end_at_once()
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


def _interrupt(*_: object) -> NoReturn:
    """End a run after what it is committing; a second signal doesn't wait for anything."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, _end_at_once)
    raise KeyboardInterrupt


def _end_at_once(*_: object) -> NoReturn:
    try:
        _tell("interrupted; what was committed stays, and the next run goes on from there")
    finally:
        os._exit(EXIT_INTERRUPTED)


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


@click.group(
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
