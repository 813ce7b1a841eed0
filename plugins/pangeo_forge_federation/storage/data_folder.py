"""The folder where the databases lie, made and brought up to date by whatever opens it first."""

from pathlib import Path

from pangeo_forge_federation.settings import data_folder
from pangeo_forge_federation.storage import schema, tokens_schema
from pangeo_forge_federation.storage.database import DATABASES, FEDERATION, TOKENS, database_path, is_replica, migrate
from pangeo_forge_federation.storage.views import VIEWS


class NoRegistry(Exception):
    """A folder without databases, where there should be some. Says so in a sentence."""


def existing_data_folder(data: Path | None) -> Path:
    """`data`, or the data folder of the settings, for who does not mean to make a registry. Raises NoRegistry."""
    data = data or data_folder()
    if not database_path(data, FEDERATION).exists():
        raise NoRegistry(f"there is no registry in {data}: --data or FEDERATION_DATA names its folder")
    return data


def prepare(data: Path) -> tuple[str, ...]:
    """Make or migrate `federation.db` and `tokens.db`. Safe to call from several processes at once.

    The names of the databases that are there. A read replica has no tokens, and what it has is its primary's to change.
    """
    if is_replica(data):
        return (FEDERATION,)
    migrate(database_path(data, FEDERATION), schema.migrations, VIEWS)
    migrate(database_path(data, TOKENS), tokens_schema.migrations)
    # the file holds hashes only, but nobody else has business there
    database_path(data, TOKENS).chmod(0o600)
    return DATABASES
