"""The command line: arguments -> one call -> exit code.

What a command needs is imported when it runs, so that `--help` answers at once.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pipelines import __version__
from pipelines.errors import EXIT_INTERRUPTED, CheckoutsError, DifferenceError, UsageError

if TYPE_CHECKING:
    from pipelines.config import Account, Settings
    from pipelines.pipeline import Options
    from pipelines.runs import Report
    from pipelines.verify import Findings
    from pipelines.windows import Window

Command = Callable[..., Any]
EPILOG = "Exit codes: 0 done, 2 wrong use or setting, 3 the API, 4 some sessions rejected, 5 the"
EPILOG += " warehouse, 6 a difference, 130 interrupted."


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and exit with its code; an error is one line on stderr."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        sys.exit(cli.main(given, prog_name="checkouts", standalone_mode=False) or 0)
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
    except (KeyboardInterrupt, click.Abort):
        # A second Ctrl-C, or one outside a run: nobody waits for requests under way.
        _tell("interrupted")
        os._exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # whoever read the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        _fail(f"unexpected {type(error).__name__}; run it again with --debug to see where", 1)


def _sentence(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _fail(message: str, code: int) -> NoReturn:
    _tell(message)
    sys.exit(code)


def _tell(message: str) -> None:
    from pipelines import display

    display.note(f"checkouts: {message}")


def _common(command: Command) -> Command:
    """Add the options that every command takes."""
    file = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
    command = click.option("--debug", is_flag=True, help="Show what happens, and tracebacks.")(
        command
    )
    return click.option(
        "--config", "config_file", type=file, metavar="FILE", help="Settings; else config.yaml."
    )(command)


def _json_option(command: Command) -> Command:
    return click.option("--json", "json_", is_flag=True, help="Print one JSON object.")(command)


def _account_option(command: Command) -> Command:
    return click.option(
        "--account",
        "accounts",
        multiple=True,
        metavar="NAME",
        help="Only this account; repeatable.",
    )(command)


def _prefect_option(command: Command) -> Command:
    return click.option("--prefect", "on_prefect", is_flag=True, help="Run as a Prefect flow run.")(
        command
    )


def _settings(config_file: Path | None, *, debug: bool) -> "Settings":
    from pipelines import config

    level = logging.DEBUG if debug else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpcore", "asyncio"):  # their lines hold whole addresses
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return config.load(config_file)


@click.group(
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="checkouts")
def cli() -> None:
    """Stripe Checkout Sessions in a local DuckDB file: current, complete and typed."""


@cli.command()
@_common
def demo(*, config_file: Path | None, debug: bool) -> None:
    """Load a made-up shop, let time pass, sync again, and ask questions in SQL.

    Needs no account and no key, and ends by itself.
    """
    from pipelines import demo as demonstration

    _settings(config_file, debug=debug)
    demonstration.run(Path.cwd())


@cli.command()
@_account_option
@_json_option
@_prefect_option
@_common
def sync(
    *,
    accounts: tuple[str, ...],
    json_: bool,
    on_prefect: bool,
    config_file: Path | None,
    debug: bool,
) -> int:
    """Bring the warehouse up to date.

    Reads what is not covered yet and what may have changed. The first run loads all history; one
    that was interrupted is taken up where it ended.
    """
    settings = _settings(config_file, debug=debug)

    def run(account: "Account", options: "Options") -> "Report":
        from pipelines import runs

        return runs.sync(settings, account, options)

    def flow() -> "list[Report]":
        from pipelines import flows

        return flows.run_sync([a.name for a in settings.chosen(accounts)], settings.file)

    return _run(settings, accounts, run, flow if on_prefect else None, json_=json_)


@cli.command()
@click.option("--from", "from_", required=True, metavar="DATE", help="First moment to read.")
@click.option("--to", required=True, metavar="DATE", help="First moment no longer read.")
@click.option("--missing", is_flag=True, help="Read only what is not covered of it.")
@_account_option
@_json_option
@_prefect_option
@_common
def backfill(
    *,
    from_: str,
    to: str,
    missing: bool,
    accounts: tuple[str, ...],
    json_: bool,
    on_prefect: bool,
    config_file: Path | None,
    debug: bool,
) -> int:
    """Read a range of dates again, whatever is covered.

    DATE is a date or timestamp in ISO 8601, UTC unless it has an offset: 2026-10-01 or
    2026-10-01T14:30:00+02:00.
    """
    from pipelines import display

    settings = _settings(config_file, debug=debug)
    window = _range(from_, to)
    assert window is not None
    first, end = window.after + 1, window.until + 1
    ranges = [f"reading {display.moment(first)} up to {display.moment(end)}"]
    if settings.timezone != "UTC":
        zone = settings.zone
        ranges.append(f"that is {display.moment(first, zone)} up to {display.moment(end, zone)}")

    def run(account: "Account", options: "Options") -> "Report":
        from pipelines import runs

        return runs.backfill(settings, account, window, options, missing=missing)

    def flow() -> "list[Report]":
        from pipelines import flows

        names = [a.name for a in settings.chosen(accounts)]
        return flows.run_backfill(names, window, settings.file, missing=missing)

    return _run(settings, accounts, run, flow if on_prefect else None, json_=json_, ranges=ranges)


def _run(
    settings: "Settings",
    accounts: Sequence[str],
    run: "Callable[[Account, Options], Report]",
    flow: "Callable[[], list[Report]] | None",
    *,
    json_: bool,
    ranges: Sequence[str] = (),
) -> int:
    """Run the accounts one after the other and print what each did."""
    from pipelines import display, runs
    from pipelines.config import key_of
    from pipelines.pipeline import Options

    chosen = settings.chosen(accounts)
    for account in chosen:
        key_of(account)  # a missing key is found before anything begins
    made = not settings.warehouse.path.exists()
    if flow is not None:
        reports = flow()
    else:
        with display.progress(quiet=json_) as tell:
            options = Options(progress=tell)
            reports = runs.one_after_the_other(chosen, lambda account: run(account, options))
    if json_:
        display.say(display.as_json(_together(reports, many=len(chosen) > 1)))
    else:
        if made and settings.warehouse.path.exists():
            display.say(f"made {settings.warehouse.path}")
        for report in reports:
            display.show_report(report.as_json(), settings.zone, ranges)
    _errors(reports)
    return max(report.exit_code for report in reports)


def _errors(reports: "Sequence[Report | Findings]") -> None:
    """Print each account's failure as its one line."""
    from pipelines import display

    for report in reports:
        name = f"{report.account}: " if len(reports) > 1 else ""
        if report.error is not None:
            display.note(f"checkouts: {name}{report.error.message}")
        elif report.outcome == "interrupted":
            display.note(
                f"checkouts: {name}interrupted; what was loaded stays, and the next run goes on"
                " from there"
            )


