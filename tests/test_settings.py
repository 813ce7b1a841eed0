"""Numbers of the environment: read in one place, and said in a line where they are none."""

import re
import subprocess
import sys

import pytest
from pangeo_forge_federation.settings import PLUGIN, ROOT, BadSetting, read_metadata, read_settings, trusted_proxies


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1e999", "60s", "1,5"])
def test_what_is_no_number_of_seconds(text):
    with pytest.raises(BadSetting, match="FEDERATION_GITHUB_WAIT_SECONDS"):
        read_settings(environ={"FEDERATION_GITHUB_WAIT_SECONDS": text})


@pytest.mark.parametrize("text", ["many", "-1", "1.5", "nan"])
def test_what_is_no_number_of_writes(text):
    with pytest.raises(BadSetting, match="FEDERATION_WRITES_PER_MINUTE"):
        read_settings(environ={"FEDERATION_WRITES_PER_MINUTE": text})


def test_numbers_and_what_they_are_when_unset():
    given = {"FEDERATION_GITHUB_WAIT_SECONDS": " 0.5 ", "FEDERATION_WRITES_PER_MINUTE": "0"}
    settings = read_settings(environ=given)
    assert (settings.github_wait_seconds, settings.writes_per_minute) == (0.5, 0)
    unset = read_settings(environ=dict.fromkeys(given, ""))
    assert unset.github_wait_seconds == 60
    assert unset.writes_per_minute > 0


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("scripts/sync.py",), "FEDERATION_GITHUB_WAIT_SECONDS"),
        (("-m", "pangeo_forge_federation.server.serve_command", "--port", "0"), "FEDERATION_WRITES_PER_MINUTE"),
    ],
)
def test_a_command_says_it_in_a_line(data, monkeypatch, command, name):
    monkeypatch.setenv(name, "soon")
    done = subprocess.run(
        [sys.executable, *command, "--data", str(data)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert (done.stderr.count("\n"), name in done.stderr, "'soon'" in done.stderr) == (1, True, True)


@pytest.mark.parametrize("text", ["localhost", "10.0.0.0/33", "127.0.0.1,,10.0.0.1"])
def test_what_is_no_address_of_a_proxy(text):
    with pytest.raises(BadSetting, match="FEDERATION_TRUSTED_PROXIES"):
        trusted_proxies({"FEDERATION_TRUSTED_PROXIES": text})


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.1/8, ::1", "*"])
def test_addresses_of_proxies(text):
    assert trusted_proxies({"FEDERATION_TRUSTED_PROXIES": text}) == text


def test_an_address_of_github_that_is_none():
    with pytest.raises(BadSetting, match="GITHUB_API_URL"):
        read_settings(environ={"GITHUB_API_URL": "localhost:80"})


def test_every_variable_of_the_environment_is_documented():
    """In docs/settings.md stands each name that the code reads, and no other."""
    name = re.compile(r"\b(?:FEDERATION|DATASETTE)_[A-Z_]+\b")
    code = [path for folder in ("plugins", "scripts") for path in (ROOT / folder).rglob("*") if path.suffix != ".pyc"]
    read = {found for path in code if path.is_file() for found in name.findall(path.read_text("utf-8"))}
    # said by a server to its workers
    read -= {"FEDERATION_IS_REPLICATED", "FEDERATION_SHARED"}
    told = set(name.findall((ROOT / "docs" / "settings.md").read_text("utf-8")))
    assert read == told


def test_every_key_of_metadata_yml_is_documented():
    told = (ROOT / "docs" / "settings.md").read_text("utf-8").split("## The server")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)) == set(read_metadata()["plugins"][PLUGIN])
