"""The records of the API: one model each, with the type, description and an example of every field in one line.

The validation of request bodies, the column descriptions in the explorer, the types used to filter and serialise lists,
and the OpenAPI document are all derived from these models. `create` states whether a POST requires or accepts a field,
`update` whether a PATCH accepts it.
"""

from enum import Enum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pangeo_forge_federation.records.field_types import (
    BakeryId,
    Boolean,
    ChangedValue,
    Day,
    Description,
    FeedstockName,
    Identifier,
    Integer,
    JsonValue,
    Message,
    Number,
    Pointer,
    Prefix,
    Reason,
    RetractionReason,
    Source,
    Status,
    Time,
    Title,
    Url,
    Version,
)
from pangeo_forge_federation.values.plural import joined
from pangeo_forge_federation.values.statuses import UNFINISHED_STATUSES


class Create(Enum):
    """What a POST does with a field."""

    REQUIRED = "required"
    OPTIONAL = "optional"


REQUIRED, OPTIONAL = Create.REQUIRED, Create.OPTIONAL


def field(description: str, example: Any = None, create: Create | None = None, update: bool = False) -> Any:
    """Define a field of a record. Leave out `create` and `update` if only the registry sets it."""
    return Field(
        description=description,
        examples=None if example is None else [example],
        json_schema_extra={"create": create and create.value, "update": update},
    )


class Record(BaseModel):
    """A record that an endpoint returns: every key is always present, and null if empty."""

    model_config = ConfigDict(extra="forbid")


class NestedTarget(Record):
    """A storage target, as part of its bakery."""

    name: Identifier = field("Name in bakeries.yaml.", "osn")
    region: Title | None = field("Region of the storage.", "aws.us-west-2")
    description: Description | None = field("Purpose of the target.", "Public bucket")
    protocol: Title | None = field("fsspec protocol that opens it.", "s3")
    prefix: Prefix | None = field("Prefix of the URLs of the data stored in it.", "s3://bucket/prefix")
    anon: Boolean | None = field("Whether it opens without credentials.", True)
    requester_pays: Boolean | None = field("Requester pays for transfer.", False)
    endpoint_url: Url | None = field("Endpoint of an S3-compatible store outside AWS.", "https://ncsa.osn.xsede.org")


class BakeryTarget(NestedTarget):
    """A storage target of a bakery. Only its public settings are published."""

    bakery_id: BakeryId = field("Bakery that writes to it.", "devseed.bakery.development.aws.us-west-2")


class Bakery(Record):
    """An organisation's execution environment and storage, listed in bakeries.yaml."""

    id: BakeryId = field("Key of the bakery in bakeries.yaml.", "devseed.bakery.development.aws.us-west-2")
    region: Title | None = field("Region that it runs in.", "aws.us-west-2")
    description: Description | None = field("Purpose of the bakery.", "Development bakery")
    org_website: Url | None = field("Website of the organisation that operates it.", "https://example.org")
    cluster_type: Title | None = field("Type of cluster that runs the recipes.", "aws.fargate")
    pangeo_forge_version: Version | None = field("Version of pangeo-forge-recipes in use.", "0.5.0")
    pangeo_notebook_version: Version | None = field("Version of the pangeo-notebook image in use.", "2021.07.17")
    prefect_version: Version | None = field("Version of Prefect in use.", "0.14.22")
    listed: Boolean = field("Whether bakeries.yaml lists it; unlisted bakeries have a token or recipe runs.", True)
    source_commit: Identifier | None = field("Commit of the bakery database that it was read from.", "27b264a69b")
    synced_at: Time | None = field("When a sync last updated it.", "2026-11-24T03:25:00.000000Z")
    removed_at: Time | None = field("When a sync found that bakeries.yaml no longer lists it.", None)
    targets_count: Integer = field("Number of storage targets.", 1)
    targets: list[NestedTarget] = field("The first 100 storage targets.")
    recipe_runs_count: Integer = field("Number of recipe runs, not counting tests.", 512)
    recipe_runs_by_status: dict[str, int] = field(
        "Number of recipe runs by status, not counting tests.", {"success": 480, "failure": 32}
    )
    datasets_count: Integer = field(
        "Number of datasets that it wrote first, not counting tests and retracted ones.", 14
    )
    feedstocks_count: Integer = field("Number of feedstocks whose meta.yaml names this bakery.", 11)


