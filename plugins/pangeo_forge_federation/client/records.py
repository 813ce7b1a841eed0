"""The records that the registry returns and accepts. Made by scripts/write-generated."""

from typing import Any, NotRequired, TypedDict


class NestedTarget(TypedDict):
    """A storage target, as part of its bakery."""

    name: str
    region: str | None
    description: str | None
    protocol: str | None
    prefix: str | None
    anon: bool | None
    requester_pays: bool | None
    endpoint_url: str | None


class Bakery(TypedDict):
    """An organisation's execution environment and storage, listed in bakeries.yaml."""

    id: str
    region: str | None
    description: str | None
    org_website: str | None
    cluster_type: str | None
    pangeo_forge_version: str | None
    pangeo_notebook_version: str | None
    prefect_version: str | None
    listed: bool
    source_commit: str | None
    synced_at: str | None
    removed_at: str | None
    targets_count: int
    targets: list[NestedTarget]
    recipe_runs_count: int
    recipe_runs_by_status: dict[str, int]
    datasets_count: int
    feedstocks_count: int


class NestedMaintainer(TypedDict):
    """A maintainer, as part of a feedstock."""

    github: str | None
    name: str | None
    orcid: str | None


class Maintainer(TypedDict):
    """A person who maintains feedstocks, identified by their GitHub username."""

    github: str
    name: str | None
    orcid: str | None
    feedstocks_count: int


class FeedstockState(TypedDict):
    """The current state of a feedstock."""

    id: str
    title: str | None
    repository: str
    latest_recipe_run_id: int | None
    latest_recipe_run_status: str | None
    latest_recipe_run_date: str | None
    latest_recipe_run_is_stale: bool
    last_success_at: str | None
    problems_count: int


class NestedProvider(TypedDict):
    """An organisation that produced, licensed, processed or hosts the source data (STAC's provider object)."""

    name: str | None
    description: str | None
    url: str | None
    roles: list[str]


class Recipe(TypedDict):
    """A recipe listed in meta.yaml."""

    id: int
    feedstock_id: str
    recipe_id: str | None
    object: str | None
    dict_object: str | None
    position: int
    removed_at: str | None
    latest_recipe_run_id: int | None
    latest_recipe_run_status: str | None
    latest_recipe_run_date: str | None
    latest_recipe_run_is_stale: bool
    last_success_recipe_run_id: int | None
    last_success_at: str | None


class NestedProblem(TypedDict):
    """A problem, as part of a feedstock."""

    source_file: str
    pointer: str
    line: int | None
    column: int | None
    severity: str
    message: str


class Feedstock(TypedDict):
    """A GitHub repository with recipe code and a feedstock/meta.yaml."""

    id: str
    repository: str
    title: str | None
    description: str | None
    license: str | None
    license_spdx: str | None
    license_url: str | None
    pangeo_forge_version: str | None
    bakery_id: str | None
    commit: str | None
    committed_at: str | None
    archived: bool
    listed: bool
    synced_at: str | None
    removed_at: str | None
    maintainers_count: int
    maintainers: list[NestedMaintainer]
    recipes_count: int
    recipe_ids: list[str]
    latest_recipe_run_id: int | None
    latest_recipe_run_status: str | None
    latest_recipe_run_date: str | None
    latest_recipe_run_is_stale: bool
    last_success_recipe_run_id: int | None
    last_success_at: str | None
    recipe_runs_count: int
    datasets_count: int
    problems_count: int


class NestedDataset(TypedDict):
    """A dataset, as part of a recipe run."""

    id: int
    url: str
    format: str | None
    title: str | None


class RecipeRun(TypedDict):
    """One execution of one recipe at one commit by one bakery."""

    id: int
    recipe_id: str
    run_date: str
    bakery_id: str
    feedstock_id: str
    commit: str
    status: str
    message: str | None
    completed_at: str | None
    version: str | None
    is_test: bool
    log_url: str | None
    external_id: str | None
    created_at: str
    updated_at: str
    revision: int
    is_stale: bool
    feedstock_repository: str | None
    feedstock_title: str | None
    datasets_count: int
    datasets: list[NestedDataset]


class RecipeRunEvent(TypedDict):
    """An accepted write to a recipe run."""

    id: int
    recipe_run_id: int
    at: str
    actor_bakery_id: str | None
    actor_token_id: int | None
    status: str
    message: str | None


class Dataset(TypedDict):
    """A dataset that recipe runs wrote, identified by its public URL."""

    id: int
    url: str
    format: str | None
    title: str | None
    description: str | None
    feedstock_id: str | None
    recipe_id: str | None
    bakery_id: str
    is_test: bool
    created_at: str
    updated_at: str
    revision: int
    retracted_at: str | None
    retraction_reason: str | None
    feedstock_repository: str | None
    feedstock_title: str | None
    license: str | None
    license_spdx: str | None
    latest_recipe_run_id: int | None
    latest_recipe_run_status: str | None
    latest_recipe_run_date: str | None
    last_success_recipe_run_id: int | None
    last_success_at: str | None
    recipe_runs_count: int


