"""Keys stay secret, files stay private, and text never becomes SQL."""

import datetime as dt
import ipaddress
import json
import os
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from installation import Installation, one_line
from mistreated import wait_until
from truth_shop import NOW, Handmade, Place, handmade, http_date

from pipelines.emulator.app import Running
from pipelines.runs import Options
from pipelines.stripe_api import Patience

Start = Callable[..., Running]
Install = Callable[..., Place]
Tried = Callable[[str], None]

SECRET = "sk_test_51VerySecretKeyOfThisTest"


def holders(folder: Path) -> list[Path]:
    """The files below a folder that hold the key in some form."""
    forms = [SECRET.encode(), SECRET.encode("utf-16-le"), SECRET.removeprefix("sk_test_").encode()]
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    ]


def test_the_key_is_in_no_output_file_log_or_argument(start: Start, install: Install) -> None:
    emulator = start()
    place = install(emulator.url, stripe__retry_for_s=0)
    key = {"STRIPE_API_KEY": SECRET}
    commands = [["sync"], ["list", "--starting-after", "cs_x"], ["verify", "--json"]]
    commands += [["sql", "select * from duckdb_settings(), getenv('STRIPE_API_KEY')"]]
    for command in commands:
        done = place.run(*command, "--debug", **key)
        assert SECRET not in done.out + done.err
    emulator.fault("500=1")
    done = place.run("verify", "--debug", **key)
    assert done.code == 3
    assert "Traceback" in done.err or "tried" in done.err or "given up" in done.err
    assert SECRET not in done.out + done.err
    # A key that isn't accepted is echoed by nobody, whatever the API says of it.
    emulator.fault()
    wrong = f"{SECRET}-"
    done = place.run("sync", "--debug", STRIPE_API_KEY=wrong)
    assert done.code == 3
    assert wrong not in done.out + done.err
    assert holders(place.folder) == []


def test_the_key_is_no_argument_of_a_process_that_runs(start: Start, install: Install) -> None:
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("processes' arguments can't be read here")
    emulator = start()
    emulator.fault("hang=1")
    place = install(emulator.url)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "sync"],
        cwd=place.folder, env={**os.environ, "STRIPE_API_KEY": SECRET},
    )  # fmt: skip
    try:
        wait_until(lambda: bool(emulator.stats()["faults"]))
        for words in Path("/proc").glob(f"{process.pid}/**/cmdline"):
            assert SECRET.encode() not in words.read_bytes()
    finally:
        process.kill()
        process.wait()


