"""A status stands in one table: one that is added there, in a copy of this checkout, is everywhere.

    scripts/write-generated

writes the table of docs/bakeries.md anew, for when that of the code has changed; look at the diff.
"""

import os
import re
import shutil
import subprocess
import sys

import httpx
import pytest
from conftest import BAKERY, new_token
from database_rows import insert, schema_of
from forge_process import Forge
from pangeo_forge_federation.explorer.status_styles import STYLESHEET, status_styles
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path
from pangeo_forge_federation.storage.read_connections import connect_reader
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.statuses import DRAWINGS, STATUSES
from served import table_of
from server_process import running_server
from terminal import make_checkout

TABLE = "plugins/pangeo_forge_federation/values/statuses.py"
SCHEMA = "plugins/pangeo_forge_federation/storage/schema.py"
# what is added in the copy: an entry of the table, and a migration of existing databases
PAUSED = """
    Status(
        name="paused",
        word="on hold",
        meaning="it waits for somebody",
        is_final=False,
        severity=45,
        column=45,
        colour="#123456",
        dark_colour="#fedcba",
        terminal_colour="magenta",
        synonyms=("held",),
        drawing='<path d="M5 3v10M11 3v10"/>',
    ),
"""
MIGRATION = '''

@migrations()
def m999_paused(db: Database) -> None:
    """Runs that wait for somebody."""
    status_conditions.renew(db.conn)
'''
FEEDSTOCK, RECIPE = "northern-sea-ice-feedstock", "extent"
# on a page: its drawing and its word
SHOWN = (
    '<span class="status status-paused"><svg class="mark" aria-hidden="true"><use href="#mark-paused"/></svg>on hold'
)
RUN = {"recipe_id": RECIPE, "feedstock_id": FEEDSTOCK, "commit": "0f2c9a7d"}

PREPARE = """
import sys
from pathlib import Path
from pangeo_forge_federation.storage.data_folder import prepare
prepare(Path(sys.argv[1]))
"""
DEMO = """
from datetime import UTC, datetime
from pangeo_forge_federation.server.demo_runs import demo_recipe_runs
print({run["status"] for runs in demo_recipe_runs(datetime.now(UTC)).values() for run in runs})
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of this checkout with one more status, and what `scripts/write-generated` writes of it."""
    folder = make_checkout(tmp_path_factory.mktemp("paused") / "checkout")
    table, schema = (folder / name for name in (TABLE, SCHEMA))
    before, entries, after = table.read_text("utf-8").partition("\nSTATUSES = (\n")
    assert entries
    table.write_text(f"{before}{entries.rstrip()}{PAUSED}{after}", "utf-8")
    imported = "from pangeo_forge_federation.storage import status_conditions\n"
    code = schema.read_text("utf-8").replace("\nfrom pangeo_forge", f"\n{imported}from pangeo_forge", 1)
    schema.write_text(code + MIGRATION, "utf-8")
    for module in ("server.client_files", "explorer.status_styles"):
        run_python(folder, "-m", f"pangeo_forge_federation.{module}")
    return folder


def run_python(checkout, *arguments):
    """What a process prints that imports the copy."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "plugins")}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(empty_data, tmp_path_factory):
    """A data folder that was made before there was the status, with a run."""
    data = shutil.copytree(empty_data, tmp_path_factory.mktemp("statuses") / "data")
    connection = connect(database_path(data, FEDERATION))
    insert(connection, "bakeries", id=BAKERY)
    insert(connection, "feedstocks", id=FEEDSTOCK, repository=f"pangeo-forge/{FEEDSTOCK}")
    now = times.now()
    run = {**RUN, "bakery_id": BAKERY, "status": "success", "run_date": now, "created_at": now, "updated_at": now}
    insert(connection, "recipe_runs", **run)
    connection.close()
    return data


@pytest.fixture(scope="module")
def registry(checkout, folder):
    """(URL, token) of a registry of the copy over that folder, with a paused run."""
    token = new_token(folder)
    with running_server(folder, PYTHONPATH=str(checkout / "plugins")) as server:
        run = record(server.url, token, {"status": "HELD"}, 201)
        assert (run["status"], run["completed_at"], run["is_stale"]) == ("paused", None, False)
        yield server.url, token


@pytest.fixture
def forge(registry, checkout, tmp_path):
    """The copy's `forge`, in a process of its own."""
    url, token = registry
    return Forge(url, token, tmp_path, environment={"PYTHONPATH": str(checkout / "plugins")}).process


