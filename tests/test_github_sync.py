"""Syncs with a GitHub of our own, over real sockets: with a token over GraphQL, without one over REST."""

import dataclasses
import time

import pytest
from database_rows import rows
from fake_github import FakeGitHub, limited, rude_server
from pangeo_forge_federation.command_line.progress import Progress
from pangeo_forge_federation.settings import read_settings
from pangeo_forge_federation.sync.from_github import fetch_github, scope_of
from pangeo_forge_federation.sync.run import run_sync
from werkzeug import Response

META = """\
title: {title}
recipes:
  - id: daily
    object: recipe:daily
maintainers:
  - name: Maren Solvik
    github: maren-solvik
"""
BAKERIES = "north.bakery:\n  region: gcp.europe\n"
SYNCS = ("sync_runs", "sync_changes")


def meta(title="Sea ice"):
    return META.format(title=title)


@pytest.fixture
def github(httpserver):
    fake = FakeGitHub(httpserver)
    fake.add("pangeo-forge/bakery-database", BAKERIES, "bakeries.yaml")
    return fake


@pytest.fixture(params=["graphql", "rest"])
def token(request):
    return "a-token" if request.param == "graphql" else None


@pytest.fixture
def waits():
    """The seconds that syncs would have waited."""
    return []


@pytest.fixture
def sync(data, github, token, waits):
    """A function that syncs what is configured: by default the organisation pangeo-forge of the fake."""

    def run(*organisations, repositories=(), dry_run=False, **changes):
        given = {**github.environment, **({"GITHUB_TOKEN": token} if token else {})}
        changes = {"organisations": ("pangeo-forge",), "repositories": (), **changes}
        settings = dataclasses.replace(read_settings(environ=given), **changes)
        scope = scope_of(settings, organisations, repositories)
        fetched = fetch_github(data, settings, scope, Progress(), waits.append)
        return run_sync(data, fetched, settings.home_organisation, dry_run)

    return run


def present(connection):
    return [row[0] for row in rows(connection, "select id from feedstocks where removed_at is null order by id")]


def without_syncs(stored):
    return {table: rows for table, rows in stored.items() if table not in (*SYNCS, "sqlite_sequence")}


def test_a_first_sync_keeps_what_github_says(sync, github, connection, token):
    github.add("pangeo-forge/ice-feedstock", meta())
    github.add("pangeo-forge/snow", meta("Snow"), "feedstock/meta.yml").archived = True
    github.add("pangeo-forge/website")
    result = sync()
    assert (result.diff.counts()["added"], result.errors, result.not_fetched) == (3, [], 0)
    found = rows(connection, 'select id, title, archived, github_id, "commit" is null, committed_at from feedstocks')
    at = "2026-11-20T12:00:00.000000Z" if token else None
    # over REST a commit would be one request of sixty
    assert found == [
        ("ice-feedstock", "Sea ice", 0, 102, int(not token), at),
        ("snow", "Snow", 1, 103, int(not token), at),
    ]
    assert rows(connection, "select id from bakeries") == [("north.bakery",)]
    assert rows(connection, "select source from sync_runs") == [("github",)]


def test_a_second_sync_writes_no_row(sync, github, stored, token):
    for number in range(130):
        github.add(f"pangeo-forge/feedstock-{number}", meta())
    sync()
    before = without_syncs(stored())
    github.requests.clear()
    result = sync()
    assert (result.diff.changes, result.diff.unchanged, result.changes_something) == ([], 131, False)
    assert without_syncs(stored()) == before
    if token:
        assert github.requests == [("POST", "/graphql", 200)] * 2
    else:
        assert github.statuses() == {304}


@pytest.mark.slow
def test_a_thousand_feedstocks_take_twelve_requests_at_most(sync, github, connection, token):
    if not token:
        pytest.skip("over REST each file is a request")
    for number in range(1000):
        github.add(f"pangeo-forge/feedstock-{number}", meta())
    assert sync().diff.counts()["added"] == 1001
    assert len(github.requests) <= 12
    before = len(github.requests)
    assert sync().diff.unchanged == 1001
    assert len(github.requests) - before <= 12


