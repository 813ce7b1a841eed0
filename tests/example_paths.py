"""Values for the parameters of paths, for tests that go through all endpoints.

A new query needs nothing here, as long as its parameters have values; a new parameter gets one in each table.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from conftest import BAKERY
from pangeo_forge_federation.api.canned_queries import parameters_of, read_canned_queries
from pangeo_forge_federation.settings import read_metadata
from pangeo_forge_federation.storage.database import FEDERATION

# name -> endpoint
QUERIES = read_canned_queries(read_metadata()["databases"][FEDERATION]["queries"])
LISTS = {name: query for name, query in QUERIES.items() if not query.one}

# Of the federation of tests/fixtures/, with the runs that a module posted: its first run wrote the first dataset.
SMALL = {
    "bakery_id": BAKERY,
    "feedstock_id": "northern-sea-ice-feedstock",
    "recipe_run_id": "1",
    "dataset_id": "1",
    "github": "maren-solvik-ice",
    "sync_run_id": "1",
}
# Of the same with the runs of `serve --demo`: what belongs to these is no empty list.
DEMO = SMALL | {"recipe_run_id": "586", "dataset_id": "3"}
# Nobody has these.
UNKNOWN = {
    "bakery_id": "nobody",
    "feedstock_id": "nothing-feedstock",
    "recipe_run_id": "999",
    "dataset_id": "999",
    "github": "nobody",
    "sync_run_id": "999",
}
# Of the benchmark's made-up federation with 400 runs: several spellings of each, and one that nobody has.
SPELLINGS = {
    "bakery_id": ["bakery-3.gcp.us-central1", "BAKERY-3.gcp.us-central1", "nobody"],
    "feedstock_id": ["feedstock-7", "pangeo-forge/feedstock-7", "old-name", "nobody"],
    "recipe_run_id": ["400", "7", "999999", "x"],
    "dataset_id": ["1", "2", "999999", "01"],
    "github": ["maintainer-5", "nobody"],
    "sync_run_id": ["1", "999999"],
}


def values_of(path: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a path with their values in one of the tables above."""
    names = parameters_of(path)
    for name in names:
        assert name in values, f"{path}: give {name} a value in each table of tests/example_paths.py"
    return {name: values[name] for name in names}


def filled(path: str, values: Mapping[str, str]) -> str:
    """A path with its parameters' values, of one of the tables above."""
    for name, value in values_of(path, values).items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path