def record(url, token, changes, status):
    headers = {"Authorization": f"Bearer {token}"}
    response = httpx.post(f"{url}/recipe_runs", json={**RUN, **changes}, headers=headers)
    assert response.status_code == status, response.text
    return response.json()


def get(registry, path):
    response = httpx.get(registry[0] + path, timeout=30)
    assert response.status_code == 200, response.text
    return response


def test_the_migration_makes_of_an_older_database_what_a_new_one_is(registry, checkout, folder, tmp_path):
    run_python(checkout, "-c", PREPARE, tmp_path)
    schemas = []
    for data in (folder, tmp_path):
        opened = connect_reader(database_path(data, FEDERATION))
        schemas.append(schema_of(opened))
        assert opened.execute("pragma integrity_check").fetchone()[0] == "ok"
        opened.close()
    assert schemas[0] == schemas[1]
    assert sum("'paused'" in (sql or "") for *_, sql in schemas[0]) >= 4
    opened = connect(database_path(folder, FEDERATION))
    steps = [row[3] for row in opened.execute("explain query plan select id from recipe_run_summaries where is_stale")]
    opened.close()
    assert "recipe_runs_unfinished" in steps[0]


@pytest.mark.parametrize("path", ["/", f"/federation/feedstocks/{FEEDSTOCK}", "/federation/recipe_runs/2"])
def test_pages_show_its_drawing_and_its_word(registry, path):
    page = get(registry, path).text
    assert SHOWN in page
    assert '<symbol id="mark-paused" viewBox="0 0 16 16"><path d="M5 3v10M11 3v10"/></symbol>' in page


def test_lists_have_it_as_a_value_and_as_a_facet(registry):
    assert get(registry, "/federation/recipe_run_summaries").text.count(SHOWN) == 2
    assert get(registry, "/federation/feedstock_summaries").text.count(SHOWN) == 2


def test_charts_and_their_tables_count_it(registry):
    page = get(registry, "/").text
    assert '<g class="status-paused"><path class="open"' in page
    assert re.search(r"2 runs in \d+ days: 1 on hold, 1 success", page)
    statistics = get(registry, "/-/statistics").text
    assert f"<li>{SHOWN}</span></li>" in statistics
    assert re.search(r'<path class="open status-paused" d="[^"]*"/></a>', statistics)
    rows = [row[1:] for number in range(statistics.count("<tbody>")) for row in table_of(statistics, number)]
    assert ["1", "0", "0", "0", "1", "0", "0", "0"] in rows


def test_it_has_its_colour_in_both_themes(registry):
    style = get(registry, "/static/statuses.css").text
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    assert "--paused: #123456;" in light and "--paused: #fedcba;" in dark
    assert ".status-paused { color: var(--paused); }" in style


def test_the_badge_has_its_word_and_colour(registry):
    badge = get(registry, f"/feedstocks/{FEEDSTOCK}/badge.svg").text
    assert "pangeo forge: on hold" in badge and 'fill="#123456"' in badge


def test_feeds_leave_out_what_has_not_ended(registry):
    assert re.findall(r'<category term="(\w+)"', get(registry, "/feed.atom").text) == ["success"]


def test_openapi_has_it_in_each_enumeration(registry):
    document = get(registry, "/openapi.json").text
    lists = re.findall(r'"enum":(\[[^]]*"timed_out"[^]]*\])', document)
    assert lists and all('"paused"' in each for each in lists)


def test_filters_take_it_and_its_synonyms_and_list_it_where_they_refuse(registry):
    for status in ("paused", "Held"):
        assert [run["id"] for run in get(registry, f"/recipe_runs?status={status}").json()] == [2]
    assert [run["id"] for run in get(registry, "/recipe_runs?status__in=paused,queued").json()] == [2]
    refused = httpx.get(f"{registry[0]}/recipe_runs?status=asleep")
    assert refused.status_code == 400
    assert "paused, queued, in_progress, success" in refused.json()["detail"]


