"""How many writes a token may make: 429 with the time to wait, per token, and never for reading."""

import re
import time

import pytest
import pytest_asyncio
from pangeo_forge_federation.access.rate_limit import RateLimit
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import read_metadata, read_settings

LIMIT = 5


@pytest.fixture
def writes_per_minute(monkeypatch):
    monkeypatch.setenv("FEDERATION_WRITES_PER_MINUTE", str(LIMIT))


@pytest_asyncio.fixture
async def limited(data, writes_per_minute):
    """A client of a registry that takes a few writes a minute."""
    made = make_datasette(data)
    await made.invoke_startup()
    yield made.client
    ensure_services(made).close()
    for database in made.databases.values():
        database.close()


def left(response):
    """(writes that are left, seconds until it is counted anew) of a RateLimit header."""
    return tuple(map(int, re.fullmatch(r'"writes";r=(\d+);t=(\d+)', response.headers["ratelimit"]).groups()))


async def test_too_many_writes_are_429(limited, headers, run_body, make_token):
    for count in range(LIMIT):
        response = await limited.post("/recipe_runs", json=run_body(), headers=headers)
        assert response.status_code == 201
        assert response.headers["ratelimit-policy"] == f'"writes";q={LIMIT};w=60'
        assert left(response)[0] == LIMIT - 1 - count
    for method, path in (("POST", "/recipe_runs"), ("PATCH", "/recipe_runs/1"), ("POST", "/datasets")):
        response = await limited.request(method, path, json=run_body(), headers=headers)
        assert response.status_code == 429
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["type"].endswith("/too-many-requests")
        assert 1 <= int(response.headers["retry-after"]) <= 60
        assert left(response) == (0, int(response.headers["retry-after"]))
    assert len((await limited.get("/recipe_runs", headers=headers)).json()) == LIMIT
    # another token has its own, of the same bakery too
    other = {"Authorization": f"Bearer {make_token()}"}
    response = await limited.post("/recipe_runs", json=run_body(), headers=other)
    assert (response.status_code, left(response)[0]) == (201, LIMIT - 1)


async def test_refused_writes_are_counted_and_told_what_is_left(limited, headers):
    for count in range(LIMIT):
        response = await limited.post("/recipe_runs", json={}, headers=headers)
        assert (response.status_code, left(response)[0]) == (422, LIMIT - 1 - count)
    assert (await limited.post("/recipe_runs", json={}, headers=headers)).status_code == 429


async def test_reading_is_never_counted(limited, headers, run_body):
    for _ in range(3 * LIMIT):
        for method in ("GET", "HEAD", "OPTIONS"):
            response = await limited.request(method, "/recipe_runs", headers=headers)
            assert response.status_code < 300
            assert "ratelimit" not in response.headers
    assert (await limited.post("/recipe_runs", json=run_body(), headers=headers)).status_code == 201


async def test_nobody_is_counted_without_a_token(limited, headers, run_body):
    """Else whoever guesses at tokens could lock out their owners."""
    for token in (None, "Bearer x", f"{headers['Authorization'][:-1]}_"):
        for _ in range(2 * LIMIT):
            sent = {"Authorization": token} if token else {}
            assert (await limited.post("/recipe_runs", json=run_body(), headers=sent)).status_code == 401
    assert (await limited.post("/recipe_runs", json=run_body(), headers=headers)).status_code == 201


async def test_a_browser_may_read_what_is_left(limited, headers, run_body):
    response = await limited.post("/recipe_runs", json=run_body(), headers=headers)
    exposed = response.headers["access-control-expose-headers"].lower().split(", ")
    assert {"ratelimit", "ratelimit-policy", "retry-after"} <= set(exposed)


async def test_zero_is_no_limit(send, run_body):
    for _ in range(30):
        response = await send("POST", "/recipe_runs", run_body())
        assert response.status_code == 201
        assert "ratelimit" not in response.headers


def test_the_default_is_modest():
    assert 100 <= read_settings(environ={}).writes_per_minute <= 10_000
    assert (
        read_settings(read_metadata()["plugins"]["federation"], {"FEDERATION_WRITES_PER_MINUTE": "7"}).writes_per_minute
        == 7
    )


def test_whoever_waits_as_long_as_he_is_told_gets_on(monkeypatch):
    """The clock is ours here: a minute is too long for a test."""
    clock = time.time()
    monkeypatch.setattr(time, "time", lambda: clock)
    limit = RateLimit(60)
    for _ in range(60):
        limit.count(1)
    waited = 0
    for _ in range(3):
        with pytest.raises(ProblemDetails) as refused:
            limit.count(1)
        seconds = int(refused.value.headers["Retry-After"])
        assert 1 <= seconds <= 60
        clock += seconds
        waited += seconds
        try:
            limit.count(1)
            break
        except ProblemDetails:
            continue
    else:
        raise AssertionError("told to wait, and refused again each time")
    assert waited <= 62
