"""PATCH /recipe_runs: how a run goes on, what stays as it is once it is final, and what a late or lost job may do."""

import re

import pytest
from conftest import BAKERY, OTHER_BAKERY
from pangeo_forge_federation.values import times
from post_requests import ago, faults

pytest_plugins = ["patch_fixtures"]

URL = "gs://northlight-open/extent.zarr"


# What a patch does


async def test_a_patch_is_answered_with_the_whole_run(record, patch, get):
    run = await record(message="begun", version="0.10.4")
    response = await patch({"status": "success", "message": "done", "log_url": "https://logs.example/1"})
    assert response.status_code == 200
    assert response.headers["location"] == "http://localhost/recipe_runs/1"
    assert "no-store" in response.headers["cache-control"]
    after = response.json()
    assert run["updated_at"] < after["updated_at"] <= times.now()
    assert after == run | {
        "status": "success",
        "message": "done",
        "log_url": "https://logs.example/1",
        "completed_at": after["updated_at"],
        "updated_at": after["updated_at"],
        "revision": 2,
    }
    assert await get("/recipe_runs/1") == after


async def test_what_is_left_out_stays_and_null_empties(record, changed):
    await record(message="begun", version="0.10.4", log_url="https://logs.example/1", external_id="7")
    run = await changed({"message": None})
    assert (run["message"], run["version"], run["log_url"], run["external_id"]) == (
        None,
        "0.10.4",
        "https://logs.example/1",
        "7",
    )
    run = await changed({"version": None, "log_url": None, "external_id": None})
    assert (run["version"], run["log_url"], run["external_id"], run["revision"]) == (None, None, None, 3)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "RUNNING"},
        {"message": "\x1b[32mbegun\x1b[0m", "version": "0.10.4"},
        {"completed_at": None, "log_url": None},
        {"external_id": "7", "datasets": [{"url": URL, "title": "Another"}]},
        {"datasets": []},
    ],
)
async def test_a_patch_that_changes_nothing_is_a_heartbeat(record, changed, stored, body):
    run = await record(message="begun", version="0.10.4", external_id="7", datasets=[{"url": URL}])
    before = stored()
    after = await changed(body)
    assert after == run | {"updated_at": after["updated_at"]}
    assert after["updated_at"] > run["updated_at"]
    now = stored()
    before.pop("recipe_runs"), now.pop("recipe_runs")
    assert now == before


async def test_a_heartbeat_wakes_a_stale_run(record, changed, get):
    run = await record(run_date=ago(days=9))
    assert run["is_stale"] is True
    assert [each["id"] for each in await get("/recipe_runs?is_stale=true")] == [1]
    assert (await changed({}))["is_stale"] is False
    assert await get("/recipe_runs?is_stale=true") == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"status": None}, ["/status"]),
        ({"status": "finished"}, ["/status"]),
        ({"datasets": None}, ["/datasets"]),
        ({"datasets": [{"title": "x"}, {"url": "ftp://x/y"}]}, ["/datasets/0/url", "/datasets/1/url"]),
        ({"commit": "abc"}, ["/commit"]),
        ({"is_test": True, "run_date": "2026-01-01T00:00:00Z"}, ["/is_test", "/run_date"]),
        ({"revision": 1, "id": 1, "bakery_id": BAKERY}, ["/revision", "/id", "/bakery_id"]),
        ({"external_id": " "}, ["/external_id"]),
        ({"completed_at": "2026-01-01"}, ["/completed_at"]),
        ({"message": 7, "version": 0.1, "log_url": "x"}, ["/message", "/version", "/log_url"]),
        ([], [""]),
        ([{}], [""]),
        (None, [""]),
        ("success", [""]),
    ],
)
async def test_what_cannot_be_patched_is_422(record, patch, stored, body, pointers):
    await record()
    before = stored()
    assert sorted(faults(await patch(body))) == sorted(pointers)
    assert stored() == before


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/merge-patch+json", 200),
        ("Application/Merge-Patch+JSON; charset=utf-8", 200),
        ("application/json-patch+json", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
async def test_content_types(record, patch, content_type, status):
    await record()
    response = await patch({"message": "x"}, Content_Type=content_type)
    assert response.status_code == status
    if status == 415:
        assert "application/merge-patch+json" in response.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"message": "\xff"}', b'{"message": "a", "message": "b"}'])
