"""Repositories on GitHub: their names, the paths of the files that are read, the scopes of a sync."""

from pangeo_forge_federation.values.feedstock_names import parse_feedstock_name

# ADR 2 has meta.yaml at the top; feedstocks really keep it in this folder, some under the second name.
META_PATHS = ("feedstock/meta.yaml", "feedstock/meta.yml")
BAKERIES_PATH = "bakeries.yaml"
# What a sync was asked for, as `sync_runs` keeps it.
ALL, BAKERIES, FEEDSTOCKS, NAMED = "all", "bakeries", "feedstocks", "named"


def is_repository(name: str) -> bool:
    """Whether this is owner/name as GitHub could give it. A feedstock's id is made of it."""
    try:
        parse_feedstock_name(name, home="")
    except ValueError:
        return False
    return "/" in name