class NestedMaintainer(Record):
    """A maintainer, as part of a feedstock."""

    github: Identifier | None = field("GitHub username.", "rabernat")
    name: Title | None = field("Name.", "Robin Sample")
    orcid: Identifier | None = field("ORCID iD.", "0000-0001-5999-4917")


class Maintainer(Record):
    """A person who maintains feedstocks, identified by their GitHub username."""

    github: Identifier = field("GitHub username.", "robin-sample")
    name: Title | None = field("Name.", "Robin Sample")
    orcid: Identifier | None = field("ORCID iD.", "0000-0001-5999-4917")
    feedstocks_count: Integer = field("Number of feedstocks that list this person.", 2)


class FeedstockState(Record):
    """The current state of a feedstock."""

    id: Identifier = field("ID of the feedstock.", "noaa-oisst-avhrr-only-feedstock")
    title: Title | None = field("Title in meta.yaml.", "Sea surface temperature")
    repository: Identifier = field("Repository on GitHub.", "pangeo-forge/noaa-oisst-avhrr-only-feedstock")
    latest_recipe_run_id: Integer | None = field("ID of the latest recipe run that is not a test.", 1568)
    latest_recipe_run_status: Status | None = field("Status of that run.", "success")
    latest_recipe_run_date: Time | None = field("Run date of that run.", "2026-11-24T03:25:00.000000Z")
    latest_recipe_run_is_stale: Boolean = field(
        "Unfinished, and not updated for longer than the stale threshold.", False
    )
    last_success_at: Time | None = field("When the latest successful run ended.", "2026-11-24T03:51:00.000000Z")
    problems_count: Integer = field("Number of problems in its meta.yaml.", 0)


class MaintainerDetail(Maintainer):
    """A maintainer with the state of each of their feedstocks."""

    feedstocks: list[FeedstockState] = field("The first 100 feedstocks, ordered by ID.")


class NestedProvider(Record):
    """An organisation that produced, licensed, processed or hosts the source data (STAC's provider object)."""

    name: Title | None = field("Name.", "Example Survey Office")
    description: Description | None = field("What the organisation does.", "Keeps the archive of the survey")
    url: Url | None = field("Website of the organisation.", "https://example.org")
    roles: list[str] = field("STAC roles: licensor, producer, processor, host.", ["producer", "licensor"])


class Recipe(Record):
    """A recipe listed in meta.yaml."""

    id: Integer = field("Primary key of this row.", 12)
    feedstock_id: Identifier = field("Feedstock that lists the recipe.", "noaa-oisst-avhrr-only-feedstock")
    recipe_id: Identifier | None = field(
        "ID of the recipe in meta.yaml; null for a dict_object.", "noaa-oisst-avhrr-only"
    )
    object: Identifier | None = field("Recipe object, as module:name.", "recipe:recipe")
    dict_object: Identifier | None = field(
        "Dictionary of recipes, as module:name; its IDs are not known until it runs."
    )
    position: Integer = field("Position in meta.yaml, starting at 0.", 0)
    removed_at: Time | None = field("When a sync found that meta.yaml no longer lists it.")
    latest_recipe_run_id: Integer | None = field("ID of the latest recipe run that is not a test.", 1568)
    latest_recipe_run_status: Status | None = field("Status of that run.", "success")
    latest_recipe_run_date: Time | None = field("Run date of that run.", "2026-11-24T03:25:00.000000Z")
    latest_recipe_run_is_stale: Boolean = field(
        "Unfinished, and not updated for longer than the stale threshold.", False
    )
    last_success_recipe_run_id: Integer | None = field("ID of the latest successful run.", 1568)
    last_success_at: Time | None = field("When that run ended.", "2026-11-24T03:51:00.000000Z")


class NestedProblem(Record):
    """A problem, as part of a feedstock."""

    source_file: Identifier = field("File that contains the problem.", "feedstock/meta.yaml")
    pointer: Pointer = field("JSON Pointer to the value in the file; empty for the whole file.", "/recipes/0/id")
    line: Integer | None = field("Line number, starting at 1.", 7)
    column: Integer | None = field("Column number, starting at 1.", 9)
    severity: Identifier = field("error: the value is not used; warning: the value is used.", "warning")
    message: Reason = field("What is wrong and what to write instead.", "`title` is missing")