async def test_what_is_no_json_is_400(record, patch, stored, body):
    await record()
    before = stored()
    response = await patch(body)
    assert (response.status_code, response.json()["type"].split("/")[-1]) == (400, "invalid-json")
    assert stored() == before


# The lifecycle


async def test_open_statuses_go_either_way(record, changed, get):
    await record(status="queued")
    for status in ("in_progress", "queued", "in_progress"):
        run = await changed({"status": status})
        assert (run["status"], run["completed_at"]) == (status, None)
    events = await get("/recipe_runs/1/events")
    assert [event["status"] for event in events] == ["queued", "in_progress", "queued", "in_progress"]


@pytest.mark.parametrize("final", ["success", "failure", "cancelled", "timed_out", "skipped"])
async def test_a_final_status_stays(record, patch, changed, stored, final):
    await record()
    run = await changed({"status": final})
    before = stored()
    for status in ("queued", "in_progress", "success", "failure", "cancelled", "timed_out", "skipped"):
        if status == final:
            continue
        response = await patch({"status": status, "message": "late"})
        assert (response.status_code, response.json()["type"].split("/")[-1]) == (409, "conflict")
        # what it is and since when
        assert re.search(rf"\b{final}\b.*{re.escape(run['completed_at'])}", response.json()["detail"])
    assert stored() == before
    again = await changed({"status": final.upper()})
    assert again == run | {"updated_at": again["updated_at"]}


async def test_an_event_that_comes_after_the_end(record, patch, get):
    """A retried start and the end of a worker arrive when somebody has stopped the run by hand."""
    steps = [
        ({"status": "cancelled", "message": "stopped by hand"}, 200),
        (
            {"status": "success", "log_url": "https://ci.example/late", "datasets": [{"url": URL, "format": "zarr"}]},
            409,
        ),
        ({"status": "in_progress"}, 409),
        ({"status": "CANCELLED"}, 200),
    ]
    await record(feedstock_id="pangeo-forge/demo-feedstock", commit="2" * 40, recipe_id="one")
    for body, status in steps:
        assert (await patch(body)).status_code == status
    run = await get("/recipe_runs/1")
    assert (run["status"], run["message"], run["log_url"]) == ("cancelled", "stopped by hand", None)
    assert await get("/recipe_runs/1/datasets") == await get("/datasets") == []
    assert [event["status"] for event in await get("/recipe_runs/1/events")] == ["in_progress", "cancelled"]
    # what is said of it may still come
    run = (await patch({"log_url": "https://ci.example/late"})).json()
    assert (run["log_url"], run["status"], run["message"]) == (
        "https://ci.example/late",
        "cancelled",
        "stopped by hand",
    )


async def test_what_may_come_after_the_end(record, changed, get):
    ended = (await record(status="success"))["completed_at"]
    run = await changed(
        {
            "message": "checked",
            "log_url": "https://logs.example/1",
            "version": "0.10.5",
            "datasets": [{"url": URL}],
            "status": "success",
            "completed_at": ended,
        }
    )
    assert (run["message"], run["version"], run["datasets_count"], run["completed_at"]) == (
        "checked",
        "0.10.5",
        1,
        ended,
    )
    assert (await get("/datasets/1"))["latest_recipe_run_id"] == 1


# When it ended


async def test_it_ended_now_where_nothing_is_said(record, changed):
    await record(run_date=ago(hours=1))
    before = times.now()
    assert before <= (await changed({"status": "failure", "completed_at": None}))["completed_at"] <= times.now()


async def test_it_did_not_end_before_it_began(record, changed):
    ahead = ago(hours=-5)
    await record(run_date=ahead)
    assert (await changed({"status": "failure"}))["completed_at"] == ahead


