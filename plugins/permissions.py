"""What anonymous people may see: the federation's database, whatever other files lie in the folder."""

from datasette import hookimpl
from pangeo_forge_federation.storage.database import FEDERATION


@hookimpl
def permission_allowed(resource):
    if resource is None:
        return None
    database = resource if isinstance(resource, str) else resource[0]
    # only a refusal is said here: what is allowed stays Datasette's to say
    return None if database == FEDERATION else False
