"""What a function costs in time and in memory."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_FIXTURES = Path(__file__).parent / "fixtures" / "federation"
ORDINARY = (_FIXTURES / "pangeo-forge/northern-sea-ice-feedstock/feedstock/meta.yaml").read_bytes()

_PROGRAM = """
import importlib, sys

def peak():
    # of this process alone: getrusage would tell the size of the one that started it, too
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

module, name = sys.argv[1].rsplit(".", 1)
function = getattr(importlib.import_module(module), name)
data = sys.stdin.buffer.read()
function(b"a: b", *sys.argv[2:])
before = peak()
function(data, *sys.argv[2:])
print(peak() - before)
"""


def relative_cost(function: Callable[[bytes], object], data: bytes, enough: float) -> float:
    """Return how many times the processor time of a byte of an ordinary file a byte of this data costs.

    Both are measured in turn in this process, so that neither a slow machine nor a busy one changes it by much. It is
    measured up to three times, until it is below `enough`.
    """
    least = float("inf")
    for _ in range(3):
        least = min(least, _seconds_per_byte(function, data) / _seconds_per_byte(function, ORDINARY))
        if least < enough:
            break
    return least


def _seconds_per_byte(function: Callable[[bytes], object], data: bytes) -> float:
    calls, seconds = 0, 0.0
    began = time.process_time()
    # the clock may be coarse, and a small input too quick for it
    while seconds < 0.05:
        function(data)
        calls += 1
        seconds = time.process_time() - began
    return seconds / calls / len(data)


def peak_bytes(function: str, data: bytes, *arguments: str) -> int:
    """How far a process grows while the function (by its full name) is called with bytes and further arguments.

    Seen from outside, that takes a fraction of the time of counting allocations.
    """
    command = [sys.executable, "-c", _PROGRAM, function, *arguments]
    return int(subprocess.run(command, input=data, capture_output=True, check=True).stdout)
