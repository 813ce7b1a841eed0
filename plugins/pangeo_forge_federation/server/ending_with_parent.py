"""What a server has started ends with it, even if the server is killed: its workers, and scripts beside it.

    python -m pangeo_forge_federation.server.ending_with_parent SCRIPT [ARGUMENTS]

The stdin of a script is a pipe whose other end the parent holds and never writes to: it is at its end when the parent
is gone. A worker has such a pipe from multiprocessing.
"""

import multiprocessing
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


def end_with_supervisor() -> None:
    """Let this process, if it is a worker, stop as on a signal once its supervisor is gone.

    One that went on would hold the port and take writes that nobody replicates; the server could not be started again.
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
