"""`pangeo_forge_federation.client.Client`, from Python."""

from datetime import UTC, date, datetime
from typing import get_type_hints

import pytest
from example_paths import SMALL, values_of
from forge_process import make_token
from pangeo_forge_federation.client import Client, Refused, records
from pangeo_forge_federation.client.endpoints import endpoints
from pangeo_forge_federation.client.transport import Transport
from server_process import running_server


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    data = tmp_path_factory.mktemp("client") / "data"
    token = make_token(data)
    with pytest.MonkeyPatch.context() as patch, running_server(data) as running:
        patch.setenv("NO_PROXY", "127.0.0.1")
        made = Client(running.url, token)
        runs = [
            {
                "recipe_id": f"r,{number}",
                "feedstock_id": "pangeo-forge/gpcp-feedstock",
                "commit": "27b264a69b",
                "status": "failure" if number % 2 else "success",
                "run_date": f"2026-01-{number + 1:02}T00:00:00Z",
                "is_test": number == 3,
            }
            for number in range(9)
        ]
        assert len(made.create_recipe_runs(runs)) == 9
        yield made


def test_a_list_is_walked_page_by_page(client):
    pages = client.recipe_runs(_sort="id", page_size=4)
    assert [len(page) for page in pages.pages()] == [4, 4, 1]
    assert [run["id"] for run in pages] == list(range(1, 10))
    # once more, from the beginning
    assert len(list(pages)) == 9
    assert pages.count() == (9, False)
    rows, is_more = pages.first(5)
    assert ([row["id"] for row in rows], is_more) == ([1, 2, 3, 4, 5], True)
    assert pages.first(9)[1] is False


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({"status": "failure"}, {2, 4, 6, 8}),
        ({"is_test": True}, {4}),
        ({"run_date__gte": date(2026, 1, 8)}, {8, 9}),
        ({"run_date__lt": datetime(2026, 1, 2, tzinfo=UTC)}, {1}),
        # values with commas
        ({"recipe_id__in": ["r,0", "r,5"]}, {1, 6}),
        ({"id__in": [3, 4]}, {3, 4}),
        ({"is_test__in": [True]}, {4}),
    ],
    ids=str,
)
def test_filters_take_pythons_values(client, filters, ids):
    assert {run["id"] for run in client.recipe_runs(**filters)} == ids


def test_columns_are_picked(client):
    (row,) = client.recipe_runs(id=1, columns=["id", "status"])
    assert row == {"id": 1, "status": "success"}


def test_every_method_answers_its_record(client):
    dataset = client.create_dataset({"url": "gs://b/c.zarr", "format": "zarr"})
    run = client.update_recipe_run(2, {"datasets": [{"url": "gs://b/d.zarr"}], "external_id": "e"})
    assert client.update_recipe_run_by_external_id("e", {"message": "m"})["message"] == "m"
    assert client.heartbeat(2)["id"] == 2
    assert client.update_dataset(dataset["id"], {"title": "T"}, revision=1)["title"] == "T"
    made = {"feedstock_id": "gpcp-feedstock", "recipe_run_id": "2", "dataset_id": str(run["datasets"][0]["id"])}
    found_rows = set()
    for endpoint in endpoints().values():
        # what was never synced has neither syncs nor people
        if endpoint.path in ("/maintainers/{github}", "/sync_runs/{sync_run_id}"):
            continue
        method = getattr(client, endpoint.name.removeprefix("get_" if endpoint.one else "list_"))
        found = method(*values_of(endpoint.path, SMALL | made).values())
        for record in [found] if endpoint.one else found:
            assert set(record) == set(get_type_hints(getattr(records, endpoint.record))), endpoint.name
            found_rows.add(endpoint.name)
    assert {"get_bakery", "get_dataset_lineage", "list_bakery_recipe_runs", "list_feedstock_datasets"} <= found_rows
    assert set(client.stats("2026-01-01", date(2026, 2, 1))) == set(get_type_hints(records.Stats))
    assert set(client.health()) == set(get_type_hints(records.Health))


def test_the_same_write_with_the_same_key_is_one(client):
    body = {"recipe_id": "k", "feedstock_id": "f", "commit": "c", "status": "queued"}
    first = client.create_recipe_run(body, idempotency_key="a key")
    assert client.create_recipe_run(body, idempotency_key="a key")["id"] == first["id"]


def test_a_stranger_is_refused(client):
    with pytest.raises(Refused):
        Client(transport=Transport(client.transport.url)).heartbeat(1)


def test_a_dataframe(client):
    pandas = pytest.importorskip("pandas")
    frame = client.recipe_runs(_sort="id", id__lte=9).to_dataframe()
    assert list(frame["id"]) == list(range(1, 10))
    assert frame["run_date"].dtype == pandas.DatetimeTZDtype(frame["run_date"].dtype.unit, "UTC")
    assert frame["run_date"][0] == pandas.Timestamp("2026-01-01", tz="UTC")


def test_without_pandas_it_says_what_to_do(client):
    try:
        import pandas  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="pandas"):
            client.recipe_runs().to_dataframe()
    else:
        pytest.skip("pandas is installed")
