"""The set-up that scripts/serve and scripts/test begin with: when it installs, when not, and what it says."""

import os
import shutil
import subprocess
import sys

import pytest
from pangeo_forge_federation.settings import ROOT

SCRIPTS = ROOT / "scripts"


@pytest.fixture
def checkout(tmp_path):
    """A copy of what set-up needs, without an environment."""
    folder = tmp_path / "check out"
    shutil.copytree(SCRIPTS, folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def ready(checkout):
    """Whether the checkout's environment is up to date, as set_up.py sees it."""

    def ask():
        code = "import runpy; print(runpy.run_path('scripts/set_up.py')['is_ready']())"
        return subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True).stdout.strip()

    return ask


@pytest.fixture
def made(checkout):
    """An environment of the checkout as the set-up leaves it: a Python that notes how it was called, and the stamp."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> "{checkout}/called"\n')
    python.chmod(0o755)
    stamp(checkout)
    return checkout


def stamp(checkout):
    code = "import runpy; s = runpy.run_path('scripts/set_up.py'); s['STAMP'].write_text(s['wanted_stamp']())"
    subprocess.run([sys.executable, "-c", code], cwd=checkout, check=True)


def called(checkout):
    """How the environment's Python was called."""
    notes = checkout / "called"
    return notes.read_text().splitlines() if notes.exists() else []


def start(checkout, *arguments, script="serve", **environment):
    kept = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, **environment}
    return subprocess.run(
        [str(checkout / "scripts" / script), *arguments], env=kept, capture_output=True, text=True, timeout=60
    )


def test_without_an_environment_it_is_not_ready(checkout, ready):
    assert ready() == "False"


def test_with_an_environment_and_its_stamp_it_is_ready(made, ready):
    assert ready() == "True"


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_a_change_of_what_it_was_made_from_makes_it_out_of_date(made, ready, name):
    with (made / name).open("a") as file:
        file.write("# one more line\n")
    assert ready() == "False"


def test_an_installation_that_was_cut_off_is_done_again(made, ready):
    (made / ".venv" / ".requirements").unlink()
    assert ready() == "False"


def test_an_environment_without_its_python_is_done_again(made, ready):
    (made / ".venv" / "bin" / "python").unlink()
    assert ready() == "False"


def test_a_checkout_that_was_moved_is_out_of_date(made):
    """An editable installation knows its folder."""
    moved = made.rename(made.parent / "moved")
    code = "import runpy; print(runpy.run_path('scripts/set_up.py')['is_ready']())"
    answer = subprocess.run([sys.executable, "-c", code], cwd=moved, capture_output=True, text=True).stdout
    assert answer.strip() == "False"


@pytest.mark.parametrize(
    ("script", "arguments", "call"),
    [
        (
            "serve",
            ["--port", "0", "--data", "a b"],
            "-m pangeo_forge_federation.server.serve_command --port 0 --data a b",
        ),
        ("test", ["tests/test_http.py", "-k", "gzip"], "-m pytest tests/test_http.py -k gzip"),
    ],
)
def test_a_second_start_installs_nothing_and_goes(made, script, arguments, call):
    done = start(made, *arguments, script=script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert called(made) == [call]


def test_it_goes_from_any_folder(made, tmp_path):
    subprocess.run(
        [str(made / "scripts" / "serve")], cwd=tmp_path, env={"PATH": os.environ["PATH"], "CDPATH": "/"}, check=True
    )
    assert called(made) == ["-m pangeo_forge_federation.server.serve_command"]


def test_a_change_of_the_requirements_installs_again_and_says_so(made):
    """Nothing can be installed from this file, so that no network is needed to see that it tries."""
    (made / "requirements.txt").write_text("./no-such-folder\n")
    done = start(made, PIP_NO_INDEX="1")
    assert done.returncode != 0
    assert "requirements.txt" in done.stderr.splitlines()[-1]
    assert done.stdout == ""
    # it was not served, and the next start tries again
    assert called(made) == []
    assert not (made / ".venv" / ".requirements").exists()


@pytest.mark.parametrize("script", ["serve", "test"])
def test_without_a_python_there_is_one_clear_line(made, tmp_path, script):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "basename"):
        (tools / name).symlink_to(shutil.which(name))
    done = subprocess.run(
        [shutil.which("sh"), str(made / "scripts" / script)], env={"PATH": str(tools)}, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "3.11" in done.stderr and "PYTHON=" in done.stderr
    assert called(made) == []


def test_an_old_python_is_passed_over(made, tmp_path):
    """What says that it is too old is not taken, whatever its name; the next one is."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "basename"):
        (tools / name).symlink_to(shutil.which(name))
    for name in ("python3", "python"):
        old = tools / name
        old.write_text("#!/bin/sh\nexit 1\n")
        old.chmod(0o755)
    script = [shutil.which("sh"), str(made / "scripts" / "serve")]
    refused = subprocess.run(script, env={"PATH": str(tools)}, capture_output=True, text=True)
    assert refused.returncode != 0
    assert len(refused.stderr.splitlines()) == 1
    wrong = subprocess.run(script, env={"PATH": str(tools), "PYTHON": "/no/such"}, capture_output=True, text=True)
    assert wrong.returncode != 0
    (tools / "python3.12").symlink_to(sys.executable)
    taken = subprocess.run(script, env={"PATH": str(tools)}, capture_output=True, text=True)
    assert taken.returncode == 0, taken.stderr
    assert called(made) == ["-m pangeo_forge_federation.server.serve_command"]


def test_starts_at_once_install_once(checkout, ready):
    """All of it once, without a network: an environment is made, pip runs, the stamp is written, the commands go."""
    (checkout / "requirements.txt").write_text("# nothing to install is an installation too\n")
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "PIP_NO_INDEX": "1"}
    starts = [
        subprocess.Popen(
            [str(checkout / "scripts" / "serve"), "--help"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120)[1] for process in starts]
    assert sum("Setting up .venv" in text for text in said) == 1
    # there is no registry in it, so that its Python says that
    assert all("No module named" in text and "federation" in text for text in said)
    assert ready() == "True"
    assert "Setting up" not in start(checkout, "--help", PIP_NO_INDEX="1").stderr
