"""The site that `make docs` has built: its links lead somewhere, and a browser shows it without errors."""

import functools
import shutil
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

import skmtl

SITE = Path(__file__).parent / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE, SCREEN = 400, 1300
ESTIMATORS = [f"api/skmtl.{name}.html" for name in skmtl.__all__ if name.startswith("MultiTaskNet")]
PAGES = ["index.html", "getting_started.html", "gallery/index.html", "gallery/04_sharing.html", *ESTIMATORS]


class Page(HTMLParser):
    """What a page can be linked to by, and what it links to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        self.links |= {value for name in ("href", "src") if (value := given.get(name))}


def broken_links(path: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Links of a page to files or anchors of the site that do not exist."""
    for link in pages[path].links:
        if urlsplit(link).scheme or link.startswith("//"):
            continue
        address, anchor = urldefrag(link)
        target = (path.parent / unquote(urlsplit(address).path)).resolve() if address else path
        if not target.exists():
            yield f"{path.relative_to(SITE)} -> {link}: no such file"
        elif anchor and target in pages and unquote(anchor) not in pages[target].anchors:
            yield f"{path.relative_to(SITE)} -> {link}: no such anchor"


def test_links_inside_the_site_lead_to_pages_and_anchors() -> None:
    # Files of the theme have pages for its own tests.
    pages = {path: Page(path) for path in SITE.rglob("*.html") if "_static" not in path.parts}
    assert len(pages) > 200
    assert [line for path in pages for line in broken_links(path, pages)] == []


def test_every_example_has_a_picture() -> None:
    for example in (SITE / "gallery").glob("[0-9][0-9]_*.html"):
        assert any("sphx_glr" in link and "thumb" not in link for link in Page(example).links), example.name


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing of requests."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the site is served while the tests run: scripts of pages that are opened as files may load nothing."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(SITE))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's own Chromium without a window; nothing is downloaded."""
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip(f"no browser: needs chromedriver and one of {', '.join(BROWSERS)} (Debian: chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


def open_page(browser: Any, url: str, width: int = SCREEN) -> None:
    """Open a page that is as wide as told, and check that its scripts and files loaded."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(url)
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_without_errors_and_fits_a_phone(browser: Any, address: str, page: str) -> None:
    open_page(browser, address + page)
    heading = browser.find_element("css selector", "main h1").text
    assert heading.split("#")[0].strip() in browser.title + " skmtl"
    open_page(browser, address + page, PHONE)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE
    text = browser.find_element("css selector", "main p")
    assert float(text.value_of_css_property("font-size").removesuffix("px")) >= 12


def test_pictures_of_an_example_are_shown(browser: Any, address: str) -> None:
    open_page(browser, address + "gallery/04_sharing.html")
    pictures = browser.find_elements("css selector", "main img")
    shown = [
        browser.execute_script("return arguments[0].complete && arguments[0].naturalWidth", img) for img in pictures
    ]
    assert pictures
    assert all(width > 100 for width in shown)


def test_what_is_typed_into_the_search_box_is_found(browser: Any, address: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    open_page(browser, address + "index.html")
    browser.find_element("css selector", ".navbar-persistent--container .search-button-field").click()
    field = browser.find_element("css selector", "#pst-search-dialog input[type=search]")
    field.send_keys("loss_weights\n")
    results = "#search-results li a[href*=loss_weights]"  # they come one after another
    WebDriverWait(browser, 60).until(lambda b: b.find_elements("css selector", results))
