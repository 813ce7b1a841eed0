"""Where and as whom: options, environment, and the file that `forge login` writes. A token is never shown."""

import json
import stat

import pytest
from pangeo_forge_federation.client import BadConfiguration, Client
from pangeo_forge_federation.client.configuration import clean_token, clean_url, read_configuration

pytest_plugins = ["forge_fixtures"]


def test_login_keeps_the_token_for_its_url_alone(forge, server):
    _, token = server
    nobody = forge.where(FEDERATION_TOKEN="")
    done = nobody("login", given=f"{token}\r\n".encode())
    assert done.returncode == 0, done.stderr
    file = forge.folder / "config.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {"url": forge.url, "tokens": {forge.url: token}}
    assert token not in done.stdout + done.stderr
    body = ("--recipe-id", "a", "--feedstock-id", "f", "--commit", "c", "--status", "success")
    # the URL is kept too
    assert nobody.where(FEDERATION_URL="")("runs", "create", *body).returncode == 0
    # another registry does not get it
    other = nobody.at("http://localhost:" + forge.url.rpartition(":")[2])
    done = other("runs", "create", *body)
    assert (done.returncode, "FEDERATION_TOKEN" in done.stderr) == (2, True)
    assert nobody("logout").returncode == 0
    assert nobody("runs", "create", *body).returncode == 2
    assert list(forge.folder.iterdir()) == [file]


def test_login_refuses_a_token_that_the_registry_does_not_take(forge):
    done = forge.where(FEDERATION_TOKEN="")("login", given=b"pfk_1_wrong")
    assert done.returncode == 4
    assert "pfk_1_wrong" not in done.stderr
    assert not (forge.folder / "config.json").exists()
    assert forge("login", given=b"\n").returncode == 2


def test_a_file_that_others_can_read_is_warned_of(forge, server):
    forge("login", given=server[1].encode())
    (forge.folder / "config.json").chmod(0o644)
    done = forge.where(FEDERATION_TOKEN="")("health")
    assert (done.returncode, "chmod 600" in done.stderr) == (0, True)


def test_options_come_before_the_environment_and_that_before_the_file(forge, server, tmp_path):
    url, token = server
    (tmp_path / "token").write_text(f"\ufeff{token}\r\n", "utf-8")
    elsewhere = forge.where(FEDERATION_URL="http://127.0.0.1:9", FEDERATION_TOKEN="pfk_9_wrong")
    done = elsewhere("--url", url, "--token-file", str(tmp_path / "token"), "health")
    assert done.returncode == 0, done.stderr
    environ = {"FEDERATION_CONFIG": str(tmp_path / "config.json"), "FEDERATION_URL": "https://one.example/api/"}
    assert read_configuration(environ=environ).url == "https://one.example/api"
    assert read_configuration("https://two.example", environ=environ).url == "https://two.example"
    (tmp_path / "config.json").write_text("no JSON")
    with pytest.raises(BadConfiguration, match=r"config\.json"):
        read_configuration(environ=environ)


@pytest.mark.parametrize("token", ["pfk_1_a b", "pfk_1_a\r\nb", "pfk_1_é", "pfk_1_a\x00"])
def test_a_token_with_anything_inside_is_not_shown(token):
    with pytest.raises(BadConfiguration) as caught:
        clean_token(token)
    assert "pfk_1" not in str(caught.value)


def test_a_token_is_in_no_repr():
    assert "pfk_1_secret" not in repr(read_configuration("http://x", "pfk_1_secret", environ={}))
    client = Client("http://x", "pfk_1_secret")
    assert "pfk_1_secret" not in repr(client) + repr(client.transport)


@pytest.mark.parametrize("url", ["", "api.example", "ftp://x", "https://user:word@x", "https://x?y=1", "http://[x"])
def test_urls_that_are_none(url):
    with pytest.raises(BadConfiguration):
        clean_url(url)
