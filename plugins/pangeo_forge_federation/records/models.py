"""One model a record: every field with its type, its meaning and an example, in one line.

From these come the validation of what is sent, the columns' descriptions on the explorer's pages, the types by which
lists are filtered and written out, and the OpenAPI document. `create` says whether a POST must or may hold a field,
`update` whether a PATCH may.
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
    """A field of a record. `create` and `update` are left out where only the registry sets it."""
    return Field(
        description=description,
        examples=None if example is None else [example],
        json_schema_extra={"create": create and create.value, "update": update},
    )


class Record(BaseModel):
    """What an endpoint answers with: every key is always there, null when empty."""

    model_config = ConfigDict(extra="forbid")


class NestedTarget(Record):
    """A target as it stands in its bakery."""

    name: Identifier = field("Name in bakeries.yaml.", "osn")
    region: Title | None = field("Where it lies.", "aws.us-west-2")
    description: Description | None = field("What it is for.", "Public bucket")
    protocol: Title | None = field("Protocol (of fsspec) that opens it.", "s3")
    prefix: Prefix | None = field("Beginning of the URLs of what lies in it.", "s3://bucket/prefix")
    anon: Boolean | None = field("Opened without credentials.", True)
    requester_pays: Boolean | None = field("Who reads pays for the transfer.", False)
    endpoint_url: Url | None = field("Endpoint of an S3 store that is not Amazon's.", "https://ncsa.osn.xsede.org")


class BakeryTarget(NestedTarget):
    """A storage destination of a bakery. Only its public half is published."""

    bakery_id: BakeryId = field("Bakery that writes to it.", "devseed.bakery.development.aws.us-west-2")


class Bakery(Record):
    """An organisation's execution environment plus storage, listed in bakeries.yaml."""

    id: BakeryId = field("Its key in bakeries.yaml.", "devseed.bakery.development.aws.us-west-2")
    region: Title | None = field("Where it runs.", "aws.us-west-2")
    description: Description | None = field("What it is for.", "Development bakery")
    org_website: Url | None = field("Website of the organisation that runs it.", "https://example.org")
    cluster_type: Title | None = field("Kind of cluster that runs the recipes.", "aws.fargate")
    pangeo_forge_version: Version | None = field("pangeo-forge-recipes that it runs.", "0.5.0")
    pangeo_notebook_version: Version | None = field("pangeo-notebook image that it runs.", "2021.07.17")
    prefect_version: Version | None = field("Prefect that it runs.", "0.14.22")
    listed: Boolean = field("Named in bakeries.yaml; others exist because they hold a token or ran something.", True)
    source_commit: Identifier | None = field("Commit of the bakery database it was read from.", "27b264a69b")
    synced_at: Time | None = field("When a sync last wrote it.", "2026-11-24T03:25:00.000000Z")
    removed_at: Time | None = field("When a sync found it gone from bakeries.yaml.", None)
    targets_count: Integer = field("Number of its targets.", 1)
    targets: list[NestedTarget] = field("Its first 100 targets.")
    recipe_runs_count: Integer = field("Number of its recipe runs, tests left out.", 512)
    recipe_runs_by_status: dict[str, int] = field("The same by status.", {"success": 480, "failure": 32})
    datasets_count: Integer = field("Number of datasets it was the first to write; no tests, none retracted.", 14)
    feedstocks_count: Integer = field("Number of feedstocks whose meta.yaml names it.", 11)


class NestedMaintainer(Record):
    """A maintainer as it stands in its feedstock."""

    github: Identifier | None = field("Name on GitHub.", "rabernat")
    name: Title | None = field("Name.", "Robin Sample")
    orcid: Identifier | None = field("ORCID iD.", "0000-0001-5999-4917")


class Maintainer(Record):
    """A person who maintains feedstocks, known by their name on GitHub."""

    github: Identifier = field("Name on GitHub.", "robin-sample")
    name: Title | None = field("Name.", "Robin Sample")
    orcid: Identifier | None = field("ORCID iD.", "0000-0001-5999-4917")
    feedstocks_count: Integer = field("Number of feedstocks that name them.", 2)


