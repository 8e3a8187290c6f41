"""The API of a Prefect server, as tests use it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from tests.prefect_server import QUIET

FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
WITHIN_S = 120


class Prefect:
    """A running server, and what a command needs to find it."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.home = home
        # Longer than the minute for which the server's database waits for a lock.
        self._client = httpx.Client(trust_env=False, timeout=WITHIN_S)
        self.environ: dict[str, str | None] = {
            **QUIET,
            "PREFECT_API_URL": url,
            "PREFECT_HOME": str(home),
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        }

    def post(self, path: str, **body: Any) -> httpx.Response:
        """Send an object to its API, again while its database is busy."""
        return self.sent("POST", path, body)

    def sent(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send any request to its API, again while its database is busy."""
        while True:
            answer = self._client.request(method, f"{self.url}/{path}", json=body)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            time.sleep(0.2)

    def asked(self, path: str, **body: Any) -> Any:
        """Ask its API."""
        return self.post(path, **body).raise_for_status().json()

    def newest_flow_run(self) -> dict[str, Any]:
        """The flow run that a command started last; a schedule may start others at any time."""
        begun = {
            "state": {"type": {"not_any_": ["SCHEDULED", "PENDING"]}},
            "deployment_id": {"is_null_": True},
        }
        (run, *_) = self.asked("flow_runs/filter", flow_runs=begun, sort="START_TIME_DESC", limit=1)
        assert isinstance(run, dict)
        return run

    def flow_run(self, run_id: str) -> dict[str, Any]:
        """A flow run as it is now."""
        (run,) = self.asked("flow_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        assert isinstance(run, dict)
        return run

    def ended(self, run_id: str) -> dict[str, Any]:
        """A flow run when it has ended."""
        deadline = time.monotonic() + WITHIN_S
        while (run := self.flow_run(run_id))["state_type"] not in FINAL:
            assert time.monotonic() < deadline, run
            time.sleep(0.2)
        return run

    def logged(self, run_id: str, words: str) -> bool:
        """Whether a flow run logged those words; Prefect sends lines a while after."""
        of_run = {"flow_run_id": {"any_": [run_id]}}
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            lines = self.asked("logs/filter", logs=of_run, limit=200)
            if any(words in line["message"] for line in lines):
                return True
            time.sleep(0.2)
        return False

    def artifacts(self, run_id: str) -> dict[str, Any]:
        """The artifacts of a flow run: their data by their key."""
        found = self.asked("artifacts/filter", artifacts={"flow_run_id": {"any_": [run_id]}})
        return {each["key"]: each["data"] for each in found}

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by its name."""
        (found,) = self.asked("deployments/filter", deployments={"name": {"any_": [name]}})
        assert isinstance(found, dict)
        return found

    @contextmanager
    def scheduled(self, name: str, every_s: float) -> Iterator[None]:
        """Give a deployment one more schedule for a while."""
        path = f"deployments/{self.deployment(name)['id']}/schedules"
        answer = self.sent("POST", path, [{"active": True, "schedule": {"interval": every_s}}])
        (made,) = answer.raise_for_status().json()
        try:
            yield
        finally:
            self.sent("DELETE", f"{path}/{made['id']}").raise_for_status()

    def scheduled_run(self, since: datetime) -> dict[str, Any]:
        """A flow run that a schedule wanted after a moment, when it has begun."""
        begun = {
            "tags": {"all_": ["auto-scheduled"]},
            "expected_start_time": {"after_": since.isoformat()},
            "state": {"type": {"not_any_": ["SCHEDULED", "PENDING"]}},
        }
        deadline = time.monotonic() + WITHIN_S
        while not (found := self.asked("flow_runs/filter", flow_runs=begun)):
            assert time.monotonic() < deadline, "no schedule fires"
            time.sleep(0.2)
        run = found[0]
        assert isinstance(run, dict)
        return run

    def start(self, name: str, **parameters: Any) -> httpx.Response:
        """Start a flow run of a deployment, as Prefect's form does."""
        path = f"deployments/{self.deployment(name)['id']}/create_flow_run"
        return self.post(path, parameters=parameters)

    def task_runs(self, flow_run: dict[str, Any]) -> list[dict[str, Any]]:
        """The task runs of a flow run; they arrive a moment after it."""
        deadline = time.monotonic() + WITHIN_S
        found: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            found = self.asked(
                "task_runs/filter", flow_runs={"id": {"any_": [flow_run["id"]]}}, limit=200
            )
            if found and all(run["state_type"] in ("COMPLETED", "FAILED") for run in found):
                return found
            time.sleep(0.2)
        return found
