"""Who may write what: every kind of token at every endpoint that writes, on its own row and on another's."""

import itertools
import re

import pytest
from conftest import BAKERY, OTHER_BAKERY
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path

OWN_URL, OTHERS_URL = "gs://northlight-open/own.zarr", "s3://harbor-public/theirs.zarr"

# A request: method, path, body. "own" is of the bakery of the good tokens, "others" of another one.
REQUESTS = {
    "post a run, own": ("POST", "/recipe_runs", {"bakery_id": BAKERY}),
    "post a run, others": ("POST", "/recipe_runs", {"bakery_id": OTHER_BAKERY}),
    "post runs, one of others": ("POST", "/recipe_runs", [{"bakery_id": BAKERY}, {"bakery_id": OTHER_BAKERY}]),
    "patch a run, own": ("PATCH", "/recipe_runs/1", {"message": "x"}),
    "patch a run, others": ("PATCH", "/recipe_runs/2", {"message": "x"}),
    "heartbeat, others": ("PATCH", "/recipe_runs/2", {}),
    "patch by external id, own": ("PATCH", f"/recipe_runs?external_id=one&bakery_id={BAKERY}", {"message": "x"}),
    "patch by external id, others": (
        "PATCH",
        f"/recipe_runs?external_id=two&bakery_id={OTHER_BAKERY}",
        {"message": "x"},
    ),
    "patch by external id, nobody said whose": ("PATCH", "/recipe_runs?external_id=two", {"message": "x"}),
    "post a dataset, own": ("POST", "/datasets", {"url": "gs://b/new.zarr", "bakery_id": BAKERY}),
    "post a dataset, others": ("POST", "/datasets", {"url": "gs://b/new.zarr", "bakery_id": OTHER_BAKERY}),
    "post a dataset that others have": ("POST", "/datasets", {"url": OTHERS_URL, "bakery_id": BAKERY}),
    "patch a dataset, own": ("PATCH", "/datasets/1", {"title": "x"}),
    "patch a dataset, others": ("PATCH", "/datasets/2", {"title": "x"}),
    "retract a dataset, others": ("PATCH", "/datasets/2", {"retraction_reason": "x"}),
}
WHO = ("nobody", "malformed", "expired", "revoked", "no bakery of these", "own bakery", "administrator")
# The matrix: what each of them is answered, in the order of WHO.
MATRIX = {
    "post a run, own": (401, 401, 401, 401, 403, 201, 201),
    "post a run, others": (401, 401, 401, 401, 403, 403, 201),
    "post runs, one of others": (401, 401, 401, 401, 403, 403, 201),
    "patch a run, own": (401, 401, 401, 401, 403, 200, 200),
    "patch a run, others": (401, 401, 401, 401, 403, 403, 200),
    "heartbeat, others": (401, 401, 401, 401, 403, 403, 200),
    "patch by external id, own": (401, 401, 401, 401, 403, 200, 200),
    "patch by external id, others": (401, 401, 401, 401, 403, 403, 200),
    "patch by external id, nobody said whose": (401, 401, 401, 401, 404, 404, 400),
    # the second finds what the first recorded
    "post a dataset, own": (401, 401, 401, 401, 403, 201, 200),
    "post a dataset, others": (401, 401, 401, 401, 403, 403, 201),
    "post a dataset that others have": (401, 401, 401, 401, 403, 409, 409),
    "patch a dataset, own": (401, 401, 401, 401, 403, 200, 200),
    "patch a dataset, others": (401, 401, 401, 401, 403, 403, 200),
    "retract a dataset, others": (401, 401, 401, 401, 403, 403, 200),
}


def revoke(data, token):
    connection = connect(database_path(data, TOKENS))
    tokens.revoke_token(connection, int(token.split("_")[1]))
    connection.close()


@pytest.fixture
def who(data, make_token):
    """Authorization headers by the name of who sends them."""
    revoked = make_token()
    revoke(data, revoked)
    good = {
        "expired": make_token(days=1e-9),
        "revoked": revoked,
        "no bakery of these": make_token("third.bakery"),
        "own bakery": make_token(),
        "administrator": make_token(None),
    }
    headers = {name: {"Authorization": f"Bearer {token}"} for name, token in good.items()}
    return headers | {"nobody": {}, "malformed": {"Authorization": f"Bearer {good['own bakery'][:-1]}"}}


@pytest.fixture
async def client(datasette, who, run_body):
    """A client of a registry with a run and a dataset of each of two bakeries."""
    rows = [
        run_body(bakery_id=BAKERY, external_id="one", datasets=[{"url": OWN_URL}]),
        run_body(bakery_id=OTHER_BAKERY, external_id="two", datasets=[{"url": OTHERS_URL}]),
    ]
    response = await datasette.client.post("/recipe_runs", json=rows, headers=who["administrator"])
    assert response.status_code == 201
    return datasette.client


