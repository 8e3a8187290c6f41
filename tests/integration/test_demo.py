"""The demo: what a newcomer sees first, from end to end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo is run."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> "subprocess.CompletedProcess[str]":
    """The demo, run once, where a key and settings of the user's own are around."""
    environ = {
        **os.environ,
        "STRIPE_API_KEY": "sk_live_mine",
        "CHECKOUTS_SYNC__START": "2026-11-01",
    }
    return subprocess.run(
        [str(BIN / "checkouts"), "demo", "--sessions", "2000"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_the_demo_ends_well_without_noise(demo: "subprocess.CompletedProcess[str]") -> None:
    assert demo.returncode == 0, demo.stderr
    for noise in ("Traceback", "WARNING", "ERROR", "Warning:", "Error logging"):
        assert noise not in demo.stdout + demo.stderr
    assert "2,000 sessions" in demo.stdout
    assert "a second)" in demo.stdout
    assert "Prefect" in demo.stdout
    assert "sk_live_mine" not in demo.stdout + demo.stderr


def test_the_demo_leaves_its_files_and_no_process(
    demo: "subprocess.CompletedProcess[str]", folder: Path
) -> None:
    assert demo.returncode == 0
    assert (folder / "data" / "demo.duckdb").is_file()
    assert (folder / "data" / "demo.yaml").is_file()
    left = [
        path
        for path in Path("/proc").glob("[0-9]*/cwd")
        if path.exists() and path.resolve() == folder.resolve()
    ]
    assert left == []


def test_every_command_that_the_demo_prints_runs_when_pasted(
    demo: "subprocess.CompletedProcess[str]", folder: Path
) -> None:
    _, _, after = demo.stdout.partition("What to try next")
    commands = [line.strip() for line in after.splitlines() if line.startswith("  ")]
    assert len(commands) >= 4
    environ = {k: v for k, v in os.environ.items() if k != "STRIPE_API_KEY"}
    environ["PATH"] = f"{BIN}{os.pathsep}{environ['PATH']}"
    for command in commands:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        assert done.stdout
