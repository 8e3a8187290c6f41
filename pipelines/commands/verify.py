"""`verify`: the API against what is stored."""

from pathlib import Path

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


@click.command()
@click.option("--from", "from_", metavar="DATE", help="First moment to compare; else all.")
@click.option("--to", metavar="DATE", help="First moment no longer compared; else all.")
@account_option
@json_option
@common
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

    settings = settings_of(config_file, debug=debug)
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
