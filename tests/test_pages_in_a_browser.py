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
from explorer_page import IN_THE_DEMO, demo_pages, own_pages, shared_demo
from server_process import running_server

pytestmark = pytest.mark.slow

AXE = "axe-core@4.14.1"
# kept between runs, outside of the checkout
AXE_FOLDER = Path(tempfile.gettempdir()) / "federation-axe-core"
NPM_SECONDS = 60
# the first is a window of 1280 at 400 %
WIDTHS = (320, 390, 768, 1440)
SCHEMES = {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 24, 29)"}
# bytes of a page of ours with its stylesheet and script
LIMIT = 80_000
FAILED_RUN = "/federation/recipe_runs/{failed}"
PAGES = [*demo_pages(), FAILED_RUN]

# what a browser says of the page of an error
FAILED = "400 (Bad Request)"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with running_server(shared_demo(tmp_path_factory)) as server:
        yield server.url


@pytest.fixture(scope="module")
def failed(url) -> int:
    """The id of a recipe run that failed."""
    with urllib.request.urlopen(f"{url}/recipe_runs?status=failure&_size=1") as response:
        return json.load(response)[0]["id"]


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


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_at_each_width_in_both_themes_and_axe_objects_to_nothing(visit, failed, axe, path):
    page = visit.open(path.format(failed=failed), WIDTHS[0])
    if path == "/docs":
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


def test_each_page_works_without_javascript(opened, failed, url):
    with visitor(opened, url, java_script_enabled=False) as reader:
        for path in PAGES:
            page = reader.open(path.format(failed=failed), 390)
            assert page.locator("main h1").inner_text(), path
            assert page.locator("button[data-copy]:visible").count() == 0, path
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
    assert page.evaluate("document.activeElement.matches('a.skip')")
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
    page.locator("#swagger-ui .opblock-body .responses-table").first.wait_for()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width
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


def test_on_paper_a_time_is_an_instant_and_what_is_folded_is_left_out(visit):
    page = visit.open("/federation/feedstocks/northern-sea-ice-feedstock")
    page.emulate_media(media="print")
    after = page.evaluate("getComputedStyle(document.querySelector('.headline time'), '::after').content")
    assert page.locator(".headline time").first.get_attribute("title") in after
    assert page.locator("summary:visible").count() == 0
    assert page.locator(".site-header nav:visible").count() == 0
    page.emulate_media(media="screen")


def test_a_title_that_runs_from_right_to_left_keeps_its_order(visit):
    page = visit.open("/federation/feedstocks/northern-sea-ice-feedstock")
    begin, end = page.evaluate(
        """() => {
          const text = document.querySelector("h1").firstChild;
          text.data = "\u0628\u064a\u0627\u0646\u0627\u062a SST";
          return [[0, 3], [7, 10]].map(([from, to]) => {
            const range = document.createRange();
            range.setStart(text, from);
            range.setEnd(text, to);
            return range.getBoundingClientRect().x;
          });
        }"""
    )
    assert begin > end


LOADED = """
[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .map((each) => [each.name, each.encodedBodySize])
    .filter(([name]) => !name.endsWith("icon.svg"))
"""


def test_a_page_of_ours_takes_three_requests_and_80_kilobytes(opened, url):
    with visitor(opened, url) as first:
        # each as if it were the first that somebody opens
        first.page.context.new_cdp_session(first.page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        for path in own_pages({name: values[:1] for name, values in IN_THE_DEMO.items()}):
            loaded = first.open(path).evaluate(LOADED)
            assert len(loaded) == 3, (path, loaded)
            assert all(size > 0 for _, size in loaded), (path, loaded)
            assert sum(size for _, size in loaded) < LIMIT, (path, loaded)
