"""Fixtures of tests in which `forge` talks to a registry that runs."""

import pytest
from forge_process import Forge, make_token
from server_process import running_server


@pytest.fixture(scope="module")
def registry_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("registry") / "data"


@pytest.fixture(scope="module")
def server(registry_folder):
    """(URL, token) of a registry of the module, which takes as many writes as there are."""
    token = make_token(registry_folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEDERATION_WRITES_PER_MINUTE", "0")
        with running_server(registry_folder) as running:
            yield running.url, token


@pytest.fixture
def forge(server, tmp_path):
    url, token = server
    return Forge(url, token, tmp_path)