class FeedstockState(Record):
    """How one feedstock stands."""

    id: Identifier = field("Id of the feedstock.", "noaa-oisst-avhrr-only-feedstock")
    title: Title | None = field("Title in meta.yaml.", "Sea surface temperature")
    repository: Identifier = field("Repository on GitHub.", "pangeo-forge/noaa-oisst-avhrr-only-feedstock")
    latest_recipe_run_id: Integer | None = field("Its latest recipe run that is no test.", 1568)
    latest_recipe_run_status: Status | None = field("How that went.", "success")
    latest_recipe_run_date: Time | None = field("When that ran.", "2026-11-24T03:25:00.000000Z")
    latest_recipe_run_is_stale: Boolean = field("It is not final and nothing was heard of it for long.", False)
    last_success_at: Time | None = field("When a run last succeeded.", "2026-11-24T03:51:00.000000Z")
    problems_count: Integer = field("Problems in its meta.yaml.", 0)


class MaintainerDetail(Maintainer):
    """A person with the state of each of their feedstocks."""

    feedstocks: list[FeedstockState] = field("Their first 100 feedstocks, by id.")


class NestedProvider(Record):
    """An organisation that produced, licensed, processed or hosts the source data (STAC's provider object)."""

    name: Title | None = field("Name.", "Example Survey Office")
    description: Description | None = field("What it is.", "Keeps the archive of the survey")
    url: Url | None = field("Its website.", "https://example.org")
    roles: list[str] = field("STAC's roles: licensor, producer, processor, host.", ["producer", "licensor"])


class Recipe(Record):
    """A recipe as listed in meta.yaml."""

    id: Integer = field("Primary key of this row.", 12)
    feedstock_id: Identifier = field("Feedstock that lists it.", "noaa-oisst-avhrr-only-feedstock")
    recipe_id: Identifier | None = field("Its id in meta.yaml; null for a dict_object.", "noaa-oisst-avhrr-only")
    object: Identifier | None = field("module:name of the recipe object.", "recipe:recipe")
    dict_object: Identifier | None = field("module:name of a dict of recipes, whose ids only running code knows.")
    position: Integer = field("Its place in meta.yaml, from 0.", 0)
    removed_at: Time | None = field("When a sync found it gone from meta.yaml.")
    latest_recipe_run_id: Integer | None = field("Its latest recipe run that is no test.", 1568)
    latest_recipe_run_status: Status | None = field("How that went.", "success")
    latest_recipe_run_date: Time | None = field("When that ran.", "2026-11-24T03:25:00.000000Z")
    latest_recipe_run_is_stale: Boolean = field("It is not final and nothing was heard of it for long.", False)
    last_success_recipe_run_id: Integer | None = field("Its latest run that succeeded.", 1568)
    last_success_at: Time | None = field("When that ended.", "2026-11-24T03:51:00.000000Z")


class NestedProblem(Record):
    """A problem as it stands in its feedstock."""

    source_file: Identifier = field("File it is in.", "feedstock/meta.yaml")
    pointer: Pointer = field("JSON Pointer of the place in the file; empty for the whole file.", "/recipes/0/id")
    line: Integer | None = field("Line, from 1.", 7)
    column: Integer | None = field("Column, from 1.", 9)
    severity: Identifier = field("error: something is left out; warning: it is kept.", "warning")
    message: Reason = field("What is wrong and what to write instead.", "`title` is missing")


class Problem(NestedProblem):
    """What a sync could not understand."""

    id: Integer = field("Primary key.", 3)
    repository: Identifier = field("Repository on GitHub.", "pangeo-forge/noaa-oisst-avhrr-only-feedstock")
    feedstock_id: Identifier | None = field("Feedstock that it concerns.", "noaa-oisst-avhrr-only-feedstock")
    bakery_id: BakeryId | None = field("Bakery that it concerns.")
    commit: Identifier | None = field("Commit of the repository.", "27b264a69b")
    found_at: Time = field("When a sync found it.", "2026-11-24T03:25:00.000000Z")


