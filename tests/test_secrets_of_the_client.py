"""Secrets in what `forge` records, keeps on disk and prints."""

import hashlib
import json

import pytest
from forge_process import RUN, Forge
from pangeo_forge_federation.client.import_mapping import Mapper
from pangeo_forge_federation.client.message import fit_message
from secret_samples import AWS_URL, GITHUB_TOKEN, PRIVATE_KEY, SAMPLES

pytest_plugins = ["forge_fixtures"]
NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("text", "redacted"), [samples[0] for kind, samples in SAMPLES.items() if kind != "an e-mail address"]
)
def test_a_message_has_none(text, redacted):
    assert fit_message(text, f"output: {text}".encode(), []) == f"{redacted}\n\noutput: {redacted}"


def test_values_of_the_environment_and_e_mail_addresses_in_a_message():
    output = b"https://robin:swordfish@host/ desk@survey.example swordfish"
    assert fit_message("", output, ["swordfish"]) == "https://[password]@host/ desk@survey.example ***"


def test_what_is_kept_on_disk_has_none(tmp_path):
    forge = Forge(NOBODY, "pfk_1_" + "x" * 43, tmp_path)
    script = f"echo {GITHUB_TOKEN} https://robin:hunter2@host/; exit 1"
    done = forge.process("--patience", "0", "runs", "record", *RUN, "--", "sh", "-c", script)
    assert done.returncode == 1
    (kept,) = forge.spool.glob("*.json")
    assert "[token] https://[password]@host/" in json.loads(kept.read_text())["delivery"]["end"]["message"]
    assert "ghp_" not in kept.read_text() and "hunter2" not in kept.read_text()


@pytest.mark.parametrize("option", ["--dataset", "--log-url"])
def test_a_url_with_one_is_refused_before_anything_runs(tmp_path, option):
    marker = tmp_path / "ran"
    forge = Forge(NOBODY, "pfk_1_" + "x" * 43, tmp_path)
    done = forge.process("runs", "record", *RUN, option, AWS_URL, "--", "touch", str(marker))
    assert done.returncode == 2
    assert "X-Amz-Credential" in done.stderr and "aeeed9" not in done.stderr and "AKIA" not in done.stderr
    assert not marker.exists() and not forge.spool.exists()


def test_an_import_sends_and_prints_none():
    run = Mapper().run_of({"recipe_id": "a", "message": f"{PRIVATE_KEY} desk@survey.example"})
    assert run["message"] == "[private key] desk@survey.example"
    # the derived id is as it was before messages were redacted: a second import finds the first
    assert (
        run["external_id"]
        == "import/"
        + hashlib.sha256(
            json.dumps({"recipe_id": "a", "message": f"{PRIVATE_KEY} desk@survey.example"}, sort_keys=True).encode()
        ).hexdigest()[:32]
    )


def test_what_is_printed_has_none(httpserver, tmp_path):
    problem = {"detail": f"no such parameter: {GITHUB_TOKEN}"}
    httpserver.expect_request("/recipe_runs").respond_with_json(problem, status=400)
    done = Forge(httpserver.url_for("").rstrip("/"), "pfk_1_a", tmp_path)("runs", "list")
    assert "no such parameter: [token]" in done.stderr
