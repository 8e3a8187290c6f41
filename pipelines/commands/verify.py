"""`verify`: the API against what is stored, or what is stored against itself."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.commands.options import (
    account_option,
    common,
    json_option,
    log_option,
    prefect_option,
    range_,
    settings_of,
    tell_errors,
    together,
)
from pipelines.errors import EXIT_DIFFERENT, UsageError

if TYPE_CHECKING:
    from pipelines.findings import Findings
    from pipelines.pipeline import Progress
    from pipelines.settings import Account, Settings
    from pipelines.windows import Window


@click.command()
@click.option("--from", "from_", metavar="DATE", help="First moment to compare; else all.")
@click.option("--to", metavar="DATE", help="First moment no longer compared; else all.")
@click.option("--offline", is_flag=True, help="Check the whole file by itself, without the API.")
@account_option
@json_option
@prefect_option
@log_option
@common
def verify(
    *,
    from_: str | None,
    to: str | None,
    offline: bool,
    accounts: tuple[str, ...],
    json_: bool,
    on_prefect: bool,
    log_format: str | None,
    config_file: Path | None,
    debug: bool,
) -> int:
    """Compare what is stored with what the API has; writes nothing.

    Reads the covered part of the range. Exit 6 if sessions are missing, stale or unknown; the last
    line then is the backfill that mends them. With --offline the API isn't asked: what is stored
    must agree with itself, and exit 6 says that it doesn't.
    """
    from pipelines import cells, display, words
    from pipelines.keys import require_keys

    settings = settings_of(config_file, debug=debug, log_format=log_format)
    if offline:
        if from_ or to or accounts or on_prefect:
            raise UsageError(
                "--offline checks the whole file; leave out --from, --to, --account, --prefect"
            )
        return _offline(settings, json_=json_)
    window = range_(from_, to)
    chosen = settings.chosen(accounts)
    require_keys(chosen)
    if on_prefect:
        from pipelines import flow_runs

        found = flow_runs.run_verify([a.name for a in chosen], window, settings.file)
    else:
        with display.progress(quiet=json_ or log_format is not None) as tell:
            found = _compare(settings, chosen, window, tell)
    if json_:
        display.say(cells.as_json(together(found, many=len(found) > 1)))
    else:
        named = bool(accounts) or len(settings.accounts) > 1
        for one in found:
            display.show_findings(one)
        for one in found:  # last, so that what is to be done stands together
            if one.outcome == "different":
                display.say(words.mending(one, named=named, config_file=config_file))
    tell_errors(found, log_format)
    return max(one.exit_code for one in found)


def _compare(
    settings: "Settings",
    accounts: "Sequence[Account]",
    window: "Window | None",
    tell: "Callable[[Progress], None] | None",
) -> "list[Findings]":
    """Compare the accounts side by side."""
    from pipelines import verify as verification
    from pipelines.accounts import side_by_side
    from pipelines.pipeline import Options

    options = Options(progress=tell)
    return side_by_side(
        accounts,
        lambda account: verification.verify(settings, account, window, options),
        options.stops,
        settings.run.workers,
    )


def _offline(settings: "Settings", *, json_: bool) -> int:
    """Run the checks of `sql/checks/` and print what they found."""
    from pipelines import cells, checks, display
    from pipelines.publish import readable

    found = checks.run(readable(settings))
    wrong = checks.failed(found)
    if json_:
        outcome = "different" if wrong else "completed"
        shown = {"outcome": outcome, "checks": [check.as_json() for check in found]}
        display.say(cells.as_json(shown))
    else:
        display.show_checks(found)
    return EXIT_DIFFERENT if wrong else 0
