"""What several commands have in common: their options, and how what they did is told."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.errors import UsageError

if TYPE_CHECKING:
    from pipelines.findings import Findings
    from pipelines.outcomes import Report
    from pipelines.settings import Settings
    from pipelines.windows import Window

Command = Callable[..., Any]


def common(command: Command) -> Command:
    """Add the options that every command takes."""
    file = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
    command = click.option("--debug", is_flag=True, help="Show what happens, and tracebacks.")(
        command
    )
    return click.option(
        "--config", "config_file", type=file, metavar="FILE", help="Settings; else config.yaml."
    )(command)


def json_option(command: Command) -> Command:
    """Add `--json`."""
    return click.option("--json", "json_", is_flag=True, help="Print one JSON object.")(command)


def account_option(command: Command) -> Command:
    """Add `--account`."""
    return click.option(
        "--account",
        "accounts",
        multiple=True,
        metavar="NAME",
        help="Only this account; repeatable.",
    )(command)


def prefect_option(command: Command) -> Command:
    """Add `--prefect`."""
    return click.option("--prefect", "on_prefect", is_flag=True, help="Run as a Prefect flow run.")(
        command
    )


def log_option(command: Command) -> Command:
    """Add `--log-format`."""
    return click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        help="Log a line a window on stderr, instead of progress.",
    )(command)


def settings_of(
    config_file: Path | None, *, debug: bool, log_format: str | None = None
) -> "Settings":
    """Return the settings, with logging set up as the options say.

    Raises:
        ConfigError: a file or a value that doesn't fit.
    """
    from pipelines import config, logs

    logs.set_up(log_format, debug=debug)
    return config.load(config_file)


def check_output(settings: "Settings", file: Path) -> None:
    """Refuse to write over what the program itself lives from.

    Raises:
        UsageError: -o names the warehouse, its copy or the settings.
    """
    if settings.owns(file):
        raise UsageError(f"-o {file}: it is the warehouse's own; name another file")


def range_(from_: str | None, to: str | None) -> "Window | None":
    """Return the window of --from and --to, None without either.

    Raises:
        UsageError: a date that is none, or a range that is empty.
    """
    from pipelines.moments import usage_moment
    from pipelines.windows import NO_END, Window

    if from_ is None and to is None:
        return None
    first = usage_moment(from_, "--from") if from_ is not None else -NO_END
    end = usage_moment(to, "--to") if to is not None else NO_END
    if end <= first:
        raise UsageError(f"--to {to} is not after --from {from_}; swap them or name a later --to")
    return Window(first - 1, end - 1)


def tell_errors(reports: "Sequence[Report | Findings]", log_format: str | None = None) -> None:
    """Print each account's failure as its one line, unless the log says it."""
    from pipelines import display

    for report in reports:
        name = f"{report.account}: " if len(reports) > 1 else ""
        if report.error is not None and log_format != "json":
            display.note(f"checkouts: {name}{report.error.message}")
        elif report.outcome == "interrupted":
            display.note(f"checkouts: {name}interrupted; {report.left_behind}")


def together(reports: "Sequence[Report | Findings]", *, many: bool) -> dict[str, Any]:
    """Return what `--json` prints: one account's object, or all of them with the worst outcome."""
    if not many:
        return reports[0].as_json()
    worst = max(reports, key=lambda report: report.exit_code)
    return {"outcome": worst.outcome, "accounts": [report.as_json() for report in reports]}