def _together(reports: "Sequence[Report | Findings]", *, many: bool) -> dict[str, Any]:
    if not many:
        return reports[0].as_json()
    worst = max(reports, key=lambda report: report.exit_code)
    return {"outcome": worst.outcome, "accounts": [report.as_json() for report in reports]}


@cli.command()
@click.option("--from", "from_", metavar="DATE", help="First moment to compare; else all.")
@click.option("--to", metavar="DATE", help="First moment no longer compared; else all.")
@_account_option
@_json_option
@_common
def verify(
    *,
    from_: str | None,
    to: str | None,
    accounts: tuple[str, ...],
    json_: bool,
    config_file: Path | None,
    debug: bool,
) -> int:
    """Compare what is stored with what the API has; writes nothing.

    Reads the covered part of the range. Exit 6 if sessions are missing, stale or unknown; the last
    line then is the backfill that mends them.
    """
    from pipelines import display
    from pipelines import verify as verification
    from pipelines.pipeline import Options

    settings = _settings(config_file, debug=debug)
    window = _range(from_, to)
    with display.progress(quiet=json_) as tell:
        found = [
            verification.verify(settings, account, window, Options(progress=tell))
            for account in settings.chosen(accounts)
        ]
    if json_:
        display.say(display.as_json(_together(found, many=len(found) > 1)))
    else:
        for one in found:
            display.show_findings(one, many=len(found) > 1)
    _errors(found)
    return max(one.exit_code for one in found)


