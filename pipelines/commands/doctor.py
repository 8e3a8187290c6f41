"""`doctor`: what usually goes wrong, with a remedy each."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.commands.options import common, settings_of
from pipelines.errors import CheckoutsError

if TYPE_CHECKING:
    from pipelines.doctor import Check


@click.command()
@common
def doctor(*, config_file: Path | None, debug: bool) -> int:
    """Check what usually goes wrong, and say what to do about it; changes nothing.

    Asks the API for one session of each account.
    """
    from pipelines import display

    worst = 0
    for check in _checks(config_file, debug=debug):
        display.show_check(check)
        worst = max(worst, check.exit_code)
    return worst


def _checks(config_file: Path | None, *, debug: bool) -> "Iterator[Check]":
    from pipelines import doctor as examination

    try:
        settings = settings_of(config_file, debug=debug)
    except CheckoutsError as error:
        yield examination.failed("config", error)
        return
    yield from examination.examine(settings)
    yield _prefect()


def _prefect() -> "Check":
    from pipelines.doctor import Check, failed
    from pipelines.routes import without_user

    try:
        from pipelines import flow_runs

        address = flow_runs.api_address()
    except CheckoutsError as error:
        return failed("prefect", error)
    if address is None:
        return Check("prefect", "no PREFECT_API_URL; `serve` starts a server of its own")
    return Check("prefect", f"{without_user(address)} answers")