def test_the_key_is_not_in_the_log_that_a_kill_leaves(start: Start, install: Install) -> None:
    place = install(start().url)
    code = "import sys, os, doomed_process as doomed\n"
    code += "doomed.killed_at(sys.argv[1], ['sync'], dict(os.environ), 'commit', 'after')"
    folders = [Path(__file__).parent, Path(__file__).parents[1] / "truth"]
    environ = {"STRIPE_API_KEY": SECRET, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    process = subprocess.run(
        [sys.executable, "-c", code, str(place.folder)], env={**os.environ, **environ}, check=False
    )
    assert process.returncode == -9
    log = place.warehouse.with_name(f"{place.warehouse.name}.wal")
    assert log.stat().st_size > 0
    assert holders(place.folder) == []
    for file in (place.warehouse, log):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_written_is_for_its_owner_alone(start: Start, install: Install) -> None:
    emulator = start()
    place = install(emulator.url, warehouse__path="a/b/warehouse.duckdb")
    before = os.umask(0o022)
    try:
        assert place.call("sync").code == 0
        asked = place.call("sql", "select 1", "-o", "answer.csv")
        assert asked.code == 0, asked
    finally:
        os.umask(before)
    for path, mode in (("a", 0o700), ("a/b", 0o700), ("a/b/warehouse.duckdb", 0o600)):
        assert stat.S_IMODE((place.folder / path).stat().st_mode) == mode, path
    assert stat.S_IMODE((place.folder / "answer.csv").stat().st_mode) == 0o600


class Echo(httpx.BaseTransport):
    """An API that says the key wherever it can say something."""

    def __init__(self, status: int, key: str) -> None:
        self.status = status
        self.key = key
        self.hosts: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append(request.url.host)
        said = f"Invalid key {self.key}"
        error = {"message": said, "type": said, "code": self.key, "param": self.key}
        headers = {
            "Request-Id": self.key,
            "Date": http_date(NOW) if self.status != 299 else self.key,
            "Stripe-Rate-Limited-Reason": self.key,
            "Location": f"https://elsewhere.example/{self.key}",
        }
        return httpx.Response(
            self.status, json={"error": error, "object": self.key, "has_more": False, "data": []},
            headers=headers, extensions={"reason_phrase": self.key.encode()},
        )  # fmt: skip


@pytest.mark.parametrize(
    "status", [200, 204, 299, 301, 302, 303, 307, 308, 400, 401, 403, 404, 429, 500]
)
def test_what_the_api_says_is_shown_without_the_key_and_no_redirect_is_followed(
    status: int, install: Install, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", SECRET)
    caplog.set_level(0)
    place = install("https://api.example", stripe__retry_for_s=0)
    api = Echo(status, SECRET)
    report = place.sync(Options(transport=api))
    assert report.error is not None
    assert report.error.exit_code == 3
    assert set(api.hosts) == {"api.example"}
    logged = [r.getMessage() for r in caplog.records if r.name.startswith("pipelines")]
    told = json.dumps(report.as_json()) + repr((report.error, vars(report.error), logged))
    assert SECRET not in told
    assert holders(place.folder) == []


@pytest.fixture
def unverified(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """An https server whose certificate nobody vouches for, and the paths it was asked for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.tried("a server whose certificate can't be verified")
def test_a_certificate_that_nobody_vouches_for_ends_a_run_at_once(
    unverified: tuple[str, list[str]], install: Install, tried: Tried
) -> None:
    url, asked = unverified
    place = install(url, stripe__retry_for_s=300)
    report = place.sync(Options(patience=Patience(first_backoff_s=0.01)))
    assert report.error is not None
    assert report.error.exit_code == 3
    assert "certificate" in report.error.message
    assert report.retries == 0
    assert asked == []
    tried(f"exit {report.error.exit_code} at once; no key is sent")


def test_sql_may_do_more_only_where_it_is_said_to_be_unsafe(start: Start, tmp_path: Path) -> None:
    place = Installation(tmp_path / "asked", start().url)
    assert place.call("sync", STRIPE_API_KEY=SECRET).code == 0
    for statement in (
        "create table mine as select 42 as answer",
        "copy mine to 'mine.csv'",
        "select * from read_csv('mine.csv')",
        "attach 'other.duckdb' as other",
        "drop table mine",
    ):
        refused = place.call("sql", statement)
        assert refused.code == 2
        one_line(refused.err)
        done = place.call("sql", "--unsafe", statement)
        assert done.code == 0, done
    assert (place.folder / "mine.csv").read_text() == "answer\n42\n"
    assert place.call("sql", "select * from mine").code == 2


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
attacks = st.sampled_from(
    [
        "'; drop table checkout_sessions; --",
        "\"; attach 'x' as y; --",
        "$1 $account $$",
        "{path} %s {0}",
        "\\u0027\\",
        "'' or 1=1 --",
        "]}{[",
    ]
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@example(values=["client_secret"])
@given(values=st.lists(texts | attacks, min_size=1, max_size=6))
def test_whatever_a_session_says_is_stored_as_it_is_and_asked_for_as_a_parameter(
    values: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    sessions = [
        handmade(n, NOW - 1_000 - n, client_reference_id=v, metadata={v: v}, currency=v, status=v)
        for n, v in enumerate(values)
    ]
    folder = tmp_path_factory.mktemp("attacked")
    place = Place(folder, sync__reread_ratio=0)
    report = place.sync(Options(transport=Handmade(lambda _: sessions, NOW)))
    assert report.outcome == "completed"
    found = place.rows(
        "select client_reference_id, metadata[client_reference_id], status"
        " from checkout_sessions order by created desc"
    )
    # A credential's name is the one key that is never stored, in metadata either.
    assert found == [(v, None if v == "client_secret" else v, v) for v in values]
    asked = Installation(folder / "asked", "http://127.0.0.1:9")
    (asked.folder / "data").mkdir()
    os.link(place.warehouse, asked.warehouse)
    done = asked.call(
        "sql", "select count(*) as n from checkout_sessions where client_reference_id = $v",
        "--param", f"v={values[0]}", "--format", "json",
    )  # fmt: skip
    assert json.loads(done.out) == [{"n": values.count(values[0])}]


@pytest.mark.parametrize(
    "name",
    ["'; drop table x; --", "a b", "../a", 'a"b', "a;b", "$a", "", "a" * 65, "ä", "-a", "a\n"],
)
def test_an_account_name_that_could_be_more_than_a_name_is_refused(
    name: str, tmp_path: Path
) -> None:
    place = Installation(tmp_path / "named", "http://127.0.0.1:9", accounts=[{"name": name}])
    done = place.call("sync", STRIPE_API_KEY=SECRET)
    assert done.code == 2
    assert "name" in one_line(done.err)


@pytest.mark.parametrize(
    "path", ["md:mine", ":memory:", "a'; attach 'x", "http://x/y.duckdb", "a?b=c"]
)
def test_a_path_that_duckdb_could_take_for_something_else_is_a_file_in_its_folder(
    path: str, start: Start, install: Install
) -> None:
    place = install(start(sessions=20).url, warehouse__path=path)
    report = place.sync()
    assert report.outcome == "completed", report.error
    assert (place.folder / path).is_file()
