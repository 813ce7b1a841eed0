"""A primary beside real Litestream processes: what it copies and refuses, and what it does when the store fails."""

import os
import re
import shutil
import signal
import threading
import time
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from click.testing import CliRunner
from pangeo_forge_federation.replication import follower, primary
from pangeo_forge_federation.replication.acknowledge import InTheStore
from pangeo_forge_federation.replication.control import replicate_now
from pangeo_forge_federation.replication.follower import following
from pangeo_forge_federation.replication.primary import replicating
from pangeo_forge_federation.replication.process import CHILD_LOCK
from pangeo_forge_federation.replication.restore import restore_database
from pangeo_forge_federation.replication.restore_command import restore, restore_command
from pangeo_forge_federation.replication.state import read_state
from pangeo_forge_federation.replication.store import fetch_stored
from pangeo_forge_federation.replication.urls import ReplicationError, read_url
from pangeo_forge_federation.storage import schema
from pangeo_forge_federation.storage.database import DATABASES, FEDERATION, TOKENS, connect, database_path, transaction
from pangeo_forge_federation.values import times
from server_process import wait_for

pytestmark = pytest.mark.usefixtures("litestream")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, seconds in {"WATCH_SECONDS": 0.05, "CHECK_FOLDER_SECONDS": 0.1, "FIRST_PAUSE": 0.1}.items():
        monkeypatch.setattr(primary, name, seconds)


@pytest.fixture
def url(tmp_path):
    return read_url(f"file://{tmp_path}/store")


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def add(data, *names):
    with closing(connect(database_path(data, FEDERATION))) as connection:
        for name in names:
            with transaction(connection):
                connection.execute("insert into bakeries (id, listed) values (:id, 0)", {"id": name})


def bakeries(data):
    with closing(connect(database_path(data, FEDERATION))) as connection:
        return {row[0] for row in connection.execute("select id from bakeries")}


def pragma(data, name):
    with closing(connect(database_path(data, FEDERATION))) as connection:
        return connection.execute(f"pragma {name}").fetchone()[0]


def sync(data):
    for name in DATABASES:
        replicate_now(data, name, 5)


@contextmanager
def running(data, url):
    """A primary that has been in step with the store."""
    with replicating(data, url):
        wait_for(lambda: status(data) == "ok")
        yield


def status(data):
    return read_state(data).status


def is_whole(data):
    """Whether everything that is here could be restored from the store; not while it is being copied anew."""
    try:
        return all(
            fetch_stored(data / ".litestream.yml", data, name).reach >= replicate_now(data, name, 5).transaction
            for name in DATABASES
        )
    except ReplicationError:
        return False


def restored(url, folder):
    """The bakeries that somebody finds who has nothing but the store."""
    shutil.rmtree(folder, ignore_errors=True)
    restore(url, None, folder)
    return bakeries(folder)


def test_a_folder_is_copied_followed_and_restored(data, url, tmp_path):
    add(data, "before")
    with running(data, url):
        # a checkpoint of ours while Litestream copies a database would leave a damaged one in the store
        assert pragma(data, "wal_autocheckpoint") == 0
        add(data, "a", "b")
        sync(data)
        assert restored(url, tmp_path / "other") == {"before", "a", "b"}
        # the last commits leave with the server
        add(data, "last")
    assert pragma(data, "wal_autocheckpoint") == 1000
    assert restored(url, tmp_path / "other") == {"before", "a", "b", "last"}
    for path in (data / ".litestream.yml", data / ".replication.json", tmp_path / "other" / "tokens.db"):
        assert path.stat().st_mode & 0o777 == 0o600
    # an empty folder goes on from there, and so does the first again
    shutil.rmtree(tmp_path / "other")
    with running(tmp_path / "other", url):
        assert bakeries(tmp_path / "other") == {"before", "a", "b", "last"}
        add(tmp_path / "other", "elsewhere")
    # but not both: the first was away while another wrote
    with pytest.raises(ReplicationError), replicating(data, url):
        pass
    assert bakeries(data) == {"before", "a", "b", "last"}


def test_a_store_that_goes_away_and_comes_back(data, url, store, tmp_path, caplog):
    acknowledge = InTheStore(data)
    with running(data, url):
        add(data, "a")
        assert acknowledge() is None
        before = read_state(data)
        store.rename(tmp_path / "away")
        store.write_text("in its place")
        add(data, "b")
        assert "not a directory" in acknowledge()
        wait_for(lambda: status(data) == "failing")
        # it does not say that more has arrived than has
        assert read_state(data).position == before.position
        store.unlink()
        (tmp_path / "away").rename(store)
        wait_for(lambda: status(data) == "ok")
        assert acknowledge() is None
        assert restored(url, tmp_path / "other") == {"a", "b"}
    assert any("not a directory" in record.getMessage() for record in caplog.records)


