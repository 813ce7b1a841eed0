"""The files of docs/deploy/: what a machine has to check them with is used, Caddy in front of two servers for one."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest
import yaml
from pangeo_forge_federation.server.serve_command import serve_command
from pangeo_forge_federation.settings import ROOT
from server_process import running_server

DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
TIMERS = sorted(DEPLOY.glob("*.timer"))


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


@needs("systemd-analyze")
def test_systemd_takes_the_units(tmp_path):
    for unit in (*UNITS, *TIMERS):
        text = unit.read_text("utf-8").replace("/opt/federation", str(ROOT))
        (tmp_path / unit.name).write_text(text, "utf-8")
    units = [str(path) for path in tmp_path.iterdir()]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    # of the machine's own units it says things too
    assert [line for line in done.stderr.splitlines() if "federation" in line] == []
    assert done.returncode == 0, done.stderr


@needs("systemd-analyze")
def test_what_a_unit_may_do_is_little():
    for unit in UNITS:
        command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(unit)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-500:]


def test_units_differ_in_what_they_do_alone():
    """What a unit may not do is said in each of them, alike."""
    told = [
        re.findall(r"^NoNewPrivileges=.*?^UMask=0077$", unit.read_text(), re.DOTALL | re.MULTILINE) for unit in UNITS
    ]
    assert len(told[0]) == 1
    assert all(each == told[0] for each in told)
    assert {unit.stem for unit in TIMERS} < {unit.stem for unit in UNITS}


def test_the_environment_names_what_is_read():
    names = re.findall(r"^#?([A-Z][A-Z_]+)=", (DEPLOY / "environment").read_text("utf-8"), re.MULTILINE)
    code = "".join(path.read_text("utf-8") for path in (ROOT / "plugins").rglob("*.py"))
    units = "".join(path.read_text("utf-8") for path in UNITS)
    # the store's own, which Litestream reads, and what comes with replication
    elsewhere = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "FEDERATION_ACKNOWLEDGE", "FEDERATION_PRIMARY_URL"}
    for name in set(names) - elsewhere:
        assert name in code + units or name.lower() in code, name


def test_the_compose_file_starts_what_there_is():
    services = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))["services"]
    registry = services["registry"]
    assert (DEPLOY / registry["build"]["context"]).resolve() == ROOT
    assert (ROOT / registry["build"]["dockerfile"]).exists()
    options = {option for parameter in serve_command.params for option in parameter.opts}
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    entrypoint = json.loads(re.search(r"^ENTRYPOINT (.*)$", dockerfile, re.MULTILINE)[1])
    assert {each for each in [*entrypoint, *registry["command"]] if each.startswith("--")} <= options
    # a proxy is believed by its address
    address = services["caddy"]["networks"]["inside"]["ipv4_address"]
    assert registry["environment"]["FEDERATION_TRUSTED_PROXIES"] == address
    for copied in re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / each).exists() for each in copied.split())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running_caddy(folder: Path, **environment: str):
    """Caddy with the Caddyfile of the docs, for http on a port of its own, without its administration."""
    url = f"http://127.0.0.1:{free_port()}"
    text = (DEPLOY / "Caddyfile").read_text("utf-8").replace("{\n\tservers {", "{\n\tadmin off\n\tservers {", 1)
    (folder / "Caddyfile").write_text(text.replace("health_interval 2s", "health_interval 200ms"), "utf-8")
    process = subprocess.Popen(
        ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")],
        env={**os.environ, "FEDERATION_SITE": url, "HOME": str(folder), **environment},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/health").status_code == 200:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def requests_of(log: Path) -> list[tuple[str, str, int]]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [(line["method"], line["path"], line["status"]) for line in lines if line.get("path") != "/health"]


@needs("caddy")
def test_caddy_sends_writes_to_the_primary_and_reads_to_who_is_there(data, make_token, run_body, tmp_path):
    authorized = {"Authorization": f"Bearer {make_token()}"}
    logs = [tmp_path / "primary", tmp_path / "reader"]
    environment = {"FEDERATION_LOG": "json", "FEDERATION_TRUSTED_PROXIES": "127.0.0.1", "FEDERATION_METRICS": "public"}
    with contextlib.ExitStack() as running:
        files = [running.enter_context(log.open("w")) for log in logs]
        # over one folder: what follows a primary is the same to a proxy
        primary, reader = [running.enter_context(running_server(data, stderr=each, **environment)) for each in files]
        hosts = {
            "FEDERATION_PRIMARY": primary.url.removeprefix("http://"),
            "FEDERATION_READERS": f"{primary.url} {reader.url}".replace("http://", ""),
        }
        url = running.enter_context(running_caddy(tmp_path, **hosts))
        with httpx.Client(base_url=url) as client:
            made = client.post("/recipe_runs", json=run_body(), headers=authorized)
            assert made.headers["location"] == f"{url}/recipe_runs/1"
            for _ in range(4):
                # who writes reads what it wrote
                assert client.get("/recipe_runs/1", headers=authorized).status_code == 200
                assert client.get("/snapshots").json() == []
            for number in range(1, 11):
                answer = client.get(f"/recipe_runs?_size={number}", headers={"Accept-Encoding": "gzip"})
                assert answer.status_code == 200
            assert client.get("/recipe_runs?_size=max&_extra=count").headers["x-total-count"] == "1"
            # a body that is too large is told so by the registry
            large = client.post("/recipe_runs", json=run_body(message="x" * 1_200_000), headers=authorized)
            assert (large.status_code, large.headers["content-type"]) == (413, "application/problem+json")
            for path in ("/metrics", "/metrics/", "/metrics//", "/%6Detrics"):
                assert client.get(path).status_code == 404
            there = [set(requests_of(log)) for log in logs]
            assert {method for method, _, _ in there[1]} == {"GET"}
            assert len([path for _, path, _ in there[1] if "_size=" in path]) >= 3
            assert not any(path in ("/recipe_runs/1", "/snapshots", "/metrics") for _, path, _ in there[1])
            reader.process.send_signal(signal.SIGKILL)
            reader.process.wait()
            for _ in range(20):
                assert client.get("/recipe_runs").status_code == 200
