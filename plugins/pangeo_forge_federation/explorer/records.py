"""The data of the pages of records, from the same queries that the endpoints use."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from pangeo_forge_federation.explorer.citation import citation
from pangeo_forge_federation.explorer.other_facts import other_facts
from pangeo_forge_federation.explorer.queries import Queries
from pangeo_forge_federation.explorer.strip import make_strip
from pangeo_forge_federation.explorer.timeline import RUNS, make_timeline, seconds_of
from pangeo_forge_federation.explorer.usual_duration import median_seconds, usual_seconds
from pangeo_forge_federation.explorer.weeks import make_weeks
from pangeo_forge_federation.explorer.windows import QUARTER
from pangeo_forge_federation.explorer.words import seconds_between
from pangeo_forge_federation.records.models import Dataset, RecipeRun
from pangeo_forge_federation.records.open_snippets import snippet

RECENT = 12
EVENTS = 40
DATASETS = 6
FEEDSTOCKS = 8
HISTORY = 8


def feedstock(queries: Queries, feedstock_id: str) -> dict[str, Any] | None:
    """Return the data of a feedstock's page. None if there is no such feedstock."""
    record = queries.one("get_feedstock", feedstock_id=feedstock_id)
    if record is None:
        return None
    now = datetime.now(UTC)
    runs = queries.first_rows("list_feedstock_recipe_runs", RUNS, "is_test=0", feedstock_id=record["id"])
    latest = next((run for run in runs if run["id"] == record["latest_recipe_run_id"]), None)
    return {
        "feedstock": record,
        # meta.yaml may name a bakery that does not exist
        "bakery": queries.one("get_bakery", bakery_id=record["bakery_id"]) if record["bakery_id"] else None,
        "runs": with_seconds(runs, now),
        "latest": latest and latest | {"seconds": seconds_of(latest, now), "usual": usual_seconds(queries, latest)},
        "timeline": make_timeline(runs, now),
        "datasets": with_snippets(
            queries, queries.first_rows("list_feedstock_datasets", DATASETS, feedstock_id=record["id"])
        ),
        # without the entry for its addition, which tells readers nothing new
        "changes": [each for each in queries.rows("changes_of_feedstock", feedstock_id=record["id"]) if each["field"]],
    }


def recipe_run(queries: Queries, recipe_run_id: int) -> dict[str, Any] | None:
    """Return the data of a recipe run's page. None if there is no such recipe run."""
    run = queries.one("get_recipe_run", recipe_run_id=recipe_run_id)
    if run is None:
        return None
    now = datetime.now(UTC)
    neighbours = queries.rows(
        "neighbours_of_recipe_run",
        id=run["id"],
        run_date=run["run_date"],
        recipe_id=run["recipe_id"],
        feedstock_id=run["feedstock_id"],
    )
    later = sum((each["run_date"], each["id"]) > (run["run_date"], run["id"]) for each in neighbours)
    return {
        "run": run,
        "other_facts": other_facts(RecipeRun, run),
        "seconds": seconds_of(run, now),
        "usual": usual_seconds(queries, run),
        "events": with_delays(queries.first_rows("list_recipe_run_events", EVENTS, recipe_run_id=run["id"])),
        "later": with_seconds(neighbours[:later], now),
        "earlier": with_seconds(neighbours[later:], now),
    }


def dataset(queries: Queries, dataset_id: int) -> dict[str, Any] | None:
    """Return the data of a dataset's page. None if there is no such dataset."""
    record = queries.one("get_dataset", dataset_id=dataset_id)
    if record is None:
        return None
    now = datetime.now(UTC)
    lineage = queries.require("get_dataset_lineage", dataset_id=dataset_id)
    runs = queries.first_rows("list_dataset_recipe_runs", RECENT, dataset_id=dataset_id)
    # runs become stale as time passes, so the lineage, which is cached by its ETag, does not include it
    stale = {run["id"] for run in runs if run["is_stale"]}
    lineage["recipe_runs"] = [run | {"is_stale": run["id"] in stale} for run in lineage["recipe_runs"]]
    latest = record["last_success_recipe_run_id"] or record["latest_recipe_run_id"]
    return {
        "dataset": with_snippets(queries, [record])[0],
        "other_facts": other_facts(Dataset, record),
        "latest": queries.one("get_recipe_run", recipe_run_id=latest) if latest else None,
        "lineage": lineage,
        "runs": with_seconds(runs, now),
        "events": queries.rows("events_of_dataset", dataset_id=dataset_id)[:HISTORY],
        "citation": citation(record, lineage["providers"]),
    }


def bakery(queries: Queries, bakery_id: str) -> dict[str, Any] | None:
    """Return the data of a bakery's page. None if there is no such bakery."""
    record = queries.one("get_bakery", bakery_id=bakery_id)
    if record is None:
        return None
    now = datetime.now(UTC)
    by_day = queries.rows("recipe_runs_by_day", bakery_id=record["id"], from_day=QUARTER.since)
    runs = queries.first_rows("list_bakery_recipe_runs", RUNS, "is_test=0", bakery_id=record["id"])
    return {
        "bakery": record,
        "strip": make_strip(by_day, now.date()),
        "weeks": make_weeks(
            by_day, queries.rows("weeks_of_bakery", bakery_id=record["id"], from_day=QUARTER.since), now.date()
        ),
        "runs": with_seconds(runs, now),
        "timeline": make_timeline(runs, now),
        "usual": median_seconds({"seconds": seconds_of(run, now)} for run in runs if run["status"] == "success"),
        "heard_at": max((run["updated_at"] for run in runs), default=None),
        "wait": median_seconds(queries.rows("queue_waits_of_bakery", bakery_id=record["id"])),
        "under_way": [
            run | {"usual": usual_seconds(queries, run)}
            for run in queries.rows("recipe_runs_under_way", bakery_id=record["id"])[:RECENT]
        ],
        "feedstocks": queries.first_rows("list_feedstocks", FEEDSTOCKS, urlencode({"bakery_id": record["id"]})),
        "datasets": queries.first_rows(
            "list_datasets", DATASETS, urlencode({"bakery_id": record["id"], "_sort_desc": "created_at"})
        ),
    }


def maintainer(queries: Queries, github: str) -> dict[str, Any] | None:
    """Return the data of a maintainer's page. None if there is no such maintainer."""
    record = queries.one("get_maintainer", github=github)
    return {"maintainer": record} if record else None


def with_snippets(queries: Queries, datasets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the datasets, each with the Python snippet that opens it."""
    targets: dict[str, list] = {}
    for each in datasets:
        if each["bakery_id"] not in targets:
            targets[each["bakery_id"]] = queries.require("get_bakery", bakery_id=each["bakery_id"])["targets"]
    return [each | {"snippet": snippet(each, targets[each["bakery_id"]])} for each in datasets]


def with_delays(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events, each with the seconds since the previous one."""
    before = [events[0], *events] if events else []
    delays = [seconds_between(last["at"], event["at"]) for last, event in zip(before, events, strict=False)]
    return [event | {"delay": delay} for event, delay in zip(events, delays, strict=True)]


def with_seconds(runs: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Return the runs, each with the seconds that it took, or has taken until now."""
    return [run | {"seconds": seconds_of(run, now)} for run in runs]
