"""What runs in processes of its own."""

import contextlib
import os
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from pipelines import cli, config, runs


def command(folder: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run a command line, as `checkouts` does."""
    _become(folder, environ)
    cli.main(arguments)


def sync_until(folder: str, stop: str, environ: Mapping[str, str]) -> None:
    """Sync again and again until a file is there."""
    _become(folder, environ)
    settings = config.load(Path(folder) / "config.yaml")
    while not Path(stop).exists():
        report = runs.sync(settings, settings.chosen()[0])
        assert report.error is None, report.error


def advance_until(url: str, stop: str, seed: float) -> None:
    """Let time go by in a shop, in steps of seconds to a minute, until a file is there."""
    draw = random.Random(seed)
    with httpx.Client(base_url=url, trust_env=False) as client:
        while not Path(stop).exists():
            seconds = draw.choice([1, 20, 60])
            client.post("/_emulator/advance", data={"seconds": str(seconds)}).raise_for_status()
            time.sleep(0.05)


def _become(folder: str, environ: Mapping[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    # What it prints isn't looked at.
    quiet = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError):
        os.dup2(quiet, 1)