def test_a_rename_an_archive_a_deletion_a_new_one_and_a_broken_one(sync, github, connection):
    names = ("renamed", "archived", "deleted", "broken", "emptied")
    renamed, archived, deleted, broken, emptied = (github.add(f"pangeo-forge/{name}", meta(name)) for name in names)
    sync()
    github.rename(renamed, "pangeo-forge/new-name")
    archived.archived = True
    github.repositories.remove(deleted)
    github.add("pangeo-forge/new", meta("new"))
    broken.files["feedstock/meta.yaml"] = b"title: a: b: [\n"
    del emptied.files["feedstock/meta.yaml"]
    result = sync()
    assert result.errors == []
    told = {(change.id, change.action, change.field) for change in result.diff.changes}
    assert told == {
        ("new-name", "changed", "id"),
        ("new-name", "changed", "repository"),
        ("archived", "changed", "archived"),
        ("deleted", "removed", None),
        ("emptied", "removed", None),
        ("new", "added", None),
    }
    assert result.diff.counts() == {"added": 1, "changed": 2, "removed": 2, "unchanged": 2}
    assert present(connection) == ["archived", "broken", "new", "new-name"]
    assert rows(connection, "select title from feedstocks where id = 'broken'") == [("broken",)]
    assert rows(connection, "select alias, feedstock_id from feedstock_aliases") == [("renamed", "new-name")]
    assert sync().diff.changes == []


def test_what_was_deleted_and_comes_back_is_restored(sync, github, connection):
    ice = github.add("pangeo-forge/ice", meta())
    sync()
    github.repositories.remove(ice)
    sync()
    assert present(connection) == []
    assert sync().diff.changes == []
    github.repositories.append(ice)
    assert [change.action for change in sync().diff.changes] == ["restored"]
    assert present(connection) == ["ice"]


def test_a_repository_made_anew_takes_over_the_row_of_the_one_that_is_gone(sync, github, connection):
    ice = github.add("pangeo-forge/ice", meta())
    sync()
    github.repositories.remove(ice)
    github.add("pangeo-forge/other", meta())
    github.add("pangeo-forge/ice", meta("Ice anew"))
    assert sync().errors == []
    assert rows(connection, "select title, github_id from feedstocks where id = 'ice'") == [("Ice anew", 103)]


def test_a_transferred_feedstock_is_followed(sync, github, connection):
    ice = github.add("pangeo-forge/ice", meta())
    sync()
    github.rename(ice, "leap-stc/ice")
    sync()
    assert present(connection) == ["leap-stc.ice"]
    ice.files["feedstock/meta.yaml"] = meta("Warm").encode()
    sync()
    assert rows(connection, "select id, title from feedstocks") == [("leap-stc.ice", "Warm")]


def test_only_what_is_named_is_asked_for(sync, github, connection):
    github.add("pangeo-forge/ice", meta())
    github.add("leap-stc/ice", meta())
    github.add("leap-stc/snow", meta())
    sync("leap-stc")
    assert present(connection) == ["leap-stc.ice", "leap-stc.snow"]
    github.repositories = [each for each in github.repositories if each.name == "pangeo-forge/ice"]
    sync(repositories=("pangeo-forge/ice", "leap-stc/ice"))
    assert present(connection) == ["ice", "leap-stc.snow"]
    assert rows(connection, "select count(*) from bakeries") == [(0,)]


def test_what_github_does_not_know_is_said_and_takes_nothing_away(sync, github, connection):
    github.add("pangeo-forge/ice", meta())
    sync()
    result = sync("pangeo-forge", "no-such", repositories=("no/such",))
    assert [fault.partition(":")[0] for fault in sorted(result.errors)] == ["no-such", "no/such"]
    assert present(connection) == ["ice"]
    assert rows(connection, "select repository from problems order by 1") == [("no-such",), ("no/such",)]
    # nobody asks for them any more
    assert sync().is_whole
    assert rows(connection, "select count(*) from problems") == [(0,)]


