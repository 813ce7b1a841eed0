"""Measure a server under mixed load: its memory, how soon writes are visible, and reads during hostile queries."""

import json
import random
import statistics
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmark_reads import Server, Writes, registry

HOSTILE = (
    "with recursive c (n) as (select 1 union all select n + 1 from c) select sum(n) from c",
    "select count(*) from recipe_runs a, recipe_runs b where a.message like '%' || b.version || '%'",
    "select sum(instr(replace(hex(zeroblob(40000)), '00', 'ab'), 'x')) from recipe_runs",
    "select group_concat(message) from recipe_runs",
    "select * from recipe_runs order by random()",
    "select count(distinct message || log_url || external_id) from recipe_runs",
)


def seen_writes(data: Path, runs: int, count: int) -> tuple[int, int]:
    """Return how many writes of another process the next read saw, and how many there were, with two workers."""
    with registry(data, "--workers", "2") as first:
        # persistent connections, so that both workers get requests
        others = [Server(first.process, first.host, first.port) for _ in range(5)]
        writes = Writes(data, runs)
        found = 0
        for number in range(count):
            version = writes.write()
            server = others[number % len(others)]
            found += json.loads(server.ask(f"/recipe_runs/{runs - 5}")[2])["version"] == version
        writes.close()
        return found, count


def beside_hostile_queries(server: Server, path: str, seconds: float) -> dict[str, float]:
    """Return the milliseconds of cached reads while six hostile queries are running: p50, p99 and the slowest."""
    stopped = threading.Event()

    def attack(sql: str) -> None:
        question = urllib.parse.urlencode({"sql": sql})
        while not stopped.is_set():
            with _ignoring_refusals():
                urllib.request.urlopen(
                    f"http://{server.host}:{server.port}/federation.json?{question}", timeout=30
                ).read()

    attackers = [threading.Thread(target=attack, args=(sql,), daemon=True) for sql in HOSTILE]
    for attacker in attackers:
        attacker.start()
    time.sleep(min(1, seconds / 4))
    until = time.monotonic() + seconds
    took: list[float] = []
    # at least one read, however late a busy machine lets this thread run
    while not took or time.monotonic() < until:
        began = time.perf_counter()
        server.ask(path)
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    stopped.set()
    for attacker in attackers:
        attacker.join()
    took.sort()
    return {"p50": statistics.median(took), "p99": took[int(0.99 * (len(took) - 1))], "slowest": took[-1]}


class _ignoring_refusals:
    """Ignores the errors of hostile queries, which are refused, interrupted or sent away, as they should be."""

    def __enter__(self):
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> bool:
        return isinstance(error, urllib.error.HTTPError)


def mixed_load(server: Server, runs: int, seconds: float) -> dict[str, float]:
    """Return the server's memory in megabytes before and after a mix of lists, pages, CSV and POSTs."""
    begin = server.memory_mb()
    random_ = random.Random(7)
    base = f"http://{server.host}:{server.port}"

    def get(path: str) -> None:
        urllib.request.urlopen(
            urllib.request.Request(base + path, headers={"Accept-Encoding": "gzip"}), timeout=60
        ).read()

    def post() -> None:
        body = {
            "recipe_id": "daily",
            "feedstock_id": f"feedstock-{random_.randrange(100)}",
            "bakery_id": "bakery-1.gcp.us-central1",
            "commit": "0f2c9a7d",
            "status": "success",
            "message": "x" * random_.randrange(20_000),
        }
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        urllib.request.urlopen(
            urllib.request.Request(f"{base}/recipe_runs", json.dumps(body).encode(), headers, method="POST"), timeout=60
        ).read()

    kinds: list[Callable[[], None]] = [
        lambda: get(f"/recipe_runs?_size={random_.randrange(1, 1001)}"),
        lambda: get(f"/recipe_runs/{random_.randrange(1, runs)}"),
        lambda: get(f"/recipe_runs?bakery_id=bakery-{random_.randrange(12)}.gcp.us-central1&_size=max&_shape=objects"),
        lambda: get(f"/feedstocks/feedstock-{random_.randrange(1, 100)}"),
        lambda: get("/feedstocks?_size=max"),
        lambda: get(f"/federation/feedstocks/feedstock-{random_.randrange(1, 100)}"),
        lambda: get("/"),
        lambda: get("/stats"),
        lambda: get(f"/recipe_runs?_format=csv&feedstock_id=feedstock-{random_.randrange(1, 100)}"),
        post,
        post,
    ]
    until = time.monotonic() + seconds
    requests = 0
    highest = begin
    while time.monotonic() < until:
        random_.choice(kinds)()
        requests += 1
        if requests % 50 == 0:
            highest = max(highest, server.memory_mb())
    return {
        "requests": requests,
        "seconds": seconds,
        "begin_mb": begin,
        "end_mb": server.memory_mb(),
        "highest_mb": max(highest, server.memory_mb()),
    }