def test_counts_have_it(registry):
    assert get(registry, "/stats").json()["recipe_runs_by_status"] == {"paused": 1, "success": 1}
    assert get(registry, f"/feedstocks/{FEEDSTOCK}").json()["latest_recipe_run_status"] == "paused"


def test_it_is_under_way_and_in_sql(registry):
    (run,) = get(registry, "/federation/recipe_runs_under_way.json?bakery_id=&_shape=array").json()
    assert (run["id"], run["status"]) == (2, "paused")
    (row,) = get(registry, "/federation/statuses.json?status=paused&_shape=array").json()
    assert (row["word"], row["is_final"], row["is_rated"], row["needs_attention"]) == ("on hold", 0, 0, 0)


def test_it_is_not_final(registry):
    url, token = registry
    refused = record(url, token, {"status": "paused", "completed_at": "2026-01-01T00:00:00Z"}, 422)
    assert "paused is not a final status" in refused["errors"][0]["detail"]
    run = record(url, token, {"status": "paused", "is_test": True}, 201)
    headers = {"Authorization": f"Bearer {token}"}
    for status in ("in_progress", "paused", "success"):
        response = httpx.patch(f"{url}/recipe_runs/{run['id']}", json={"status": status}, headers=headers)
        assert (response.status_code, response.json()["status"]) == (200, status)


def test_the_client_lists_checks_and_colours_it(forge, tmp_path):
    listed = forge("runs", "list", "--status", "paused", "--columns", "id,status")
    assert (listed.returncode, listed.stdout.split()) == (0, ["id", "status", "2", "paused"]), listed.stderr
    file = tmp_path / "runs.csv"
    file.write_text("recipe_id,feedstock_id,commit,status\nextent,a-feedstock,0f2c9a7d,held\nextent,a,b,asleep\n")
    done = forge("runs", "import", str(file), "--dry-run")
    assert re.findall(r"^\S*:(\d+): /status: (.*)", done.stdout + done.stderr, re.MULTILINE) == [
        ("3", "is 'asleep', and must be paused, queued, in_progress, success, failure, cancelled, timed_out or skipped")
    ]
    watched = forge("runs", "watch", "2", "--timeout", "1s")
    assert (watched.returncode, "paused" in watched.stderr) == (1, True)


def test_the_demo_shows_it(checkout):
    assert "'paused'" in run_python(checkout, "-c", DEMO)


def test_what_is_read_means_one_status():
    names = [each.name for each in STATUSES]
    read = [word for each in STATUSES for word in (each.name, *each.synonyms)]
    conclusions = [word for each in STATUSES for word in each.conclusions]
    for words in (names, read, conclusions, [each.severity for each in STATUSES], list(DRAWINGS.values())[:-1]):
        assert len(set(words)) == len(words)
    assert all(word == word.lower().strip() for word in read)
    assert all(each.outcome for each in STATUSES if each.is_rated or each.is_in_feeds)


def test_the_stylesheet_is_that_of_the_table():
    assert STYLESHEET.read_text("utf-8") == status_styles(), "run scripts/write-generated"


PAGE = ROOT / "docs" / "bakeries.md"
HEADER = "| status | meaning | final | in success rates | also understood |\n|---|---|---|---|---|\n"
ROWS = re.compile(re.escape(HEADER) + r"(?:\|.*\n)*")


def table_of_statuses() -> str:
    return HEADER + "".join(
        f"| `{each.name}` | {each.meaning} | {'yes' if each.is_final else 'no'} | {'yes' if each.is_rated else 'no'} |"
        f" {', '.join(f'`{word}`' for word in each.synonyms)} |\n".replace("  ", " ")
        for each in STATUSES
    )


def test_the_table_of_the_docs_is_that_of_the_code():
    assert ROWS.findall(PAGE.read_text("utf-8")) == [table_of_statuses()], "run scripts/write-generated"


if __name__ == "__main__":
    PAGE.write_text(ROWS.sub(lambda _: table_of_statuses(), PAGE.read_text("utf-8"), count=1), "utf-8")