class Problem(NestedProblem):
    """A problem that a sync found in a file."""

    id: Integer = field("Primary key.", 3)
    repository: Identifier = field("Repository on GitHub.", "pangeo-forge/noaa-oisst-avhrr-only-feedstock")
    feedstock_id: Identifier | None = field("Feedstock concerned.", "noaa-oisst-avhrr-only-feedstock")
    bakery_id: BakeryId | None = field("Bakery concerned.")
    commit: Identifier | None = field("Commit of the repository.", "27b264a69b")
    found_at: Time = field("When a sync found the problem.", "2026-11-24T03:25:00.000000Z")


class Feedstock(Record):
    """A GitHub repository with recipe code and a feedstock/meta.yaml."""

    id: Identifier = field("Name of the repository; `owner.name` outside the home organisation.", "gpcp-feedstock")
    repository: Identifier = field("Repository on GitHub.", "pangeo-forge/gpcp-feedstock")
    title: Title | None = field("Title in meta.yaml.", "Global precipitation")
    description: Description | None = field("Description in meta.yaml.", "Daily precipitation since 1996")
    license: Description | None = field("Licence of the data, as written in meta.yaml.", "CC-BY-4.0")
    license_spdx: Identifier | None = field("SPDX identifier of the licence, if it has one.", "CC-BY-4.0")
    license_url: Url | None = field("Link to the licence.", "https://example.org/terms")
    pangeo_forge_version: Version | None = field(
        "Version of pangeo-forge-recipes that the recipes are written for.", "0.9.0"
    )
    bakery_id: BakeryId | None = field("Bakery named in meta.yaml, which may not exist.", "pangeo-ldeo-nsf-earthcube")
    commit: Identifier | None = field("Commit that was synced.", "27b264a69b")
    committed_at: Time | None = field("Date of that commit.", "2026-11-20T12:00:00.000000Z")
    archived: Boolean = field("Whether the repository is archived on GitHub.", False)
    listed: Boolean = field(
        "Whether a sync found the repository; unlisted feedstocks were only named by a recipe run.", True
    )
    synced_at: Time | None = field("When a sync last updated it.", "2026-11-24T03:25:00.000000Z")
    removed_at: Time | None = field("When a sync found that the repository no longer exists on GitHub.")
    maintainers_count: Integer = field("Number of maintainers.", 1)
    maintainers: list[NestedMaintainer] = field("The first 100 maintainers.")
    recipes_count: Integer = field("Number of recipes that meta.yaml lists.", 1)
    recipe_ids: list[str] = field("IDs of the first 100 recipes.", ["gpcp"])
    latest_recipe_run_id: Integer | None = field("ID of the latest recipe run that is not a test.", 1568)
    latest_recipe_run_status: Status | None = field("Status of that run.", "success")
    latest_recipe_run_date: Time | None = field("Run date of that run.", "2026-11-24T03:25:00.000000Z")
    latest_recipe_run_is_stale: Boolean = field(
        "Unfinished, and not updated for longer than the stale threshold.", False
    )
    last_success_recipe_run_id: Integer | None = field("ID of the latest successful run.", 1568)
    last_success_at: Time | None = field("When that run ended.", "2026-11-24T03:51:00.000000Z")
    recipe_runs_count: Integer = field("Number of recipe runs, not counting tests.", 90)
    datasets_count: Integer = field("Number of datasets, not counting tests and retracted ones.", 1)
    problems_count: Integer = field("Number of problems in its meta.yaml.", 0)


class FeedstockDetail(Feedstock):
    """A feedstock with its providers, recipes, problems and parsed meta.yaml."""

    providers_count: Integer = field("Number of providers.", 2)
    providers: list[NestedProvider] = field("The first 100 providers.")
    recipes: list[Recipe] = field("The first 100 recipes, in the order of meta.yaml.")
    problems: list[NestedProblem] = field("The first 100 problems.")
    aliases: list[str] = field("Previous IDs of the feedstock.")
    meta_path: Identifier | None = field("Path of the synced file.", "feedstock/meta.yaml")
    meta_sha: Identifier | None = field("Git blob ID of that file.", "9daeafb9864cf43055ae93beb0afd6c7d144bfa4")
    meta: JsonValue = field("The parsed file, without e-mail addresses.", {"title": "Global precipitation"})


class NestedDataset(Record):
    """A dataset, as part of a recipe run."""

    id: Integer = field("ID of the dataset.", 14)
    url: Url = field("Public URL of the store.", "gs://bucket/pangeo-forge/gpcp-feedstock/gpcp.zarr", REQUIRED)
    format: Version | None = field("Format of the store.", "zarr", OPTIONAL)
    title: Title | None = field("Title.", "Global precipitation", OPTIONAL)


