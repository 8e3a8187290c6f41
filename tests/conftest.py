"""How the tests are spread over processes: each where there is room, but for those that share."""

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


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spread:
    """Spread the tests so, whatever `--dist` says."""
    return Spread(config, log)
