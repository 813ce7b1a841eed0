"""The folder where the databases lie, made and brought up to date by whatever opens it first."""

from pathlib import Path

from federation import schema, tokens
from federation.database import FEDERATION, TOKENS, database_path, is_replica, migrate
from federation.views import VIEWS


def prepare(data: Path) -> tuple[str, ...]:
    """Make or migrate `federation.db` and `tokens.db`. Safe to call from several processes at once.

    The names of the databases that are there. A read replica has no tokens, and what it has is its primary's to change.
    """
    if is_replica(data):
        return (FEDERATION,)
    migrate(database_path(data, FEDERATION), schema.migrations, VIEWS)
    migrate(database_path(data, TOKENS), tokens.migrations)
    # the file holds hashes only, but nobody else has business there
    database_path(data, TOKENS).chmod(0o600)
    return (FEDERATION, TOKENS)
