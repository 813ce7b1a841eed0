"""Restricts anonymous visitors to the federation's database, whatever other files are in the folder."""

from datasette import hookimpl
from pangeo_forge_federation.storage.database import FEDERATION


@hookimpl
def permission_allowed(resource):
    if resource is None:
        return None
    database = resource if isinstance(resource, str) else resource[0]
    # this only denies access: Datasette decides what to allow
    return None if database == FEDERATION else False