def filled_in(body, run_body):
    """A run's body is said above by what matters here."""
    if isinstance(body, list):
        return [filled_in(each, run_body) for each in body]
    return body if "url" in body else run_body(**body)


def test_the_matrix_has_every_endpoint_that_writes(datasette):
    assert set(MATRIX) == set(REQUESTS)
    asked = {(method, re.sub(r"\d+$", "", path.partition("?")[0])) for method, path, _ in REQUESTS.values()}
    offered = {(method, path.partition("{")[0]) for path, method in ensure_services(datasette).operations}
    # GitHub's pushes are signed, and need no token
    assert asked == {(method, path) for method, path in offered if method != "GET" and path != "/webhooks/github"}


@pytest.mark.parametrize("name", MATRIX)
async def test_every_cell(client, who, run_body, stored, name):
    method, path, body = REQUESTS[name]
    body = filled_in(body, run_body) if method == "POST" else body
    for sender, status in zip(WHO, MATRIX[name], strict=True):
        before = stored()
        response = await client.request(method, path, json=body, headers=who[sender])
        assert response.status_code == status, (sender, response.text)
        if status >= 400:
            assert response.headers["content-type"] == "application/problem+json"
            assert ("www-authenticate" in response.headers) == (status == 401)
            assert stored() == before, sender
        elif method == "POST" and status == 201:
            assert len(stored()["recipe_runs"] + stored()["datasets"]) > len(before["recipe_runs"] + before["datasets"])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_reading_is_for_everybody_and_a_bad_token_is_told(client, who, method):
    for path in ("/recipe_runs", "/recipe_runs/2", "/datasets/2", "/bakeries", "/recipe_runs/2/events"):
        answers = {
            sender: (await client.request(method, path, headers=headers)).status_code for sender, headers in who.items()
        }
        bad = {"malformed", "expired", "revoked"}
        assert answers == {sender: 401 if sender in bad else 200 for sender in who}, path


async def test_datasettes_own_actor_is_the_token(client, who):
    actor = (await client.get("/-/actor.json", headers=who["own bakery"])).json()["actor"]
    assert actor["bakery_id"] == BAKERY
    assert isinstance(actor["token_id"], int)
    assert (await client.get("/-/actor.json", headers=who["administrator"])).json()["actor"]["bakery_id"] is None
    assert (await client.get("/-/actor.json")).json() == {"actor": None}
    for sender in ("malformed", "expired", "revoked"):
        response = await client.get("/-/actor.json", headers=who[sender])
        assert response.status_code == 401 or response.json() == {"actor": None}


async def test_a_token_opens_nothing_that_is_closed(client, who):
    """An administrator's neither: the tokens are for nobody who comes over HTTP."""
    for sender, path in itertools.product(
        ("own bakery", "administrator"),
        ("/tokens", "/tokens.json", "/tokens/tokens.json", "/tokens/audit_log.json", "/tokens.json?sql=select+1"),
    ):
        assert (await client.get(path, headers=who[sender])).status_code in (403, 404), (sender, path)


async def test_a_bakery_with_a_token_reads_what_anybody_reads(client, who):
    for path in ("/recipe_runs/2", "/datasets", "/federation/recipe_runs.json?_shape=array"):
        answers = [(await client.get(path, headers=who[sender])).json() for sender in ("nobody", "own bakery")]
        assert answers[0] == answers[1], path


async def test_a_token_with_a_line_end_is_no_server_error(client, who, run_body):
    token = who["own bakery"]["Authorization"].encode()
    for value, status in (
        (token + b"\r ", 201),
        (token + b" ", 201),
        (token[:-9] + b"\r" + token[-9:], 401),
        (b"\r", 401),
    ):
        response = await client.post("/recipe_runs", json=run_body(), headers={"Authorization": value})
        assert response.status_code == status, value[-12:]


async def test_a_session_cookie_writes_nothing(client, datasette, run_body, stored):
    """Who is logged in on Datasette's pages has no token, whatever the actor says of itself."""
    before = stored()
    for actor in ({"id": "root"}, {"id": "x", "bakery_id": BAKERY}):
        cookies = {"ds_actor": datasette.sign({"a": actor}, "actor")}
        for path in ("/recipe_runs", "//recipe_runs", "/recipe_runs/"):
            response = await client.post(path, json=run_body(), cookies=cookies)
            assert (response.status_code, response.headers["content-type"]) == (401, "application/problem+json"), path
        assert (await client.patch("/recipe_runs/1", json={}, cookies=cookies)).status_code == 401
    assert stored() == before