def test_a_null_without_a_word_takes_nothing_away(sync, github, connection, token):
    github.add("pangeo-forge/ice", meta())
    sync()
    github.nulls.add("pangeo-forge/ice")
    assert sync().diff.changes == []
    assert present(connection) == ["ice"]


def test_a_listing_that_ends_early_takes_nothing_away(sync, github, connection):
    ice = github.add("pangeo-forge/ice", meta())
    snow = github.add("pangeo-forge/snow", meta())
    sync()
    hidden = []

    def hide(request):
        listing = "/orgs/" in request.path or b"organization" in request.get_data()
        github.repositories = [each for each in (ice, snow, *hidden) if each is not snow or not listing]

    hidden += [each for each in github.repositories if each not in (ice, snow)]
    github.faults.append(hide)
    assert sync().diff.changes == []
    assert present(connection) == ["ice", "snow"]


def test_a_text_that_graphql_cuts_is_fetched_whole(sync, github, connection, token):
    recipes = "".join(f"  - id: recipe-{number:05}\n    object: recipe:daily{'#' * 30}\n" for number in range(9500))
    long = f"title: Long\nrecipes:\n{recipes}maintainers:\n  - github: maren-solvik\n"
    assert 512_000 < len(long) < 1_000_000
    github.add("pangeo-forge/long", long)
    github.add("pangeo-forge/utf-16", "title: Sixteen\n".encode("utf-16"))
    github.add("pangeo-forge/latin", "title: Pla\u00e7a\n".encode("latin-1"))
    result = sync()
    assert result.errors == []
    assert rows(connection, "select count(*) from recipes where feedstock_id = 'long'") == [(9500,)]
    assert rows(connection, "select count(*) from maintainers where feedstock_id = 'long'") == [(1,)]
    github.requests.clear()
    assert sync().diff.changes == []
    # known by their ids, or by their ETags
    assert token is None or github.count("/raw/") == 0
    assert token or github.statuses() == {304}


def test_a_secondary_limit_is_waited_for(sync, github, connection, waits):
    github.add("pangeo-forge/ice", meta())
    asked = []

    def every_third(request):
        asked.append(request.path)
        return limited(X_RateLimit_Remaining="4271") if len(asked) % 3 == 1 else None

    github.faults.append(every_third)
    result = sync()
    assert (result.errors, present(connection)) == ([], ["ice"])
    assert set(waits) == {0.01}


def test_a_limit_that_stays_keeps_what_was_fetched(sync, github, connection, waits):
    github.add("pangeo-forge/ice", meta())
    github.add("leap-stc/snow", meta())
    sync(organisations=("pangeo-forge", "leap-stc"))
    github.add("pangeo-forge/new", meta())
    github.faults.append(lambda request: limited() if b"leap" in request.get_data() + request.path.encode() else None)
    result = sync(organisations=("pangeo-forge", "leap-stc"))
    assert waits == [0.01, 0.02, 0.04]
    assert [fault.partition(":")[0] for fault in result.errors] == ["github.com"]
    assert present(connection) == ["ice", "leap-stc.snow", "new"]
    github.faults.clear()
    assert sync(organisations=("pangeo-forge", "leap-stc")).problems_changed


@pytest.mark.parametrize(
    ("response", "waited", "fault"),
    [
        (lambda: limited(429, Retry_After="7"), 7, None),
        (lambda: limited(403, X_RateLimit_Remaining="0", X_RateLimit_Reset=str(int(time.time()) + 30)), 31, None),
        (lambda: limited(403, X_RateLimit_Remaining="0", X_RateLimit_Reset="4102444800"), None, "2100-01-01 00:00:00"),
        (lambda: limited(429, Retry_After="3600"), None, "github.com: "),
        (lambda: Response("{}", 401), None, "github.com: "),
    ],
)
def test_limits_that_say_how_long(sync, github, waits, response, waited, fault):
    github.add("pangeo-forge/ice", meta())
    once = [response()]
    github.faults.append(lambda request: once.pop() if once else None)
    result = sync()
    if fault:
        assert (len(result.errors), waits) == (1, [])
        assert fault in result.errors[0]
    else:
        assert result.errors == []
        assert waits and abs(waits[0] - waited) < 2