class RecipeRun(Record):
    """One execution of one recipe at one commit by one bakery."""

    id: Integer = field("Primary key, assigned by the registry and never reused.", 1568)
    recipe_id: Identifier = field("ID of the recipe in the feedstock's meta.yaml.", "gpcp", REQUIRED)
    run_date: Time = field(
        "When the recipe was run; defaults to the current time.", "2026-11-24T03:25:00.000000Z", OPTIONAL
    )
    bakery_id: BakeryId = field(
        "Bakery that ran it; defaults to the bakery of the token.", "example.bakery.gcp", OPTIONAL
    )
    feedstock_id: FeedstockName = field("Feedstock of the recipe, by ID or as owner/name.", "gpcp-feedstock", REQUIRED)
    commit: Identifier = field("Commit of the feedstock that was run.", "27b264a69b", REQUIRED)
    status: Status = field(
        f"Current status; {joined(UNFINISHED_STATUSES)} are not final.", "success", REQUIRED, update=True
    )
    message: Message | None = field("Any further information, such as a traceback.", "done", OPTIONAL, update=True)
    completed_at: Time | None = field("When the run ended.", "2026-11-24T03:51:00.000000Z", OPTIONAL, update=True)
    version: Version | None = field("Version of pangeo-forge-recipes that ran it.", "0.10.4", OPTIONAL, update=True)
    is_test: Boolean = field("Whether this is a test, such as a pruned recipe run for a pull request.", False, OPTIONAL)
    log_url: Url | None = field("URL of the log.", "https://logs.example/1568", OPTIONAL, update=True)
    external_id: Identifier | None = field(
        "The bakery's own ID of the run.", "8123456789/1/gpcp", OPTIONAL, update=True
    )
    created_at: Time = field("When it was first recorded in the registry.", "2026-11-24T03:25:01.000000Z")
    updated_at: Time = field("When the registry last received an update.", "2026-11-24T03:51:01.000000Z")
    revision: Integer = field("Revision number, starting at 1.", 2)
    # the columns of the table end here; the view computes the following ones
    is_stale: Boolean = field("Unfinished, and not updated for longer than the stale threshold.", False)
    feedstock_repository: Identifier | None = field("Repository of the feedstock.", "pangeo-forge/gpcp-feedstock")
    feedstock_title: Title | None = field("Title of the feedstock.", "Global precipitation")
    datasets_count: Integer = field("Number of datasets that the run wrote.", 1)
    datasets: list[NestedDataset] = field("The first 100 datasets that the run wrote.", create=OPTIONAL, update=True)


class RecipeRunEvent(Record):
    """An accepted write to a recipe run."""

    id: Integer = field("Primary key.", 3102)
    recipe_run_id: Integer = field("ID of the recipe run.", 1568)
    at: Time = field("When the write was accepted.", "2026-11-24T03:51:01.000000Z")
    actor_bakery_id: BakeryId | None = field("Bakery of the token used; null for an administrator.", "example.bakery")
    actor_token_id: Integer | None = field("ID of that token.", 2)
    status: Status = field("Status after the write.", "success")
    message: Message | None = field("Message after the write.", "done")


class Dataset(Record):
    """A dataset that recipe runs wrote, identified by its public URL."""

    id: Integer = field("Primary key, assigned by the registry and never reused.", 14)
    url: Url = field(
        "Public URL of the store, kept byte for byte.", "gs://bucket/pangeo-forge/gpcp/gpcp.zarr", REQUIRED
    )
    format: Version | None = field("Format of the store.", "zarr", OPTIONAL, update=True)
    title: Title | None = field("Title.", "Global precipitation", OPTIONAL, update=True)
    description: Description | None = field("Description.", "Daily precipitation", OPTIONAL, update=True)
    feedstock_id: FeedstockName | None = field("Feedstock whose recipe wrote it.", "gpcp-feedstock", OPTIONAL)
    recipe_id: Identifier | None = field("Recipe that wrote it.", "gpcp", OPTIONAL)
    bakery_id: BakeryId = field("Bakery that wrote it first, and owns it.", "example.bakery.gcp", OPTIONAL)
    is_test: Boolean = field("Whether only test runs wrote it.", False, OPTIONAL)
    created_at: Time = field("When it was first recorded in the registry.", "2026-11-24T03:51:01.000000Z")
    updated_at: Time = field("When the record last changed.", "2026-11-24T03:51:01.000000Z")
    revision: Integer = field("Revision number, starting at 1.", 1)
    retracted_at: Time | None = field("When it was retracted.")
    retraction_reason: RetractionReason | None = field(
        "Why it was retracted. Setting a reason retracts the dataset; null restores it.", None, update=True
    )
    feedstock_repository: Identifier | None = field("Repository of the feedstock.", "pangeo-forge/gpcp-feedstock")
    feedstock_title: Title | None = field("Title of the feedstock.", "Global precipitation")
    license: Description | None = field("Licence of the data, from the feedstock.", "CC-BY-4.0")
    license_spdx: Identifier | None = field("SPDX identifier of the licence, if it has one.", "CC-BY-4.0")
    latest_recipe_run_id: Integer | None = field("ID of the owner's latest run that wrote it.", 1568)
    latest_recipe_run_status: Status | None = field("Status of that run.", "success")
    latest_recipe_run_date: Time | None = field("Run date of that run.", "2026-11-24T03:25:00.000000Z")
    last_success_recipe_run_id: Integer | None = field("ID of the latest of these that succeeded.", 1568)
    last_success_at: Time | None = field("When that run ended.", "2026-11-24T03:51:00.000000Z")
    recipe_runs_count: Integer = field("Number of recipe runs that wrote it.", 90)


