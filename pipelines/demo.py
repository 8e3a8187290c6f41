"""The demo: a made-up shop, a first load, time that passes, a second sync, answers from SQL."""

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx

from pipelines import answers, config, display, reports, runs
from pipelines.errors import SourceError
from pipelines.outcomes import Report
from pipelines.pipeline import Options

DAYS, SEED = 90, 7
REQUESTS_PER_SECOND = 100
PASSING_S = 2 * 86_400
READY_WITHIN_S = 30.0
QUESTIONS = (
    "paid_amount_by_currency",
    "conversion_by_week",
    "top_products",
    "abandoned_with_email",
)

SETTINGS = """\
# Settings of the demo; `make demo` writes this file anew.
stripe:
  base_url: {url}
  requests_per_second: {rate}
warehouse:
  path: demo.duckdb
"""


def run(folder: Path, sessions: int) -> None:
    """Run the demo of a shop with so many sessions; its data goes to `data/` in a folder.

    Raises:
        CheckoutsError: a step failed.
    """
    data = folder / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    for name in ("demo.duckdb", "demo.duckdb.wal"):
        (data / name).unlink(missing_ok=True)
    _isolate()
    with _emulator(sessions) as url, _prefect_server(data) as prefect_url:
        file = data / "demo.yaml"
        file.write_text(SETTINGS.format(url=url, rate=REQUESTS_PER_SECOND), encoding="utf-8")
        _first_load(file, sessions)
        _let_time_pass(url)
        _second_sync(file, prefect_url)
    _answers(file)
    _report(folder, file)
    _what_next(folder, file)


def _isolate() -> None:
    """Keep the user's own settings and key out of the demo, and the demo out of theirs."""
    for name in list(os.environ):
        if name.startswith((config.PREFIX, "PREFECT_")):
            del os.environ[name]
    os.environ["STRIPE_API_KEY"] = "sk_test_demo"


def _first_load(file: Path, sessions: int) -> None:
    display.say(f"1. A made-up shop with {sessions:,} Checkout Sessions of {DAYS} days, loaded:")
    settings = config.load(file)
    with display.progress() as tell:
        report = runs.sync(settings, settings.chosen()[0], Options(progress=tell))
    _show(report, file)


def _let_time_pass(url: str) -> None:
    display.say()
    display.say(f"2. Two days pass in the shop ({PASSING_S:,} s), then a second sync:")
    httpx.post(f"{url}/_emulator/advance", params={"seconds": PASSING_S}, trust_env=False)


def _second_sync(file: Path, prefect_url: str) -> None:
    if _answers_at(f"{prefect_url}/health"):
        os.environ["PREFECT_API_URL"] = prefect_url
        # Log lines are sent a while later, and by then the server has ended with the demo.
        os.environ["PREFECT_LOGGING_TO_API_ENABLED"] = "false"
        from pipelines import flow_runs  # noqa: PLC0415 -- takes seconds, and only now is it needed

        (report,) = flow_runs.run_sync([], file)
        display.say(f"(as a Prefect flow run on a local server, {prefect_url})")
    else:
        settings = config.load(file)
        report = runs.sync(settings, settings.chosen()[0])
        display.say("(directly: Prefect's local server was not up yet)")
    _show(report, file)
    display.say()
    display.say("   What became of sessions that were there before:")
    _ask(file, "recent_changes")


def _answers(file: Path) -> None:
    display.say()
    display.say("3. Answers, from SQL:")
    for name in QUESTIONS:
        display.say()
        display.say(f"   {answers.title(name)}")
        _ask(file, name)


def _report(folder: Path, file: Path) -> None:
    page = file.with_name("demo-report.html")
    display.write_file(page, reports.render(config.load(file), reports.Scope()).encode())
    display.say()
    display.say(f"4. The same and more as a page with plots: {page.relative_to(folder)}")


def _what_next(folder: Path, file: Path) -> None:
    command = _command(folder)
    shown = file.relative_to(folder)
    display.say()
    display.say(f"The sessions stay in {shown.with_suffix('.duckdb')}. What to try next:")
    display.say(f"  {command} status --config {shown}")
    display.say(f"  {command} sql --config {shown}")
    display.say(f"  {command} sql --config {shown} -q sessions_by_status")
    question = "select status, count(*) from checkout_sessions group by all"
    display.say(f"  {command} sql --config {shown} '{question}'")
    display.say(f"  {command} verify --offline --config {shown}")
    display.say("With your own Stripe account: see the README, 'With your Stripe account'.")


def _show(report: Report, file: Path) -> None:
    if report.error is not None:
        raise report.error
    display.show_report(report.as_json(), config.load(file).zone)


def _ask(file: Path, name: str) -> None:
    answer = answers.ask(config.load(file), answers.statement(None, None, name), {})
    display.show_rows(answers.rows(answer), answer.column_names)


def _command(folder: Path) -> str:
    """Return how `checkouts` is called from the folder in this installation."""
    script = Path(sysconfig.get_path("scripts")) / "checkouts"
    found = shutil.which("checkouts")
    if found is not None and Path(found) == script:
        return "checkouts"
    return str(script.relative_to(folder)) if script.is_relative_to(folder) else str(script)


@contextmanager
def _emulator(sessions: int) -> Iterator[str]:
    """Run the emulator in a process of its own and give its address."""
    arguments = ["emulator", "--port", "0", "--frozen", "--seed", str(SEED)]
    arguments += ["--sessions", str(sessions), "--days", str(DAYS)]
    with _process([sys.executable, "-m", "pipelines", *arguments], subprocess.PIPE) as process:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://\S+?(?=[,\s])", line)
        if found is None:
            raise SourceError("the emulator didn't start; try `checkouts emulator` by hand")
        yield found.group()


@contextmanager
def _prefect_server(data: Path) -> Iterator[str]:
    """Start Prefect's server, which takes a while, and give its address at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = data / "demo-prefect"
    home.mkdir(mode=0o700, exist_ok=True)
    environ = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
        "DO_NOT_TRACK": "1",
    }
    os.environ["PREFECT_HOME"] = str(home)
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("w") as log, _process(command, log, environ):
        yield f"http://127.0.0.1:{port}/api"


@contextmanager
def _process(
    command: list[str], output: int | IO[str], environ: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """Run a process in a group of its own, and end it with all that it started."""
    process = subprocess.Popen(  # noqa: S603 -- our own interpreter with fixed arguments
        command,
        stdout=output,
        stderr=subprocess.DEVNULL if output == subprocess.PIPE else subprocess.STDOUT,
        env=environ,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def _answers_at(url: str) -> bool:
    """Whether an address answers within a while."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return True
        time.sleep(0.25)
    return False
