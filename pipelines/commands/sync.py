"""`sync` and `backfill`: run, and tell what each account got."""

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

if TYPE_CHECKING:
    from pipelines.outcomes import Report
    from pipelines.pipeline import Options
    from pipelines.settings import Account, Settings


@click.command()
@account_option
@json_option
@prefect_option
@log_option
@common
def sync(
    *,
    accounts: tuple[str, ...],
    json_: bool,
    on_prefect: bool,
    log_format: str | None,
    config_file: Path | None,
    debug: bool,
) -> int:
    """Bring the warehouse up to date.

    Reads what is not covered yet and what may have changed. The first run loads all history; one
    that was interrupted is taken up where it ended.
    """
    settings = settings_of(config_file, debug=debug, log_format=log_format)

    def run(account: "Account", options: "Options") -> "Report":
        from pipelines import runs

        return runs.sync(settings, account, options)

    def flow() -> "list[Report]":
        from pipelines import flow_runs

        return flow_runs.run_sync([a.name for a in settings.chosen(accounts)], settings.file)

    return _run(settings, accounts, run, flow, on_prefect, json_, log_format)


@click.command()
@click.option("--from", "from_", required=True, metavar="DATE", help="First moment to read.")
@click.option("--to", required=True, metavar="DATE", help="First moment no longer read.")
@click.option("--missing", is_flag=True, help="Read only what is not covered of it.")
@click.option("--line-items", is_flag=True, help="Read all line items, changed or not.")
@account_option
@json_option
@prefect_option
@log_option
@common
def backfill(
    *,
    from_: str,
    to: str,
    missing: bool,
    line_items: bool,
    accounts: tuple[str, ...],
    json_: bool,
    on_prefect: bool,
    log_format: str | None,
    config_file: Path | None,
    debug: bool,
) -> int:
    """Read a range of dates again, whatever is covered.

    DATE is a date or timestamp in ISO 8601, UTC unless it has an offset: 2026-10-01 or
    2026-10-01T14:30:00+02:00.
    """
    from pipelines import words

    settings = settings_of(config_file, debug=debug, log_format=log_format)
    window = range_(from_, to)
    assert window is not None
    first, end = window.after + 1, window.until + 1
    ranges = [f"reading {words.moment(first)} up to {words.moment(end)}"]
    if settings.timezone != "UTC":
        zone = settings.zone
        ranges.append(f"that is {words.moment(first, zone)} up to {words.moment(end, zone)}")

    def run(account: "Account", options: "Options") -> "Report":
        from pipelines import runs

        return runs.backfill(
            settings, account, window, options, missing=missing, line_items=line_items
        )

    def flow() -> "list[Report]":
        from pipelines import flow_runs

        names = [a.name for a in settings.chosen(accounts)]
        return flow_runs.run_backfill(
            names, window, settings.file, missing=missing, line_items=line_items
        )

    return _run(settings, accounts, run, flow, on_prefect, json_, log_format, ranges)


def _run(
    settings: "Settings",
    accounts: Sequence[str],
    run: "Callable[[Account, Options], Report]",
    flow: "Callable[[], list[Report]]",
    on_prefect: bool,
    json_: bool,
    log_format: str | None,
    ranges: Sequence[str] = (),
) -> int:
    """Run the accounts side by side and print what each did."""
    from pipelines import cells, display, publish, runs
    from pipelines.accounts import side_by_side
    from pipelines.keys import require_keys
    from pipelines.pipeline import Options
    from pipelines.places import place_of
    from pipelines.warehouse import Warehouse

    chosen = settings.chosen(accounts)
    require_keys(chosen)
    publish.check(settings)
    warehouse = Warehouse(place_of(settings.warehouse))
    made = not warehouse.exists
    if on_prefect or settings.run.task_runner == "dask":
        reports = flow()
    else:
        with display.progress(quiet=json_ or log_format is not None) as tell:
            options = Options(progress=tell)
            reports = side_by_side(
                chosen,
                lambda account: run(account, options),
                options.stops,
                settings.run.workers,
            )
        runs.publish_changes(settings, reports)
    if json_:
        display.say(cells.as_json(together(reports, many=len(chosen) > 1)))
    else:
        if made and warehouse.exists:
            display.say(f"made {warehouse.name}")
        for report in reports:
            display.show_report(report.as_json(), settings.zone, ranges, report.begins)
    tell_errors(reports, log_format)
    return max(report.exit_code for report in reports)