class Feedstock(Record):
    """A GitHub repository with feedstock/meta.yaml and recipe code."""

    id: Identifier = field("Name of the repository; `owner.name` outside the home organisation.", "gpcp-feedstock")
    repository: Identifier = field("Repository on GitHub.", "pangeo-forge/gpcp-feedstock")
    title: Title | None = field("Title in meta.yaml.", "Global precipitation")
    description: Description | None = field("Description in meta.yaml.", "Daily precipitation since 1996")
    license: Description | None = field("Licence of the data, as written.", "CC-BY-4.0")
    license_spdx: Identifier | None = field("SPDX id of the licence, where it is one.", "CC-BY-4.0")
    license_url: Url | None = field("Link to the licence.", "https://example.org/terms")
    pangeo_forge_version: Version | None = field("pangeo-forge-recipes that the recipes are written for.", "0.9.0")
    bakery_id: BakeryId | None = field("Bakery that meta.yaml names; it may be unknown.", "pangeo-ldeo-nsf-earthcube")
    commit: Identifier | None = field("Commit that was read.", "27b264a69b")
    committed_at: Time | None = field("When that commit was made.", "2026-11-20T12:00:00.000000Z")
    archived: Boolean = field("Archived on GitHub.", False)
    listed: Boolean = field("Found by a sync; others exist because a run named them.", True)
    synced_at: Time | None = field("When a sync last wrote it.", "2026-11-24T03:25:00.000000Z")
    removed_at: Time | None = field("When a sync found it gone from GitHub.")
    maintainers_count: Integer = field("Number of maintainers.", 1)
    maintainers: list[NestedMaintainer] = field("The first 100 maintainers.")
    recipes_count: Integer = field("Number of recipes that meta.yaml lists.", 1)
    recipe_ids: list[str] = field("Ids of the first 100 recipes.", ["gpcp"])
    latest_recipe_run_id: Integer | None = field("Its latest recipe run that is no test.", 1568)
    latest_recipe_run_status: Status | None = field("How that went.", "success")
    latest_recipe_run_date: Time | None = field("When that ran.", "2026-11-24T03:25:00.000000Z")
    latest_recipe_run_is_stale: Boolean = field("It is not final and nothing was heard of it for long.", False)
    last_success_recipe_run_id: Integer | None = field("Its latest run that succeeded.", 1568)
    last_success_at: Time | None = field("When that ended.", "2026-11-24T03:51:00.000000Z")
    recipe_runs_count: Integer = field("Number of its recipe runs, tests left out.", 90)
    datasets_count: Integer = field("Number of its datasets; no tests, none retracted.", 1)
    problems_count: Integer = field("Problems in its meta.yaml.", 0)


class FeedstockDetail(Feedstock):
    """A feedstock with all that its page needs."""

    providers_count: Integer = field("Number of providers.", 2)
    providers: list[NestedProvider] = field("The first 100 providers.")
    recipes: list[Recipe] = field("The first 100 recipes, in the order of meta.yaml.")
    problems: list[NestedProblem] = field("The first 100 problems.")
    aliases: list[str] = field("Ids that it had before.")
    meta_path: Identifier | None = field("Path of the file that was read.", "feedstock/meta.yaml")
    meta_sha: Identifier | None = field("Git blob id of that file.", "9daeafb9864cf43055ae93beb0afd6c7d144bfa4")
    meta: JsonValue = field("The parsed file, without e-mail addresses.", {"title": "Global precipitation"})


class NestedDataset(Record):
    """A dataset as it stands in its recipe run."""

    id: Integer = field("Id of the dataset.", 14)
    url: Url = field("Public URL of the store.", "gs://bucket/pangeo-forge/gpcp-feedstock/gpcp.zarr", REQUIRED)
    format: Version | None = field("Format of the store.", "zarr", OPTIONAL)
    title: Title | None = field("Title.", "Global precipitation", OPTIONAL)


