"""When a write is answered: once a group has been acknowledged, however many writes are in it."""

import asyncio
import threading

import pytest
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.storage.database import FEDERATION, database_path
from pangeo_forge_federation.storage.group_commit import Writer


class Store:
    """What a group of writes waits for; it can be held up, and can fail."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()
        self.calls = 0
        self.fault = None

    def __call__(self):
        self.calls += 1
        assert self.open.wait(10)
        return self.fault


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def writer(data, store):
    made = Writer(database_path(data, FEDERATION), acknowledge=store)
    yield made
    store.open.set()
    made.close()


def add(name):
    return lambda connection: connection.execute("insert into bakeries (id, listed) values (:id, 0)", {"id": name})


def bakeries(connection):
    return {row[0] for row in connection.execute("select id from bakeries")}


async def test_writes_that_come_together_wait_together(writer, store, connection):
    store.open.clear()
    first = asyncio.create_task(writer.write(add("first")))
    while not store.calls:
        await asyncio.sleep(0.01)
    others = [asyncio.create_task(writer.write(add(f"other-{number}"))) for number in range(20)]
    await asyncio.sleep(0.1)
    # it is on this disk already, and not answered
    assert bakeries(connection) == {"first"}
    assert not first.done()
    store.open.set()
    await asyncio.gather(first, *others)
    assert store.calls == 2
    assert len(bakeries(connection)) == 21


async def test_what_is_on_one_disk_alone_is_told_so(writer, store, connection):
    store.fault = "the store is away"
    with pytest.raises(ProblemDetails) as raised:
        await writer.write(add("a"))
    assert raised.value.status == 503
    assert raised.value.headers == {"Retry-After": "5", "Federation-Acknowledged": "disk"}
    assert bakeries(connection) == {"a"}
    store.fault = None
    await writer.write(add("b"))


async def test_what_was_not_stored_waits_for_nothing_and_keeps_its_own_error(writer, store):
    def refuse(connection):
        raise ProblemDetails("conflict", "no")

    store.fault = "the store is away"
    with pytest.raises(ProblemDetails) as raised:
        await writer.write(refuse)
    assert raised.value.kind == "conflict"
    assert store.calls == 0
