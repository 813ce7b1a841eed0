import hashlib
import os
import re
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path
from pangeo_forge_federation.values import times

BAKERY = "northlight.bakery.gcp.europe-west4"
TOKEN = re.compile(r"pfk_(\d+)_([A-Za-z0-9_-]{43})\n")


@pytest.fixture
def call(tmp_path, warm_python):
    """A function that runs scripts/tokens.py over a fresh data folder."""

    def run(*arguments, data=tmp_path / "data", environment=()):
        options = ["--data", data] if data else []
        return warm_python.run(
            ROOT / "scripts" / "tokens.py",
            *arguments,
            *options,
            cwd=tmp_path,
            environment={**os.environ, **dict(environment)},
        )

    return run


def rows(data, sql, name="tokens"):
    with closing(sqlite3.connect(data / f"{name}.db")) as connection:
        return connection.execute(sql).fetchall()


def test_the_token_alone_is_on_stdout(call, tmp_path):
    done = call("create", "--bakery", BAKERY, "--name", "nightly job")
    assert done.returncode == 0
    token_id, secret = TOKEN.fullmatch(done.stdout).groups()
    warning, told = done.stderr.splitlines()
    assert BAKERY in warning
    assert BAKERY in told and str(tmp_path / "data") in told
    assert secret not in done.stderr
    digest = hashlib.sha256(secret.encode()).hexdigest()
    assert rows(tmp_path / "data", "select id, secret_sha256, bakery_id, name, revoked_at from tokens") == [
        (int(token_id), digest, BAKERY, "nightly job", None)
    ]


def test_the_secret_is_nowhere_in_the_folder(call, tmp_path):
    secret = TOKEN.fullmatch(call("create", "--bakery", BAKERY).stdout)[2]
    files = [path for path in (tmp_path / "data").iterdir() if path.is_file()]
    assert {"federation.db", "tokens.db"} <= {path.name for path in files}
    for path in files:
        assert secret.encode() not in path.read_bytes(), path
    # and nothing of tokens is in the database that is public
    assert (
        hashlib.sha256(secret.encode()).hexdigest().encode() not in (tmp_path / "data" / "federation.db").read_bytes()
    )


def test_only_its_owner_may_read_the_tokens(call, tmp_path):
    call("create", "--bakery", BAKERY)
    path = tmp_path / "data" / "tokens.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # what SQLite writes beside it is as closed
    with closing(connect(database_path(tmp_path / "data", TOKENS))) as connection:
        connection.execute("update tokens set name = 'x'")
        for beside in path.parent.glob("tokens.db-*"):
            assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    path.chmod(0o644)
    call("list")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_bakery_with_a_token_exists_unlisted(call, tmp_path):
    call("create", "--bakery", BAKERY)
    call("create", "--bakery", BAKERY.upper())
    assert rows(tmp_path / "data", "select id, listed from bakeries", "federation") == [(BAKERY, 0)]
    # stored is the bakery's spelling
    assert rows(tmp_path / "data", "select distinct bakery_id from tokens") == [(BAKERY,)]


def test_an_administrators_token_belongs_to_no_bakery(call, tmp_path):
    done = call("create", "--admin")
    assert TOKEN.fullmatch(done.stdout)
    assert rows(tmp_path / "data", "select bakery_id from tokens") == [(None,)]
    assert rows(tmp_path / "data", "select count(*) from bakeries", "federation") == [(0,)]
    assert "(admin)" in call("list").stdout


@pytest.mark.parametrize(("arguments", "days"), [((), 365), (("--days", "7"), 7), (("--days", "0.5"), 0.5)])
def test_a_token_expires(call, tmp_path, arguments, days):
    before = datetime.now(UTC)
    call("create", "--bakery", BAKERY, *arguments)
    ((created, expires),) = rows(tmp_path / "data", "select created_at, expires_at from tokens")
    assert before <= times.from_text(created) <= datetime.now(UTC)
    assert times.from_text(expires) - times.from_text(created) == timedelta(days=days)