class RecipeRun(Record):
    """One execution of one recipe at one commit by one bakery."""

    id: Integer = field("Primary key, given by the registry and never reused.", 1568)
    recipe_id: Identifier = field("Id of the recipe in its feedstock's meta.yaml.", "gpcp", REQUIRED)
    run_date: Time = field("When the recipe was run; now where left out.", "2026-11-24T03:25:00.000000Z", OPTIONAL)
    bakery_id: BakeryId = field("Bakery that ran it; the token's where left out.", "example.bakery.gcp", OPTIONAL)
    feedstock_id: FeedstockName = field("Feedstock it came from, by id or as owner/name.", "gpcp-feedstock", REQUIRED)
    commit: Identifier = field("Commit of the feedstock that was run.", "27b264a69b", REQUIRED)
    status: Status = field(
        f"Current status; {joined(UNFINISHED_STATUSES)} are not final.", "success", REQUIRED, update=True
    )
    message: Message | None = field("Anything else to say, a traceback for one.", "done", OPTIONAL, update=True)
    completed_at: Time | None = field("When it ended.", "2026-11-24T03:51:00.000000Z", OPTIONAL, update=True)
    version: Version | None = field("pangeo-forge-recipes that ran it.", "0.10.4", OPTIONAL, update=True)
    is_test: Boolean = field("A run of a pruned recipe, as on a pull request.", False, OPTIONAL)
    log_url: Url | None = field("Where its log can be read.", "https://logs.example/1568", OPTIONAL, update=True)
    external_id: Identifier | None = field("The bakery's own id of it.", "8123456789/1/gpcp", OPTIONAL, update=True)
    created_at: Time = field("When it was first recorded here.", "2026-11-24T03:25:01.000000Z")
    updated_at: Time = field("When it was last heard of.", "2026-11-24T03:51:01.000000Z")
    revision: Integer = field("Number of its changes, from 1.", 2)
    # the columns of the table end here: what follows its view computes
    is_stale: Boolean = field("It is not final and nothing was heard of it for long.", False)
    feedstock_repository: Identifier | None = field("Repository of the feedstock.", "pangeo-forge/gpcp-feedstock")
    feedstock_title: Title | None = field("Title of the feedstock.", "Global precipitation")
    datasets_count: Integer = field("Number of datasets it wrote.", 1)
    datasets: list[NestedDataset] = field("What it wrote, the first 100.", create=OPTIONAL, update=True)


class RecipeRunEvent(Record):
    """One accepted write to a recipe run."""

    id: Integer = field("Primary key.", 3102)
    recipe_run_id: Integer = field("The recipe run.", 1568)
    at: Time = field("When.", "2026-11-24T03:51:01.000000Z")
    actor_bakery_id: BakeryId | None = field(
        "Bakery of the token that wrote; null: an administrator.", "example.bakery"
    )
    actor_token_id: Integer | None = field("Id of that token.", 2)
    status: Status = field("Status after it.", "success")
    message: Message | None = field("Message after it.", "done")


class Dataset(Record):
    """What recipe runs wrote, known by its public URL."""

    id: Integer = field("Primary key, given by the registry and never reused.", 14)
    url: Url = field(
        "Public URL of the store, kept byte for byte.", "gs://bucket/pangeo-forge/gpcp/gpcp.zarr", REQUIRED
    )
    format: Version | None = field("Format of the store.", "zarr", OPTIONAL, update=True)
    title: Title | None = field("Title.", "Global precipitation", OPTIONAL, update=True)
    description: Description | None = field("Description.", "Daily precipitation", OPTIONAL, update=True)
    feedstock_id: FeedstockName | None = field("Feedstock whose recipe wrote it.", "gpcp-feedstock", OPTIONAL)
    recipe_id: Identifier | None = field("Recipe that wrote it.", "gpcp", OPTIONAL)
    bakery_id: BakeryId = field("Bakery that wrote it first, and owns it.", "example.bakery.gcp", OPTIONAL)
    is_test: Boolean = field("Only test runs wrote it.", False, OPTIONAL)
    created_at: Time = field("When it was first recorded here.", "2026-11-24T03:51:01.000000Z")
    updated_at: Time = field("When its record last changed.", "2026-11-24T03:51:01.000000Z")
    revision: Integer = field("Number of its changes, from 1.", 1)
    retracted_at: Time | None = field("When it was retracted.")
    retraction_reason: RetractionReason | None = field(
        "Why: a text retracts it, null takes that back.", None, update=True
    )
    feedstock_repository: Identifier | None = field("Repository of the feedstock.", "pangeo-forge/gpcp-feedstock")
    feedstock_title: Title | None = field("Title of the feedstock.", "Global precipitation")
    license: Description | None = field("Licence of the data, as its feedstock has it.", "CC-BY-4.0")
    license_spdx: Identifier | None = field("SPDX id of the licence, where it is one.", "CC-BY-4.0")
    latest_recipe_run_id: Integer | None = field("The latest run of its owner that wrote it.", 1568)
    latest_recipe_run_status: Status | None = field("How that went.", "success")
    latest_recipe_run_date: Time | None = field("When that ran.", "2026-11-24T03:25:00.000000Z")
    last_success_recipe_run_id: Integer | None = field("The latest of them that succeeded.", 1568)
    last_success_at: Time | None = field("When that ended.", "2026-11-24T03:51:00.000000Z")
    recipe_runs_count: Integer = field("Number of recipe runs that wrote it.", 90)


