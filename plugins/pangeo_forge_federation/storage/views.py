"""The views: each is what a list, its explorer page and its CSV have in common.

All other SQL for reading is in `metadata.yml`. Views hold no data and have no migrations: `database.migrate` makes the
views of the database equal to these statements. Joins are left joins, so that SQLite starts with the table that the
list is about, and filters and orders use the indexes of that table. Sub-selects run only for the rows that are
returned.
"""

from textwrap import dedent, indent

from pangeo_forge_federation.records.field_kinds import column_kinds, nullable_columns
from pangeo_forge_federation.records.json_rows import json_value
from pangeo_forge_federation.records.models import (
    Dataset,
    FeedstockState,
    LineageFeedstock,
    LineageRecipeRun,
    NestedDataset,
    NestedMaintainer,
    NestedProblem,
    NestedProvider,
    NestedSyncChange,
    NestedTarget,
    Recipe,
    RecipeRun,
    Record,
)
from pangeo_forge_federation.storage.status_conditions import SELECT_STATUSES, is_unfinished

# The limits of a nested list: a row beyond the limits of a reading connection would make every list that contains it
# fail. The full count is in a field beside it, and all items are in a list of their own.
NESTED_ITEMS = 100
NESTED_BYTES = 24000


def nested(item: str, source: str, order: str) -> str:
    """Return a sub-select for a JSON list of the first items of `source`, a from clause with its where clause."""
    return indent(
        dedent(f"""\
        (
            select json_group_array(json(item))
            from (
                select item, sum(length(cast(item as blob))) over (rows unbounded preceding) as bytes
                from (
                    select {deeper(item, 5)} as item
                    {source}
                    order by {order}
                    limit {NESTED_ITEMS}
                )
            )
            where bytes <= {NESTED_BYTES}
        )"""),
        "    ",
    ).lstrip()


def stale(run: str) -> str:
    """Return the condition of a stale run: unfinished, and not updated for longer than the stale threshold.

    The last update is the last PATCH, or else the run date. The sub-select is evaluated once for a statement, not once
    for a run.
    """
    return f"""{is_unfinished(f"{run}.status")}
    and case when {run}.updated_at > {run}.created_at then {run}.updated_at else {run}.run_date end
        < (
            select strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || stale_after_seconds || ' seconds')
            from settings
        )"""


def latest(columns: dict[str, str], table: str, outcome: str, key: dict[str, str]) -> str:
    """Return columns of the latest run from a roll-up, each looked up by its primary key."""
    where = " and ".join(f"{column} = {value}" for column, value in key.items())
    return ",\n    ".join(
        f"(select {column} from {table} where {where} and outcome = '{outcome}') as {name}"
        for name, column in columns.items()
    )


def json_object(record: type[Record], table: str, **others: str) -> str:
    """Return a JSON object of a row with the fields of a record; `others` has those that are not columns of `table`."""
    nullable = nullable_columns(record)
    members = []
    for name, kind in column_kinds(record).items():
        value = others.get(name, f'{table}."{name}"')
        members.append(f"'{name}', {json_value(value, kind, name in nullable)}")
    return "json_object(\n" + indent(",\n".join(members), "    ") + "\n)"


def deeper(sql: str, depth: int) -> str:
    """Return the same SQL, with all lines after the first indented by `depth` more levels."""
    return sql.replace("\n", "\n" + depth * "    ")


MAINTAINERS = nested(
    json_object(NestedMaintainer, "maintainers"),
    "from maintainers where feedstock_id = feedstocks.id",
    "position",
)
RECIPE_IDS = nested(
    "json_quote(recipe_id)",
    "from recipes where feedstock_id = feedstocks.id and removed_at is null and recipe_id is not null",
    "position",
)
DATASET_OF_RUN = json_object(NestedDataset, "datasets")
LINKED_DATASETS = """from recipe_run_datasets
                    join datasets on datasets.id = recipe_run_datasets.dataset_id
                    where recipe_run_datasets.recipe_run_id = recipe_runs.id"""