async def test_an_end_that_is_sent_is_kept_in_one_form(record, changed):
    await record(run_date="2026-01-01T10:00:00Z")
    run = await changed({"status": "success", "completed_at": "2026-01-01T12:30:00.1234567+01:00"})
    assert run["completed_at"] == "2026-01-01T11:30:00.123456Z"


async def test_an_end_that_does_not_fit_is_422(record, patch, stored):
    run_date = ago(hours=2)
    await record(run_date=run_date)
    before = stored()
    for body in (
        {"status": "success", "completed_at": ago(hours=3)},
        {"status": "success", "completed_at": ago(hours=-25)},
        {"completed_at": ago(hours=1)},
        {"status": "queued", "completed_at": ago(hours=1)},
    ):
        assert list(faults(await patch(body))) == ["/completed_at"]
    assert stored() == before
    assert (await patch({"status": "success", "completed_at": run_date})).status_code == 200


async def test_an_end_that_was_unknown_may_be_given_once(record, patch, changed, stored):
    await record(status="success", run_date="2026-01-01T10:00:00Z")
    assert list(faults(await patch({"completed_at": "2026-01-01T09:00:00Z"}))) == ["/completed_at"]
    run = await changed({"completed_at": "2026-01-01T11:00:00Z"})
    assert (run["completed_at"], run["revision"]) == ("2026-01-01T11:00:00.000000Z", 2)
    before = stored()
    for other in ("2026-01-01T11:00:01Z", None):
        response = await patch({"completed_at": other, "message": "late"})
        assert response.status_code == 409
        assert "2026-01-01T11:00:00.000000Z" in response.json()["detail"]
    assert stored() == before
    # the same moment in another zone is the same
    assert (await changed({"completed_at": "2026-01-01T12:00:00+01:00"}))["revision"] == 2


# If-Match


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_the_tag_that_was_read_holds_until_it_changes(datasette, record, patch, changed, encoding):
    await record(message="long enough to be compressed " * 100)
    await changed({})
    tag = (await datasette.client.get("/recipe_runs/1", headers={"Accept-Encoding": encoding})).headers["etag"]
    assert tag.startswith('"1-') and tag.endswith('-gzip"') == (encoding == "gzip")
    # a heartbeat is no change
    await changed({})
    assert (await changed({"message": "mine"}, If_Match=tag))["revision"] == 2
    response = await patch({"message": "another"}, If_Match=tag)
    assert (response.status_code, response.json()["type"].split("/")[-1]) == (412, "precondition-failed")
    assert (await patch({}, If_Match=tag)).status_code == 412


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("*", 200),
        (" * ", 200),
        ('"1-0123456789abcdef"', 200),
        ('W/"1-0123456789abcdef"', 412),
        ("1-0123456789abcdef", 412),
        ('"1"', 412),
        ('"-1-ab"', 412),
        (f'"{"9" * 400}-ab"', 412),
        ("nonsense", 412),
        ("\u00e9", 412),
        ("", 412),
        ('"1-ab", "2-ab"', 200),
        ('"2-ab",,\t"1-ab-gzip" ,', 200),
        ('"a,b", W/"2-ab", "1-ab"', 200),
        ('"2-ab", W/"1-ab"', 412),
        ('"2-ab", *', 412),
        ('"2-ab" "1-ab"', 412),
        ('"1-ab", 1-ab', 412),
        (" , " * 5000 + '"', 412),
    ],
)
async def test_each_form_of_if_match(record, patch, stored, value, status):
    await record()
    before = stored()
    response = await patch({"message": "x"}, If_Match=value.encode("latin-1"))
    assert response.status_code == status
    assert (stored() == before) == (status != 200)


# Datasets


async def test_datasets_are_added(record, changed, get):
    await record(datasets=[{"url": URL, "title": "Extent"}])
    run = await changed({"datasets": [{"url": "gs://b/2"}, {"url": URL, "title": "Another"}, {"url": "gs://b/2"}]})
    assert [(each["url"], each["title"]) for each in run["datasets"]] == [(URL, "Extent"), ("gs://b/2", None)]
    assert run["revision"] == 2
    # the same again is no change
    assert (await changed({"datasets": [{"url": "gs://b/2"}]}))["revision"] == 2
    assert len(await get("/recipe_runs/1/events")) == 2
    assert (await get("/datasets/2"))["bakery_id"] == BAKERY