class DatasetEvent(Record):
    """One accepted write to a dataset."""

    id: Integer = field("Primary key.", 41)
    dataset_id: Integer = field("The dataset.", 14)
    at: Time = field("When.", "2026-11-24T03:51:01.000000Z")
    actor_bakery_id: BakeryId | None = field(
        "Bakery of the token that wrote; null: an administrator.", "example.bakery"
    )
    actor_token_id: Integer | None = field("Id of that token.", 2)
    action: Identifier = field("created, changed, linked (to a recipe run), retracted or restored.", "linked")
    recipe_run_id: Integer | None = field("The recipe run that wrote it.", 1568)
    message: Reason | None = field("What was said of it.", "superseded by version 2")


class LineageRecipeRun(Record):
    """A recipe run in a lineage."""

    id: Integer = field("Id of the recipe run.", 1568)
    recipe_id: Identifier = field("Recipe that was run.", "gpcp")
    run_date: Time = field("When.", "2026-11-24T03:25:00.000000Z")
    bakery_id: BakeryId = field("By which bakery.", "example.bakery.gcp")
    feedstock_id: Identifier = field("Of which feedstock.", "gpcp-feedstock")
    commit: Identifier = field("At which commit.", "27b264a69b")
    status: Status = field("How it went.", "success")
    is_test: Boolean = field("A test run.", False)


class LineageFeedstock(Record):
    """A feedstock in a lineage, at the commit of the latest run."""

    id: Identifier = field("Id of the feedstock.", "gpcp-feedstock")
    repository: Identifier = field("Repository on GitHub.", "pangeo-forge/gpcp-feedstock")
    title: Title | None = field("Title.", "Global precipitation")
    commit: Identifier | None = field("Commit that the latest run was made from.", "27b264a69b")
    license: Description | None = field("Licence of the data, as written.", "CC-BY-4.0")
    license_spdx: Identifier | None = field("SPDX id of the licence, where it is one.", "CC-BY-4.0")


class Lineage(Record):
    """Where a dataset came from: dataset, recipe runs, feedstock, providers."""

    dataset: Dataset = field("The dataset.")
    recipe_runs_count: Integer = field("Number of recipe runs that wrote it.", 90)
    recipe_runs: list[LineageRecipeRun] = field("The latest 100 of them, newest first.")
    feedstock: LineageFeedstock | None = field("The feedstock they came from.")
    providers: list[NestedProvider] = field("The first 100 providers of the source data.")


class SyncRun(Record):
    """One sync with GitHub or with a folder."""

    id: Integer = field("Primary key.", 7)
    source: Source = field("What was read.", "github")
    started_at: Time = field("When it began.", "2026-11-24T03:00:00.000000Z")
    finished_at: Time | None = field(
        "When all of it was saved; null while it is saving, and for ever if it was ended before.",
        "2026-11-24T03:00:09.000000Z",
    )
    commit: Identifier | None = field("Commit of the bakery database.", "27b264a69b")
    added: Integer = field("Feedstocks and bakeries that are new.", 1)
    changed: Integer = field("Feedstocks and bakeries that changed.", 2)
    removed: Integer = field("Feedstocks and bakeries that are gone.", 0)
    unchanged: Integer = field("Feedstocks and bakeries that did not change.", 50)
    problems: Integer = field("Problems in the files that were read.", 4)
    not_fetched: Integer = field("Organisations, repositories and files that could not be fetched.", 0)
    scope: Identifier = field(
        "What it was asked for: all; bakeries or feedstocks, that half of it; named, single repositories or "
        "organisations, as after a push.",
        "all",
    )