def test_a_store_that_comes_back_with_older_content_is_made_whole(data, url, store, tmp_path, caplog):
    """Litestream goes on as if nothing had happened, and nothing could be restored from there."""
    with running(data, url):
        add(data, "a")
        sync(data)
        # it makes a whole copy when it starts; later it would not
        wait_for(lambda: list(store.glob("federation/ltx/9/*.ltx")))
        shutil.copytree(store, tmp_path / "older")
        for name in "bcd":
            add(data, name)
            sync(data)
        shutil.rmtree(store)
        shutil.copytree(tmp_path / "older", store)
        add(data, "e")
        wait_for(lambda: caplog.text)
        wait_for(lambda: status(data) == "ok")
        add(data, "f")
        sync(data)
        assert restored(url, tmp_path / "other") == set("abcdef")
        # and one that lost everything
        shutil.rmtree(store)
        add(data, "g")
        wait_for(lambda: is_whole(data))
        assert restored(url, tmp_path / "other") == set("abcdefg")


def test_while_the_server_was_stopped_the_store_lost_everything(data, url, store, tmp_path):
    with running(data, url):
        add(data, "a")
    shutil.rmtree(store)
    with running(data, url):
        add(data, "b")
    assert restored(url, tmp_path / "other") == {"a", "b"}


def test_litestream_is_started_again_when_it_ends(data, url, tmp_path):
    with running(data, url):
        pid = int((data / CHILD_LOCK).read_text())
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: status(data) == "failing")
        assert "-9" in read_state(data).detail
        add(data, "a")
        wait_for(lambda: status(data) == "ok")
        assert int((data / CHILD_LOCK).read_text()) != pid
        assert InTheStore(data)() is None
    assert restored(url, tmp_path / "other") == {"a"}


def test_two_primaries_find_each_other(data, url, tmp_path):
    """The store does not keep them apart; one that finds the other's writing stops before it spoils it."""
    second = tmp_path / "second"
    with running(data, url):
        add(data, "a")
        sync(data)
        with replicating(second, url):
            for name in "bcd":
                add(second, name)
                replicate_now(second, FEDERATION, 5)
            wait_for(lambda: status(data) == "conflict")
            assert read_state(data).detail
            assert InTheStore(data)() is not None
            add(data, "never")
            assert status(second) != "conflict"
    assert restored(url, tmp_path / "other") == set("abcd")


def test_a_second_server_on_one_folder_is_refused(data, url):
    with running(data, url), pytest.raises(ReplicationError), replicating(data, url):
        pass


def test_another_database_in_the_store_is_not_written_over(data, url, store, tmp_path):
    with running(tmp_path / "first", url):
        add(tmp_path / "first", "a")
    before = sorted(path.name for path in store.rglob("*.ltx"))
    with pytest.raises(ReplicationError), replicating(data, url):
        pass
    assert sorted(path.name for path in store.rglob("*.ltx")) == before
    # nor is one that is no registry restored
    shutil.rmtree(store / "federation")
    (store / "tokens").rename(store / "federation")
    shutil.copytree(store / "federation", store / "tokens")
    with pytest.raises(ReplicationError, match=r"federation\.db"):
        restored(url, tmp_path / "other")
    assert not database_path(tmp_path / "other", FEDERATION).exists()


def test_a_store_inside_of_the_folder_is_refused(data):
    url = read_url(f"file://{data}/store")
    with pytest.raises(ReplicationError), replicating(data, url):
        pass


def test_a_folder_whose_path_is_longer_than_the_address_of_a_socket(url, tmp_path):
    data = tmp_path / ("x" * 100) / "data"
    with running(data, url):
        add(data, "a")
        assert InTheStore(data)() is None
    assert restored(url, tmp_path / "other") == {"a"}


