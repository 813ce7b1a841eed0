"""Group commit: what is acknowledged is on disk, what failed alone is gone alone, and what cannot be is a 503."""

import asyncio
import contextlib
import resource
import sqlite3
import threading

import pytest
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction
from pangeo_forge_federation.storage.group_commit import GROUP_SIZE, QUEUE_SIZE, Writer

LONG = 20000


@pytest.fixture
def path(data):
    return database_path(data, FEDERATION)


@pytest.fixture
def writer(path):
    made = Writer(path, busy_timeout=0.2)
    yield made
    made.close()


@pytest.fixture
def stored(path):
    """A function that gives the ids of the bakeries that another connection sees."""
    reader = connect(path)
    yield lambda: [row[0] for row in reader.execute("select id from bakeries order by rowid")]
    reader.close()


@pytest.fixture
def commits(path):
    """A function that gives the number of commits so far."""
    reader = connect(path)
    yield lambda: reader.execute("pragma user_version").fetchone()[0]
    reader.close()


def add(name):
    """A write that adds a bakery and returns its name."""

    def function(connection):
        connection.execute("insert into bakeries (id) values (?)", [name])
        return name

    return function


class Gate:
    """A write that holds the writer's thread until it is opened, so that what comes meanwhile makes one group."""

    def __init__(self, name="gate"):
        self.name = name
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, connection):
        self.reached.set()
        assert self.opened.wait(30)
        return add(self.name)(connection)

    def open(self):
        self.opened.set()

    async def wait_until_reached(self):
        assert await asyncio.to_thread(self.reached.wait, 30)


async def write_as_group(writer, *functions):
    """What each of the writes of one group came to: its result or its exception."""
    gate = Gate()
    first = asyncio.create_task(writer.write(gate))
    await gate.wait_until_reached()
    group = [asyncio.create_task(writer.write(function)) for function in functions]
    await asyncio.sleep(0)
    gate.open()
    assert await first == "gate"
    return await asyncio.gather(*group, return_exceptions=True)


def assert_unavailable(problem):
    assert isinstance(problem, ProblemDetails), repr(problem)
    assert (problem.kind, problem.status) == ("unavailable", 503)
    assert int(problem.headers["Retry-After"]) > 0


# Acknowledged is stored


async def test_a_result_comes_when_the_row_is_there(writer, stored, commits):
    before = commits()
    assert await writer.write(add("one")) == "one"
    assert stored() == ["one"]
    assert commits() == before + 1


async def test_no_result_comes_before_the_commit_of_its_group(writer, stored):
    gate, later = Gate(), Gate("later")
    first = asyncio.create_task(writer.write(gate))
    await gate.wait_until_reached()
    group = [asyncio.create_task(writer.write(function)) for function in (add("early"), later)]
    await asyncio.sleep(0)
    gate.open()
    await first
    await later.wait_until_reached()
    await asyncio.sleep(0.05)
    assert not group[0].done()
    assert stored() == ["gate"]
    later.open()
    assert await asyncio.gather(*group) == ["early", "later"]
    assert stored() == ["gate", "early", "later"]


@pytest.mark.parametrize("count", [1, 3])
async def test_writes_that_change_nothing_make_no_commit(writer, path, commits, count):
    await writer.write(add("one"))
    before = commits(), path.with_name("federation.db-wal").stat().st_size

    def find(connection):
        return connection.execute("select id from bakeries").fetchone()[0]

    def refuse(connection):
        add("two")(connection)
        raise ValueError

    for function in (find, refuse):
        writes = [writer.write(function) for _ in range(count)]
        for found in await asyncio.gather(*writes, return_exceptions=True):
            assert found == "one" or isinstance(found, ValueError)
    assert (commits(), path.with_name("federation.db-wal").stat().st_size) == before
    # one that does change something takes the others with it
    await asyncio.gather(writer.write(find), writer.write(add("two")), writer.write(find))
    assert commits() == before[0] + 1