class NestedSyncChange(Record):
    """One field that a sync changed, as it stands in its sync."""

    feedstock_id: Identifier | None = field("Feedstock that changed.", "gpcp-feedstock")
    bakery_id: BakeryId | None = field("Bakery that changed.")
    action: Identifier = field("added, changed, removed or restored.", "changed")
    field: Identifier | None = field("Field that changed.", "title")
    old: ChangedValue | None = Field(description="What it was, cut to 10,000 bytes.", examples=["Precipitation"])
    new: ChangedValue | None = Field(description="What it is, cut to 10,000 bytes.", examples=["Global precipitation"])


class SyncChange(NestedSyncChange):
    """One field that a sync changed."""

    id: Integer = Field(description="Primary key.", examples=[11])
    sync_run_id: Integer = Field(description="The sync.", examples=[7])


class SyncRunDetail(SyncRun):
    """One sync with what it changed."""

    changes_count: Integer = field("Number of fields that changed.", 3)
    changes: list[NestedSyncChange] = field("The first 100 of them.")


class RecipeRunsOfDay(Record):
    """Recipe runs of one day, by status."""

    day: Day = field("The day, in UTC.", "2026-11-24")
    recipe_runs: dict[str, int] = field("Number of runs by status.", {"success": 7})


class Stats(Record):
    """Counts of everything, test runs left out."""

    bakeries: Integer = field("Bakeries that were not removed.", 3)
    feedstocks: Integer = field("Feedstocks that were not removed.", 51)
    recipes: Integer = field("Recipes that meta.yaml files list.", 143)
    maintainers: Integer = field("People who maintain feedstocks.", 40)
    datasets: Integer = field("Datasets; no tests, none retracted.", 143)
    recipe_runs: Integer = field("Recipe runs.", 1416)
    problems: Integer = field("Problems in the files.", 4)
    recipe_runs_by_status: dict[str, int] = field("Recipe runs by status.", {"success": 1300, "failure": 116})
    recipe_runs_by_bakery: dict[str, int] = field("Recipe runs by bakery.", {"example.bakery.gcp": 1416})
    from_day: Day = field("First day of the range.", "2026-08-27")
    to_day: Day = field("Last day of the range.", "2026-11-24")
    recipe_runs_by_day: list[RecipeRunsOfDay] = field("Days of the range on which something ran, oldest first.")


class Health(Record):
    """Whether the registry works."""

    status: Identifier = field("ok, or the request is answered with 503.", "ok")
    version: Version = field("Version of the registry.", "0.1.0")
    last_sync_at: Time | None = field(
        "When bakeries.yaml and every feedstock were last synced; pushes in between are not counted.",
        "2026-11-24T03:25:00.000000Z",
    )
    role: Identifier = field("single, primary (it replicates to a store) or replica (it follows one).", "primary")
    replication: Identifier | None = field("starting, ok, failing, broken or conflict; null for a single one.", "ok")
    position: Integer | None = field("The last transaction that is in the store, or on this replica.", 4711)
    replicated_up_to: Time | None = field(
        "What was written by then is in the store, or on this replica.", "2026-11-24T03:25:00.000000Z"
    )
    replicated_seconds_ago: Number | None = field("How long ago that was.", 0.8)


class Snapshot(Record):
    """The whole federation as one SQLite file."""

    name: Identifier = field("Name of the file.", "federation-2026-11-24T032500Z.db")
    url: Url = field("Where the file is.", "https://api.pangeo-forge.org/snapshots/federation-2026-11-24T032500Z.db")
    bytes: int = field("Size of the file.", 1568000)
    sha256: Identifier = field("SHA-256 of the file; its ETag, too.", "0f2c9a7d" * 8)
    created_at: Time = field("The registry as it was then.", "2026-11-24T03:25:00.000000Z")


RECORDS: dict[str, type[Record]] = {record.__name__: record for record in Record.__subclasses__()} | {
    record.__name__: record for parent in Record.__subclasses__() for record in parent.__subclasses__()
}
