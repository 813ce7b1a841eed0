"""Short transactions, one after another: a long piece of work lets others write between its steps.

SQLite has one writer, and who waits for it looks ten times a second whether its turn has come. A bakery's POST that
comes while a sync saves therefore waits for one turn and one pause, however much there is to save.
"""

import sqlite3
import time
from collections.abc import Iterator

from federation.database import transaction

TURN_SECONDS = 0.25
PAUSE_SECONDS = 0.1


class _TakenBack(Exception):
    pass


def in_turns(connection: sqlite3.Connection, steps: Iterator[None], keep: bool = True) -> None:
    """Run a generator inside transactions. It yields wherever one may end: what lies between is kept together.

    Without `keep` each is taken back, so its later steps do not see what the earlier ones did. What raises takes back
    the transaction that it raised in, and no other.
    """
    done = False
    while not done:
        try:
            with transaction(connection):
                until = time.monotonic() + TURN_SECONDS
                done = all(time.monotonic() < until for _ in steps)
                if not keep:
                    raise _TakenBack
        except _TakenBack:
            pass
        if not done:
            time.sleep(PAUSE_SECONDS)
