"""A server that is killed again and again, and clients that post, patch and retry: what was acknowledged is there.

    .venv/bin/python tests/test_crash.py --seconds 30 --kills 5

is the long form.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import socket
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from conftest import BAKERY
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect, database_path
from roll_up_rows import check as check_roll_ups
from server_process import running_server

pytestmark = pytest.mark.slow

THREADS, CLIENTS = 8, 5
SECONDS, KILLS = 3, 2
# how long a client goes on asking once nobody kills the server any more
PATIENCE_SECONDS = 60
RETRY_SECONDS = 0.05
# of the requests without an answer, those whose client dies as well and never asks again
GIVEN_UP = 0.1
# of the answers, those that are treated as if they had been lost
LOST = 0.2


@dataclass
class Record:
    """What one client knows: each list is its own, so that no lock hides a race of the server's."""

    # key -> ids that were acknowledged
    acknowledged: dict[str, list[int]] = field(default_factory=dict)
    # run id -> the run as it was acknowledged last, and the number of its changes
    runs: dict[int, dict] = field(default_factory=dict)
    # URL -> dataset id
    datasets: dict[str, int] = field(default_factory=dict)
    # key -> external ids of a POST that never got an answer, key -> (run id, message) of such a PATCH
    abandoned_posts: dict[str, list[str]] = field(default_factory=dict)
    abandoned_patches: dict[str, tuple[int, str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    retries: int = 0


class Client:
    """A job that records runs, patches them until they are final, and asks again where no answer came."""

    def __init__(self, http: httpx.AsyncClient, name: str, until: float):
        self.http = http
        self.name = name
        self.until = until
        self.random = random.Random(name)
        self.record = Record()
        self.open: list[int] = []
        self.count = 0

    async def work(self) -> None:
        while time.monotonic() < self.until and not self.record.faults:
            step = self.random.random()
            if step < 0.35 or not self.open:
                await self.post_runs(1 if step < 0.3 else 3)
            elif step < 0.9:
                await self.patch_run(self.random.choice(self.open))
            else:
                await self.post_dataset()

    def body(self) -> dict:
        self.count += 1
        return {
            "recipe_id": f"recipe-{self.count % 3}",
            "feedstock_id": f"feedstock-{self.random.randrange(3)}",
            "commit": self.name,
            "status": "in_progress",
            "external_id": f"{self.name}/{self.count}",
            "datasets": [{"url": f"gs://bucket/{self.random.randrange(50)}"}],
        }

    async def post_runs(self, many: int) -> None:
        key, runs = str(uuid.uuid4()), [self.body() for _ in range(many)]
        answer = await self.ask("POST", "/recipe_runs", runs, key)
        if answer is None:
            self.record.abandoned_posts[key] = [run["external_id"] for run in runs]
            return
        self.record.acknowledged[key] = [run["id"] for run in answer]
        for sent, run in zip(runs, answer, strict=True):
            if run["external_id"] != sent["external_id"]:
                self.record.faults.append(f"{sent['external_id']} was answered as {run['external_id']}")
            self.record.runs[run["id"]] = {"status": "in_progress", "message": None, "revision": 1}
            self.open.append(run["id"])

    async def patch_run(self, run_id: int) -> None:
        key, message = str(uuid.uuid4()), f"{self.name} {uuid.uuid4()}"
        status = self.random.choice(["in_progress", "in_progress", "success", "failure"])
        answer = await self.ask("PATCH", f"/recipe_runs/{run_id}", {"status": status, "message": message}, key)
        if answer is None:
            # it may be stored or not: nothing more is said of this run
            self.record.abandoned_patches[key] = (run_id, message)
            self.open.remove(run_id)
            self.record.runs.pop(run_id)
            return
        self.record.acknowledged[key] = [answer["id"]]
        expected = {"status": status, "message": message, "revision": self.record.runs[run_id]["revision"] + 1}
        self.record.runs[run_id] = expected
        if {name: answer[name] for name in expected} != expected:
            self.record.faults.append(f"run {run_id} was answered as {answer}, not {expected}")
        if status != "in_progress":
            self.open.remove(run_id)

    async def post_dataset(self) -> None:
        key, url = str(uuid.uuid4()), f"gs://bucket/by-hand/{self.name}/{uuid.uuid4()}"
        answer = await self.ask("POST", "/datasets", {"url": url}, key)
        if answer is not None:
            self.record.acknowledged[key] = [answer["id"]]
            self.record.datasets[url] = answer["id"]

    async def ask(self, method: str, path: str, body: object, key: str) -> dict | list | None:
        """The answer, however often it must be asked for; None when this client gave up."""
        first = None
        while time.monotonic() < self.until + PATIENCE_SECONDS:
            try:
                response = await self.http.request(method, path, json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                self.record.retries += 1
                if first is None and self.random.random() < GIVEN_UP:
                    return None
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if response.status_code == 503:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if response.status_code not in (200, 201):
                self.record.faults.append(f"{method} {path}: {response.status_code} {response.text}")
                return None
            answer = response.json()
            if first is None and self.random.random() < LOST:
                first = answer
                continue
            if first is not None and ids_of(first) != ids_of(answer):
                self.record.faults.append(f"one key made {ids_of(first)} and {ids_of(answer)}")
            return answer
        self.record.faults.append(f"{method} {path}: no answer")
        return None


def ids_of(answer: dict | list) -> list[int]:
    return [each["id"] for each in answer] if isinstance(answer, list) else [answer["id"]]


def work_in_thread(number: int, url: str, token: str, until: float, records: list[Record]) -> None:
    """Several clients in one thread."""

    async def work() -> None:
        async with httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20, trust_env=False
        ) as http:
            clients = [Client(http, f"{number}-{each}", until) for each in range(CLIENTS)]
            records.extend(client.record for client in clients)
            await asyncio.gather(*(client.work() for client in clients))

    asyncio.run(work())


def kill_and_check(data: Path, seconds: float, kills: int) -> str:
    """Write for so many seconds while the server is killed so many times, and check what is there. What was done."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    connection = connect(database_path(data, TOKENS))
    token = tokens.create_token(connection, BAKERY, "crash", 1)
    connection.close()
    records: list[Record] = []
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(
            target=work_in_thread, args=(number, f"http://127.0.0.1:{port}", token, until, records), daemon=True
        )
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for life in range(kills + 1):
        with running_server(data, "--port", str(port), FEDERATION_WRITES_PER_MINUTE="0") as server:
            if life < kills:
                time.sleep(max(0.3, (until - time.monotonic()) / (kills + 1 - life)))
                server.process.kill()
                server.process.wait()
            else:
                for thread in threads:
                    thread.join(seconds + PATIENCE_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    assert [fault for record in records for fault in record.faults] == []
    return check(data, int(token.split("_")[1]), records)


def merged(records: list[Record], name: str) -> dict:
    parts = [getattr(record, name) for record in records]
    whole = {key: value for part in parts for key, value in part.items()}
    assert len(whole) == sum(map(len, parts)), f"two clients were answered with the same of {name}"
    return whole


def check(data: Path, token_id: int, records: list[Record]) -> str:
    connection = connect(database_path(data, FEDERATION))
    assert [tuple(row) for row in connection.execute("pragma integrity_check")] == [("ok",)]
    assert connection.execute("pragma foreign_key_check").fetchall() == []
    check_roll_ups(connection)

    # each acknowledged write is there, as it was acknowledged last
    stored = {row["id"]: dict(row) for row in connection.execute("select * from recipe_runs")}
    runs = merged(records, "runs")
    for run_id, run in runs.items():
        assert {name: stored[run_id][name] for name in run} == run
    datasets = {row["url"]: row["id"] for row in connection.execute("select * from datasets")}
    for url, dataset_id in merged(records, "datasets").items():
        assert datasets[url] == dataset_id

    # no key made two runs, and no key is there without its rows, or rows without their key
    acknowledged = merged(records, "acknowledged")
    keys = {row["key_sha256"]: dict(row) for row in connection.execute("select * from idempotency_keys")}
    for key, ids in acknowledged.items():
        assert json.loads(keys[hash_of(token_id, key)]["ids"]) == ids
    of_runs = [json.loads(key["ids"]) for key in keys.values() if key["kind"] == "recipe_run" and key["status"] == 201]
    made = sorted(run_id for ids in of_runs for run_id in ids)
    assert made == sorted(stored), "each run was made by one key"
    by_external_id = {run["external_id"] for run in stored.values()}
    for key, external_ids in merged(records, "abandoned_posts").items():
        there = [each in by_external_id for each in external_ids]
        assert there == [hash_of(token_id, key) in keys] * len(there)
    said = {row[0] for row in connection.execute("select message from recipe_run_events")}
    for key, (_, message) in merged(records, "abandoned_patches").items():
        assert (message in said) == (hash_of(token_id, key) in keys)

    # the history has each change, and no other
    events = connection.execute(
        """
        select recipe_runs.id, revision, count(*) as events, max(at) as last, updated_at
        from recipe_runs
        join recipe_run_events on recipe_run_events.recipe_run_id = recipe_runs.id
        group by recipe_runs.id
        """
    ).fetchall()
    assert len(events) == len(stored)
    for row in events:
        assert row["revision"] == row["events"] and row["last"] <= row["updated_at"], dict(row)
    connection.close()
    retries = sum(record.retries for record in records)
    abandoned = sum(len(record.abandoned_posts) + len(record.abandoned_patches) for record in records)
    assert retries, "no request was cut off"
    return f"{len(acknowledged)} writes acknowledged, {retries} asked again, {abandoned} abandoned, {len(stored)} runs"


def hash_of(token_id: int, key: str) -> str:
    return hashlib.sha256(f"{token_id}\n{key}".encode()).hexdigest()


def test_what_was_acknowledged_is_there_however_often_the_server_is_killed(data):
    print(kill_and_check(data, SECONDS, KILLS))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    os.environ.pop("FEDERATION_DATA", None)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        print(kill_and_check(Path(folder), options.seconds, options.kills))
