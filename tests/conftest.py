"""How the tests are spread over processes, and where their results are written."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("test_prefect.py", "test_demo.py", "test_report.py", "test_marts.py")
TOGETHER += ("test_simulation.py",)
"""Files whose tests share what takes seconds to set up; they come first."""


class Spread(LoadScopeScheduling):
    """Gives a process one test at a time, or a whole file whose tests share their set-up."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(TOGETHER) else nodeid


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no process is still at it when all others are done."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spread:
    """Spread the tests so, whatever `--dist` says."""
    return Spread(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what writes the tests' results into the README."""
    words = "write README's table of what was tried from what happens in this run"
    parser.addoption("--write-tried", action="store_true", help=words)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write the results of the tests that passed, those of all processes."""
    if config.getoption("write_tried"):
        sys.path.insert(0, str(Path(__file__).parent / "faults"))
        readme_table = importlib.import_module("readme_table")
        passed = terminalreporter.getreports("passed")
        found = [each for report in passed for each in report.user_properties]
        readme_table.write(dict(words for name, words in found if name == "tried"))
