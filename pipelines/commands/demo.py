"""`demo`: a made-up shop, from first load to answers."""

from pathlib import Path

import click

from pipelines.commands.options import common, settings_of


@click.command()
@click.option(
    "--sessions",
    type=click.IntRange(100, 10_000_000),
    default=20_000,
    show_default=True,
    help="Sessions of the shop.",
)
@common
def demo(*, sessions: int, config_file: Path | None, debug: bool) -> None:
    """Load a made-up shop, let time pass, sync again, and ask questions in SQL.

    Needs no account and no key, and ends by itself.
    """
    from pipelines import demo as demonstration

    settings_of(config_file, debug=debug)
    demonstration.run(Path.cwd(), sessions)
