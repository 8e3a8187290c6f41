"""`demo`: a made-up shop, from first load to answers."""

from pathlib import Path

import click

from pipelines.commands.options import common, settings_of


@click.command()
@common
def demo(*, config_file: Path | None, debug: bool) -> None:
    """Load a made-up shop, let time pass, sync again, and ask questions in SQL.

    Needs no account and no key, and ends by itself.
    """
    from pipelines import demo as demonstration

    settings_of(config_file, debug=debug)
    demonstration.run(Path.cwd())
