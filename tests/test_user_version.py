"""Every commit changes page 1 of the database, or a copy that follows it shows old rows for ever.

Seen twice: in the log of what each writer really committed, and in the code, where nobody commits beside
`database.transaction`.
"""

import ast
import hashlib
import hmac
import json
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing

import pytest
from conftest import BAKERY, FIXTURES
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect, database_path, transaction

# Where connections are opened and commits made, and the follower, which takes its copy out of WAL mode.
DATABASE = {"database.py"}
# copies that nobody serves are opened where they are made
OPENS = {*DATABASE, "connections.py", "restore.py", "follower.py", "backups.py", "snapshots.py"}


def commits(path):
    """The pages that each commit in a database's write-ahead log holds (SQLite's file format, section 4)."""
    log = path.with_name(f"{path.name}-wal").read_bytes()
    if not log:
        return []
    page_size = struct.unpack(">I", log[8:12])[0]
    salts = log[16:24]
    found, pages = [], set()
    for start in range(32, len(log) - 24 - page_size + 1, 24 + page_size):
        page, size_after_commit = struct.unpack(">II", log[start : start + 8])
        if log[start + 8 : start + 16] != salts:
            break
        pages.add(page)
        if size_after_commit:
            found.append(pages)
            pages = set()
    return found


@pytest.fixture
def held(data):
    """A reader at the beginning of both databases' logs, so that they are not begun anew."""
    readers = [sqlite3.connect(database_path(data, name), isolation_level=None) for name in (FEDERATION, TOKENS)]
    for reader in readers:
        reader.execute("begin")
        reader.execute("select count(*) from sqlite_master").fetchone()
    yield
    for reader in readers:
        reader.close()


def test_a_commit_without_it_is_found(data, held):
    path = database_path(data, FEDERATION)
    with closing(connect(path)) as connection:
        with transaction(connection):
            connection.execute("insert into bakeries (id, listed) values ('a', 0)")
        assert all(1 in pages for pages in commits(path))
        connection.execute("update bakeries set listed = 1")
        assert [1 in pages for pages in commits(path)][-1] is False


async def test_each_writer_changes_page_1_with_each_commit(data, held, make_token, run_body, monkeypatch):
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", "s")
    seen = {name: len(commits(database_path(data, name))) for name in (FEDERATION, TOKENS)}

    def committed(*names):
        """Whether each of these databases has new commits, all of which hold page 1."""
        for name in names:
            found = commits(database_path(data, name))
            assert len(found) > seen[name], f"nothing was written to {name}"
            assert all(1 in pages for pages in found[seen[name] :])
            seen[name] = len(found)

    def command(script, *arguments):
        done = subprocess.run(
            [sys.executable, f"scripts/{script}", *arguments, "--data", str(data)],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    command("sync.py", "--from", str(FIXTURES))
    committed(FEDERATION)
    command("tokens.py", "create", "--bakery", BAKERY)
    committed(TOKENS)
    command("tokens.py", "revoke", "1")
    committed(TOKENS)

    headers = {"Authorization": f"Bearer {make_token()}"}
    committed(TOKENS)
    datasette = make_datasette(data)
    await datasette.invoke_startup()
    client = datasette.client
    run = await client.post("/recipe_runs", json=run_body(), headers=headers)
    assert run.status_code == 201
    committed(FEDERATION)
    path = f"/recipe_runs/{run.json()['id']}"
    assert (await client.request("PATCH", path, json={"message": "a"}, headers=headers)).status_code == 200
    committed(FEDERATION)
    dataset = await client.post("/datasets", json={"url": "gs://bucket/a"}, headers=headers)
    assert dataset.status_code == 201
    committed(FEDERATION)
    path = f"/datasets/{dataset.json()['id']}"
    assert (await client.request("PATCH", path, json={"title": "a"}, headers=headers)).status_code == 200
    committed(FEDERATION)
    body = json.dumps({"ref": "refs/heads/main", "repository": REPOSITORY}).encode()
    signature = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    push = {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "1",
        "X-Hub-Signature-256": f"sha256={signature}",
        "Content-Type": "application/json",
    }
    assert (await client.post("/webhooks/github", content=body, headers=push)).status_code == 202
    committed(FEDERATION)
    # the audit log is written behind the answers
    ensure_services(datasette).close()
    committed(TOKENS)
    for database in datasette.databases.values():
        database.close()


REPOSITORY = {
    "full_name": "pangeo-forge/ice-feedstock",
    "name": "ice-feedstock",
    "owner": {"login": "pangeo-forge"},
    "default_branch": "main",
    "id": 1,
}

# how a write begins or ends in SQL
ENDS = ("commit", "commit transaction", "end", "end transaction", "begin immediate", "begin exclusive")


def calls(path):
    """(what is called, its first argument if that is text) of each call in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            first = node.args[0] if node.args else None
            text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
            yield ast.unparse(node.func), text.strip().lower()


def test_nobody_commits_beside_the_one_function():
    sources = [*ROOT.glob("plugins/**/*.py"), *ROOT.glob("scripts/*.py")]
    assert len(sources) > 80
    for path in sources:
        for function, text in calls(path):
            if path.name not in OPENS:
                assert function != "sqlite3.connect", f"{path} opens a connection of its own"
            if path.name not in DATABASE:
                name = function.rpartition(".")[2]
                assert name not in ("commit", "execute_write", "execute_write_fn", "executescript"), f"{path}: {name}"
                words = " ".join(text.split()[:2])
                assert words not in ENDS, f"{path}: {text}"
