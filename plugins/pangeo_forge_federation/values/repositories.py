"""Repositories on GitHub: their names, the paths of the files that a sync reads, and the scopes of a sync."""

from pangeo_forge_federation.values.feedstock_names import parse_feedstock_name

# According to ADR 2, meta.yaml is at the top. Feedstocks really have it in this folder, some under the second name.
META_PATHS = ("feedstock/meta.yaml", "feedstock/meta.yml")
BAKERIES_PATH = "bakeries.yaml"
# The scopes of a sync, as stored in `sync_runs`.
ALL, BAKERIES, FEEDSTOCKS, NAMED = "all", "bakeries", "feedstocks", "named"


def is_repository(name: str) -> bool:
    """Return whether this is a valid owner/name on GitHub, from which a feedstock's id can be derived."""
    try:
        parse_feedstock_name(name, home="")
    except ValueError:
        return False
    return "/" in name
