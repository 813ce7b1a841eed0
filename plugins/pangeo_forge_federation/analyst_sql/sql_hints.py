"""What SQLite's words leave out, where a column of ours is in the way."""

import re
import sqlite3

# columns that cannot be written without quotes: they are words of SQL, too
QUOTED_COLUMNS = frozenset({"commit"})
_NEAR = re.compile(r'near "(\w+)": syntax error')


def explain(error: Exception) -> None:
    """Add to a syntax error at a column that is a word of SQL how it is written."""
    found = _NEAR.fullmatch(str(error)) if isinstance(error, sqlite3.OperationalError) else None
    if found and found[1].lower() in QUOTED_COLUMNS:
        name = found[1]
        error.args = (f'{error}. The column {name} is a word of SQL, too: write it in double quotes, "{name}"',)
