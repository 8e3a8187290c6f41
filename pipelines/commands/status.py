"""`status`: how complete and how fresh the warehouse is."""

import time
from pathlib import Path

import click

from pipelines.commands.options import account_option, common, json_option, settings_of
from pipelines.errors import DifferenceError


@click.command()
@click.option("--max-age", metavar="AGE", help="Exit 6 if a watermark is older, as 2h or 30min.")
@account_option
@json_option
@common
def status(
    *,
    max_age: str | None,
    accounts: tuple[str, ...],
    json_: bool,
    config_file: Path | None,
    debug: bool,
) -> None:
    """Show how complete and how fresh the warehouse is."""
    from pipelines import cells, checks, display, statuses, words
    from pipelines.publish import readable

    settings = settings_of(config_file, debug=debug)
    allowed_s = statuses.age_s(max_age) if max_age is not None else None
    found = statuses.of(settings, accounts)
    failed = [check.name for check in checks.failed(checks.run(readable(settings)))]
    for one in found:
        one["failed_checks"] = failed
    old = [one["account"] for one in found if statuses.is_older(one, allowed_s, time.time())]
    if json_:
        many = {"outcome": "different" if old else "completed", "accounts": found}
        display.say(cells.as_json(found[0] if len(found) == 1 else many))
    else:
        for one in found:
            display.show_status(one, time.time())
        display.say(f"{settings.warehouse.path}: {words.size(found[0]['file_size_bytes'])}")
    if old:
        raise DifferenceError(
            f"not complete up to {max_age} ago: {', '.join(old)}; run `checkouts sync`, or see"
            " `checkouts status` for the last error",
            counts={"stale": len(old)},
        )