class DatasetEvent(TypedDict):
    """An accepted write to a dataset."""

    id: int
    dataset_id: int
    at: str
    actor_bakery_id: str | None
    actor_token_id: int | None
    action: str
    recipe_run_id: int | None
    message: str | None


class LineageRecipeRun(TypedDict):
    """A recipe run, as part of a lineage."""

    id: int
    recipe_id: str
    run_date: str
    bakery_id: str
    feedstock_id: str
    commit: str
    status: str
    is_test: bool


class LineageFeedstock(TypedDict):
    """A feedstock, as part of a lineage, at the commit of the latest run."""

    id: str
    repository: str
    title: str | None
    commit: str | None
    license: str | None
    license_spdx: str | None


class Lineage(TypedDict):
    """The provenance of a dataset: its recipe runs, feedstock and providers."""

    dataset: Dataset
    recipe_runs_count: int
    recipe_runs: list[LineageRecipeRun]
    feedstock: LineageFeedstock | None
    providers: list[NestedProvider]


class SyncRun(TypedDict):
    """A sync from GitHub or from a folder."""

    id: int
    source: str
    started_at: str
    finished_at: str | None
    commit: str | None
    added: int
    changed: int
    removed: int
    unchanged: int
    problems: int
    not_fetched: int
    scope: str


class NestedSyncChange(TypedDict):
    """A field that a sync changed, as part of the sync."""

    feedstock_id: str | None
    bakery_id: str | None
    action: str
    field: str | None
    old: str | None
    new: str | None


class RecipeRunsOfDay(TypedDict):
    """Recipe runs of a day, by status."""

    day: str
    recipe_runs: dict[str, int]


class Stats(TypedDict):
    """Counts across the registry, not counting test runs."""

    bakeries: int
    feedstocks: int
    recipes: int
    maintainers: int
    datasets: int
    recipe_runs: int
    problems: int
    recipe_runs_by_status: dict[str, int]
    recipe_runs_by_bakery: dict[str, int]
    from_day: str
    to_day: str
    recipe_runs_by_day: list[RecipeRunsOfDay]


class Health(TypedDict):
    """Whether the registry works."""

    status: str
    version: str
    last_sync_at: str | None
    role: str
    replication: str | None
    position: int | None
    replicated_up_to: str | None
    replicated_seconds_ago: float | None


class Snapshot(TypedDict):
    """The whole federation as one SQLite file."""

    name: str
    url: str
    bytes: int
    sha256: str
    created_at: str


class BakeryTarget(NestedTarget):
    """A storage target of a bakery. Only its public settings are published."""

    bakery_id: str


class MaintainerDetail(Maintainer):
    """A maintainer with the state of each of their feedstocks."""

    feedstocks: list[FeedstockState]


class Problem(NestedProblem):
    """A problem that a sync found in a file."""

    id: int
    repository: str
    feedstock_id: str | None
    bakery_id: str | None
    commit: str | None
    found_at: str


class FeedstockDetail(Feedstock):
    """A feedstock with its providers, recipes, problems and parsed meta.yaml."""

    providers_count: int
    providers: list[NestedProvider]
    recipes: list[Recipe]
    problems: list[NestedProblem]
    aliases: list[str]
    meta_path: str | None
    meta_sha: str | None
    meta: Any


class SyncRunDetail(SyncRun):
    """A sync with the fields that it changed."""

    changes_count: int
    changes: list[NestedSyncChange]


class SyncChange(NestedSyncChange):
    """A field that a sync changed."""

    id: int
    sync_run_id: int


class NestedDatasetCreate(TypedDict):
    """The body of a POST that records a NestedDataset."""

    url: str
    format: NotRequired[str | None]
    title: NotRequired[str | None]


class RecipeRunCreate(TypedDict):
    """The body of a POST that records a RecipeRun."""

    recipe_id: str
    run_date: NotRequired[str | None]
    bakery_id: NotRequired[str | None]
    feedstock_id: str
    commit: str
    status: str
    message: NotRequired[str | None]
    completed_at: NotRequired[str | None]
    version: NotRequired[str | None]
    is_test: NotRequired[bool | None]
    log_url: NotRequired[str | None]
    external_id: NotRequired[str | None]
    datasets: NotRequired[list[NestedDatasetCreate] | None]


class RecipeRunUpdate(TypedDict):
    """The body of a PATCH that changes a RecipeRun."""

    status: NotRequired[str]
    message: NotRequired[str | None]
    completed_at: NotRequired[str | None]
    version: NotRequired[str | None]
    log_url: NotRequired[str | None]
    external_id: NotRequired[str | None]
    datasets: NotRequired[list[NestedDatasetCreate]]


class DatasetCreate(TypedDict):
    """The body of a POST that records a Dataset."""

    url: str
    format: NotRequired[str | None]
    title: NotRequired[str | None]
    description: NotRequired[str | None]
    feedstock_id: NotRequired[str | None]
    recipe_id: NotRequired[str | None]
    bakery_id: NotRequired[str | None]
    is_test: NotRequired[bool | None]


class DatasetUpdate(TypedDict):
    """The body of a PATCH that changes a Dataset."""

    format: NotRequired[str | None]
    title: NotRequired[str | None]
    description: NotRequired[str | None]
    retraction_reason: NotRequired[str | None]
