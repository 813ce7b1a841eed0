import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest
from pangeo_forge_federation.access.tokens import UnknownToken, list_tokens, replace_secret, revoke_token
from pangeo_forge_federation.server import demo
from pangeo_forge_federation.server.demo_runs import demo_recipe_runs
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path
from pangeo_forge_federation.values.token_form import hash_secret

# Long ago, so that a run_date is never ahead of the clock; two demos of one moment hold the same runs.
EARLIER = datetime(2026, 3, 2, 4, 5, tzinfo=UTC)
RUN_COLUMNS = (
    'id, recipe_id, run_date, bakery_id, feedstock_id, "commit", status, message, completed_at, version, is_test'
)


def rows(data, sql, name="federation"):
    with closing(sqlite3.connect(data / f"{name}.db")) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The folder of the demo."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    assert demo.ensure_demo(folder) is True
    return folder


def test_the_demo_is_made_once(data):
    version = rows(data, "pragma user_version")
    assert demo.ensure_demo(data) is False
    assert rows(data, "pragma user_version") == version


def test_nothing_is_left_beside_the_folder(data):
    assert [path.name for path in data.parent.iterdir()] == ["demo"]


def test_its_runs_are_in_every_status_over_ninety_days(data):
    statuses = dict(rows(data, "select status, count(*) from recipe_runs group by status"))
    assert set(statuses) == {"queued", "in_progress", "success", "failure", "cancelled", "timed_out", "skipped"}
    assert 500 <= sum(statuses.values()) <= 700
    assert statuses["success"] > sum(statuses.values()) / 2
    ((first, last, events, tests),) = rows(
        data,
        """
        select
            julianday('now') - julianday(min(run_date)),
            julianday('now') - julianday(max(run_date)),
            (select count(*) from recipe_run_events),
            sum(is_test)
        from recipe_runs
        """,
    )
    assert 85 < first <= 90.1
    assert last < 1
    assert events == sum(statuses.values())
    assert 0 < tests < 100
    assert rows(data, "select count(*) from recipe_run_summaries where is_stale")[0][0] > 0


def test_all_runs_were_recorded(data):
    wanted = sum(len(bodies) for bodies in demo_recipe_runs(datetime.now(UTC)).values())
    assert abs(rows(data, "select count(*) from recipe_runs")[0][0] - wanted) <= 5


def test_its_feedstocks_are_the_fixtures_and_one_that_only_runs_know(data):
    listed = rows(data, "select id, title is not null from feedstocks where listed")
    assert len(listed) == 12
    # one file does not parse, and one says nothing but its recipes
    assert sorted(name for name, titled in listed if not titled) == ["ocean-colour-feedstock", "storm-tracks-feedstock"]
    assert rows(data, "select id, title, meta from feedstocks where not listed") == [
        ("polar-data-lab.snow-depth-on-sea-ice-feedstock", None, None)
    ]
    assert rows(data, "select count(*) from feedstocks where removed_at is not null") == [(0,)]
    # all but the one whose recipe is still being written
    without = "select id from feedstocks where id not in (select feedstock_id from recipe_runs)"
    assert rows(data, without) == [("delta-hydrology.groundwater-storage-feedstock",)]


def test_its_bakeries_have_runs_and_targets(data):
    found = rows(
        data,
        """
        select id, listed, (select count(*) from bakery_targets where bakery_id = bakeries.id) > 0,
            (select count(*) from recipe_runs where bakery_id = bakeries.id) > 50
        from bakeries
        order by id
        """,
    )
    names = ["harbor.bakery.aws.us-west-2", "northlight.bakery.gcp.europe-west4", "osn.bakery.campus"]
    assert found == [(name, 1, 1, 1) for name in names]


def test_its_runs_wrote_datasets(data):
    ((datasets, formats, tests),) = rows(data, "select count(*), count(distinct format), sum(is_test) from datasets")
    assert datasets >= 15
    assert formats >= 4
    assert 0 < tests < datasets
    ((links, linked),) = rows(data, "select count(*), count(distinct dataset_id) from recipe_run_datasets")
    assert linked == datasets
    assert links > 300
    assert rows(
        data,
        """
        select count(*) from recipe_run_datasets join recipe_runs on recipe_runs.id = recipe_run_id
        where status <> 'success'
        """,
    ) == [(0,)]


def test_it_has_problems_to_show(data):
    assert {severity for (severity,) in rows(data, "select distinct severity from problems")} == {"error", "warning"}
    assert ("ocean-colour-feedstock",) in rows(data, "select feedstock_id from problems where severity = 'error'")