COUNT_OF_DATASETS = "(select count(*) from recipe_run_datasets where recipe_run_id = recipe_runs.id)"
# most runs wrote at most one dataset, and a list that is limited in bytes takes three times as long as a single item
DATASETS_OF_RUN = f"""case {COUNT_OF_DATASETS}
        when 0 then '[]'
        when 1 then (select json_array({deeper(DATASET_OF_RUN, 2)}) {LINKED_DATASETS})
        else {nested(DATASET_OF_RUN, LINKED_DATASETS, "recipe_run_datasets.dataset_id")}
    end"""
TARGETS = nested(
    json_object(NestedTarget, "bakery_targets"),
    "from bakery_targets where bakery_id = bakeries.id",
    "name",
)
PROVIDERS = nested(
    json_object(NestedProvider, "providers"),
    "from providers where feedstock_id = {feedstock}",
    "position",
)
RECIPES = nested(
    json_object(Recipe, "recipe_summaries"),
    "from recipe_summaries where feedstock_id = feedstock_summaries.id and removed_at is null",
    "position",
)
PROBLEMS = nested(
    json_object(NestedProblem, "problems"),
    "from problems where feedstock_id = feedstock_summaries.id",
    "id",
)
ALIASES = nested(
    "json_quote(alias)",
    "from feedstock_aliases where feedstock_id = feedstock_summaries.id",
    "alias",
)
LINEAGE_RUNS = nested(
    json_object(LineageRecipeRun, "recipe_runs"),
    """from recipe_run_datasets
                    join recipe_runs on recipe_runs.id = recipe_run_datasets.recipe_run_id
                    where recipe_run_datasets.dataset_id = datasets.id""",
    "recipe_run_datasets.run_date desc, recipe_run_datasets.recipe_run_id desc",
)
FEEDSTOCK_OF_LINEAGE = json_object(
    LineageFeedstock,
    "feedstocks",
    commit="""(
    select recipe_runs."commit"
    from latest_runs_by_dataset
    join recipe_runs on recipe_runs.id = latest_runs_by_dataset.recipe_run_id
    where latest_runs_by_dataset.dataset_id = datasets.id and outcome = 'any'
)""",
)
DATASET = json_object(Dataset, "dataset_summaries")
SYNC_CHANGES = nested(
    json_object(NestedSyncChange, "sync_changes"),
    "from sync_changes where sync_run_id = sync_runs.id",
    "id",
)
FEEDSTOCKS_OF_MAINTAINER = nested(
    json_object(FeedstockState, "feedstock_summaries"),
    """from maintainers
                    join feedstock_summaries on feedstock_summaries.id = maintainers.feedstock_id
                    where maintainers.github = maintainer_summaries.github""",
    "feedstock_summaries.id",
)
# the columns that views add to those of recipe_runs
ADDED_TO_RUN = f"""
    {stale("recipe_runs")} as is_stale,
    feedstocks.repository as feedstock_repository,
    feedstocks.title as feedstock_title,
    {COUNT_OF_DATASETS} as datasets_count,
    {DATASETS_OF_RUN} as datasets""".lstrip()
# the columns of recipe_runs for a view that has id and run_date from recipe_run_datasets, which has an index on them
LINKED_RUN = ",\n    ".join(
    f'recipe_runs."{name}"'
    for name in RecipeRun.model_fields
    if name not in ("id", "run_date") and f" as {name}" not in ADDED_TO_RUN
)
LATEST_RUN = {
    "latest_recipe_run_id": "recipe_run_id",
    "latest_recipe_run_status": "status",
    "latest_recipe_run_date": "run_date",
}
LAST_SUCCESS = {
    "last_success_recipe_run_id": "recipe_run_id",
    "last_success_at": "coalesce(completed_at, run_date)",
}

