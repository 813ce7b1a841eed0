"""Atom feeds and the badge of a feedstock."""

from xml.etree import ElementTree

import pytest
from conftest import BAKERY
from pangeo_forge_federation.storage.database import transaction
from pangeo_forge_federation.values.statuses import WORDS

pytest_plugins = ["demo_fixtures"]

FEEDSTOCK = "northern-sea-ice-feedstock"


@pytest.mark.parametrize(
    ("path", "entries"),
    [("/feed.atom", 50), (f"/feedstocks/{FEEDSTOCK}/feed.atom", 50), (f"/bakeries/{BAKERY}/feed.atom", 50)],
)
async def test_a_feed_is_atom(demo, path, entries):
    response = await demo.client.get(path)
    assert response.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = ElementTree.fromstring(response.content)
    atom = "{http://www.w3.org/2005/Atom}"
    found = feed.findall(f"{atom}entry")
    assert len(found) == entries
    assert {each.find(f"{atom}category").get("term") for each in found} <= {"success", "failure", "timed_out"}
    assert len({each.find(f"{atom}id").text for each in found}) == entries
    for each in (feed, *found):
        assert all(each.find(f"{atom}{name}") is not None for name in ("id", "title", "updated", "link"))
    not_modified = await demo.client.get(path, headers={"If-None-Match": response.headers["etag"]})
    assert not_modified.status_code == 304


async def test_a_badge_says_the_status_of_the_latest_run(demo, connection):
    for feedstock in (await demo.client.get("/feedstocks")).json():
        response = await demo.client.get(f"/feedstocks/{feedstock['id']}/badge.svg")
        assert response.headers["content-type"] == "image/svg+xml; charset=utf-8"
        title = ElementTree.fromstring(response.content).find("{http://www.w3.org/2000/svg}title").text
        status = feedstock["latest_recipe_run_status"]
        word = "stale" if feedstock["latest_recipe_run_is_stale"] else WORDS[status] if status else "no run yet"
        assert title == f"pangeo forge: {word}"


async def test_what_belongs_to_a_feedstock_that_moved_is_redirected_to(datasette, connection):
    with transaction(connection):
        connection.execute("insert into feedstocks (id, repository) values ('new-feedstock', 'example/new-feedstock')")
        connection.execute(
            "insert into feedstock_aliases values ('old-feedstock', 'new-feedstock', '2026-11-24T03:25:00.000000Z')"
        )
    for end in ("badge.svg", "feed.atom"):
        response = await datasette.client.get(f"/feedstocks/old-feedstock/{end}")
        assert response.status_code == 308
        assert response.headers["location"].endswith(f"/feedstocks/new-feedstock/{end}")
        assert (await datasette.client.get(f"/feedstocks/no-feedstock/{end}")).status_code == 404
    page = (await datasette.client.get("/federation/feedstocks/old-feedstock")).text
    assert 'href="/federation/feedstocks/new-feedstock"' in page