def test_the_database_is_sound(data):
    assert rows(data, "pragma integrity_check") == [("ok",)]
    assert rows(data, "pragma foreign_key_check") == []


def test_the_tokens_that_made_it_are_revoked(data):
    assert rows(data, "select revoked_at is not null from tokens where name <> 'demo'", "tokens") == [(1,)] * 3
    assert stat.S_IMODE((data / "tokens.db").stat().st_mode) == 0o600


def test_a_token_to_try_belongs_to_a_bakery_of_the_demo_and_takes_the_place_of_the_one_before(data):
    first, second = demo.demo_token(data), demo.demo_token(data)
    assert first != second
    _, token_id, secret = second.split("_", 2)
    assert rows(
        data,
        """
        select id, bakery_id, secret_sha256, revoked_at, expires_at > created_at
        from tokens
        where name = 'demo'
        """,
        "tokens",
    ) == [(int(token_id), demo.DEMO_BAKERY, hash_secret(secret), None, 1)]
    assert rows(data, f"select listed from bakeries where id = '{demo.DEMO_BAKERY}'") == [(1,)]


def test_a_token_to_try_that_was_revoked_stays_so(data):
    demo.demo_token(data)
    with closing(connect(database_path(data, TOKENS))) as connection:
        (there,) = (each["id"] for each in list_tokens(connection) if each["state"] == "valid")
        revoke_token(connection, there)
        assert int(demo.demo_token(data).split("_")[1]) > there
        with pytest.raises(UnknownToken):
            replace_secret(connection, there, 1)


def test_two_demos_of_one_moment_hold_the_same_runs(tmp_path):
    for name in ("a", "b"):
        demo.ensure_demo(tmp_path / name, EARLIER)
    for sql in (
        f"select {RUN_COLUMNS} from recipe_runs order by id",
        "select id, url, format, title, feedstock_id, recipe_id, bakery_id, is_test from datasets order by id",
        "select * from recipe_run_datasets order by 1, 2",
        "select id, title, meta_sha from feedstocks order by id",
    ):
        found = rows(tmp_path / "a", sql)
        assert found
        assert rows(tmp_path / "b", sql) == found
    assert rows(tmp_path / "a", "select max(run_date) <= '2026-03-02T04:05:00.000000Z' from recipe_runs") == [(1,)]


def test_an_empty_folder_is_filled_and_what_lies_in_another_stays(tmp_path):
    (tmp_path / "empty").mkdir()
    assert demo.ensure_demo(tmp_path / "empty") is True
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    assert demo.ensure_demo(tmp_path / "used") is True
    assert (tmp_path / "used" / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "used"]
    for name in ("empty", "used"):
        assert rows(tmp_path / name, "select count(*) from recipe_runs")[0][0] > 500
        assert rows(tmp_path / name, "select count(*) from tokens", "tokens") == [(3,)]


def test_another_data_folder_in_the_environment_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("FEDERATION_DATA", str(tmp_path / "mine"))
    demo.ensure_demo(tmp_path / "demo")
    assert rows(tmp_path / "demo", "select count(*) from recipe_runs")[0][0] > 500
    assert not (tmp_path / "mine").exists()
    assert os.environ["FEDERATION_DATA"] == str(tmp_path / "mine")


def test_a_failure_while_it_is_made_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "FIXTURES", tmp_path / "not-there")
    with pytest.raises(NotADirectoryError):
        demo.ensure_demo(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_runs_that_are_refused_leave_nothing(tmp_path):
    # a run_date that is ahead of the clock is refused
    with pytest.raises(RuntimeError, match="/0/run_date"):
        demo.ensure_demo(tmp_path / "demo", datetime(2150, 1, 1, tzinfo=UTC))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_its_place_is_not_replaced(tmp_path):
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(NotADirectoryError):
        demo.ensure_demo(tmp_path / "demo")
    assert (tmp_path / "demo").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_the_first_of_two_processes_makes_it_and_the_other_takes_it(tmp_path):
    script = (
        "import sys, pathlib; from pangeo_forge_federation.server import demo; "
        "print(demo.ensure_demo(pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", script, tmp_path / "demo"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = sorted(process.communicate(timeout=60)[0].strip() for process in started)
    assert [process.returncode for process in started] == [0, 0, 0]
    assert said == ["False", "False", "True"]
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert 500 <= rows(tmp_path / "demo", "select count(*) from recipe_runs")[0][0] <= 700
