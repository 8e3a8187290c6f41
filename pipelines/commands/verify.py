"""`verify`: the API against what is stored, or what is stored against itself."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.commands.options import (
    account_option,
    common,
    json_option,
    range_,
    settings_of,
    tell_errors,
    together,
)
from pipelines.errors import EXIT_DIFFERENT, UsageError

if TYPE_CHECKING:
    from pipelines.config import Settings


@click.command()
@click.option("--from", "from_", metavar="DATE", help="First moment to compare; else all.")
@click.option("--to", metavar="DATE", help="First moment no longer compared; else all.")
@click.option("--offline", is_flag=True, help="Check the whole file by itself, without the API.")
@account_option
@json_option
@common
def verify(
    *,
    from_: str | None,
    to: str | None,
    offline: bool,
    accounts: tuple[str, ...],
    json_: bool,
    config_file: Path | None,
    debug: bool,
) -> int:
    """Compare what is stored with what the API has; writes nothing.

    Reads the covered part of the range. Exit 6 if sessions are missing, stale or unknown; the last
    line then is the backfill that mends them. With --offline the API isn't asked: what is stored
    must agree with itself, and exit 6 says that it doesn't.
    """
    from pipelines import display
    from pipelines import verify as verification
    from pipelines.pipeline import Options

    settings = settings_of(config_file, debug=debug)
    if offline:
        if from_ or to or accounts:
            raise UsageError("--offline checks the whole file; leave out --from, --to, --account")
        return _offline(settings, json_=json_)
    window = range_(from_, to)
    with display.progress(quiet=json_) as tell:
        found = [
            verification.verify(settings, account, window, Options(progress=tell))
            for account in settings.chosen(accounts)
        ]
    if json_:
        display.say(display.as_json(together(found, many=len(found) > 1)))
    else:
        for one in found:
            display.show_findings(one, many=len(found) > 1)
    tell_errors(found)
    return max(one.exit_code for one in found)


def _offline(settings: "Settings", *, json_: bool) -> int:
    """Run the checks of `sql/checks/` and print what they found."""
    from pipelines import checks, display
    from pipelines.publish import readable

    found = checks.run(readable(settings))
    wrong = checks.failed(found)
    if json_:
        outcome = "different" if wrong else "completed"
        shown = {"outcome": outcome, "checks": [check.as_json() for check in found]}
        display.say(display.as_json(shown))
    else:
        display.show_checks(found)
    return EXIT_DIFFERENT if wrong else 0
