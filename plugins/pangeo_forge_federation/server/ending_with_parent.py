"""End a server's child processes together with it, even if it is killed: its workers, and scheduled scripts.

    python -m pangeo_forge_federation.server.ending_with_parent SCRIPT [ARGUMENTS]

The parent keeps the other end of a script's stdin open and never writes to it: the script reads end of file once the
parent is gone. Workers have such a pipe from multiprocessing.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run the script named on the command line, with its arguments."""
    threading.Thread(target=_watch, name="federation-parent", daemon=True).start()
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")


def end_with_supervisor() -> None:
    """If this process is a worker, end it as on SIGTERM once its supervisor is gone.

    Otherwise it would keep the port, so that the server could not be restarted, and accept writes that are not
    replicated.
    """
    if supervisor := multiprocessing.parent_process():
        threading.Thread(target=_wait_for, args=(supervisor,), name="federation-supervisor", daemon=True).start()


def _watch() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _wait_for(supervisor: multiprocessing.process.BaseProcess) -> None:
    supervisor.join()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
