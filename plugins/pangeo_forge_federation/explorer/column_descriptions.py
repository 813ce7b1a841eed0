"""Descriptions of the columns of all tables and views, taken from the models of records.

Roll-ups are hidden here, so that they need no entries in metadata.yml: the views show their contents.
"""

from functools import cache

from pangeo_forge_federation.records import models as fields
from pangeo_forge_federation.storage.roll_ups import ROLL_UPS

# The record that describes a table or view. A table has some of the record's fields, a view has all of them.
RECORD_OF_TABLE: dict[str, type[fields.Record]] = {
    "bakeries": fields.Bakery,
    "bakery_summaries": fields.Bakery,
    "bakery_targets": fields.BakeryTarget,
    "dataset_events": fields.DatasetEvent,
    "dataset_lineages": fields.Lineage,
    "dataset_recipe_runs": fields.RecipeRun,
    "dataset_summaries": fields.Dataset,
    "datasets": fields.Dataset,
    "feedstock_details": fields.FeedstockDetail,
    "feedstock_summaries": fields.Feedstock,
    "feedstocks": fields.FeedstockDetail,
    "maintainer_details": fields.MaintainerDetail,
    "maintainer_summaries": fields.Maintainer,
    "maintainers": fields.NestedMaintainer,
    "problems": fields.Problem,
    "providers": fields.NestedProvider,
    "recipe_run_events": fields.RecipeRunEvent,
    "recipe_run_summaries": fields.RecipeRun,
    "recipe_runs": fields.RecipeRun,
    "recipe_summaries": fields.Recipe,
    "recipes": fields.Recipe,
    "sync_changes": fields.SyncChange,
    "sync_run_details": fields.SyncRunDetail,
    "sync_runs": fields.SyncRun,
}
# Columns that are not fields of a record.
OTHER_COLUMNS = {
    "dataset_lineages": {"id": "The id of the dataset."},
    "dataset_recipe_runs": {"dataset_id": "The dataset that the recipe run wrote."},
    "feedstock_aliases": {
        "alias": "The former id of the feedstock.",
        "feedstock_id": "The current id of the feedstock.",
        "created_at": "When the feedstock was renamed, in UTC.",
    },
    "feedstocks": {"github_id": "GitHub's numeric id of the repository."},
    "maintainers": {"feedstock_id": "The feedstock that lists them.", "position": "Position in meta.yaml, from 0."},
    "problems": {"unlisted_bakery_id": "The bakery that the file names but bakeries.yaml does not list."},
    "providers": {"feedstock_id": "The feedstock that lists it.", "position": "Position in meta.yaml, from 0."},
    "statuses": {
        "status": "The value in recipe runs.",
        "word": "The word that pages show.",
        "is_final": "Whether a recipe run keeps this status.",
        "is_rated": "Whether success rates count recipe runs with this status as finished.",
        "needs_attention": "Whether a feedstock needs attention if its latest recipe run has this status.",
        "severity": "How bad the status is; higher is worse.",
    },
    "webhook_deliveries": {
        "delivery_id": "GitHub's id of the delivery.",
        "repository": "The repository that changed, as owner/name.",
        "received_at": "When the delivery arrived, in UTC.",
        "finished_at": "When the repository had been synced, in UTC; null while the sync is pending.",
        "error": "Why the sync failed; null if it did not.",
    },
    "recipe_run_times": {
        "recipe_run_id": "The recipe run.",
        "duration": "Whole seconds from run date to completion; null if unfinished, or only recorded when it ended.",
        "wait": "Whole seconds from the first queued event to the first event with another status; null if unknown.",
    },
    "recipe_run_datasets": {
        "recipe_run_id": "The recipe run that wrote the dataset.",
        "dataset_id": "The dataset that the recipe run wrote.",
        "run_date": "When the recipe run took place, in UTC.",
    },
}


@cache
def column_descriptions() -> dict[str, dict[str, str]]:
    """Return the descriptions of all columns, as table -> column -> description."""
    described = {
        table: {name: info.description for name, info in record.model_fields.items() if info.description}
        for table, record in RECORD_OF_TABLE.items()
    }
    for table, columns in OTHER_COLUMNS.items():
        described[table] = described.get(table, {}) | columns
    return described


def table_metadata() -> dict:
    """Return the descriptions in the format of Datasette's metadata.

    The outer dicts are new for each call, because Datasette modifies them.
    """
    tables: dict[str, dict] = {table: {"columns": dict(columns)} for table, columns in column_descriptions().items()}
    tables |= {each.table: {"hidden": True} for each in ROLL_UPS}
    return {"databases": {"federation": {"tables": tables}}}
