"""No secret is in a log, whether its lines are text or JSON: messages, tracebacks, paths with query strings."""

import contextlib
import json
import logging
import subprocess
import sys
import urllib.request
from urllib.parse import quote

import pytest
from pangeo_forge_federation.server.logs import JsonFormatter, TextFormatter, UvicornFormatter
from pangeo_forge_federation.web.access_log import MOST_CHARACTERS
from secret_samples import AWS_URL, GITHUB_TOKEN, SAMPLES
from server_process import running_server

ALL = [sample for samples in SAMPLES.values() for sample in samples]


def record_of(text):
    try:
        raise ValueError(text)
    except ValueError as caught:
        error = (type(caught), caught, caught.__traceback__)
    return logging.LogRecord("federation.x", logging.ERROR, __file__, 1, "failed: %s", (text,), error)


@pytest.mark.parametrize(("text", "redacted"), ALL)
def test_lines_and_tracebacks(text, redacted):
    line = json.loads(JsonFormatter().format(record_of(text)))
    assert line["message"] == f"failed: {redacted}"
    assert line["traceback"].endswith(f"ValueError: {redacted}")
    for formatter in (TextFormatter(), UvicornFormatter("%(levelprefix)s %(message)s")):
        line = formatter.format(record_of(text))
        assert f"failed: {redacted}\n" in line and line.endswith(f"ValueError: {redacted}")


def test_a_secret_before_a_quote_leaves_the_line_json():
    line = json.loads(JsonFormatter().format(record_of(f'{{"url": "{AWS_URL}"}}')))
    assert line["message"].endswith('X-Amz-Signature=[signature]"}')


def test_paths_with_query_strings(data, tmp_path):
    log = tmp_path / "log"
    with log.open("w") as stderr, running_server(data, stderr=stderr, FEDERATION_LOG="json") as server:
        # the second is cut in the middle of it
        for beginning in ("/datasets?url=", "/recipe_runs?" + "x" * (MOST_CHARACTERS - 25) + "="):
            for secret in (GITHUB_TOKEN, AWS_URL, "https://robin:hunter2@store.example/x"):
                # one of them is no parameter
                with contextlib.suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(f"{server.url}{beginning}{quote(secret, safe='')}").close()
    text = log.read_text()
    assert "ghp_" not in text and "hunter2" not in text and "aeeed9" not in text and "AKIA" not in text
    paths = [json.loads(line).get("path", "") for line in text.splitlines()]
    assert "/datasets?url=[token]" in paths
    assert "/datasets?url=https%3A%2F%2F[password]%40store.example%2Fx" in paths


def test_crashes_and_loggers_without_a_handler():
    code = f"""
import logging, threading
from pangeo_forge_federation.server.logs import redact_stderr
redact_stderr()
logging.getLogger("federation.x").warning("a %s", {GITHUB_TOKEN!r})
def crash():
    raise ValueError({GITHUB_TOKEN!r})
thread = threading.Thread(target=crash, name="worker")
thread.start()
thread.join()
crash()
"""
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("a [token]\nException in thread worker:\nTraceback")
    assert done.stderr.count("ValueError: [token]") == 2
    assert "ghp_" not in done.stderr
