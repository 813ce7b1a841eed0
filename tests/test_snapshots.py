"""Public snapshots, and backups of everything: what is in them, how they are served, what a fault leaves behind."""

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from conftest import BAKERY, FIXTURES
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.server.schedule import snapshot_command_of
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage import backups, snapshots
from pangeo_forge_federation.storage.backups import BadBackup, make_backup, restore_backup
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect, database_path, transaction
from pangeo_forge_federation.storage.snapshots import LEFT_OUT, list_snapshots, make_snapshot, snapshot_folder
from server_process import running_server, wait_for

BACKUP = [sys.executable, str(ROOT / "scripts" / "backup.py")]
SECRET = "delivery-that-only-github-knows"


def run(*arguments):
    return subprocess.run([*BACKUP, *map(str, arguments)], capture_output=True, text=True, timeout=30)


def rows(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def federation(tmp_path_factory):
    """A data folder with a federation, and with all that must not leave it."""
    folder = tmp_path_factory.mktemp("federation")
    command = [sys.executable, "scripts/sync.py", "--from", str(FIXTURES), "--data", str(folder), "--quiet"]
    subprocess.run(command, cwd=ROOT, check=True)
    prepare(folder)
    with closing(connect(database_path(folder, FEDERATION))) as connection:
        connection.execute(
            "insert into idempotency_keys values (:key, :key, 201, 'recipe_run', '[1]', '2026-01-01T00:00:00.000000Z')",
            {"key": "a" * 64},
        )
        connection.execute(
            "insert into webhook_deliveries (delivery_id, repository, received_at) values (?, ?, ?)",
            (SECRET, "pangeo-forge/ice", "2026-01-01T00:00:00.000000Z"),
        )
    return folder


@pytest.fixture
def filled(federation, data):
    """A copy of it."""
    shutil.rmtree(data)
    shutil.copytree(federation, data)
    return data


def test_a_snapshot_holds_what_is_public_and_nothing_else(filled):
    made = make_snapshot(filled)
    source = database_path(filled, FEDERATION)
    tables = [name for (name,) in rows(source, "select name from sqlite_master where type = 'table'")]
    for table in tables:
        if table in LEFT_OUT:
            assert rows(made.path, f"select * from {table}") == []
        elif "_fts" not in table:
            assert rows(made.path, f"select * from {table}") == rows(source, f"select * from {table}"), table
    for view in ("feedstock_summaries", "recipe_run_summaries"):
        assert rows(made.path, f"select * from {view}") == rows(source, f"select * from {view}")
    words = "select feedstock_id from feedstocks_fts where feedstocks_fts match 'ice' order by feedstock_id"
    assert rows(made.path, words) == rows(source, words) != []
    # not in free pages either
    assert SECRET.encode() in source.read_bytes()
    assert SECRET.encode() not in made.path.read_bytes()
    assert rows(made.path, "pragma freelist_count") == [(0,)]
    assert rows(made.path, "pragma integrity_check") == [("ok",)]
    # one file, which no other belongs to
    assert rows(made.path, "pragma journal_mode") == [("delete",)]


def test_its_sum_lies_beside_it_as_sha256sum_reads_it(filled):
    made = make_snapshot(filled)
    assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    checked = subprocess.run(["sha256sum", "--check", f"{made.path.name}.sha256"], cwd=made.path.parent)
    assert checked.returncode == 0
    assert list_snapshots(filled) == [made]


def test_the_newest_stay(data):
    folder = snapshot_folder(data)
    folder.mkdir()
    now = datetime.now(UTC)
    for day in range(1, 17):
        path = folder / f"federation-{(now - timedelta(days=day)).strftime('%Y-%m-%dT%H%M%SZ')}.db"
        path.write_bytes(b"old")
        snapshots.sum_path(path).write_text(f"{day} {path.name}\n")
    mine = folder / "federation-of-somebody.db"
    mine.write_bytes(b"none of ours")
    made = make_snapshot(data)
    kept = list_snapshots(data)
    assert len(kept) == snapshots.KEPT == 14
    assert kept[0] == made
    assert [each.sha256 for each in kept[1:]] == [str(day) for day in range(1, 14)]
    assert len(list(folder.glob("*.sha256"))) == 14
    # for a disk that is full, without a new one
    assert make_snapshot(data, 3, newer_than=3600) is None
    assert list_snapshots(data) == kept[:3]
    assert len(list(folder.iterdir())) == 3 + 3 + len([mine, folder / ".lock"])
    assert mine.exists()


def test_a_fresh_one_is_not_made_again(data):
    first = run("snapshot", "--data", data)
    assert first.returncode == 0, first.stderr
    assert "SHA-256" in first.stdout
    again = run("snapshot", "--data", data, "--unless-newer-than", "12h")
    assert (again.returncode, again.stdout.count("\n")) == (0, 1)
    assert len(list_snapshots(data)) == 1


def test_what_was_killed_or_failed_leaves_nothing_behind(filled, monkeypatch):
    folder = snapshot_folder(filled)
    first = make_snapshot(filled)
    # as kill -9 leaves it: the first in the copy, the second between the sum and the snapshot
    (folder / ".unfinished-federation-2026-01-01T000000Z.db").write_bytes(b"half")
    (folder / "federation-2026-01-01T000000Z.db.sha256").write_text("0  x\n")
    assert list_snapshots(filled) == [first]

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshots, "sha256_of", full)
    with pytest.raises(OSError, match="No space left"):
        make_snapshot(filled)
    assert sorted(path.name for path in folder.iterdir()) == [".lock", first.path.name, f"{first.path.name}.sha256"]
    assert list_snapshots(filled) == [first]


