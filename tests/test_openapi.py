"""The OpenAPI document says what the registry does, both ways."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import jsonschema
import pytest
import pytest_asyncio
from conftest import BAKERY
from example_paths import SMALL, filled
from openapi_spec_validator import validate
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.server.demo import ensure_demo
from pangeo_forge_federation.services import ensure_services
from server_process import running_server

pytest_plugins = ["demo_fixtures"]

TESTS = Path(__file__).parent
SHORT_EXAMPLES = 2


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    """One of its own: schemathesis writes to it."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    os.environ.pop("FEDERATION_DATA", None)
    ensure_demo(folder)
    return folder


@pytest_asyncio.fixture
async def document(demo):
    return (await demo.client.get("/openapi.json")).json()


def test_it_is_valid_openapi(document):
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_its_operations_are_the_routes(demo, document):
    services = ensure_services(demo)
    routes = {(path, "get") for query in services.queries.values() for path in query.paths}
    routes |= {(path, method.lower()) for path, method in services.operations}
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == routes
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))
    assert set(services.queries) <= set(names)


async def test_every_parameter_that_it_names_is_accepted(demo, document):
    for path, methods in document["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            if parameter["in"] != "query" or parameter.get("explode"):
                continue
            value = sample(parameter["schema"])
            response = await demo.client.get(filled(path, SMALL), params={parameter["name"]: value})
            assert response.status_code == 200, (path, parameter["name"], value, response.text)


async def test_each_response_of_the_demo_is_as_the_document_says(demo, document):
    root = {"$id": "urn:document", **document}
    store = jsonschema.validators.validator_for({"$schema": "https://json-schema.org/draft/2020-12/schema"})
    for path, methods in document["paths"].items():
        if "get" not in methods or "application/json" not in methods["get"]["responses"]["200"]["content"]:
            continue
        for parameters in ({}, {"_shape": "objects", "_extra": "count"}):
            if parameters and not any(each["name"] == "_shape" for each in methods["get"]["parameters"]):
                continue
            response = await demo.client.get(filled(path, SMALL), params=parameters)
            assert response.status_code == 200, (path, response.text)
            schema = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            store({**root, **schema}, format_checker=store.FORMAT_CHECKER).validate(response.json())


async def test_a_list_has_every_key_of_its_schema(demo, document):
    for path, methods in document["paths"].items():
        operation = methods.get("get", {})
        schema = operation.get("responses", {}).get("200", {}).get("content", {}).get("application/json", {})
        choices = schema.get("schema", {}).get("oneOf")
        if not choices:
            continue
        rows = (await demo.client.get(filled(path, SMALL))).json()
        name = choices[0]["items"]["$ref"].rsplit("/", 1)[1]
        for row in rows:
            assert set(row) == set(document["components"]["schemas"][name]["properties"]), path


async def test_the_headers_of_a_write_are_those_that_the_document_names(
    data, document, make_token, run_body, monkeypatch
):
    monkeypatch.setenv("FEDERATION_WRITES_PER_MINUTE", "4")
    made = make_datasette(data)
    await made.invoke_startup()
    headers = {"Authorization": f"Bearer {make_token()}", "Idempotency-Key": "one"}
    named = {
        "location", "idempotency-replayed", "ratelimit", "ratelimit-policy", "retry-after", "www-authenticate", "etag",
    }  # fmt: skip

    def described(path, method, status):
        response = document["paths"][path][method]["responses"][str(status)]
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        return {name.lower() for name in response.get("headers", {})}

    async def send(path, method, body, **more):
        response = await made.client.request(method, path, json=body, headers=headers | more)
        template = path if path in document["paths"] else "/recipe_runs/{recipe_run_id}"
        sent = named & set(response.headers)
        assert sent <= described(template, method.lower(), response.status_code), response.text
        return sent

    limit = {"ratelimit", "ratelimit-policy"}
    body = run_body(status="in_progress")
    assert await send("/recipe_runs", "POST", body) == {"location", *limit}
    assert await send("/recipe_runs", "POST", body) == {"location", "idempotency-replayed", *limit}
    patch = {"Idempotency-Key": "two", "Content-Type": "application/merge-patch+json"}
    for sent in ({"location", *limit}, {"location", "idempotency-replayed", *limit}, {"retry-after", *limit}):
        assert await send("/recipe_runs/1", "PATCH", {"message": "half"}, **patch) == sent
    assert await send("/recipe_runs", "POST", body, Authorization="Bearer none") == {"www-authenticate"}
    ensure_services(made).close()


# Lists take their parameters in one way: of two of them all is tried, of the others what the document allows, and of
# those under a path, which are one of the former with a filter more, nothing.
OTHER_LISTS = r"^/(bakeries|feedstocks|maintainers|problems|sync_runs)$|\}/(recipes|events)$"
UNDER_A_PATH = r"\}/(recipe_runs|recipes_runs|datasets)$"


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(
            ["--exclude-path-regex", f"{OTHER_LISTS}|{UNDER_A_PATH}", "--phases", "examples,coverage,fuzzing"], id="all"
        ),
        pytest.param(["--include-path-regex", OTHER_LISTS, "--phases", "coverage", "--mode", "positive"], id="lists"),
    ],
)
@pytest.mark.slow
def test_schemathesis_finds_nothing(demo_folder, tmp_path, part):
    """Its stateful phase is left out: that puts the ids of one record where another's belong, and calls both valid."""
    make_token = [sys.executable, TESTS.parent / "scripts" / "tokens.py", "create", "--bakery", BAKERY]
    token = subprocess.run(
        [*make_token, "--data", demo_folder], capture_output=True, text=True, check=True
    ).stdout.strip()
    options = {
        "--max-examples": str(SHORT_EXAMPLES),
        # about how the tool makes its examples, and not about what is answered
        "--suppress-health-check": "filter_too_much",
        "--header": f"Authorization: Bearer {token}",
        "--generation-database": "none",
        "--seed": "7",
    }
    with running_server(demo_folder) as server:
        command = [Path(sysconfig.get_path("scripts")) / "schemathesis", "run", f"{server.url}/openapi.json"]
        result = subprocess.run(
            [*command, *part, *(word for option in options.items() for word in option)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": str(TESTS / "schemathesis_hooks.py"), "NO_COLOR": "1"},
        )
    assert result.returncode == 0, result.stdout[-8000:]


def sample(schema: dict) -> str:
    """A value that a parameter's schema takes."""
    for choice in schema.get("anyOf", [schema]):
        if "enum" in choice:
            return str(choice["enum"][0])
        if choice.get("type") == "integer":
            return str(max(1, choice.get("minimum", 1)))
        if choice.get("type") == "number":
            return "12.5"
        if choice.get("type") == "boolean":
            return "true"
        if choice.get("type") == "array":
            return str(choice["items"]["enum"][0])
        if choice.get("format") == "date":
            return "2026-01-31"
        if "pattern" in choice and "19" in choice["pattern"]:
            return "2026"
    return ""
