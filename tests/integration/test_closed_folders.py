"""Folders that the user who runs the program may not enter: told in one line, or done without."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from installation import KEY, Done, Installation, one_line

from pipelines.emulator.app import Running
from tests.lake.postgres import VARIABLE

Start = Callable[..., Running]
Install = Callable[..., Installation]
Run = Callable[..., Done]

RIGHTS = "-dac_override,-dac_read_search"
NO_RIGHTS = ("setpriv", f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}")
"""Starts a command for which root, too, may not enter what is closed."""

pytestmark = pytest.mark.skipif(VARIABLE in os.environ, reason="a lake has no file to be reached")


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Let nobody enter a folder."""
    folder.chmod(0)
    try:
        yield
    finally:
        folder.chmod(0o700)


@pytest.fixture
def run() -> Run:
    """Runs a command in a folder as a user without root's rights."""
    without: Sequence[str] = ()
    if os.geteuid() == 0:
        without = NO_RIGHTS
        if (
            not shutil.which("setpriv")
            or subprocess.run([*without, "true"], check=False).returncode
        ):
            pytest.skip("root may enter everything, and can't be kept from it here")

    def ended(folder: Path, *arguments: str) -> Done:
        done = subprocess.run(
            [*without, sys.executable, "-m", "pipelines", *arguments],
            cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    return ended


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("sync",),
        ("sync", "--json"),
        ("verify", "--json"),
        ("sql", "select 1"),
        ("report",),
        ("reflatten",),
    ],
)
def test_a_closed_folder_of_the_warehouse_is_named_in_one_line(
    command: tuple[str, ...], shop: Running, install: Install, run: Run
) -> None:
    place = install(shop.url)
    place.warehouse.parent.mkdir()
    with closed(place.warehouse.parent):
        done = run(place.folder, *command)
    assert done.code == 5, done
    line = one_line(done.err)
    assert f"{place.warehouse.parent} may not be entered" in line
    assert str(place.warehouse) in line
    assert done.out == ""


def test_the_doctor_tells_a_closed_folder_and_looks_at_the_rest(
    start: Start, install: Install, run: Run
) -> None:
    place = install(start(sessions=20, now=None, frozen=False, keys=(KEY,)).url)
    place.warehouse.parent.mkdir()
    with closed(place.warehouse.parent):
        done = run(place.folder, "doctor")
    assert done.code == 5, done
    names = [line.split()[1] for line in done.out.splitlines() if line.startswith("ok ")]
    assert names == ["config", "key", "api", "clock", "extensions", "disk", "prefect"]
    bad, remedy = done.out.partition("bad  warehouse")[2].splitlines()[:2]
    assert "may not be entered" in bad
    assert "-> run this as the user whose folder that is" in remedy
    assert done.err == ""


def test_a_closed_folder_of_the_copy_leaves_the_warehouse_to_be_asked(
    start: Start, install: Install, run: Run
) -> None:
    place = install(start(sessions=20).url, publish__path="copies/read.duckdb")
    assert place.call("sync").code == 0
    with closed(place.folder / "copies"):
        done = run(place.folder, "sql", "select count(*) as n from checkout_sessions")
    assert (done.code, done.err) == (0, ""), done
    assert "20" in done.out


def test_a_closed_folder_above_has_no_settings(shop: Running, install: Install, run: Run) -> None:
    place = install(shop.url)
    deep = place.folder / "closed" / "deep"
    deep.mkdir(parents=True)
    (place.folder / "closed" / "config.yaml").write_text("nonsense: 1")
    with closed(deep.parent):
        done = run(deep, "list", "--limit", "1")
    assert (done.code, done.err) == (0, ""), done
