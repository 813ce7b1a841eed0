"""Run a script that ends with the process that started it, even if that one is killed.

    python -m federation.ending_with_parent SCRIPT [ARGUMENTS]

Its stdin is a pipe whose other end the parent holds and never writes to: it is at its end when the parent is gone.
"""

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run the script that the command line names, with what follows it."""
    threading.Thread(target=_watch, name="federation-parent", daemon=True).start()
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _watch() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