def test_a_follower_that_stands_still_is_told_so_and_ends_in_the_end(data, url, tmp_path, monkeypatch):
    for name, seconds in {"CHECK_SECONDS": 0.1, "POLL_SECONDS": 0.05}.items():
        monkeypatch.setattr(follower, name, seconds)
    copy = tmp_path / "copy"
    ended = threading.Event()
    # as it would be ended by whoever looks after it
    handler = signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    try:
        with (
            running(data, url),
            pytest.raises(ReplicationError),
            following(copy, url),
        ):
            pid = int((copy / CHILD_LOCK).read_text())
            os.kill(pid, signal.SIGSTOP)
            add(data, "a")
            wait_for(lambda: status(copy) == "failing")
            os.kill(pid, signal.SIGCONT)
            wait_for(lambda: status(copy) == "ok")
            monkeypatch.setattr(follower, "STUCK_SECONDS", 0.3)
            os.kill(pid, signal.SIGSTOP)
            add(data, "b")
            wait_for(ended.is_set)
            os.kill(pid, signal.SIGCONT)
    finally:
        signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize(
    ("migrations", "version"),
    [
        pytest.param(schema.BASELINE.replaces, "older", id="before the baseline"),
        pytest.param({"m001_settings"}, "older", id="long before it"),
        pytest.param({schema.BASELINE.name, "m999_future"}, "newer", id="future"),
    ],
)
def test_a_replica_refuses_a_primary_of_another_version(data, url, tmp_path, migrations, version):
    with closing(connect(database_path(data, FEDERATION))) as connection, transaction(connection):
        connection.execute("delete from _sqlite_migrations")
        connection.executemany(
            "insert into _sqlite_migrations (migration_set, name) values ('federation', :name)",
            [{"name": name} for name in migrations],
        )
    with (
        running(data, url),
        pytest.raises(ReplicationError, match=version),
        following(tmp_path / "copy", url),
    ):
        pass


def test_ages_do_not_follow_a_clock_that_is_set(data, url, monkeypatch):
    with running(data, url):
        before = read_state(data).age_seconds
        with monkeypatch.context() as clock:
            clock.setattr(time, "time", lambda: 0.0)
            assert abs(read_state(data).age_seconds - before) < 10


def test_the_command_checks_a_store(data, url, store, tmp_path):
    with running(data, url):
        add(data, "a")
    done = CliRunner().invoke(restore_command, [url.text, "--check"])
    assert (done.exit_code, re.findall(r"^\w+\.db: \d+", done.stdout, re.MULTILINE)) == (
        0,
        ["federation.db: 0", "tokens.db: 0"],
    )
    for arguments, code, named in [
        ([f"file://{tmp_path}/none", "--check"], 1, f"file://{tmp_path}/none"),
        ([url.text, "--data", str(data)], 1, str(data)),
        ([url.text, "--check", "--at", "yesterday"], 2, "--at"),
        ([url.text, "--check", "--data", str(data)], 2, "--data"),
        (["nonsense"], 1, "nonsense"),
    ]:
        done = CliRunner().invoke(restore_command, arguments)
        assert done.exit_code == code
        assert named in done.stderr
    for path in (store / "tokens").rglob("*.ltx"):
        path.write_bytes(b"")
    done = CliRunner().invoke(restore_command, [url.text, "--check"])
    assert (done.exit_code, "tokens.db" in done.stderr) == (1, True)


def test_nothing_is_restored_over_a_database(data, url, tmp_path):
    with running(data, url):
        add(data, "a")
    with pytest.raises(ReplicationError):
        restore(url, None, data)
    with pytest.raises(ReplicationError):
        restore_database(data / ".litestream.yml", data, TOKENS, None)
    # as it is from an empty store
    with pytest.raises(ReplicationError, match="nothing"):
        restore(read_url(f"file://{tmp_path}/nothing"), None, tmp_path / "other")


def test_a_damaged_file_in_the_store_is_found(data, url, store, tmp_path):
    with running(data, url):
        add(data, "a")
    for path in (store / "federation").rglob("*.ltx"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    with pytest.raises(ReplicationError, match=r"federation\.db"):
        restored(url, tmp_path / "other")
    assert not database_path(tmp_path / "other", FEDERATION).exists()


def test_as_it_was_at_a_moment(data, url, tmp_path):
    with running(data, url):
        add(data, "a")
        sync(data)
        moment = times.now()
        # the store knows milliseconds
        time.sleep(0.01)
        add(data, "b")
    restore(url, moment, tmp_path / "other")
    assert bakeries(tmp_path / "other") == {"a"}
    # it is behind the store now, and must not write there
    with pytest.raises(ReplicationError), replicating(tmp_path / "other", url):
        pass
    with pytest.raises(ReplicationError, match=r"federation\.db") as raised:
        restore(url, "2001-01-01T00:00:00.000000Z", tmp_path / "never")
    assert not database_path(tmp_path / "never", FEDERATION).exists()
    # it names the first moment that there is, the last, and the one that was wanted
    first, last = [each for each in re.findall(r"\d{4}-\S+Z", str(raised.value)) if not each.startswith("2001-")]
    # the store tells whole seconds
    assert times.parse(last) >= times.parse(moment[:19] + "Z")
    assert first <= times.to_text(times.from_text(moment) + timedelta(seconds=1))
    # what it says is so
    restore(url, first, tmp_path / "first")
