"""Runs pytest with every test's warehouse in a lake: `python -m tests.lake tests/truth`."""

import os
import subprocess
import sys

from tests.lake.postgres import VARIABLE, Postgres

server = Postgres()
try:
    environ = {**os.environ, VARIABLE: str(server.port)}
    code = subprocess.run(
        [sys.executable, "-m", "pytest", *sys.argv[1:]], env=environ, check=False
    ).returncode
finally:
    server.stop()
sys.exit(code)
