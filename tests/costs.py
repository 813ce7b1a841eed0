"""What a function costs in time and in memory."""

import subprocess
import sys
import time
from collections.abc import Callable

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


def cpu_seconds(function: Callable[[], object], enough: float) -> float:
    """Processor time of a call. A busy machine makes it longer, so that it is tried again while it is not below."""
    least = float("inf")
    for _ in range(3):
        began = time.process_time()
        function()
        least = min(least, time.process_time() - began)
        if least < enough:
            break
    return least


def peak_bytes(function: str, data: bytes, *arguments: str) -> int:
    """How far a process grows while the function (by its full name) is called with bytes and further arguments.

    Seen from outside, that takes a fraction of the time of counting allocations.
    """
    command = [sys.executable, "-c", _PROGRAM, function, *arguments]
    return int(subprocess.run(command, input=data, capture_output=True, check=True).stdout)
