"""GET /metrics: who may read it, what it counts, and that several workers count together."""

import asyncio
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest
from endless_sql import ENDLESS
from pangeo_forge_federation.analyst_sql import turns as sql_threads
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import PLUGIN, BadSetting, read_metadata, read_settings
from prometheus_client.parser import text_string_to_metric_families
from server_process import running_server


@pytest.fixture
def metrics_for(monkeypatch):
    """A function that sets who may read the metrics; to be asked for before `datasette`."""
    return lambda whom: monkeypatch.setenv("FEDERATION_METRICS", whom)


@pytest.fixture
def public(metrics_for):
    metrics_for("public")


def read(text: str) -> dict:
    """(name of a sample, its labels' values...) -> value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(datasette, **headers) -> dict:
    response = await datasette.client.get("/metrics", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert "no-store" in response.headers["cache-control"]
    return read(response.text)


async def test_they_are_off_unless_the_settings_say_so(datasette, headers):
    for sent in ({}, headers):
        response = await datasette.client.get("/metrics", headers=sent)
        assert response.status_code == 404
        assert "docs/operations.md" in response.json()["detail"]
    assert ensure_services(datasette).metrics is None


async def test_requests_are_counted_by_endpoint_and_status(public, datasette, headers, run_body):
    for path in ("/recipe_runs", "/recipe_runs?_size=1", "/recipe_runs/1", "/recipe_runs/2", "/federation", "/nothing"):
        await datasette.client.get(path)
    await datasette.client.post("/recipe_runs", json=run_body(), headers=headers)
    await datasette.client.get("/recipe_runs", headers={"Authorization": "Bearer nonsense"})
    await datasette.client.request("BREW", "/recipe_runs")
    await datasette.client.request("SPLIT", "/recipe_runs")
    found = await scrape(datasette)
    requests = {key[1:]: value for key, value in found.items() if key[0] == "federation_requests_total"}
    assert requests == {
        ("/recipe_runs", "GET", "200"): 2,
        ("/recipe_runs/{recipe_run_id}", "GET", "404"): 2,
        ("/recipe_runs", "POST", "201"): 1,
        # whatever is sent, it makes no series without end
        ("/recipe_runs", "other", "405"): 2,
        ("other", "GET", "200"): 1,
        ("other", "GET", "404"): 1,
        ("other", "GET", "401"): 1,
    }
    assert found["federation_request_seconds_count", "/recipe_runs"] == 5
    assert 0 < found["federation_request_seconds_sum", "/recipe_runs"] < 60
    assert found["federation_problems_total", "not-found"] == 3
    assert found["federation_problems_total", "unauthorized"] == 1
    # a scrape is counted once it is answered
    assert (await scrape(datasette))["federation_requests_total", "/metrics", "GET", "200"] == 1


async def test_writes_that_share_a_commit_are_counted(public, datasette, headers, run_body):
    await asyncio.gather(*(datasette.client.post("/recipe_runs", json=run_body(), headers=headers) for _ in range(20)))
    found = await scrape(datasette)
    assert found["federation_write_group_size_sum",] == 20
    assert 1 <= found["federation_write_group_size_count",] <= 20
    assert found["federation_write_group_seconds_count",] == found["federation_write_group_size_count",]
    assert found["federation_writes_waiting",] >= 0


async def test_queries_that_were_refused_or_took_too_long_are_counted(public, datasette, monkeypatch):
    monkeypatch.setattr(sql_threads, "WAIT_SECONDS", 0.01)
    turns = ensure_services(datasette).sql_turns
    async with turns.turn(), turns.turn(), turns.turn():
        assert (await datasette.client.get("/federation.json?sql=select+1")).status_code == 503
        assert (await datasette.client.get("/federation?sql=select+1")).status_code == 503
    for path in ("/federation.json", "/federation"):
        slow = await datasette.client.get(f"{path}?sql={quote(ENDLESS)}&_timelimit=20")
        assert slow.status_code == 400
    found = await scrape(datasette)
    assert found["federation_sql_refused_total",] == 2
    assert found["federation_problems_total", "slow-query"] == 2


async def test_the_age_of_the_last_sync_and_the_size_of_the_files(public, datasette, connection):
    assert ("federation_last_sync_timestamp_seconds",) not in await scrape(datasette)
    connection.execute(
        """
        insert into sync_runs (source, started_at, finished_at, added, changed, removed, unchanged, problems)
        values ('x', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:01:00.500000Z', 0, 0, 0, 0, 0)
        """
    )
    found = await scrape(datasette)
    assert found["federation_last_sync_timestamp_seconds",] == 1767225660.5
    assert found["federation_file_bytes", "federation.db"] > 100_000
    assert found["federation_file_bytes", "federation.db-wal"] > 0
    assert found["process_resident_memory_bytes",] > 1_000_000


async def test_for_who_has_a_token(metrics_for, data, make_token):
    metrics_for("token")
    datasette = make_datasette(data)
    await datasette.invoke_startup()
    refused = await datasette.client.get("/metrics")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert await scrape(datasette, Authorization=f"Bearer {make_token()}")
    ensure_services(datasette).close()


async def test_two_registries_in_one_process_count_for_themselves(public, datasette, tmp_path):
    other = make_datasette(tmp_path / "other")
    await other.invoke_startup()
    await datasette.client.get("/recipe_runs")
    assert ("federation_requests_total", "/recipe_runs", "GET", "200") not in await scrape(other)
    ensure_services(other).close()


def test_several_workers_count_together(data, make_token, run_body):
    token = make_token()
    with running_server(data, "--workers", "2", FEDERATION_METRICS="public") as server:
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

        def post(_):
            request = urllib.request.Request(f"{server.url}/recipe_runs", json.dumps(run_body()).encode(), sent)
            with urllib.request.urlopen(request) as response:
                return response.status

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(post, range(40))) == {201}
        # whichever of them answers
        for _ in range(6):
            found = read(httpx.get(f"{server.url}/metrics").text)
            assert found["federation_requests_total", "/recipe_runs", "POST", "201"] == 40
            assert found["federation_write_group_size_sum",] == 40
            assert found["federation_file_bytes", "federation.db"] > 0


@pytest.mark.parametrize(
    ("setting", "environment", "whom"),
    [
        ({}, {}, "off"),
        ({"metrics": False}, {}, "off"),
        ({"metrics": "token"}, {}, "token"),
        ({"metrics": "token"}, {"FEDERATION_METRICS": "public"}, "public"),
        ({"metrics": "public"}, {"FEDERATION_METRICS": "off"}, "off"),
    ],
)
def test_the_environment_comes_before_metadata_yml(setting, environment, whom):
    configured = {**read_metadata()["plugins"][PLUGIN], **setting}
    assert read_settings(configured, environment).metrics == whom


def test_a_setting_that_there_is_not_says_which_there_are():
    with pytest.raises(BadSetting, match="off, token, public"):
        read_settings(environ={"FEDERATION_METRICS": "yes"})
