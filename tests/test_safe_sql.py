"""The registry answers while analysts' queries do their worst."""

import shutil
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from conftest import new_token
from endless_sql import ENDLESS
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction
from server_process import running_server

HOSTILE = [
    ENDLESS,
    "select instr(replace(hex(zeroblob(20000000)), '0', 'ab'), 'zz')",
    "select printf('%900000000d', 1)",
    "select count(*) from recipe_runs a, recipe_runs b, recipe_runs c",
    "with recursive c(x) as (select 'a' union all select x || x from c) select max(length(x)) from c",
    "select group_concat(a.id) from recipe_runs a, recipe_runs b, recipe_runs c group by a.id % 2",
]
# long enough for the slowest of them to meet its limit, twice
ATTACK_SECONDS = 1.5
LEAST_READS = 20


def resident_bytes(process_id: int) -> int:
    status = Path(f"/proc/{process_id}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def fill(data: Path, rows: int) -> None:
    connection = connect(database_path(data, FEDERATION))
    with transaction(connection):
        connection.execute("insert into bakeries (id) values ('example.bakery')")
        connection.execute("insert into feedstocks (id, repository) values ('f', 'pangeo-forge/f')")
        connection.execute(
            f"""
            with recursive numbers (n) as (
                select 1
                union all
                select n + 1 from numbers where n < {rows}
            )
            insert into recipe_runs (
                recipe_id, run_date, bakery_id, feedstock_id, "commit", status, created_at, updated_at
            )
            select
                'r', '2026-01-01T00:00:00.000000Z', 'example.bakery', 'f', 'c', 'success',
                '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z'
            from numbers
            """
        )
    connection.close()


@pytest.fixture(scope="module")
def filled(empty_data, tmp_path_factory):
    """A data folder with 3,000 runs."""
    folder = shutil.copytree(empty_data, tmp_path_factory.mktemp("filled") / "data")
    fill(folder, 3000)
    return folder


@pytest.fixture(scope="module")
def server(filled):
    with running_server(filled, FEDERATION_WRITES_PER_MINUTE="0") as running:
        yield running


@pytest.mark.parametrize("form", ["sql", "_where"])
@pytest.mark.slow
def test_the_api_answers_while_hostile_queries_run(filled, server, run_body, form):
    token = {"Authorization": f"Bearer {new_token(filled)}"}
    stop = threading.Event()
    refused, attacks = [], []

    def attack(query: str) -> None:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            while not stop.is_set():
                began = time.perf_counter()
                if form == "sql":
                    response = client.get("/federation.json", params={"sql": query})
                else:
                    where = f"id in ({query})" if query.startswith("select") else "id in (select 1)"
                    response = client.get("/federation/recipe_runs.json", params={"_where": where})
                refused.append(response.status_code)
                attacks.append(time.perf_counter() - began)

    waits = {"read": [], "authenticated": [], "write": []}
    with ThreadPoolExecutor(len(HOSTILE)) as attackers, httpx.Client(base_url=server.url, timeout=30) as client:
        client.get("/recipe_runs").raise_for_status()
        before = resident_bytes(server.process.pid)
        futures = [attackers.submit(attack, query) for query in HOSTILE]
        peak = before
        end = time.monotonic() + ATTACK_SECONDS
        while time.monotonic() < end or len(waits["read"]) < LEAST_READS:
            for name, request in {
                "read": lambda: client.get("/recipe_runs"),
                "authenticated": lambda: client.get("/recipe_runs/1", headers=token),
                "write": lambda: client.post("/recipe_runs", json=run_body(), headers=token),
            }.items():
                started = time.perf_counter()
                assert request().status_code in (200, 201)
                waits[name].append(time.perf_counter() - started)
            peak = max(peak, resident_bytes(server.process.pid))
        stop.set()
        for future in futures:
            future.result()
    assert all(status in (200, 400, 503) for status in refused)
    for name, seconds in waits.items():
        assert statistics.median(seconds) < statistics.median(attacks) / 5, name
    assert peak - before < 300 * 1024 * 1024
