"""Each page in a real browser: no scrolling sideways, no error, no request to elsewhere, nothing for axe-core to find.

Skipped, in one line, where there is no Chromium; the checks of axe-core also where npm cannot fetch it.
"""

import contextlib
import json
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

import pytest
from datasette.utils import tilde_encode
from federation.demo import DEMO_BAKERY, ensure_demo
from server_process import running_server

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("there is no Chromium on this machine", allow_module_level=True)

AXE = "axe-core@4.14.1"
# kept between runs, outside of the checkout
AXE_FOLDER = Path(tempfile.gettempdir()) / "federation-axe-core"
NPM_SECONDS = 60
WIDTHS = (390, 768, 1440)
SCHEMES = ("light", "dark")
PAGES = {
    "home": "/",
    "feedstock": "/federation/feedstocks/northern-sea-ice-feedstock",
    "feedstock that failed": "/federation/feedstocks/upper-ocean-reanalysis-feedstock",
    "feedstock with problems": "/federation/feedstocks/coupled-model-archive-feedstock",
    "recipe run": "/federation/recipe_runs/1",
    "recipe run that failed": "/federation/recipe_runs/{failed}",
    "dataset": "/federation/datasets/1",
    "bakery": f"/federation/bakeries/{tilde_encode(DEMO_BAKERY)}",
    "maintainer": "/federation/maintainers/maren-solvik-ice",
    "statistics": "/-/statistics",
    "search": "/-/search?q=ice",
    "API": "/docs",
    "SQL": "/federation",
    "query": "/federation?sql=select+*+from+recipe_runs+limit+5",
    "canned query": "/federation/recipe_runs_by_day?bakery_id=osn.bakery.campus",
    "feedstocks": "/federation/feedstock_summaries",
    "runs": "/federation/recipe_run_summaries?status=failure&_size=20",
    "datasets": "/federation/dataset_summaries",
    "bakeries": "/federation/bakery_summaries",
    "maintainers": "/federation/maintainer_summaries",
    "problems": "/federation/problems",
    "table": "/federation/recipe_runs?_size=20",
    "row": "/federation/recipes/1",
    "not found": "/federation/feedstocks/nothern-sea-ice",
    "versions": "/-/versions",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser") / "demo"
    ensure_demo(folder)
    with running_server(folder) as server:
        yield server.url


@pytest.fixture(scope="module")
def browser(url):
    """After the server: while playwright runs, no other event loop can, and the demo is made in one."""
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def failed(url) -> int:
    """The id of the newest run that failed."""
    with urllib.request.urlopen(f"{url}/recipe_runs?status=failure&_size=1") as response:
        return json.load(response)[0]["id"]


@pytest.fixture
def open_page(browser, url, failed):
    """A function that opens a path in a page of its own, and a list of what went wrong there."""
    with contextlib.ExitStack() as stack:

        def open_one(path: str, width: int = 1440, javascript: bool = True):
            context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=javascript)
            stack.callback(context.close)
            page = context.new_page()
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(f"error: {error}"))
            page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
            page.on(
                "request",
                lambda request: None if request.url.startswith((url, "data:", "blob:")) else faults.append(request.url),
            )
            page.goto(url + path.format(failed=failed), wait_until="load")
            # that the page itself is not there is what one of them is about
            faults[:] = [fault for fault in faults if "404 (Not Found)" not in fault]
            return page, faults

        yield open_one


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core."""
    source = AXE_FOLDER / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm, which fetches axe-core, is not installed")
        command = [npm, "install", "--prefix", str(AXE_FOLDER), "--no-audit", "--no-fund", "--ignore-scripts", AXE]
        try:
            done = subprocess.run(command, capture_output=True, timeout=NPM_SECONDS)
        except subprocess.TimeoutExpired:
            pytest.skip("npm takes too long to fetch axe-core")
        if done.returncode:
            pytest.skip("npm cannot fetch axe-core")
    return source.read_text("utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_at_each_width_in_both_themes(open_page, name):
    page, faults = open_page(PAGES[name])
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 24, 29)"}[scheme]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
    assert faults == []


@pytest.mark.parametrize("name", PAGES)
def test_axe_objects_to_nothing(open_page, axe, name):
    # the page of the API is Swagger UI's own work below its heading
    options = {"exclude": [["#swagger-ui"]]}
    page, _ = open_page(PAGES[name], 768)
    page.evaluate(axe)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        violations = page.evaluate("options => axe.run(options).then(results => results.violations)", options)
        found = [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in violations]
        assert found == [], scheme


@pytest.mark.parametrize("name", PAGES)
def test_a_page_works_without_javascript(open_page, name):
    page, faults = open_page(PAGES[name], 390, javascript=False)
    assert faults == []
    assert page.locator("main h1").inner_text()
    assert page.locator("button[data-copy]:visible").count() == 0


def test_by_keyboard_alone_from_home_to_the_log_of_a_failed_run(open_page):
    page, _ = open_page("/")

    def tab_to(selector: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none"
                return
        raise AssertionError(f"80 times Tab do not reach {selector}")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    tab_to(".rows a[href*='/recipe_runs/']")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator(".headline .status-failure, .headline .status-timed_out").count() == 1
    tab_to("a[rel~=noopener][href*='logs.']")


def test_the_menus_of_columns_and_facets_work_under_the_policy(open_page):
    page, faults = open_page("/federation/recipe_run_summaries")
    page.locator("th[data-column=commit] .dropdown-menu-icon").click()
    with page.expect_navigation():
        page.get_by_text("Facet by this").click()
    assert page.locator("#facet-commit li").count() > 1
    with page.expect_navigation():
        page.locator("#facet-status a.selected, #facet-status a").first.click()
    assert "status=success" in page.url
    assert faults == []


def test_the_sql_editor_works_under_the_policy(open_page):
    page, faults = open_page("/federation")
    editor = page.locator(".CodeMirror")
    assert editor.count() == 1
    page.locator("#sql-format").click()
    page.evaluate("document.querySelector('.CodeMirror').CodeMirror.setValue('select 6 * 7 as answer')")
    with page.expect_navigation():
        page.locator("input[type=submit][value='Run SQL']").click()
    assert page.locator("td.col-answer").inner_text() == "42"
    assert faults == []


def test_the_documentation_of_the_api_works_under_the_policy(open_page):
    page, faults = open_page("/docs")
    page.locator("#swagger-ui .opblock-tag").first.wait_for()
    page.locator("#swagger-ui .opblock-tag").first.click()
    page.locator("#swagger-ui .opblock").first.wait_for()
    assert faults == []


def test_a_button_copies_the_code_beside_it(open_page):
    page, _ = open_page("/federation/datasets/1")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("button[data-copy=url]").click()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#url").inner_text()


def test_a_page_of_ours_takes_three_requests_and_100_kilobytes(open_page, url):
    for name in ("home", "feedstock", "recipe run", "dataset", "bakery", "maintainer"):
        page, _ = open_page("/health")
        requests = []
        page.on("requestfinished", lambda request, seen=requests: seen.append(request))
        page.goto(url + PAGES[name], wait_until="load")
        asked = [request for request in requests if not request.url.endswith("icon.svg")]
        assert len(asked) <= 3, (name, [request.url for request in asked])
        assert sum(request.sizes()["responseBodySize"] for request in asked) < 100_000, name