def test_a_limit_within_a_graphql_answer(sync, github, waits, token):
    github.add("pangeo-forge/ice", meta())
    once = [Response('{"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}')]
    github.faults.append(lambda request: once.pop() if once and token else None)
    assert sync().errors == []
    assert len(waits) == bool(token)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_is_tried_again(sync, github, connection, status):
    github.add("pangeo-forge/ice", meta())
    left = [Response("", status) for _ in range(3)]
    github.faults.append(lambda request: left.pop() if left else None)
    assert sync().errors == []
    assert present(connection) == ["ice"]


def test_a_page_that_is_too_much_for_github_is_cut(sync, github, connection, token):
    for number in range(50):
        github.add(f"pangeo-forge/feedstock-{number}", meta())
    github.faults.append(lambda request: Response("", 502) if b'"first": 100' in request.get_data() else None)
    assert sync().errors == []
    assert rows(connection, "select count(*) from feedstocks") == [(50,)]
    assert rows(connection, "select count(*) from bakeries") == [(1,)]


def test_a_server_error_that_stays_takes_nothing_away(sync, github, connection):
    github.add("pangeo-forge/ice", meta())
    sync()
    github.faults.append(lambda request: Response("", 502))
    result = sync()
    assert not result.is_whole
    assert present(connection) == ["ice"]
    assert result.diff.changes == []


def test_a_denial_is_no_limit(sync, github, waits, connection):
    github.add("pangeo-forge/ice", meta())
    sync()
    github.faults.append(lambda request: Response('{"message": "Resource not accessible"}', 403))
    result = sync()
    assert not result.is_whole
    assert waits == []
    assert present(connection) == ["ice"]


@pytest.mark.parametrize(
    ("answer", "endless"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort", b""),
        (b"HTTP/1.1 200 OK\r\n\r\nnot json", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b""),
    ],
)
def test_rude_servers_are_a_fault_and_take_nothing_away(sync, github, connection, monkeypatch, answer, endless):
    github.add("pangeo-forge/ice", meta())
    sync()
    with rude_server(answer, endless) as url:
        result = sync(github_api_url=url, github_graphql_url=url, github_raw_url=url)
    assert not result.is_whole
    assert present(connection) == ["ice"]
    assert result.diff.changes == []


def test_an_endless_answer_ends(sync, github, connection, monkeypatch):
    github.add("pangeo-forge/ice", meta())
    sync()
    monkeypatch.setattr("pangeo_forge_federation.sync.transport.MAX_RESPONSE_BYTES", 1_000_000)
    monkeypatch.setattr("pangeo_forge_federation.sync.transport.Transport.get.__defaults__", (1_000_000, None, False))
    with rude_server(b"HTTP/1.1 200 OK\r\n\r\n[", b"1," * 50_000) as url:
        result = sync(github_api_url=url, github_graphql_url=url)
    assert any("longer than 1,000,000 bytes" in fault for fault in result.errors)
    assert present(connection) == ["ice"]


def test_an_endless_file_is_too_large_and_the_last_good_version_stays(sync, github, connection):
    ice = github.add("pangeo-forge/ice", meta())
    sync()
    ice.files["feedstock/meta.yaml"] = b"title: x\n" + b"#" * 600_000
    with rude_server(b"HTTP/1.1 200 OK\r\n\r\n", b"#" * 100_000) as url:
        sync(github_raw_url=url)
    assert rows(connection, "select title from feedstocks") == [("Sea ice",)]
    assert rows(connection, "select count(*) from problems where feedstock_id = 'ice'") == [(1,)]


def test_a_raw_file_that_is_cut_short_is_not_read(sync, github, connection, token):
    if not token:
        pytest.skip("without a blob's id nobody can tell")
    ice = github.add("pangeo-forge/ice", meta())
    sync()
    ice.files["feedstock/meta.yaml"] = b"title: x\n" + b"#" * 600_000
    with rude_server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntitle: x\n#####") as url:
        result = sync(github_raw_url=url)
    assert result.not_fetched == 1
    assert rows(connection, "select title from feedstocks") == [("Sea ice",)]