def test_writes_go_on_while_a_snapshot_is_made(filled):
    """And what it holds is one state."""
    process = subprocess.Popen([*BACKUP, "snapshot", "--data", str(filled), "--quiet"])
    with closing(connect(database_path(filled, FEDERATION))) as writer:
        written = 0
        while process.poll() is None:
            written += 1
            with transaction(writer):
                writer.execute("update feedstocks set title = :title", {"title": f"title {written}"})
    assert process.returncode == 0
    assert written > 1
    (made,) = list_snapshots(filled)
    assert len(rows(made.path, "select distinct title from feedstocks")) in (1, 12)


@pytest_asyncio.fixture
async def served(filled):
    """(a client, the newest of two snapshots)."""
    first = make_snapshot(filled)
    earlier = first.path.with_name("federation-2026-01-01T000000Z.db")
    shutil.copy(first.path, earlier)
    snapshots.sum_path(earlier).write_text(f"{first.sha256}  {earlier.name}\n")
    (snapshot_folder(filled) / "notes.txt").write_text("mine")
    datasette = make_datasette(filled)
    await datasette.invoke_startup()
    yield datasette.client, first
    ensure_services(datasette).close()
    for database in datasette.databases.values():
        database.close()


async def test_the_list_has_the_newest_first(served):
    client, first = served
    response = await client.get("/snapshots/")
    newest, earlier = response.json()
    assert newest == {
        "name": first.path.name,
        "url": f"http://localhost/snapshots/{first.path.name}",
        "bytes": first.path.stat().st_size,
        "sha256": first.sha256,
        "created_at": first.created_at.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
    }
    assert earlier["name"] == "federation-2026-01-01T000000Z.db"
    again = await client.get("/snapshots", headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304
    page = await client.get("/-/snapshots")
    assert first.path.name in page.text and earlier["name"] in page.text


async def test_a_file_comes_whole(served):
    client, first = served
    latest = await client.get("/snapshots/latest")
    assert latest.status_code == 302
    assert latest.headers["location"] == f"http://localhost/snapshots/{first.path.name}"
    assert "no-store" in latest.headers["cache-control"]
    response = await client.get(f"/snapshots/{first.path.name}")
    assert response.content == first.path.read_bytes()
    assert response.headers["content-type"] == "application/vnd.sqlite3"
    assert response.headers["etag"] == f'"{first.sha256}"'
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["access-control-allow-origin"] == "*"
    assert "content-encoding" not in response.headers
    head = await client.head(f"/snapshots/{first.path.name}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(response.content))
    known = await client.get(f"/snapshots/{first.path.name}", headers={"If-None-Match": response.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    summed = await client.get(f"/snapshots/{first.path.name}.sha256")
    assert summed.text == f"{first.sha256}  {first.path.name}\n"


async def test_ranges_of_a_file(served):
    client, first = served
    for asked, status, part in (
        ("bytes=0-15", 206, slice(0, 16)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-16", 206, slice(-16, None)),
        ("bytes=99999999-", 416, None),
        ("nonsense", 400, None),
    ):
        response = await client.get(f"/snapshots/{first.path.name}", headers={"Range": asked})
        assert response.status_code == status, asked
        if part:
            assert response.content == first.path.read_bytes()[part]
            assert response.headers["content-range"].endswith(f"/{first.path.stat().st_size}")
        else:
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["status"] == status
        if status == 416:
            assert response.headers["content-range"] == f"bytes */{first.path.stat().st_size}"


async def test_a_download_goes_on_where_it_broke_off_unless_it_is_another_file(served):
    client, first = served
    for tag, status in ((f'"{first.sha256}"', 206), ('"another"', 200)):
        headers = {"Range": "bytes=100-", "If-Range": tag}
        assert (await client.get(f"/snapshots/{first.path.name}", headers=headers)).status_code == status


async def test_no_other_file_is_served(served):
    client, _ = served
    for name in (
        "..%2Ftokens.db",
        "..%2F..%2Ftokens.db",
        "%2E%2E%2Ftokens.db",
        ".lock",
        "notes.txt",
        "federation.db",
        "tokens.db",
        "federation-2026-01-01T000000Z.db-wal",
        "federation-2026-01-01T000000Z.db%00",
        "federation-2026-01-01T000000Z.db.sha256.sha256",
        "%FF",
        "x" * 5000,
    ):
        response = await client.get(f"/snapshots/{name}")
        assert response.status_code == 404, name
        assert b"SQLite format" not in response.content


async def test_they_are_read_only(served):
    client, first = served
    for method in ("PUT", "DELETE", "POST", "PATCH"):
        response = await client.request(method, f"/snapshots/{first.path.name}")
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    # and Datasette has no database of this name
    assert list((await client.get("/-/databases.json")).json()[0]) == ["name", "size", "is_mutable", "is_memory"]
    assert (await client.get(f"/{first.path.stem}.json")).status_code == 404


def test_a_server_makes_one_when_it_starts_and_not_again_when_it_starts_again(filled):
    with running_server(filled, "--snapshot-every", "1d"):
        wait_for(lambda: list_snapshots(filled))
    # what a second one would run
    done = subprocess.run(snapshot_command_of(filled, 86400), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(list_snapshots(filled)) == 1


# backups of everything


def test_a_backup_comes_back_with_its_tokens(filled, make_token, tmp_path):
    make_token()
    made = run("full", tmp_path / "backups", "--data", filled)
    assert made.returncode == 0, made.stderr
    folder = next((tmp_path / "backups").iterdir())
    assert made.stdout.startswith(f"{folder}: ") and "12 feedstocks, 1 token" in made.stdout
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, folder / "tokens.db")] == ["0o700", "0o600"]
    restored = tmp_path / "elsewhere"
    done = run("restore", folder, "--data", restored)
    assert done.returncode == 0, done.stderr
    assert "12 feedstocks, 1 token" in done.stdout
    prepare(restored)
    for name in (FEDERATION, TOKENS):
        before, after = (sqlite3.connect(database_path(folder, name)) for folder in (filled, restored))
        with closing(before), closing(after):
            assert list(after.iterdump()) == list(before.iterdump())


def test_a_folder_that_is_mistaken_is_said_and_not_filled(tmp_path):
    for arguments in (("full", tmp_path / "backups"), ("snapshot",)):
        done = run(*arguments, "--data", tmp_path / "nowhere")
        assert (done.returncode, done.stdout) == (1, "")
        assert str(tmp_path / "nowhere") in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_backup_has_what_was_acknowledged_last(data, make_token, run_body, tmp_path):
    """It lies in the log beside the database, which a plain copy would miss."""
    token = make_token()
    with running_server(data) as server:
        curl = ["curl", "-sf", "-X", "POST", f"{server.url}/recipe_runs", "-H", f"Authorization: Bearer {token}"]
        body = ["-H", "Content-Type: application/json", "-d", json.dumps(run_body())]
        subprocess.run([*curl, *body], check=True, capture_output=True, env={**os.environ, "NO_PROXY": "*"})
        folder, contents = make_backup(data, tmp_path / "backups")
    assert contents.recipe_runs == contents.tokens == 1
    assert contents.last_write_at is not None
    assert rows(folder / "federation.db", "select bakery_id from recipe_runs") == [(BAKERY,)]


def test_nothing_is_overwritten_by_a_restore(filled, tmp_path):
    folder, _ = make_backup(filled, tmp_path / "backups")
    before = database_path(filled, FEDERATION).read_bytes()
    done = run("restore", folder, "--data", filled)
    assert done.returncode == 1
    assert re.search(r"(federation|tokens)\.db", done.stderr)
    assert database_path(filled, FEDERATION).read_bytes() == before
    # a log that another database left would be read into this one
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "federation.db-wal").write_bytes(b"of another")
    with pytest.raises(BadBackup, match=r"federation\.db-wal"):
        restore_backup(folder, tmp_path / "left")


@pytest.mark.parametrize("fault", ["page", "no database", "missing"])
def test_a_damaged_backup_is_not_restored(filled, tmp_path, fault):
    folder, _ = make_backup(filled, tmp_path / "backups")
    path = database_path(folder, FEDERATION)
    whole = path.read_bytes()
    if fault == "page":
        path.write_bytes(whole[:8192] + b"\xff" * 4096 + whole[12288:])
    elif fault == "no database":
        path.write_bytes(b"something else" * 1000)
    else:
        path.unlink()
    done = run("restore", folder, "--data", tmp_path / "elsewhere")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "elsewhere" / "federation.db").exists()


def test_a_backup_that_fails_leaves_no_folder(data, tmp_path, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(backups, "check", full)
    with pytest.raises(sqlite3.OperationalError):
        make_backup(data, tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["snapshot", "--keep", "0"], ["snapshot", "--unless-newer-than", "often"], ["full"], ["restore", "/no"]],
)
def test_a_command_line_that_is_wrong_is_exit_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_used_is_one_line(tmp_path):
    (tmp_path / "data").mkdir()
    for name in (FEDERATION, TOKENS):
        database_path(tmp_path / "data", name).write_bytes(b"no database" * 100)
    for arguments in (["snapshot"], ["full", tmp_path / "backups"]):
        done = run(*arguments, "--data", tmp_path / "data")
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("place", ["data", "data/backups", "link/backups", "served", ROOT / "backups"])
def test_a_backup_is_not_put_where_it_would_be_lost_or_served(filled, tmp_path, place):
    (tmp_path / "link").symlink_to(filled)
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "metadata.yml").touch()
    to = filled / str(place).removeprefix("data").strip("/") if str(place).startswith("data") else tmp_path / place
    before = sorted(filled.iterdir())
    done = run("full", to, "--data", filled)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(to) in done.stderr
    assert sorted(filled.iterdir()) == before
    assert not (ROOT / "backups").exists()


def test_what_a_snapshot_takes_away_is_said(data):
    snapshot_folder(data).mkdir()
    old = [snapshot_folder(data) / f"federation-2026-01-0{day}T000000Z.db" for day in (2, 1)]
    for path in old:
        path.write_bytes(b"old")
        snapshots.sum_path(path).write_text(f"0 {path.name}\n")
    done = run("snapshot", "--data", data, "--keep", "2")
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[1:]] == [str(old[-1])]
    done = run("snapshot", "--data", data, "--keep", "1", "--unless-newer-than", "1d")
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[1:]] == [str(old[0])]
