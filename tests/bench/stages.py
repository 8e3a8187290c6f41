"""Where a load's CPU goes: one sync in this process, timed thread by thread.

Run in a process of its own: `python -m tests.bench.stages`; prints CPU seconds a stage. What is
measured is the thread time between the surfaces of a run: the transport under a request, the fetch
of a window, the progress told after each load.
"""

import json
import threading
import time

import httpx

from pipelines import config, runs
from pipelines.budget import Budget
from pipelines.fetch import Fetched
from pipelines.pipeline import Fetch, Options, Progress
from pipelines.windows import Window


class Meter(httpx.BaseTransport):
    """Adds up what each stage takes, in CPU seconds of whichever thread is in it."""

    def __init__(self) -> None:
        self.transport_s = self.fetch_s = self.load_s = 0.0
        self._http = httpx.HTTPTransport(trust_env=False, limits=httpx.Limits(max_connections=None))
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read its response, still compressed."""
        began = time.thread_time()
        response = self._http.handle_request(request)
        body = b"".join(response.iter_raw())
        response.close()
        with self._lock:
            self.transport_s += time.thread_time() - began
        return httpx.Response(
            response.status_code, headers=response.headers, stream=httpx.ByteStream(body)
        )

    def wrap(self, fetch: Fetch) -> Fetch:
        """Measure the fetch of each window."""

        def measured(window: Window, budget: Budget) -> Fetched:
            began = time.thread_time()
            fetched = fetch(window, budget)
            with self._lock:
                self.fetch_s += time.thread_time() - began
            return fetched

        return measured

    def loaded(self, _: Progress) -> None:
        """Note what the loads have taken by now; called in the thread that does them all."""
        self.load_s = time.thread_time()


def main() -> None:
    """Run the sync that the environment describes."""
    meter = Meter()
    settings = config.load()
    (account,) = settings.chosen([])
    started_s = time.process_time()
    options = Options(wrap=meter.wrap, progress=meter.loaded, transport=meter)
    report = runs.sync(settings, account, options)
    assert report.outcome == "completed", report
    run_s = time.process_time() - started_s
    stages = {
        "start-up": started_s,
        "HTTP": meter.transport_s,
        "gunzip, decode, check, columns": meter.fetch_s - meter.transport_s,
        "load": meter.load_s,
        "the rest": run_s - meter.fetch_s - meter.load_s,
    }
    print(json.dumps(stages))


if __name__ == "__main__":
    main()