async def test_concurrent_writes_share_a_commit(writer, stored, commits):
    before = commits()
    names = [f"bakery-{number}" for number in range(50)]
    assert await write_as_group(writer, *map(add, names)) == names
    assert stored() == ["gate", *names]
    assert commits() == before + 2


async def test_a_group_has_a_bound(writer, commits):
    before = commits()
    names = [f"bakery-{number}" for number in range(GROUP_SIZE + 1)]
    assert await write_as_group(writer, *map(add, names)) == names
    assert commits() == before + 3


async def test_writes_are_made_in_the_order_in_which_they_came(writer, stored):
    names = [f"bakery-{number}" for number in range(300)]
    await asyncio.gather(*(writer.write(add(name)) for name in names))
    assert stored() == names


async def test_a_write_sees_those_before_it_in_its_group(writer):
    def count(connection):
        return connection.execute("select count(*) from bakeries").fetchone()[0]

    assert await write_as_group(writer, count, add("one"), count, add("two"), count) == [1, "one", 2, "two", 3]


async def test_writes_of_several_event_loops(writer, stored):
    def others(thread):
        async def run():
            return await asyncio.gather(*(writer.write(add(f"{thread}-{number}")) for number in range(20)))

        return asyncio.run(run())

    results = await asyncio.gather(*(asyncio.to_thread(others, thread) for thread in range(4)))
    assert results == [[f"{thread}-{number}" for number in range(20)] for thread in range(4)]
    assert sorted(stored()) == sorted(name for names in results for name in names)


# What fails alone


class Refused(Exception):
    pass


async def test_a_failing_write_is_rolled_back_alone(writer, stored):
    error = Refused("not like this")

    def fail(connection):
        add("half")(connection)
        raise error

    results = await write_as_group(writer, add("before"), fail, add("after"))
    assert results == ["before", error, "after"]
    assert stored() == ["gate", "before", "after"]


@pytest.mark.parametrize("error", [ProblemDetails("conflict", "taken"), StopIteration(), asyncio.CancelledError()])
async def test_whatever_a_write_raises_ends_the_wait(writer, stored, error):
    def fail(connection):
        raise error

    with pytest.raises((type(error), RuntimeError)):
        await asyncio.wait_for(writer.write(fail), 5)
    assert await writer.write(add("next")) == "next"
    assert stored() == ["next"]


async def test_a_violated_check_leaves_the_other_writes(writer, stored):
    def twice(connection):
        add("half")(connection)
        add("before")(connection)

    before, violation, after = await write_as_group(writer, add("before"), twice, add("after"))
    assert isinstance(violation, sqlite3.IntegrityError)
    assert (before, after) == ("before", "after")
    assert stored() == ["gate", "before", "after"]


async def test_a_violated_foreign_key_leaves_the_other_writes(writer, stored):
    def orphan(connection):
        connection.execute("insert into bakery_targets (bakery_id, name) values ('nowhere', 'target')")

    before, violation, after = await write_as_group(writer, add("before"), orphan, add("after"))
    assert isinstance(violation, sqlite3.IntegrityError)
    assert stored() == ["gate", before, after]


async def test_a_fault_in_our_own_sql_arrives_as_it_is(writer, stored):
    def fault(connection):
        connection.execute("insert into nowhere values (1)")

    before, error, after = await write_as_group(writer, add("before"), fault, add("after"))
    assert isinstance(error, sqlite3.OperationalError)
    assert stored() == ["gate", before, after]


# What fails together


def plant_bomb(connection):
    """From now on, on this connection, SQLite rolls back the whole transaction when `bomb` is added."""
    connection.execute(
        """
        create temp trigger bomb before insert on bakeries when new.id = 'bomb'
        begin
            select raise(rollback, 'gone');
        end
        """
    )
    # a write that changes no row is not kept, and the trigger with it
    return add("bomber")(connection)


