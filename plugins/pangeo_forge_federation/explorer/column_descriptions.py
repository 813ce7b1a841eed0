"""What each column of each table and view means, for the explorer's pages: the words of the field models.

Roll-ups are hidden, each without a line in metadata.yml: the views show what they hold.
"""

from functools import cache

from pangeo_forge_federation.records import models as fields
from pangeo_forge_federation.storage.roll_ups import ROLL_UPS

# Tables and views whose columns a record describes. A table has some of the record's fields, a view all of them.
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
# Columns that tie rows together and are no field of a record.
OTHER_COLUMNS = {
    "dataset_lineages": {"id": "Id of the dataset."},
    "dataset_recipe_runs": {"dataset_id": "The dataset that it wrote."},
    "feedstock_aliases": {
        "alias": "Id that the feedstock had before.",
        "feedstock_id": "Id that it has now.",
        "created_at": "When it was renamed, in UTC.",
    },
    "feedstocks": {"github_id": "GitHub's own number of the repository."},
    "maintainers": {"feedstock_id": "Feedstock that names them.", "position": "Place in meta.yaml, from 0."},
    "problems": {"unlisted_bakery_id": "The bakery that the file names and bakeries.yaml does not have."},
    "providers": {"feedstock_id": "Feedstock that names it.", "position": "Place in meta.yaml, from 0."},
    "statuses": {
        "status": "As recipe runs have it.",
        "word": "What pages call it.",
        "is_final": "Whether a recipe run keeps it.",
        "is_rated": "Whether success rates count recipe runs with it as finished.",
        "needs_attention": "Whether a feedstock whose latest recipe run has it needs attention.",
        "severity": "The higher, the worse.",
    },
    "webhook_deliveries": {
        "delivery_id": "GitHub's own id of the delivery.",
        "repository": "Repository that changed, as owner/name.",
        "received_at": "When GitHub told of it, in UTC.",
        "finished_at": "When the repository had been synced, in UTC; null while it waits.",
        "error": "What went wrong; null where all went well.",
    },
    "recipe_run_times": {
        "recipe_run_id": "The recipe run.",
        "duration": "Whole seconds from run date to completion; null while it runs, and of one recorded at its end.",
        "wait": "Whole seconds from the first word of it to the first sign of work; null where one is missing.",
    },
    "recipe_run_datasets": {
        "recipe_run_id": "The recipe run that wrote it.",
        "dataset_id": "The dataset that it wrote.",
        "run_date": "When the recipe was run, in UTC.",
    },
}


@cache
def column_descriptions() -> dict[str, dict[str, str]]:
    """Table -> column -> what it means."""
    described = {
        table: {name: info.description for name, info in record.model_fields.items() if info.description}
        for table, record in RECORD_OF_TABLE.items()
    }
    for table, columns in OTHER_COLUMNS.items():
        described[table] = described.get(table, {}) | columns
    return described


def table_metadata() -> dict:
    """The same in the shape of Datasette's metadata. Its outer layers are new each time: Datasette merges into them."""
    tables: dict[str, dict] = {table: {"columns": dict(columns)} for table, columns in column_descriptions().items()}
    tables |= {each.table: {"hidden": True} for each in ROLL_UPS}
    return {"databases": {"federation": {"tables": tables}}}