@pytest.mark.parametrize(
    "arguments",
    [
        ("create",),
        ("create", "--bakery", BAKERY, "--admin"),
        ("create", "--bakery", ""),
        ("create", "--bakery", "../bakery"),
        ("create", "--bakery", "a bakery"),
        ("create", "--bakery", "x" * 501),
        ("create", "--admin", "--days", "0"),
        ("create", "--admin", "--days", "-1"),
        ("create", "--admin", "--days", "40000"),
        ("create", "--admin", "--days", "soon"),
        ("create", "--admin", "--days", "nan"),
        ("create", "--admin", "--name", "two\nlines"),
        ("create", "--admin", "--name", "\x1b[31m"),
        ("create", "--admin", "--name", "x" * 201),
        ("create", "--admin", "stray"),
        ("revoke",),
        ("revoke", "pfk_1"),
        ("revoke", "0"),
        ("revoke", str(2**63)),
        ("unknown",),
    ],
)
def test_usage_errors_are_exit_2_and_make_nothing(call, tmp_path, arguments):
    done = call(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_list_shows_each_token_without_its_secret(call, tmp_path):
    first = TOKEN.fullmatch(call("create", "--bakery", BAKERY, "--name", "nightly job").stdout)[2]
    second = TOKEN.fullmatch(call("create", "--admin", "--days", "0.00000001").stdout)[2]
    third = TOKEN.fullmatch(call("create", "--bakery", "osn.bakery.campus").stdout)[2]
    call("revoke", "3")
    done = call("list")
    assert (done.returncode, done.stderr) == (0, "")
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["id", "state", "created", "expires", "last", "used", "bakery", "name"]
    today = datetime.now(UTC).date()
    assert lines[0].split()[:3] == ["3", "revoked", str(today)]
    assert lines[1].split()[:2] == ["2", "expired"]
    days = [str(today), str(today + timedelta(days=365)), "never"]
    assert lines[2].split() == ["1", "valid", *days, BAKERY, "nightly", "job"]
    for secret in (first, second, third):
        assert secret not in done.stdout
        assert hashlib.sha256(secret.encode()).hexdigest() not in done.stdout


@pytest.mark.parametrize("arguments", [("list",), ("audit",), ("revoke", "1")])
def test_who_looks_at_tokens_makes_no_registry(call, tmp_path, arguments):
    done = call(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert (done.stderr.count("\n"), str(tmp_path / "data") in done.stderr) == (1, True)
    assert not (tmp_path / "data").exists()


def test_revoking_twice_keeps_the_first_moment(call, tmp_path):
    token = call("create", "--bakery", BAKERY).stdout.strip()
    done = call("revoke", token)
    assert (done.returncode, done.stdout) == (0, "")
    ((first,),) = rows(tmp_path / "data", "select revoked_at from tokens")
    assert first is not None
    assert call("revoke", "1").returncode == 0
    assert rows(tmp_path / "data", "select revoked_at from tokens") == [(first,)]


def test_an_unknown_token_is_exit_1(call, tmp_path):
    call("create", "--bakery", BAKERY)
    done = call("revoke", "2")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(r"\b2\b", done.stderr)
    assert rows(tmp_path / "data", "select count(*) from tokens where revoked_at is null") == [(1,)]


def test_the_id_of_a_token_is_never_given_twice(call, tmp_path):
    call("create", "--admin")
    with closing(connect(database_path(tmp_path / "data", TOKENS))) as connection:
        connection.execute("delete from tokens")
    assert call("create", "--admin").stdout.startswith("pfk_2_")


def test_a_database_that_cannot_be_used_is_exit_1_in_one_line(call, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tokens.db").write_bytes(b"this is no database, but long enough to be one" * 100)
    for arguments in (("create", "--bakery", BAKERY), ("list",), ("revoke", "1")):
        done = call(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1


def test_the_environment_names_the_data_folder(call, tmp_path):
    call("create", "--admin", data=None, environment={"FEDERATION_DATA": str(tmp_path / "elsewhere")})
    assert rows(tmp_path / "elsewhere", "select count(*) from tokens") == [(1,)]