def _range(from_: str | None, to: str | None) -> "Window | None":
    """Return the window of --from and --to, None without either."""
    from pipelines.config import usage_moment
    from pipelines.windows import NO_END, Window

    if from_ is None and to is None:
        return None
    first = usage_moment(from_, "--from") if from_ is not None else -NO_END
    end = usage_moment(to, "--to") if to is not None else NO_END
    if end <= first:
        raise UsageError(f"--to {to} is not after --from {from_}; swap them or name a later --to")
    return Window(first - 1, end - 1)


@cli.command("list")
@click.option("--status", type=click.Choice(["open", "complete", "expired"]), help="Its status.")
@click.option("--customer", metavar="ID", help="Its customer.")
@click.option("--customer-account", metavar="ID", help="Its customer's account.")
@click.option("--customer-email", metavar="EMAIL", help="The e-mail its customer gave.")
@click.option("--payment-intent", metavar="ID", help="Its PaymentIntent.")
@click.option("--payment-link", metavar="ID", help="Its Payment Link.")
@click.option("--subscription", metavar="ID", help="Its subscription.")
@click.option("--created", metavar="TIME", help="Created at that second; a date or epoch second.")
@click.option("--created-gt", metavar="TIME", help="Created after.")
@click.option("--created-gte", metavar="TIME", help="Created at or after.")
@click.option("--created-lt", metavar="TIME", help="Created before.")
@click.option("--created-lte", metavar="TIME", help="Created at or before.")
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="Most.")
@click.option("--starting-after", metavar="ID", help="Begin behind this session.")
@click.option("--ending-before", metavar="ID", help="End before this session.")
@click.option("--account", metavar="NAME", help="The account to ask; else the first.")
@_json_option
@_common
def list_(
    *, account: str | None, json_: bool, config_file: Path | None, debug: bool, **filters: Any
) -> None:
    """Ask the API itself for one page of sessions, newest first."""
    from pipelines import display, lists

    settings = _settings(config_file, debug=debug)
    if filters["starting_after"] and filters["ending_before"]:
        raise UsageError("--starting-after and --ending-before exclude each other; give one")
    if filters["created"] and any(filters[f"created_{bound}"] for bound in lists.BOUNDS):
        raise UsageError("--created and its bounds exclude each other; give one or the others")
    chosen = settings.chosen([account] if account else [])[0]
    page = lists.ask(settings, chosen, filters)
    if json_:
        display.say(display.as_json(page, indent=2))
        return
    display.show_rows(lists.rows(page), lists.COLUMNS)
    if page["has_more"]:
        last = page["data"][-1]["id"]
        display.say(f"there are more: add --starting-after {last}")


@cli.command()
@click.option("--max-age", metavar="AGE", help="Exit 6 if a watermark is older, as 2h or 30min.")
@_account_option
@_json_option
@_common
def status(
    *,
    max_age: str | None,
    accounts: tuple[str, ...],
    json_: bool,
    config_file: Path | None,
    debug: bool,
) -> None:
    """Show how complete and how fresh the warehouse is."""
    from pipelines import display, statuses

    settings = _settings(config_file, debug=debug)
    allowed_s = statuses.age_s(max_age) if max_age is not None else None
    found = [statuses.of(settings, account) for account in settings.chosen(accounts)]
    if json_:
        display.say(display.as_json(found[0] if len(found) == 1 else {"accounts": found}))
    else:
        for one in found:
            display.show_status(one, time.time())
        display.say(f"{settings.warehouse.path}: {display.size(found[0]['file_size_bytes'])}")
    old = [one["account"] for one in found if statuses.is_older(one, allowed_s, time.time())]
    if old:
        raise DifferenceError(
            f"not complete up to {max_age} ago: {', '.join(old)}; run `checkouts sync`, or see"
            " `checkouts status` for the last error",
            counts={"stale": len(old)},
        )


