"""PATCH /recipe_runs?external_id=...: a job knows its own id of a run, and not the registry's."""

from conftest import BAKERY, OTHER_BAKERY

pytest_plugins = ["patch_fixtures"]


async def test_an_external_id_is_set_and_changed(record, patch, changed):
    await record()
    await record(external_id="taken")
    assert (await changed({"external_id": "7/1/extent"}))["external_id"] == "7/1/extent"
    assert (await changed({"external_id": "7/2/extent"}))["revision"] == 3
    response = await patch({"external_id": "taken", "message": "x"})
    assert response.status_code == 409
    assert response.headers["location"] == "http://localhost/recipe_runs/2"
    assert (await changed({}))["message"] is None
    # the first is free again
    await record(external_id="7/1/extent")


async def test_a_run_is_found_by_its_external_id(record, patch, make_token, run_body, send):
    other = make_token(OTHER_BAKERY)
    await send("POST", "/recipe_runs", run_body(external_id="7/1/a b"), token=other)
    await record(external_id="7/1/a b")
    response = await patch({"status": "success"}, "/recipe_runs?external_id=7/1/a+b")
    assert (response.status_code, response.json()["id"], response.json()["status"]) == (200, 2, "success")
    assert response.headers["location"] == "http://localhost/recipe_runs/2"
    # it is case-sensitive, the bakery is not
    assert (await patch({}, "/recipe_runs?external_id=7/1/A+b")).status_code == 404
    assert (await patch({}, f"/recipe_runs?external_id=7/1/a+b&bakery_id={BAKERY.upper()}")).json()["id"] == 2
    assert (await patch({}, "/recipe_runs?external_id=7/1/a+b", token=other)).json()["id"] == 1


async def test_a_run_of_another_bakery_is_not_found_by_its_external_id(record, patch, make_token, stored):
    await record(external_id="7")
    before = stored()
    other, admin = make_token(OTHER_BAKERY), make_token(None)
    assert (await patch({}, "/recipe_runs?external_id=7", token=other)).status_code == 404
    assert (await patch({}, f"/recipe_runs?external_id=7&bakery_id={BAKERY}", token=other)).status_code == 403
    assert (await patch({}, "/recipe_runs?external_id=8")).status_code == 404
    response = await patch({}, "/recipe_runs?external_id=7", token=admin)
    assert (response.status_code, response.json()["parameter"]) == (400, "bakery_id")
    assert (await patch({}, f"/recipe_runs?external_id=7&bakery_id={OTHER_BAKERY}", token=admin)).status_code == 404
    assert stored() == before
    response = await patch({"message": "x"}, f"/recipe_runs?external_id=7&bakery_id={BAKERY}", token=admin)
    assert (response.status_code, response.json()["message"]) == (200, "x")


async def test_parameters_that_do_not_fit_are_400(record, patch, stored):
    await record(external_id="7")
    before = stored()
    for query, parameter in [
        ("", "external_id"),
        ("?external_id=", "external_id"),
        ("?external_id=7&external_id=8", "external_id"),
        ("?external_id=7&status=success", "status"),
        ("?external_id=7&bakery_id=a&bakery_id=b", "bakery_id"),
        ("?id=1", "id"),
        ("?external_id=%00", None),
        ("?external_id=%FF", None),
    ]:
        response = await patch({}, f"/recipe_runs{query}")
        assert (response.status_code, response.json().get("parameter")) == (400, parameter)
        assert stored() == before


async def test_a_path_takes_no_parameters(record, patch):
    await record()
    assert (await patch({}, "/recipe_runs/1?external_id=7")).status_code == 400