SELECTS = {
    "recipe_run_summaries": f"""
select
    recipe_runs.*,
    {ADDED_TO_RUN}
from recipe_runs
left join feedstocks on feedstocks.id = recipe_runs.feedstock_id
""",
    "feedstock_summaries": f"""
select
    feedstocks.id,
    feedstocks.repository,
    feedstocks.title,
    feedstocks.description,
    feedstocks.license,
    feedstocks.license_spdx,
    feedstocks.license_url,
    feedstocks.pangeo_forge_version,
    feedstocks.bakery_id,
    feedstocks."commit",
    feedstocks.committed_at,
    feedstocks.archived,
    feedstocks.listed,
    feedstocks.synced_at,
    feedstocks.removed_at,
    (select count(*) from maintainers where feedstock_id = feedstocks.id) as maintainers_count,
    {MAINTAINERS} as maintainers,
    (select count(*) from recipes where feedstock_id = feedstocks.id and removed_at is null) as recipes_count,
    {RECIPE_IDS} as recipe_ids,
    {latest(LATEST_RUN, "latest_runs_by_feedstock", "any", {"feedstock_id": "feedstocks.id"})},
    coalesce((
        select {stale("recipe_runs")}
        from latest_runs_by_feedstock
        join recipe_runs on recipe_runs.id = latest_runs_by_feedstock.recipe_run_id
        where latest_runs_by_feedstock.feedstock_id = feedstocks.id and outcome = 'any'
    ), 0) as latest_recipe_run_is_stale,
    {latest(LAST_SUCCESS, "latest_runs_by_feedstock", "success", {"feedstock_id": "feedstocks.id"})},
    (
        select coalesce(sum(recipe_runs), 0)
        from recipe_run_counts_by_feedstock
        where feedstock_id = feedstocks.id and is_test = 0
    ) as recipe_runs_count,
    coalesce(
        (select datasets from dataset_counts_by_feedstock where feedstock_id = feedstocks.id), 0
    ) as datasets_count,
    (select count(*) from problems where feedstock_id = feedstocks.id) as problems_count
from feedstocks
""",
    "feedstock_details": f"""
select
    feedstock_summaries.*,
    (select count(*) from providers where feedstock_id = feedstock_summaries.id) as providers_count,
    {PROVIDERS.format(feedstock="feedstock_summaries.id")} as providers,
    {RECIPES} as recipes,
    {PROBLEMS} as problems,
    {ALIASES} as aliases,
    feedstocks.meta_path,
    feedstocks.meta_sha,
    feedstocks.meta
from feedstock_summaries
join feedstocks on feedstocks.id = feedstock_summaries.id
""",
    "recipe_summaries": f"""
select
    recipes.id,
    recipes.feedstock_id,
    recipes.recipe_id,
    recipes.object,
    recipes.dict_object,
    recipes.position,
    recipes.removed_at,
    {
        latest(
            LATEST_RUN,
            "latest_runs_by_recipe",
            "any",
            {"feedstock_id": "recipes.feedstock_id", "recipe_id": "recipes.recipe_id"},
        )
    },
    coalesce((
        select {stale("recipe_runs")}
        from latest_runs_by_recipe
        join recipe_runs on recipe_runs.id = latest_runs_by_recipe.recipe_run_id
        where latest_runs_by_recipe.feedstock_id = recipes.feedstock_id
            and latest_runs_by_recipe.recipe_id = recipes.recipe_id
            and outcome = 'any'
    ), 0) as latest_recipe_run_is_stale,
    {
        latest(
            LAST_SUCCESS,
            "latest_runs_by_recipe",
            "success",
            {"feedstock_id": "recipes.feedstock_id", "recipe_id": "recipes.recipe_id"},
        )
    }
from recipes
""",
    "bakery_summaries": f"""
select
    bakeries.id,
    bakeries.region,
    bakeries.description,
    bakeries.org_website,
    bakeries.cluster_type,
    bakeries.pangeo_forge_version,
    bakeries.pangeo_notebook_version,
    bakeries.prefect_version,
    bakeries.listed,
    bakeries.source_commit,
    bakeries.synced_at,
    bakeries.removed_at,
    (select count(*) from bakery_targets where bakery_id = bakeries.id) as targets_count,
    {TARGETS} as targets,
    (
        select coalesce(sum(recipe_runs), 0)
        from recipe_run_counts_by_bakery
        where bakery_id = bakeries.id and is_test = 0
    ) as recipe_runs_count,
    (
        select json_group_object(status, recipe_runs)
        from recipe_run_counts_by_bakery
        where bakery_id = bakeries.id and is_test = 0
    ) as recipe_runs_by_status,
    coalesce((select datasets from dataset_counts_by_bakery where bakery_id = bakeries.id), 0) as datasets_count,
    (
        select count(*) from feedstocks where bakery_id = bakeries.id and removed_at is null
    ) as feedstocks_count
from bakeries
""",
    "dataset_summaries": f"""
select
    datasets.*,
    feedstocks.repository as feedstock_repository,
    feedstocks.title as feedstock_title,
    feedstocks.license as license,
    feedstocks.license_spdx as license_spdx,
    {latest(LATEST_RUN, "latest_runs_by_dataset", "any", {"dataset_id": "datasets.id"})},
    {latest(LAST_SUCCESS, "latest_runs_by_dataset", "success", {"dataset_id": "datasets.id"})},
    coalesce(
        (select recipe_runs from recipe_run_counts_by_dataset where dataset_id = datasets.id), 0
    ) as recipe_runs_count
from datasets
left join feedstocks on feedstocks.id = datasets.feedstock_id
""",
    "dataset_recipe_runs": f"""
select
    recipe_run_datasets.dataset_id,
    recipe_run_datasets.recipe_run_id as id,
    recipe_run_datasets.run_date,
    {LINKED_RUN},
    {ADDED_TO_RUN}
from recipe_run_datasets
left join recipe_runs on recipe_runs.id = recipe_run_datasets.recipe_run_id
left join feedstocks on feedstocks.id = recipe_runs.feedstock_id
""",
    "dataset_lineages": f"""
select
    datasets.id,
    (select {deeper(DATASET, 1)} from dataset_summaries where dataset_summaries.id = datasets.id) as dataset,
    coalesce(
        (select recipe_runs from recipe_run_counts_by_dataset where dataset_id = datasets.id), 0
    ) as recipe_runs_count,
    {LINEAGE_RUNS} as recipe_runs,
    iif(feedstocks.id is null, null, {deeper(FEEDSTOCK_OF_LINEAGE, 1)}) as feedstock,
    {PROVIDERS.format(feedstock="feedstocks.id")} as providers
from datasets
left join feedstocks on feedstocks.id = datasets.feedstock_id
""",
    "sync_run_details": f"""
select
    sync_runs.*,
    (select count(*) from sync_changes where sync_run_id = sync_runs.id) as changes_count,
    {SYNC_CHANGES} as changes
from sync_runs
""",
    "maintainer_details": f"""
select
    maintainer_summaries.*,
    {FEEDSTOCKS_OF_MAINTAINER} as feedstocks
from maintainer_summaries
""",
    "maintainer_summaries": """
select
    feedstock_counts_by_maintainer.github,
    (
        select name
        from maintainers
        where github = feedstock_counts_by_maintainer.github and name is not null
        limit 1
    ) as name,
    (
        select orcid
        from maintainers
        where github = feedstock_counts_by_maintainer.github and orcid is not null
        limit 1
    ) as orcid,
    feedstock_counts_by_maintainer.feedstocks as feedstocks_count
from feedstock_counts_by_maintainer
""",
    "recipe_run_times": """
select
    id as recipe_run_id,
    -- null for a run that was recorded once, at its end, with the same time for both
    nullif(cast(round((julianday(completed_at) - julianday(run_date)) * 86400) as integer), 0) as duration,
    (
        select cast(round((
            julianday(min(iif(status <> 'queued', at, null)))
            - julianday(min(iif(status = 'queued', at, null)))
        ) * 86400) as integer)
        from recipe_run_events
        where recipe_run_id = recipe_runs.id
    ) as wait
from recipe_runs
""",
    "statuses": SELECT_STATUSES,
}


VIEWS = {name: f"create view {name} as\n{select.strip()}" for name, select in SELECTS.items()}