class DatasetEvent(Record):
    """An accepted write to a dataset."""

    id: Integer = field("Primary key.", 41)
    dataset_id: Integer = field("ID of the dataset.", 14)
    at: Time = field("When the write was accepted.", "2026-11-24T03:51:01.000000Z")
    actor_bakery_id: BakeryId | None = field("Bakery of the token used; null for an administrator.", "example.bakery")
    actor_token_id: Integer | None = field("ID of that token.", 2)
    action: Identifier = field("created, changed, linked (to a recipe run), retracted or restored.", "linked")
    recipe_run_id: Integer | None = field("ID of the recipe run that wrote it.", 1568)
    message: Reason | None = field("The reason that was given.", "superseded by version 2")


class LineageRecipeRun(Record):
    """A recipe run, as part of a lineage."""

    id: Integer = field("ID of the recipe run.", 1568)
    recipe_id: Identifier = field("Recipe that was run.", "gpcp")
    run_date: Time = field("When the recipe was run.", "2026-11-24T03:25:00.000000Z")
    bakery_id: BakeryId = field("Bakery that ran it.", "example.bakery.gcp")
    feedstock_id: Identifier = field("Feedstock of the recipe.", "gpcp-feedstock")
    commit: Identifier = field("Commit of the feedstock that was run.", "27b264a69b")
    status: Status = field("Status of the run.", "success")
    is_test: Boolean = field("Whether this is a test.", False)


class LineageFeedstock(Record):
    """A feedstock, as part of a lineage, at the commit of the latest run."""

    id: Identifier = field("ID of the feedstock.", "gpcp-feedstock")
    repository: Identifier = field("Repository on GitHub.", "pangeo-forge/gpcp-feedstock")
    title: Title | None = field("Title.", "Global precipitation")
    commit: Identifier | None = field("Commit that the latest run used.", "27b264a69b")
    license: Description | None = field("Licence of the data, as written in meta.yaml.", "CC-BY-4.0")
    license_spdx: Identifier | None = field("SPDX identifier of the licence, if it has one.", "CC-BY-4.0")


class Lineage(Record):
    """The provenance of a dataset: its recipe runs, feedstock and providers."""

    dataset: Dataset = field("The dataset.")
    recipe_runs_count: Integer = field("Number of recipe runs that wrote it.", 90)
    recipe_runs: list[LineageRecipeRun] = field("The latest 100 of these runs, newest first.")
    feedstock: LineageFeedstock | None = field("Feedstock of these runs.")
    providers: list[NestedProvider] = field("The first 100 providers of the source data.")


class SyncRun(Record):
    """A sync from GitHub or from a folder."""

    id: Integer = field("Primary key.", 7)
    source: Source = field("Where the files came from.", "github")
    started_at: Time = field("When the sync started.", "2026-11-24T03:00:00.000000Z")
    finished_at: Time | None = field(
        "When everything was saved; null while the sync is running, and if it was interrupted.",
        "2026-11-24T03:00:09.000000Z",
    )
    commit: Identifier | None = field("Commit of the bakery database.", "27b264a69b")
    added: Integer = field("Number of feedstocks and bakeries added.", 1)
    changed: Integer = field("Number of feedstocks and bakeries changed.", 2)
    removed: Integer = field("Number of feedstocks and bakeries removed.", 0)
    unchanged: Integer = field("Number of feedstocks and bakeries unchanged.", 50)
    problems: Integer = field("Number of problems in the files.", 4)
    not_fetched: Integer = field("Number of organisations, repositories and files that could not be fetched.", 0)
    scope: Identifier = field(
        "What the sync covered: all; bakeries or feedstocks alone; or named repositories or organisations, as after "
        "a push.",
        "all",
    )