async def test_a_run_has_a_hundred_datasets_in_all(record, patch, changed, stored):
    await record(datasets=[{"url": f"gs://b/{number}"} for number in range(60)])
    before = stored()
    assert list(faults(await patch({"datasets": [{"url": f"gs://b/{number}"} for number in range(101)]}))) == [
        "/datasets"
    ]
    assert stored() == before
    # those that it has already do not count twice
    run = await changed({"datasets": [{"url": f"gs://b/{number}"} for number in range(100)]})
    assert run["datasets_count"] == 100
    assert list(faults(await patch({"datasets": [{"url": "gs://b/more"}]}))) == ["/datasets"]


# History


async def test_events_tell_each_change_and_who_made_it(record, changed, get, make_token):
    await record()
    await changed({"message": "half"})
    await changed({})
    await changed({"status": "failure"}, token=make_token(None))
    run = await changed({"datasets": [{"url": URL}]})
    events = await get("/recipe_runs/1/events")
    assert [(each["status"], each["message"], each["actor_bakery_id"], each["actor_token_id"]) for each in events] == [
        ("in_progress", None, BAKERY, 1),
        ("in_progress", "half", BAKERY, 1),
        ("failure", "half", None, 2),
        ("failure", "half", BAKERY, 1),
    ]
    times_of_events = [each["at"] for each in events]
    assert times_of_events == sorted(times_of_events)
    assert run["created_at"] == times_of_events[0]
    assert run["updated_at"] == times_of_events[-1]
    assert run["revision"] == len(events)


async def test_a_clock_that_was_set_back(record, changed, get, connection):
    """What was written by a clock an hour ahead stays before what is written now."""
    await record(datasets=[{"url": URL}])
    ahead = ago(hours=-1)
    connection.execute("update recipe_runs set updated_at = ?", [ahead])
    connection.execute("update datasets set updated_at = ?", [ahead])
    connection.execute("update recipe_run_events set at = ?", [ahead])
    assert (await changed({}))["updated_at"] == ahead
    run = await changed({"status": "success"})
    events = await get("/recipe_runs/1/events")
    assert run["updated_at"] == ahead == events[-1]["at"] == run["completed_at"]
    # of a dataset too, whichever run is heard of
    await record(datasets=[{"url": URL}])
    latest = connection.execute("select max(at) from dataset_events").fetchone()[0]
    assert (await get("/datasets/1"))["updated_at"] == latest == ahead


# Who may


async def test_another_bakerys_run_is_403_and_none_is_404(record, patch, make_token, stored):
    await record()
    before = stored()
    response = await patch({"status": "success"}, token=make_token(OTHER_BAKERY))
    assert (response.status_code, response.json()["type"].split("/")[-1]) == (403, "forbidden")
    assert BAKERY in response.json()["detail"] and OTHER_BAKERY in response.json()["detail"]
    for path in ("/recipe_runs/2", "/recipe_runs/abc", "/recipe_runs/01", f"/recipe_runs/{2**63}"):
        assert (await patch({}, path)).status_code == 404
    assert stored() == before


async def test_a_bakery_is_its_own_in_any_letter_case(record, changed, make_token):
    await record()
    assert (await changed({"message": "x"}, token=make_token(BAKERY.upper())))["message"] == "x"


@pytest.mark.parametrize("path", ["/recipe_runs/1", "/recipe_runs?external_id=7"])
async def test_options_and_allow_name_patch(datasette, path):
    response = await datasette.client.options(path.partition("?")[0])
    assert "PATCH" in response.headers["allow"].split(", ")
    assert "PATCH" in response.headers["access-control-allow-methods"]
    assert "If-Match" in response.headers["access-control-allow-headers"]
