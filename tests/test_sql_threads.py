"""SQL of people's own: which requests bring it, how many run at once, and what a failed query leaves behind."""

import asyncio
import sqlite3
import sys
import threading
import weakref

import pytest
from pangeo_forge_federation.analyst_sql import turns as sql_threads
from pangeo_forge_federation.analyst_sql.turns import SqlTurns, carries_sql, clear_frames
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.services import ensure_services


@pytest.mark.parametrize(
    "query_string",
    [
        b"sql=select+1",
        b"%73ql=select+1",
        b"%73%71%6C=select+1",
        b"a=1&sql=select+1&sql=select+2",
        b"sql=",
        b"sql",
        b"_where=1",
        b"%5Fwhere=1",
        b"_%77here=1",
        b"_size=1&_where=id+in+(select+1)",
        b"x=%FF&sql=select+1",
    ],
)
def test_a_request_with_sql_of_its_own(query_string):
    assert carries_sql(query_string)


@pytest.mark.parametrize(
    "query_string", [b"", b"status=success", b"q=sql", b"q=_where", b"SQL=1", b"sqlx=1", b"recipe_id=a%26sql%3D1"]
)
def test_a_request_without(query_string):
    assert not carries_sql(query_string)


class Held:
    """Something that a frame keeps alive."""


def fail_holding(held: list, message: object = "failed") -> None:
    kept = Held()
    held.append(weakref.ref(kept))
    raise sqlite3.OperationalError(message)


def caught(function) -> Exception:
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("it did not fail")


def test_frames_of_an_exception_and_of_all_it_carries_are_cleared():
    held: list = []

    def chained() -> None:
        try:
            fail_holding(held)
        except sqlite3.OperationalError as first:
            try:
                fail_holding(held)
            except sqlite3.OperationalError as second:
                raise ValueError(caught(lambda: fail_holding(held)), second, "text") from first

    error = caught(chained)
    assert [each() is not None for each in held] == [True, True, True]
    clear_frames(error)
    assert [each() for each in held] == [None, None, None]


def test_a_circle_of_exceptions_ends():
    held: list = []
    first, second = caught(lambda: fail_holding(held)), caught(lambda: fail_holding(held))
    first.__context__, second.__cause__ = second, first
    first.args = (first, second)
    clear_frames(first)
    assert [each() for each in held] == [None, None]


async def test_a_failed_read_of_datasette_keeps_no_cursor(datasette):
    held: list = []

    def read(connection: sqlite3.Connection) -> None:
        fail_holding(held)

    with pytest.raises(sqlite3.OperationalError) as raised:
        await datasette.get_database("federation").execute_fn(read)
    assert raised.value.__traceback__
    assert held[0]() is None
    assert sys.exc_info() == (None, None, None)


async def test_turns_are_given_back_after_an_exception_and_none_is_503(monkeypatch):
    monkeypatch.setattr(sql_threads, "WAIT_SECONDS", 0.05)
    turns = SqlTurns(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with turns.turn():
                raise ZeroDivisionError
    async with turns.turn():
        with pytest.raises(ProblemDetails) as refused:
            async with turns.turn():
                raise AssertionError("two at once")
    assert refused.value.kind == "unavailable"
    async with turns.turn():
        pass


async def test_a_turn_is_given_back_by_who_is_cancelled(monkeypatch):
    monkeypatch.setattr(sql_threads, "WAIT_SECONDS", 0.05)
    turns = SqlTurns(1)
    has_it = asyncio.Event()

    async def hold() -> None:
        async with turns.turn():
            has_it.set()
            await asyncio.sleep(60)

    holder = asyncio.create_task(hold())
    await has_it.wait()
    waiter = asyncio.create_task(hold())
    await asyncio.sleep(0.01)
    waiter.cancel()
    holder.cancel()
    await asyncio.gather(holder, waiter, return_exceptions=True)
    async with turns.turn():
        pass


@pytest.mark.parametrize(
    "path",
    ["/federation.json?sql=select+1", "/federation.json?%73ql=select+1", "/federation/recipe_runs.json?_where=1"],
)
async def test_when_all_turns_are_taken(datasette, monkeypatch, path):
    monkeypatch.setattr(sql_threads, "WAIT_SECONDS", 0.05)
    turns = ensure_services(datasette).sql_turns
    assert (await datasette.client.get(path)).status_code == 200
    async with turns.turn():
        taken = 1
        while not turns._semaphore.locked():
            await turns._semaphore.acquire()
            taken += 1
        response = await datasette.client.get(path)
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        assert int(response.headers["retry-after"]) > 0
        # what brings no SQL of its own is not held up
        assert (await datasette.client.get("/recipe_runs")).status_code == 200
        assert (await datasette.client.get("/federation/recipe_runs.json")).status_code == 200
        for _ in range(taken - 1):
            turns._semaphore.release()
    assert (await datasette.client.get(path)).status_code == 200


async def test_a_query_that_fails_gives_its_turn_back(datasette, monkeypatch):
    monkeypatch.setattr(sql_threads, "WAIT_SECONDS", 0.05)
    for _ in range(5):
        assert (await datasette.client.get("/federation.json?sql=select+nothing")).status_code == 400
    assert (await datasette.client.get("/federation.json?sql=select+1")).status_code == 200


async def test_tokens_are_read_while_all_threads_of_datasette_are_busy(datasette, headers):
    release = threading.Event()
    database = datasette.get_database("federation")
    busy = [
        asyncio.create_task(database.execute_fn(lambda connection: release.wait(10)))
        for _ in range(datasette.setting("num_sql_threads"))
    ]
    await asyncio.sleep(0.05)
    try:
        response = await asyncio.wait_for(datasette.client.get("/recipe_runs", headers=headers), 5)
        assert response.status_code == 200
        wrong = {"Authorization": "Bearer pfk_99_wrong"}
        response = await asyncio.wait_for(datasette.client.get("/recipe_runs", headers=wrong), 5)
        assert response.status_code == 401
        assert not any(task.done() for task in busy)
    finally:
        release.set()
        await asyncio.gather(*busy)