def swallow(connection):
    with contextlib.suppress(sqlite3.Error):
        add("bomb")(connection)


def roll_back(connection):
    connection.execute("rollback")


@pytest.mark.parametrize("fatal", [add("bomb"), swallow, roll_back], ids=["raised", "swallowed", "executed"])
async def test_a_transaction_that_sqlite_rolled_back_is_lost_as_a_whole(writer, stored, commits, fatal):
    await writer.write(plant_bomb)
    before = commits()
    ran = []

    def note(connection):
        ran.append("after")
        return add("after")(connection)

    results = await write_as_group(writer, add("before"), fatal, note)
    for result in results:
        assert_unavailable(result)
    assert ran == [], "nothing more runs in a group that is lost: it would be committed one by one"
    assert stored() == ["bomber", "gate"]
    assert commits() == before + 1
    assert await writer.write(add("next")) == "next"
    assert stored() == ["bomber", "gate", "next"]


async def test_a_database_that_is_locked_for_too_long(writer, path, stored):
    holder = connect(path)
    with transaction(holder):
        holder.execute("insert into bakeries (id) values ('holder')")
        results = await asyncio.gather(*(writer.write(add(name)) for name in "ab"), return_exceptions=True)
    for result in results:
        assert_unavailable(result)
    assert stored() == ["holder"]
    assert await writer.write(add("next")) == "next"
    assert stored() == ["holder", "next"]
    holder.close()


async def test_a_lock_that_ends_in_time_is_waited_for(path, stored):
    patient = Writer(path, busy_timeout=30)
    holder = connect(path)
    with transaction(holder):
        waiting = asyncio.create_task(patient.write(add("waited")))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert await waiting == "waited"
    assert stored() == ["waited"]
    patient.close()
    holder.close()


def add_large(name):
    def function(connection):
        connection.executemany(
            "insert into feedstocks (id, repository, description, license) values (?, ?, ?, ?)",
            [(f"{name}-{number}", "owner/name", "d" * LONG, "l" * LONG) for number in range(10)],
        )
        return name

    return function


async def test_a_database_that_may_not_grow(writer, path):
    """SQLite answers as for a full disk, and rolls back one statement or the whole transaction, as it must."""

    def set_bound(pages):
        return lambda connection: connection.execute(f"pragma max_page_count = {pages}").fetchone()[0]

    pages = await writer.write(lambda connection: connection.execute("pragma page_count").fetchone()[0])
    await writer.write(set_bound(pages + 8))
    (refused,) = await write_as_group(writer, add_large("full"))
    assert_unavailable(refused)
    await writer.write(set_bound(2**31 - 2))
    assert await writer.write(add_large("next")) == "next"
    reader = connect(path)
    assert reader.execute("select count(*) from feedstocks where id like 'full%'").fetchone()[0] == 0
    assert reader.execute("select count(*) from feedstocks where id like 'next%'").fetchone()[0] == 10
    assert reader.execute("pragma integrity_check").fetchone()[0] == "ok"
    reader.close()