class NestedSyncChange(Record):
    """A field that a sync changed, as part of the sync."""

    feedstock_id: Identifier | None = field("Feedstock that changed.", "gpcp-feedstock")
    bakery_id: BakeryId | None = field("Bakery that changed.")
    action: Identifier = field("added, changed, removed or restored.", "changed")
    field: Identifier | None = field("Field that changed.", "title")
    old: ChangedValue | None = Field(description="Previous value, cut to 10,000 bytes.", examples=["Precipitation"])
    new: ChangedValue | None = Field(description="New value, cut to 10,000 bytes.", examples=["Global precipitation"])


class SyncChange(NestedSyncChange):
    """A field that a sync changed."""

    id: Integer = Field(description="Primary key.", examples=[11])
    sync_run_id: Integer = Field(description="ID of the sync.", examples=[7])


class SyncRunDetail(SyncRun):
    """A sync with the fields that it changed."""

    changes_count: Integer = field("Number of changed fields.", 3)
    changes: list[NestedSyncChange] = field("The first 100 changed fields.")


class RecipeRunsOfDay(Record):
    """Recipe runs of a day, by status."""

    day: Day = field("The day, in UTC.", "2026-11-24")
    recipe_runs: dict[str, int] = field("Number of runs by status.", {"success": 7})


class Stats(Record):
    """Counts across the registry, not counting test runs."""

    bakeries: Integer = field("Number of bakeries that have not been removed.", 3)
    feedstocks: Integer = field("Number of feedstocks that have not been removed.", 51)
    recipes: Integer = field("Number of recipes listed in meta.yaml files.", 143)
    maintainers: Integer = field("Number of people who maintain feedstocks.", 40)
    datasets: Integer = field("Number of datasets, not counting tests and retracted ones.", 143)
    recipe_runs: Integer = field("Number of recipe runs.", 1416)
    problems: Integer = field("Number of problems in synced files.", 4)
    recipe_runs_by_status: dict[str, int] = field("Number of recipe runs by status.", {"success": 1300, "failure": 116})
    recipe_runs_by_bakery: dict[str, int] = field("Number of recipe runs by bakery.", {"example.bakery.gcp": 1416})
    from_day: Day = field("First day of the range.", "2026-08-27")
    to_day: Day = field("Last day of the range.", "2026-11-24")
    recipe_runs_by_day: list[RecipeRunsOfDay] = field("Days in the range with at least one run, oldest first.")


class Health(Record):
    """Whether the registry works."""

    status: Identifier = field("Always ok: a registry that does not work returns 503 instead.", "ok")
    version: Version = field("Version of the registry.", "0.1.0")
    last_sync_at: Time | None = field(
        "When bakeries.yaml and every feedstock were last synced, not counting single pushes.",
        "2026-11-24T03:25:00.000000Z",
    )
    role: Identifier = field("single, primary (replicates to a store) or replica (follows a store).", "primary")
    replication: Identifier | None = field("starting, ok, failing, broken or conflict; null for a single server.", "ok")
    position: Integer | None = field("Latest transaction in the store, or on this replica.", 4711)
    replicated_up_to: Time | None = field(
        "Writes up to this time are in the store, or on this replica.", "2026-11-24T03:25:00.000000Z"
    )
    replicated_seconds_ago: Number | None = field("Seconds since that time.", 0.8)


class Snapshot(Record):
    """The whole federation as one SQLite file."""

    name: Identifier = field("File name.", "federation-2026-11-24T032500Z.db")
    url: Url = field("URL of the file.", "https://api.pangeo-forge.org/snapshots/federation-2026-11-24T032500Z.db")
    bytes: int = field("Size in bytes.", 1568000)
    sha256: Identifier = field("SHA-256 of the file, which is also its ETag.", "0f2c9a7d" * 8)
    created_at: Time = field("Time at which the snapshot was made.", "2026-11-24T03:25:00.000000Z")


RECORDS: dict[str, type[Record]] = {record.__name__: record for record in Record.__subclasses__()} | {
    record.__name__: record for parent in Record.__subclasses__() for record in parent.__subclasses__()
}
