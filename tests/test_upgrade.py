"""scripts/upgrade.py raises pins, on a folder of small wheels in place of a registry."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from pangeo_forge_federation.settings import ROOT

REQUIREMENTS = """\
# Runtime. Each is pinned.
alpha-lib==1.0
held_lib==1.0  # held: 2 speaks another language

# The package of this checkout
-e .

# What those need, so that two machines install the same
below==1.0
gone==1.0
"""


def write_wheel(folder, name, version, *requires):
    """The least that pip takes for a distribution."""
    information = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {each}\n" for each in requires)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{information}/METADATA", metadata)
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")


@pytest.fixture
def upgrade(tmp_path):
    """A function that runs the script of a checkout, and gives what it said and the requirements as they are then."""
    wheels, checkout = tmp_path / "wheels", tmp_path / "checkout"
    wheels.mkdir()
    for version in ("1.0", "1.2"):
        write_wheel(wheels, "alpha_lib", version, "below", "setuptools")
        write_wheel(wheels, "below", version)
        write_wheel(wheels, "setuptools", version)
    for version in ("1.0", "2.0"):
        write_wheel(wheels, "held_lib", version)
    (checkout / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "upgrade.py", checkout / "scripts")
    (checkout / "requirements.txt").write_text(REQUIREMENTS)

    def run(*names):
        done = subprocess.run(
            [sys.executable, checkout / "scripts" / "upgrade.py", *names],
            capture_output=True,
            text=True,
            env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)},
        )
        return done, (checkout / "requirements.txt").read_text()

    return run


def test_all_are_raised_but_what_is_held(upgrade):
    done, requirements = upgrade()
    assert done.returncode == 0, done.stderr
    assert requirements == REQUIREMENTS.replace("alpha-lib==1.0", "alpha-lib==1.2").replace(
        "below==1.0\ngone==1.0", "below==1.2"
    )
    assert done.stdout.splitlines() == ["alpha_lib 1.0 -> 1.2", "below 1.0 -> 1.2", "gone 1.0 -> no longer needed"]


def test_what_is_named_is_raised_alone_and_keeps_its_reason(upgrade):
    done, requirements = upgrade("Held-Lib")
    assert done.returncode == 0, done.stderr
    assert "alpha-lib==1.0\nheld_lib==2.0  # held: 2 speaks another language\n" in requirements


@pytest.mark.parametrize("name", ["below", "nonsense"])
def test_what_is_no_pin_of_our_own_is_refused(upgrade, name):
    done, requirements = upgrade(name)
    assert (done.returncode, requirements) == (1, REQUIREMENTS)
    assert name in done.stderr


def test_what_cannot_be_found_changes_nothing(upgrade, monkeypatch, tmp_path):
    for wheel in (tmp_path / "wheels").glob("alpha*"):
        wheel.unlink()
    done, requirements = upgrade()
    assert (done.returncode, requirements) == (1, REQUIREMENTS)
    assert "alpha-lib" in done.stderr and "Traceback" not in done.stderr
