"""Stored markup in a real browser: nothing of it runs, and what got onto a page all the same the policy refuses."""

import pytest
from browsing import browser, visitor
from hostile_registry import BAD_URL, HOSTILE, fill, pages
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path
from server_process import running_server

pytestmark = pytest.mark.slow

# what a page has none of
MARKUP = "a[href^='javascript:' i], img, [onload], [onerror], main script:not([src])"


@pytest.fixture(scope="module")
def paths() -> list[str]:
    return []


@pytest.fixture(scope="module")
def url(tmp_path_factory, paths):
    folder = tmp_path_factory.mktemp("hostile")
    prepare(folder)
    connection = connect(database_path(folder, FEDERATION))
    fill(connection)
    # what a view shows beyond its first columns is in test_hostile_text.py
    paths += [path for path in pages(connection) if "_columns=all" not in path]
    connection.close()
    with running_server(folder) as server:
        yield server.url


@pytest.fixture(scope="module")
def visit(url):
    with browser() as opened, visitor(opened, url) as made:
        yield made


def test_nothing_that_somebody_stored_runs(visit, paths):
    for path in paths:
        page = visit.open(path)
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        assert page.evaluate("window.executed") is None, path
        assert page.locator(MARKUP).count() == 0, path
        assert visit.faults("400 (Bad Request)") == [], path


def test_the_policy_refuses_what_got_onto_a_page_all_the_same(visit):
    page = visit.open("/")
    refused = page.evaluate(
        """
        ([markup, address]) => new Promise((resolve) => {
          const refused = [];
          document.addEventListener("securitypolicyviolation", (event) => {
            refused.push(event.effectiveDirective);
            if (refused.length === 4) resolve(refused);
          });
          // an event handler of an image and of a drawing, a script, and a link
          document.body.insertAdjacentHTML("beforeend", markup);
          const script = document.createElement("script");
          script.textContent = "window.executed = 1";
          document.body.append(script);
          const link = document.createElement("a");
          link.href = address;
          document.body.append(link);
          link.click();
        })
        """,
        [HOSTILE, BAD_URL],
    )
    assert set(refused) <= {"script-src-attr", "script-src-elem"}
    assert page.evaluate("window.executed") is None
