"""POST /recipe_runs: who may record for which bakery."""

import pytest
from conftest import BAKERY, OTHER_BAKERY
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path
from post_requests import PROBLEM, faults


async def test_no_token_or_a_bad_one_is_401(datasette, headers, run_body, get):
    for value in [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic dXNlcjpwYXNz",
        b"pfk_1_" + b"x" * 43,
        b"Bearer pfk_1",
        b"Bearer pfk_1_short",
        b"Bearer pfk_0_" + b"x" * 43,
        b"Bearer pfk_1-2-" + b"x" * 43,
        b"Bearer pfk_1_" + b"x" * 44,
        b"Bearer pfk_1_x\r ",
        b"Bearer pfk_x_" + b"x" * 43,
        b"Bearer pfk_999999999999999999_" + b"x" * 43,
        b"Bearer pfk_99_" + b"x" * 43,
        b"Bearer pfk_1_" + b"x" * 43,
        b"Bearer 1-" + b"0" * 64,
    ]:
        sent = {} if value is None else {"Authorization": value}
        response = await datasette.client.post("/recipe_runs", json=run_body(), headers=sent)
        assert response.status_code == 401
        assert response.headers["content-type"] == PROBLEM
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert response.json()["type"].endswith("/unauthorized")
        assert await get("/recipe_runs") == []


async def test_the_stored_form_of_a_token_is_no_token(datasette, headers, data, run_body):
    connection = connect(database_path(data, TOKENS))
    stored = connection.execute("select secret_sha256 from tokens").fetchone()[0]
    connection.close()
    for form in (f"1-{stored}", f"pfk_1_{stored}", f"pfk_1_{stored[:43]}"):
        response = await datasette.client.post(
            "/recipe_runs", json=run_body(), headers={"Authorization": f"Bearer {form}"}
        )
        assert response.status_code == 401


async def test_an_expired_or_revoked_token_is_401(datasette, data, make_token, run_body):
    expired, revoked = make_token(days=1e-9), make_token()
    connection = connect(database_path(data, TOKENS))
    tokens.revoke_token(connection, int(revoked.split("_")[1]))
    connection.close()
    for token in (expired, revoked):
        for method in ("GET", "POST"):
            response = await datasette.client.request(
                method, "/recipe_runs", json=run_body(), headers={"Authorization": f"Bearer {token}"}
            )
            assert response.status_code == 401, (token, method)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
async def test_a_token_works_however_its_scheme_is_written(datasette, make_token, run_body, scheme):
    response = await datasette.client.post(
        "/recipe_runs", json=run_body(), headers={"Authorization": f"{scheme}{make_token()} "}
    )
    assert response.status_code == 201


async def test_a_token_in_a_cookie_or_the_url_counts_for_nothing(datasette, make_token, run_body):
    token = make_token()
    response = await datasette.client.post("/recipe_runs", json=run_body(), headers={"Cookie": f"ds_actor={token}"})
    assert response.status_code == 401
    response = await datasette.client.post(f"/recipe_runs?_auth_token={token}", json=run_body())
    assert response.status_code in (400, 401)


async def test_another_bakerys_name_is_403(post, run_body, get):
    response = await post(run_body(bakery_id=OTHER_BAKERY))
    assert response.status_code == 403
    assert response.json()["type"].endswith("/forbidden")
    assert BAKERY in response.json()["detail"] and OTHER_BAKERY in response.json()["detail"]
    assert await get("/recipe_runs") == []
    assert await get("/bakeries") == []


async def test_its_own_name_in_another_case_is_its_own(post, recorded, run_body):
    await recorded()
    response = await post(run_body(bakery_id=BAKERY.upper()))
    assert response.status_code == 201
    assert response.json()["bakery_id"] == BAKERY


async def test_an_administrator_names_the_bakery(datasette, make_token, run_body, get):
    admin = {"Authorization": f"Bearer {make_token(None)}"}
    response = await datasette.client.post("/recipe_runs", json=run_body(), headers=admin)
    assert list(faults(response)) == ["/bakery_id"]
    for bakery_id in (BAKERY, OTHER_BAKERY):
        response = await datasette.client.post("/recipe_runs", json=run_body(bakery_id=bakery_id), headers=admin)
        assert response.status_code == 201
        assert response.json()["bakery_id"] == bakery_id
    assert (await get("/recipe_runs/1/events"))[0]["actor_bakery_id"] is None
    assert {row["id"]: row["listed"] for row in await get("/bakeries")} == {BAKERY: False, OTHER_BAKERY: False}
