"""The data folder with both databases, which are created or upgraded by the process that opens them first."""

from pathlib import Path

from pangeo_forge_federation.settings import data_folder
from pangeo_forge_federation.storage import schema, tokens_schema
from pangeo_forge_federation.storage.database import DATABASES, FEDERATION, TOKENS, database_path, is_replica, migrate
from pangeo_forge_federation.storage.views import VIEWS


class NoRegistry(Exception):
    """A folder has no databases although it should. The message is a sentence."""


def existing_data_folder(data: Path | None) -> Path:
    """Return `data`, or else the data folder of the settings, for commands that should not create a registry.

    Raises:
        NoRegistry: the folder has no registry.
    """
    data = data or data_folder()
    if not database_path(data, FEDERATION).exists():
        raise NoRegistry(f"there is no registry in {data}: set its folder with --data or FEDERATION_DATA")
    return data


def prepare(data: Path) -> tuple[str, ...]:
    """Create or upgrade `federation.db` and `tokens.db`, and return the names of the databases in the folder.

    Several processes may do this at once. A read replica has no tokens.db, and only its primary upgrades federation.db.

    Raises:
        UnusableDatabase: one of them is newer, too old, or not the registry's.
    """
    if is_replica(data):
        return (FEDERATION,)
    migrate(database_path(data, FEDERATION), schema.migrations, VIEWS, schema.BASELINE)
    migrate(database_path(data, TOKENS), tokens_schema.migrations)
    # although the file has only hashes of tokens
    database_path(data, TOKENS).chmod(0o600)
    return DATABASES