async def test_a_disk_that_takes_no_more(writer, path, stored):
    """The operating system refuses to let a file grow, as a full disk does, until it is told otherwise."""
    await writer.write(add("first"))
    size = path.with_name("federation.db-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5000, hard))
    try:
        results = await asyncio.gather(
            *(writer.write(function) for function in (add("small"), add_large("full"))), return_exceptions=True
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    acknowledged = [result for result in results if isinstance(result, str)]
    for result in results:
        if result not in acknowledged:
            assert_unavailable(result)
    assert "full" not in acknowledged
    assert await writer.write(add("next")) == "next"
    assert stored() == ["first", *acknowledged, "next"]
    reader = connect(path)
    assert reader.execute("pragma integrity_check").fetchone()[0] == "ok"
    reader.close()


async def test_a_folder_that_is_not_there(tmp_path):
    lost = Writer(tmp_path / "nowhere" / "federation.db")
    with pytest.raises(ProblemDetails) as refused:
        await lost.write(add("one"))
    assert_unavailable(refused.value)
    lost.close()


# The queue and its end


async def test_too_many_writes_are_refused_and_the_others_stored(writer, stored):
    gate = Gate()
    first = asyncio.create_task(writer.write(gate))
    await gate.wait_until_reached()
    names = [f"bakery-{number}" for number in range(QUEUE_SIZE)]
    waiting = [asyncio.create_task(writer.write(add(name))) for name in names]
    await asyncio.sleep(0)
    with pytest.raises(ProblemDetails) as refused:
        await writer.write(add("one too many"))
    assert_unavailable(refused.value)
    gate.open()
    await first
    assert await asyncio.gather(*waiting) == names
    assert stored() == ["gate", *names]
    assert await writer.write(add("next")) == "next"


async def test_close_finishes_what_waits(writer, stored):
    gate = Gate()
    first = asyncio.create_task(writer.write(gate))
    await gate.wait_until_reached()
    names = [f"bakery-{number}" for number in range(2 * GROUP_SIZE)]
    waiting = [asyncio.create_task(writer.write(add(name))) for name in names]
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(writer.close))
    while True:
        late = asyncio.create_task(writer.write(add(f"late-{len(names)}")))
        await asyncio.sleep(0.01)
        if late.done():
            break
        # the other thread had not come to close it yet
        names.append(f"late-{len(names)}")
        waiting.append(late)
    assert_unavailable(late.exception())
    assert not closing.done()
    gate.open()
    await closing
    assert await asyncio.wait_for(asyncio.gather(first, *waiting), 5) == ["gate", *names]
    assert stored() == ["gate", *names]


async def test_a_closed_writer_refuses(writer, stored):
    await writer.write(add("one"))
    writer.close()
    writer.close()
    with pytest.raises(ProblemDetails) as refused:
        await writer.write(add("two"))
    assert_unavailable(refused.value)
    assert stored() == ["one"]


async def test_closing_ends_the_thread_and_the_connection(writer, path):
    await writer.write(add("one"))
    assert any(thread.name == "federation-writer" for thread in threading.enumerate())
    writer.close()
    assert not any(thread.name == "federation-writer" for thread in threading.enumerate())
    assert not path.with_name("federation.db-wal").exists(), "the last connection to close takes the log with it"


def test_a_writer_that_was_never_used_closes(path):
    Writer(path).close()


async def test_what_a_caller_sent_before_it_went_is_stored(writer, stored):
    gate = Gate()
    first = asyncio.create_task(writer.write(gate))
    await gate.wait_until_reached()
    gone, stays = (asyncio.create_task(writer.write(add(name))) for name in ("gone", "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    gate.open()
    await first
    assert await stays == "stays"
    assert stored() == ["gate", "gone", "stays"]


async def test_a_caller_whose_event_loop_has_ended_takes_no_other_with_it(writer, stored):
    gate = Gate()

    def short_lived():
        async def run():
            await asyncio.wait_for(writer.write(gate), 0.05)

        with pytest.raises(TimeoutError):
            asyncio.run(run())

    await asyncio.to_thread(short_lived)
    gate.open()
    assert await asyncio.wait_for(writer.write(add("next")), 5) == "next"
    assert stored() == ["gate", "next"]


async def test_what_is_written_in_passing_shares_commits_however_much_it_is(path):
    relaxed = Writer(path, relaxed=True)
    connection = connect(path)
    connection.execute("create table passing (id integer primary key)")
    before = connection.execute("pragma user_version").fetchone()[0]
    for _ in range(3000):
        relaxed.submit(lambda connection: connection.execute("insert into passing default values"))
    relaxed.close()
    assert connection.execute("select count(*) from passing").fetchone()[0] == 3000
    assert connection.execute("pragma user_version").fetchone()[0] - before <= 5
    connection.close()
