"""The emulator's own routes, its process and its socket."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest
from emulator_fixture import KEY, NOW

from pipelines.emulator.app import Options, Running, running, serve
from pipelines.emulator.clock import Clock
from pipelines.emulator.faults import Fault

LIST = "/v1/checkout/sessions"


def test_the_clock_is_moved_over_http_without_a_key(start: Callable[..., Running]) -> None:
    own = start()
    moved = httpx.post(f"{own.url}/_emulator/advance", params={"seconds": "90.5"})
    assert moved.json() == {"now": NOW + 90.5}
    assert own.now == NOW + 90.5
    for bad in ("-1", "nan", "inf", "soon", ""):
        refused = httpx.post(f"{own.url}/_emulator/advance", params={"seconds": bad})
        assert refused.status_code == 400
    assert own.now == NOW + 90.5
    assert httpx.get(f"{own.url}/_emulator/advance").status_code == 404


def test_requests_are_counted_by_route_and_status(start: Callable[..., Running]) -> None:
    own = start()
    with httpx.Client(base_url=own.url, auth=(KEY, "")) as http:
        http.get(f"{LIST}?limit=3")
        http.get(f"{LIST}?limit=100&created[gt]={NOW}")
        http.get(f"{LIST}?foo=1")
        http.get(f"{LIST}/cs_test_x")
        http.get("/v1/foo")
        httpx.get(own.url + LIST)
        stats = http.get("/_emulator/stats").json()
        assert stats.pop("now") == NOW
        assert stats == own.stats()
        assert stats == {
            "requests": 6,
            "refusals": 4,
            "list_pages": 2,
            "sessions_listed": 3,
            "routes": {
                f"GET {LIST}": {"200": 2, "400": 1, "401": 1},
                f"GET {LIST}/{{id}}": {"404": 1},
                "GET other": {"404": 1},
            },
            "faults": {},
        }
        assert http.get("/_emulator/requests").json() == [
            {"query": "limit=3", "rows": 3},
            {"query": f"limit=100&created[gt]={NOW}", "rows": 0},
        ]
        http.post("/_emulator/reset")
    assert own.stats()["requests"] == 0
    assert own.requests() == []


def test_a_clock_runs_in_real_time_unless_frozen() -> None:
    running_clock, frozen = Clock(100.0), Clock(100.0, frozen=True)
    first = running_clock.now()
    while running_clock.now() == first:
        pass
    assert first >= 100
    assert frozen.now() == 100
    assert frozen.advance(5) == 105
    with pytest.raises(ValueError, match="seconds"):
        frozen.advance(-1)


def test_a_taken_port_is_an_error_of_the_caller(start: Callable[..., Running]) -> None:
    taken = int(start().url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"), running(Options(port=taken, sessions=1)):
        pass
    with pytest.raises(OSError, match="in use"):
        serve(Options(port=taken, sessions=1), lambda _: None)


def test_it_listens_on_loopback_alone(start: Callable[..., Running]) -> None:
    url = start().url
    assert url.startswith("http://127.0.0.1:")
    port = int(url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match=r"."), socket.create_connection(("127.0.0.2", port), 1):
        pass


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_quietly(stop: signal.Signals) -> None:
    code = (
        "from pipelines.emulator.app import Options, serve;"
        "serve(Options(sessions=10), lambda url: print(url, flush=True)); print('ended')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx.Client(base_url=url, auth=("sk_test_x", "")) as http:
            assert http.get(LIST).status_code == 200  # its connection stays open
            process.send_signal(stop)
            out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("ended\n", "", 0)


@pytest.mark.parametrize(
    "bad", [{"sessions": -1}, {"days": 0}, {"late_s": -1}, {"requests_per_second": -1}]
)
def test_options_that_make_no_shop_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Options(**bad)


def test_faults_are_ordered_by_share_or_by_number_and_counted(
    start: Callable[..., Running],
) -> None:
    own = start(faults=(Fault.of("503@2"), Fault.of("html@3")))
    with httpx.Client(base_url=own.url, auth=(KEY, "")) as http:
        assert [http.get(LIST).status_code for _ in range(4)] == [200, 503, 200, 200]
        assert own.stats()["faults"] == {"503": 1, "html": 1}
        http.post("/_emulator/faults", data={"fault": "500=1"}).raise_for_status()
        assert [http.get(LIST).status_code for _ in range(3)] == [500, 500, 500]
        own.fault("429=0.5")
        often = [http.get(LIST).status_code for _ in range(60)]
        assert 15 < often.count(429) < 45
        own.fault("429=0.5")
        assert [http.get(LIST).status_code for _ in range(60)] == often
        own.fault()
        assert http.get(LIST).status_code == 200
        bad = http.post("/_emulator/faults", data={"fault": "nonsense=1"})
        assert bad.status_code == 400


@pytest.mark.parametrize(
    "text",
    [
        "",
        "503",
        "503=",
        "503=1.1",
        "503=-1",
        "503=nan",
        "503@0",
        "503@x",
        "nonsense=1",
        "503=0.1.2",
    ],
)
def test_a_fault_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|no fault is named"):
        Fault.of(text)


def test_shares_of_more_than_all_are_refused(start: Callable[..., Running]) -> None:
    with pytest.raises(ValueError, match="more than 1"):
        start(faults=(Fault.of("503=0.6"), Fault.of("500=0.6")))
