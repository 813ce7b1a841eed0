"""Each page in a real browser: no scrolling sideways, no error, no request to elsewhere, nothing for axe-core to find.

Skipped, in one line, where there is no Chromium; the checks of axe-core also where npm cannot fetch it.
"""

import json
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

import pytest
from browsing import HEIGHT, browser, visitor
from datasette.utils import tilde_encode
from explorer_page import shared_demo
from federation.demo import DEMO_BAKERY
from server_process import running_server

AXE = "axe-core@4.14.1"
# kept between runs, outside of the checkout
AXE_FOLDER = Path(tempfile.gettempdir()) / "federation-axe-core"
NPM_SECONDS = 60
WIDTHS = (390, 768, 1440)
SCHEMES = {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 24, 29)"}
# bytes of a page of ours with its stylesheet and script
LIMIT = 80_000
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
    "query that failed": "/federation?sql=delete+from+recipe_runs",
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

# what a browser says of the page of an error
FAILED = "400 (Bad Request)"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with running_server(shared_demo(tmp_path_factory)) as server:
        yield server.url


@pytest.fixture(scope="module")
def pages(url) -> dict[str, str]:
    """Name -> address."""
    with urllib.request.urlopen(f"{url}/recipe_runs?status=failure&_size=1") as response:
        failed = json.load(response)[0]["id"]
    return {name: path.format(failed=failed) for name, path in PAGES.items()}


@pytest.fixture(scope="module")
def opened(url):
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def visit(opened, url):
    with visitor(opened, url) as made:
        yield made


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


def prepare_axe(page, axe: str) -> None:
    """Axe cannot tell the contrast of text over a gradient: without the shades at the edges it can."""
    page.evaluate(axe)
    page.evaluate(
        """() => {
          const plain = new CSSStyleSheet();
          plain.replaceSync(".table-wrapper, pre { background-image: none !important; }");
          document.adoptedStyleSheets.push(plain);
        }"""
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_at_each_width_in_both_themes_and_axe_objects_to_nothing(visit, pages, axe, name):
    page = visit.open(pages[name], WIDTHS[0])
    if name == "API":
        page.locator("#swagger-ui .opblock-tag").first.wait_for()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width
    # a DOM is the same in both themes: what differs is the contrast
    prepare_axe(page, axe)
    for scheme, rules in (("light", None), ("dark", ["color-contrast"])):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == SCHEMES[scheme]
        options = {"runOnly": rules} if rules else {}
        options["resultTypes"] = ["violations"]
        violations = page.evaluate("options => axe.run(options).then(results => results.violations)", options)
        assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in violations] == [], scheme
    assert visit.faults(FAILED) == []


def test_each_page_works_without_javascript(opened, pages, url):
    with visitor(opened, url, java_script_enabled=False) as reader:
        for name, path in pages.items():
            page = reader.open(path, 390)
            assert page.locator("main h1").inner_text(), name
            assert page.locator("button[data-copy]:visible").count() == 0, name
        assert reader.faults(FAILED) == []


def tab_to(page, selector: str) -> None:
    """Press Tab until it is there, and visibly so."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
    raise AssertionError(f"80 times Tab do not reach {selector}")


def test_by_keyboard_alone_from_home_to_the_log_of_a_failed_run(visit):
    page = visit.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    tab_to(page, ".rows a[href*='/recipe_runs/']")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator(".headline .status-failure, .headline .status-timed_out").count() == 1
    tab_to(page, "a[rel~=noopener][href*='logs.']")


def test_the_menu_of_a_column_by_keyboard(visit):
    page = visit.open("/federation/recipe_run_summaries?_size=5")
    icon = "th[data-column=commit] .dropdown-menu-icon"
    tab_to(page, icon)
    page.keyboard.press("Enter")
    assert page.locator(icon).get_attribute("aria-expanded") == "true"
    focused = "document.activeElement.textContent"
    assert page.evaluate(focused) == "Sort ascending"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "Sort descending"
    page.keyboard.press("Escape")
    assert page.locator(".dropdown-menu").is_hidden()
    assert page.locator(icon).get_attribute("aria-expanded") == "false"
    assert page.evaluate("selector => document.activeElement.matches(selector)", icon)
    page.keyboard.press(" ")
    # who goes back beyond the first is at the column again
    page.keyboard.press("Shift+Tab")
    assert page.locator(".dropdown-menu").is_hidden()
    page.keyboard.press("Enter")
    while page.evaluate(focused) != "Facet by this":
        page.keyboard.press("ArrowDown")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator("#facet-commit li").count() > 1
    with page.expect_navigation():
        page.locator("#facet-status a").first.click()
    assert "status=success" in page.url
    assert visit.faults() == []


def test_the_menu_of_a_column_by_pointer_stays_on_the_page(visit):
    page = visit.open("/federation/recipe_run_summaries?_size=5", 390)
    icon = page.locator("th[data-column=bakery_id] .dropdown-menu-icon")
    # scrolling the table closes the menu, a frame later
    icon.scroll_into_view_if_needed()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    icon.click()
    menu = page.locator(".dropdown-menu").bounding_box()
    assert menu["x"] >= 0 and menu["x"] + menu["width"] <= 390
    page.locator("h1").click()
    assert page.locator(".dropdown-menu").is_hidden()
    assert visit.faults() == []


def test_the_sql_editor_works_under_the_policy(visit):
    page = visit.open("/federation")
    assert page.locator(".CodeMirror").count() == 1
    page.locator("#sql-format").click()
    page.evaluate("document.querySelector('.CodeMirror').CodeMirror.setValue('select 6 * 7 as answer')")
    with page.expect_navigation():
        page.locator("input[type=submit][value='Run SQL']").click()
    assert page.locator("td.col-answer").inner_text() == "42"
    assert visit.faults() == []


def test_the_documentation_of_the_api_opens(visit, axe):
    page = visit.open("/docs")
    page.locator("#swagger-ui .opblock-tag").first.click()
    page.locator("#swagger-ui .opblock-summary-control").first.click()
    page.locator("#swagger-ui .opblock-body").first.wait_for()
    prepare_axe(page, axe)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        violations = page.evaluate("axe.run().then(results => results.violations)")
        assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in violations] == [], scheme
    assert visit.faults() == []


def test_a_button_copies_the_code_beside_it(visit):
    page = visit.open("/federation/datasets/1")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("button[data-copy=url]").click()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#url").inner_text()
    # and covers none of it, on a phone neither
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        code, button = (page.locator(f".copied > {each}").first.bounding_box() for each in ("pre", "button"))
        assert code["x"] + code["width"] <= button["x"], width


def test_a_page_of_ours_takes_three_requests_and_80_kilobytes(opened, url, pages):
    for name in ("home", "feedstock", "recipe run", "dataset", "bakery", "maintainer"):
        # of its own, so that nothing is in its cache
        with visitor(opened, url) as first:
            asked = []
            first.page.on("requestfinished", lambda request, seen=asked: seen.append(request))
            first.open(pages[name])
            loaded = [request for request in asked if not request.url.endswith("icon.svg")]
            assert len(loaded) <= 3, (name, [request.url for request in loaded])
            assert sum(request.sizes()["responseBodySize"] for request in loaded) < LIMIT, name
