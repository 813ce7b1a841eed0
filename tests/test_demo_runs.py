import functools
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from pangeo_forge_federation.records.bodies import create_model_of
from pangeo_forge_federation.records.models import RecipeRun
from pangeo_forge_federation.server.demo_runs import demo_recipe_runs
from pangeo_forge_federation.values.statuses import FINAL_STATUSES, STATUS_NAMES

FIXTURES = Path(__file__).parent / "fixtures" / "federation"
REQUIRED = {name for name, info in create_model_of(RecipeRun).model_fields.items() if info.is_required()}
# who ran it is its token's to say
OPTIONAL = set(create_model_of(RecipeRun).model_fields) - REQUIRED - {"bakery_id"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

NOW = datetime(2026, 11, 24, 15, 30, 12, 345678, tzinfo=UTC)
# The demo is started at any hour, on any day.
MOMENTS = [
    NOW,
    NOW.replace(hour=0, minute=0, second=0, microsecond=0),
    NOW.replace(hour=6, minute=41),
    NOW.replace(hour=23, minute=59),
    datetime(2028, 2, 29, 3, 26, tzinfo=UTC),
    datetime(2027, 3, 28, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
]


@pytest.fixture(params=MOMENTS, ids=str)
def now(request):
    return request.param


def all_runs(now):
    return [body for bodies in demo_recipe_runs(now).values() for body in bodies]


def time(text):
    assert TIME.fullmatch(text), text
    return datetime.fromisoformat(text)


@functools.cache
def feedstock_files():
    """The path of each meta.yaml by all names that its feedstock may be given in a request."""
    files = {}
    for path in FIXTURES.glob("*/*/feedstock/meta.y*ml"):
        owner, repository = path.parts[-4:-2]
        bare = owner == "pangeo-forge" and "." not in repository
        files[f"{owner}/{repository}"] = files[repository if bare else f"{owner}.{repository}"] = path
    return files


class LiteralLoader(yaml.BaseLoader):
    """Leaves 012, no and 2020-01-01 the text that they are as ids."""


@functools.cache
def listed_recipe_ids(path):
    """None where the file does not say: it does not parse, has no recipes (any more), or names a dict of them."""
    try:
        recipes = yaml.load(path.read_bytes(), LiteralLoader).get("recipes")
    except yaml.YAMLError:
        return None
    entries = recipes if isinstance(recipes, list) else [{"id": key} for key in recipes or {} if key != "dict_object"]
    return {entry["id"] for entry in entries if "id" in entry} or None


def test_same_moment_same_runs(now):
    assert demo_recipe_runs(now) == demo_recipe_runs(now)


def test_the_zone_of_now_does_not_matter():
    assert demo_recipe_runs(NOW) == demo_recipe_runs(NOW.astimezone(timezone(timedelta(hours=-8))))


def test_bakeries_are_those_of_the_fixtures():
    listed = yaml.safe_load((FIXTURES / "pangeo-forge/bakery-database/bakeries.yaml").read_text("utf-8"))
    assert set(demo_recipe_runs(NOW)) == set(listed)


def test_bodies_hold_what_the_endpoint_takes(now):
    runs = all_runs(now)
    assert 550 <= len(runs) <= 650
    assert json.loads(json.dumps(runs)) == runs
    for body in runs:
        assert REQUIRED <= set(body) <= REQUIRED | OPTIONAL
        assert re.fullmatch("[0-9a-f]{40}", body["commit"])
        assert body.get("is_test", True) is True


def test_every_status_occurs_and_most_runs_succeed(now):
    counts = Counter(body["status"] for body in all_runs(now))
    assert set(counts) == set(STATUS_NAMES)
    assert counts["success"] > counts.total() / 2
    assert 0.04 < sum("is_test" in body for body in all_runs(now)) / counts.total() < 0.08


def test_times(now):
    for bodies in demo_recipe_runs(now).values():
        assert [body["run_date"] for body in bodies] == sorted(body["run_date"] for body in bodies)
        for body in bodies:
            started = time(body["run_date"])
            assert now - timedelta(days=90) <= started <= now
            assert ("completed_at" in body) == (body["status"] in FINAL_STATUSES)
            if "completed_at" in body:
                assert started <= time(body["completed_at"]) <= now


def test_some_runs_go_on_and_two_are_stale(now):
    ages = [now - time(body["run_date"]) for body in all_runs(now) if body["status"] not in FINAL_STATUSES]
    assert sum(age > timedelta(days=3) for age in ages) == 2
    assert all(age < timedelta(hours=6) for age in ages if age <= timedelta(days=3))
    assert sum(age < timedelta(minutes=30) for age in ages) >= 5


def test_external_ids_are_unique_within_a_bakery(now):
    for bodies in demo_recipe_runs(now).values():
        assert len({body["external_id"] for body in bodies}) == len(bodies)


def test_feedstocks_and_recipes_are_in_the_fixtures(now):
    files = feedstock_files()
    unknown = [body for body in all_runs(now) if body["feedstock_id"] not in files]
    assert {body["recipe_id"] for body in unknown} == {"snow-depth"} and len(unknown) <= 2
    compared = set()
    for body in all_runs(now):
        listed = body["feedstock_id"] in files and listed_recipe_ids(files[body["feedstock_id"]])
        if listed:
            assert body["recipe_id"] in listed
            compared.add(files[body["feedstock_id"]])
    assert len(compared) == 7
    assert any("/" in body["feedstock_id"] for body in all_runs(now))


def test_commits_advance(now):
    runs = [body for body in all_runs(now) if body["feedstock_id"] == "northern-sea-ice-feedstock"]
    runs = sorted((body for body in runs if "is_test" not in body), key=lambda body: body["run_date"])
    commits = [body["commit"] for body in runs]
    changes = sum(one != next for one, next in pairwise(commits))
    assert changes == len(set(commits)) - 1 >= 3


def test_fixtures_hold_what_tools_like_to_tidy_away():
    raw = (FIXTURES / "delta-hydrology/river-discharge_feedstock/feedstock/meta.yaml").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.count(b"\r\n") == raw.count(b"\n")
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load((FIXTURES / "pangeo-forge/ocean-colour-feedstock/feedstock/meta.yaml").read_bytes())


def test_a_recipe_writes_one_dataset(now):
    urls = {}
    for body in all_runs(now):
        for dataset in body.get("datasets", []):
            assert body["status"] == "success"
            assert set(dataset) == {"url", "format", "title"}
            assert dataset["url"].endswith("." + dataset["format"])
            assert ("-test." in dataset["url"]) == ("is_test" in body)
            urls.setdefault((body["recipe_id"], "is_test" in body), set()).add(dataset["url"])
        if body["status"] == "success" and "is_test" not in body:
            assert len(body["datasets"]) == 1
    assert all(len(of_recipe) == 1 for of_recipe in urls.values())
    kept = {url for (_, is_test), of_recipe in urls.items() if not is_test for url in of_recipe}
    assert 13 <= len(kept) <= 18
    assert {url.rsplit(".", 1)[1] for url in kept} == {"zarr", "reference", "parquet", "icechunk"}


def test_failures_say_why(now):
    for body in all_runs(now):
        if body["status"] == "failure":
            assert "Error" in body["message"] or "KilledWorker" in body["message"]