@cli.command()
@click.argument("text", required=False, metavar="[SQL]")
@click.option("-f", "--file", type=click.File(encoding="utf-8"), metavar="FILE", help="SQL file.")
@click.option("-q", "--query", "name", metavar="NAME", help="A named query.")
@click.option("--param", "params", multiple=True, metavar="K=V", help="Value for $K; repeatable.")
@click.option(
    "--format", "format_", type=click.Choice(["table", "csv", "json"]), help="How to print."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to a file; its ending decides: .csv, .json, .parquet.",
)
@_common
def sql(
    *,
    text: str | None,
    file: Any,
    name: str | None,
    params: tuple[str, ...],
    format_: str | None,
    output: Path | None,
    config_file: Path | None,
    debug: bool,
) -> None:
    """Ask the warehouse in SQL, read-only; without arguments, list the named queries."""
    from pipelines import answers, display

    settings = _settings(config_file, debug=debug)
    if sum(given is not None for given in (text, file, name)) > 1:
        raise UsageError("give SQL, -f FILE or -q NAME, only one of them")
    if file is None and text is None and name is None:
        for query in answers.named():
            display.say(f"{query:<26} {answers.title(query)}")
        return
    statement = answers.statement(text, file.read() if file else None, name)
    answer = answers.ask(settings, statement, answers.parameters(params))
    if output is not None:
        display.write_file(output, answers.encode(answer, output, format_))
        display.note(f"wrote {answer.num_rows:,} rows to {output}")
        return
    rows = answers.rows(answer)
    if format_ == "csv":
        sys.stdout.write(display.to_csv(rows, answer.column_names))
    elif format_ == "json":
        display.say(display.as_json(rows))
    else:
        display.show_rows(rows, answer.column_names)


@cli.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4242,
    show_default=True,
    help="Port on 127.0.0.1; 0 for a free one.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another shop.")
@click.option(
    "--sessions",
    type=click.IntRange(0, 10_000_000),
    default=20_000,
    show_default=True,
    help="Sessions of the past.",
)
@click.option(
    "--days", type=click.IntRange(1, 3_650), default=90, show_default=True, help="Days of the past."
)
@click.option(
    "--days-ahead",
    type=click.IntRange(0, 3_650),
    default=7,
    show_default=True,
    help="Days that the shop stays open from now on.",
)
@click.option("--now", metavar="TIME", help="Set the clock: a date, timestamp or epoch second.")
@click.option("--frozen", is_flag=True, help="The clock stands still until it is moved.")
@click.option("--latency-ms", type=click.FloatRange(0, 60_000), default=0, help="Wait, +-30 %.")
@click.option(
    "--requests-per-second",
    type=click.IntRange(0),
    default=0,
    help="Answer 429 above it; 0 for no limit.",
)
@click.option(
    "--late-s",
    type=click.IntRange(0, 3_600),
    default=0,
    help="Some sessions become visible up to N seconds late.",
)
@click.option(
    "--load",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Serve a file's sessions: a list response, or NDJSON.",
)
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Accept only this; repeatable.")
@_common
def emulator(*, now: str | None, config_file: Path | None, debug: bool, **options: Any) -> None:
    """Serve Stripe's endpoint locally, with a made-up shop, until stopped.

    To move its clock: curl -X POST 'http://127.0.0.1:4242/_emulator/advance?seconds=3600'
    """
    from pipelines import display
    from pipelines.config import LATEST, usage_second
    from pipelines.emulator import app

    _settings(config_file, debug=debug)

    def ready(url: str) -> None:
        display.say(f"serving {url}, any key like sk_test_123 is accepted; stop with Ctrl-C")
        display.say(f"  export STRIPE_API_KEY=sk_test_123 CHECKOUTS_STRIPE__BASE_URL={url}")
        sys.stdout.flush()

    moment = usage_second(now, "--now") if now is not None else None
    if moment is not None and not 0 <= moment <= LATEST:
        raise UsageError(f"--now: expected a time from 1970 to the year 9999, got {now!r}")
    try:
        app.serve(app.Options(now=moment, **options), ready)
    except ValueError as error:
        raise UsageError(f"--load: {error}") from None
    except OSError as error:
        raise UsageError(
            f"--port {options['port']} can't be used ({error.strerror}); choose another, or 0"
        ) from None
