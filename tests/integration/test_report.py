"""The report in a real browser: plots are drawn, nothing is logged, nothing leaves the page."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from installation import NOW, Installation, one_line
from playwright.sync_api import Browser, Page, sync_playwright

from pipelines.emulator.app import Running

Start = Callable[..., Running]
Install = Callable[..., Installation]

CHROMIUM = shutil.which("chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
FLAGS += ("--disable-background-networking", "--disable-component-update")
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}

needs_browser = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no chromium on this machine; Debian's package has it, and CI installs it",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield started
        started.close()


@contextmanager
def opened(browser: Browser, file: Path, size: str = "desktop", **more: Any) -> Iterator[Page]:
    """The page, drawn; fails if it logs anything, or asks for anything but itself."""
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, **more)
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    if page.locator(".plot").count():
        page.wait_for_selector("body[data-drawn]", timeout=60_000)
    yield page
    page.mouse.wheel(0, 10_000)
    assert told == []
    assert asked == [file.as_uri()]
    page.close()


@pytest.fixture(scope="module")
def page_file(loaded: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    done = loaded.call("report", "-o", str(file))
    assert (done.code, done.err) == (0, "")
    assert str(file) in done.out
    return file


def marks(page: Page, plot: str) -> int:
    """How many shapes of some size a plot draws beside its frame."""
    shapes = page.locator(f"#plot-{plot} svg .role-mark path, #plot-{plot} svg .role-mark text")
    boxes = (shapes.nth(number).bounding_box() for number in range(shapes.count()))
    return sum(box is not None and box["height"] > 0.5 for box in boxes)


@needs_browser
@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_every_plot_is_drawn_and_fits(
    size: str, scheme: str, page_file: Path, browser: Browser
) -> None:
    with opened(browser, page_file, size, color_scheme=scheme) as page:
        plots = page.locator(".plot").count()
        assert plots >= 15
        assert page.locator(".plot svg").count() == plots
        assert int(page.locator("body").get_attribute("data-drawn") or 0) == plots
        for name in ("sessions", "conversion", "funnel", "abandonment", "countries", "coverage"):
            assert marks(page, name) > 0
        assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
        widths = page.evaluate(
            "[...document.querySelectorAll('.plot')].map(p => [p.clientWidth,"
            " p.querySelector('svg').getBoundingClientRect().width])"
        )
        assert all(inner <= outer + 1 for outer, inner in widths)
        colours = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor,"
            " getComputedStyle(document.body).color,"
            " getComputedStyle(document.querySelector('#plot-funnel svg .role-mark path')).fill]"
        )
        dark = sum(map(int, re.findall(r"\d+", colours[0])[:3])) < 3 * 128
        assert dark == (scheme == "dark")
        assert len(set(colours)) == 3


@needs_browser
def test_a_plot_tells_its_figures_under_the_mouse(page_file: Path, browser: Browser) -> None:
    with opened(browser, page_file) as page:
        page.locator("#plot-funnel svg .role-mark path").first.hover()
        tooltip = page.locator("#vg-tooltip-element")
        tooltip.wait_for(state="visible")
        assert "created" in tooltip.inner_text()


@needs_browser
def test_totals_are_those_of_the_warehouse(
    page_file: Path, loaded: Installation, browser: Browser
) -> None:
    ((created, completed, paid),) = loaded.rows(
        "select count(*), count(*) filter (where status = 'complete'),"
        " count(*) filter (where payment_status = 'paid') from checkout_sessions"
    )
    amounts = loaded.rows(
        "select upper(currency), sum(major(amount_total, currency)), minor_digits(currency)"
        " from checkout_sessions"
        " where payment_status = 'paid' group by currency"
    )
    with opened(browser, page_file) as page:
        cards = page.locator(".cards").inner_text()
        assert f"{created:,}" in cards
        assert f"{completed / created:.1%}" in cards
        assert f"{paid:,}" in cards
        table = page.locator("table").first.inner_text()
        for currency, amount, digits in amounts:
            assert re.search(rf"{currency}\s.*\s{amount:,.{digits}f}\s", table)


def test_a_range_and_an_account_can_be_chosen(loaded: Installation) -> None:
    first, end = "2026-09-10", "2026-09-12"
    done = loaded.call(
        *("report", "-o", "range.html", "--from", first, "--to", end, "--account", "default")
    )
    assert done.code == 0
    page = (loaded.folder / "range.html").read_text()
    created = loaded.value(
        "select count(*) from marts.sessions where created_date >= ? and created_date < ?",
        first,
        end,
    )
    assert f'<div class="figure">{created:,}</div>' in page
    assert "Created 2026-09-10 to 2026-09-11" in " ".join(page.split())
    done = loaded.call("report", "--account", "nobody")
    assert done.code == 2
    assert "nobody" in one_line(done.err)
    done = loaded.call("report", "--from", end, "--to", first)
    assert done.code == 2
    assert "--to" in one_line(done.err)
    for text in ("soon", "2026-1-1", "2026-09-10T12:00", ""):
        done = loaded.call("report", "--from", text)
        assert done.code == 2
        assert f"--from: expected a day such as 2026-10-01, got {text!r}" in one_line(done.err)


@needs_browser
def test_a_warehouse_without_sessions_gives_a_page_that_says_so(
    start: Start, install: Install, browser: Browser, loaded: Installation
) -> None:
    place = install(start(sessions=0, days_ahead=0, now=NOW).url)
    place.sync()
    assert place.call("report").code == 0
    with opened(browser, place.folder / "report.html") as page:
        assert "The warehouse has none yet" in page.inner_text("#empty")
    done = loaded.call("report", "-o", "none.html", "--from", "2031-01-01")
    assert done.code == 0
    with opened(browser, loaded.folder / "none.html") as page:
        assert "2031-01-01" in page.inner_text("#empty")


@needs_browser
def test_what_a_shop_calls_its_products_is_shown_and_not_run(
    loaded: Installation, tmp_path: Path, browser: Browser
) -> None:
    place = Installation(tmp_path / "odd", loaded.url)
    place.warehouse.parent.mkdir()
    shutil.copyfile(loaded.warehouse, place.warehouse)
    evil = "</script><script>document.title = 1</script><img src=x onerror=alert(1)>"
    place.change(f"update checkout_session_line_items set description = '{evil}'")
    place.change(f"update checkout_session_discounts set coupon = '{evil}'")
    assert place.call("report").code == 0
    with opened(browser, place.folder / "report.html") as page:
        assert page.title() == "Checkout Sessions"
        assert page.locator("img").count() == 0
        assert evil in page.inner_text("main")


def test_without_a_warehouse_there_is_no_page(install: Install) -> None:
    place = install("http://127.0.0.1:9")
    done = place.call("report")
    assert done.code == 5
    assert "no warehouse" in one_line(done.err)
    assert not (place.folder / "report.html").exists()


def test_a_page_that_cannot_be_written_is_one_line(loaded: Installation) -> None:
    done = loaded.call("report", "-o", "no/such/folder/report.html")
    assert done.code == 2
    assert "no/such/folder" in one_line(done.err)
