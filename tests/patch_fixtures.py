"""Fixtures of tests that record something and patch it: the first recipe run, unless a module has another `path`."""

import pytest


@pytest.fixture
def path():
    return "/recipe_runs/1"


@pytest.fixture
def record(send, run_body):
    """A function that records a run and gives it."""

    async def post(**changes):
        response = await send("POST", "/recipe_runs", run_body(**{"status": "in_progress", **changes}))
        assert response.status_code == 201, response.text
        return response.json()

    return post


@pytest.fixture
def patch(send, path):
    """A function that patches what is at the path (or at another) and gives the response."""

    async def request(body, path=path, **more):
        return await send("PATCH", path, body, **more)

    return request


@pytest.fixture
def changed(patch):
    """A function that patches what is at the path, which must be accepted, and gives it."""

    async def request(body, **more):
        response = await patch(body, **more)
        assert response.status_code == 200, response.text
        return response.json()

    return request
