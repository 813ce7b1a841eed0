"""The tables of `federation.db`: a baseline, and the migrations that follow it.

Nothing that was released is edited, neither here nor in what the baseline takes from `search_tables.py` and
`roll_ups/`: a change to the tables is a new migration, a function at the end of this file. Views hold no data and have
no migrations; they are in `views.py`.

Every text column has a limit in bytes, so that a whole row stays far below the limit of a reading connection
(`read_connections.py`). The fields of records have the same limits, and a test compares the two.
"""

from sqlite_utils import Database, Migrations

from pangeo_forge_federation.storage import roll_ups, search_tables
from pangeo_forge_federation.storage.database import Baseline, execute_script
from pangeo_forge_federation.storage.status_conditions import CHECK_STATUS, INDEX_UNFINISHED

TIME = "____-__-__T__:__:__.______Z".replace("_", "[0-9]")


def text(name: str, limit: int, rest: str = "") -> str:
    """Return a text column of at most `limit` bytes (SQLite's `length` of text counts characters, of a blob bytes)."""
    return f"{name} text {rest} check (length(cast({name} as blob)) <= {limit})"


def required(name: str, limit: int, rest: str = "") -> str:
    """Return a text column of 1 to `limit` bytes that is not null."""
    return f"{name} text not null {rest} check (length(cast({name} as blob)) between 1 and {limit})"


def time(name: str, rest: str = "") -> str:
    """Return a column for a time in the format of `times.py`.

    The check uses `glob` because `like` also accepts a lower case t and z, which sort differently.
    """
    return f"{name} text {rest} check ({name} glob '{TIME}')"


def boolean(name: str, rest: str = "not null default 0") -> str:
    """Return a column that is 0 or 1, as SQLite has no boolean."""
    return f"{name} integer {rest} check ({name} in (0, 1))"


def bakery_id(constraints: str = "") -> str:
    """Return the column of a row's bakery. It follows when the bakery's id changes."""
    return required("bakery_id", 500, f"collate nocase {constraints} references bakeries (id) on update cascade")


def feedstock_id(constraints: str = "") -> str:
    """Return the column of a row's feedstock. It follows when the feedstock is renamed."""
    return required("feedstock_id", 500, f"collate nocase {constraints} references feedstocks (id) on update cascade")


TABLES = f"""
-- A single row, so that views can use settings.
create table settings (
    id integer primary key check (id = 1),
    stale_after_seconds integer not null default 172800 check (stale_after_seconds > 0)
) strict;
insert into settings (id) values (1);

-- Who runs recipes. A bakery that only has tokens or runs is here too; `listed` is 1 if bakeries.yaml has it.
create table bakeries (
    {required("id", 500, "primary key collate nocase")},
    {text("region", 500)},
    {text("description", 20000)},
    {text("org_website", 4096)},
    {text("cluster_type", 500)},
    {text("pangeo_forge_version", 200)},
    {text("pangeo_notebook_version", 200)},
    {text("prefect_version", 200)},
    {boolean("listed")},
    {text("source_commit", 500)},
    {time("synced_at")},
    {time("removed_at")}
) strict;

-- Where a bakery can write.
create table bakery_targets (
    {bakery_id()},
    {required("name", 500)},
    {text("region", 500)},
    {text("description", 20000)},
    {text("protocol", 500)},
    {text("prefix", 4096)},
    {boolean("anon", "")},
    {boolean("requester_pays", "")},
    {text("endpoint_url", 4096)},
    primary key (bakery_id, name)
) strict;

-- What the meta.yaml of each feedstock's repository says. A feedstock that only has runs is here too, not `listed`.
create table feedstocks (
    {required("id", 500, "primary key collate nocase")},
    {required("repository", 500, "collate nocase")},
    {text("title", 500)},
    {text("description", 20000)},
    {text("license", 20000)},
    {text("license_spdx", 500)},
    {text("license_url", 4096)},
    {text("pangeo_forge_version", 200)},
    {text("bakery_id", 500, "collate nocase")},
    {text('"commit"', 500)},
    {time("committed_at")},
    {text("meta_path", 500)},
    {text("meta_sha", 500)},
    {boolean("archived")},
    {boolean("listed")},
    github_id integer,
    {time("synced_at")},
    {time("removed_at")},
    -- last because it is the largest: the columns before it are read without its overflow pages
    {text("meta", 100000)}
) strict;
create index feedstocks_present on feedstocks (id) where removed_at is null;
create index feedstocks_title on feedstocks (title, id);
create index feedstocks_committed_at on feedstocks (committed_at, id);
create index feedstocks_repository on feedstocks (repository);
create index feedstocks_bakery_id on feedstocks (bakery_id);
create unique index feedstocks_github_id on feedstocks (github_id) where github_id is not null;

-- The names that feedstocks had before they were renamed.
create table feedstock_aliases (
    {required("alias", 500, "primary key collate nocase")},
    {feedstock_id()},
    {time("created_at", "not null")}
) strict;
create index feedstock_aliases_feedstock_id on feedstock_aliases (feedstock_id);

-- The recipes in a meta.yaml. They are marked as removed but never deleted, since runs refer to them by name.
create table recipes (
    id integer primary key,
    {feedstock_id()},
    {text("recipe_id", 500)},
    {text("object", 500)},
    {text("dict_object", 500)},
    position integer not null,
    {time("removed_at")},
    unique (feedstock_id, recipe_id)
) strict;
create index recipes_present on recipes (feedstock_id, position) where removed_at is null;

-- The people in a meta.yaml. All rows of a feedstock are replaced when the file changes.
create table maintainers (
    {feedstock_id()},
    position integer not null,
    {text("github", 500, "collate nocase")},
    {text("name", 500)},
    {text("orcid", 500)},
    primary key (feedstock_id, position)
) strict;
create unique index maintainers_github on maintainers (github, feedstock_id) where github is not null;

-- The data providers in a meta.yaml, replaced like maintainers.
create table providers (
    {feedstock_id()},
    position integer not null,
    {text("name", 500)},
    {text("description", 20000)},
    {text("url", 4096)},
    {text("roles", 20000, "not null default '[]'")},
    primary key (feedstock_id, position)
) strict;

-- The record that this registry exists for. Ids are never reused, hence autoincrement.
create table recipe_runs (
    id integer primary key autoincrement,
    {required("recipe_id", 500)},
    {time("run_date", "not null")},
    {bakery_id()},
    {feedstock_id()},
    {required('"commit"', 500)},
    status text not null {CHECK_STATUS},
    {text("message", 65536)},
    {time("completed_at")},
    {text("version", 200)},
    {boolean("is_test")},
    {text("log_url", 4096)},
    {text("external_id", 500)},
    {time("created_at", "not null")},
    {time("updated_at", "not null")},
    revision integer not null default 1 check (revision > 0)
) strict;
-- Every index ends with the id, so that the first one also serves `order by run_date desc, id desc`.
create index recipe_runs_run_date on recipe_runs (run_date);
create index recipe_runs_bakery_id on recipe_runs (bakery_id, run_date);
create index recipe_runs_feedstock_id on recipe_runs (feedstock_id, run_date);
create index recipe_runs_recipe_id on recipe_runs (recipe_id, feedstock_id, run_date);
create index recipe_runs_status on recipe_runs (status, run_date);
create index recipe_runs_created_at on recipe_runs (created_at);
create index recipe_runs_updated_at on recipe_runs (updated_at);
create unique index recipe_runs_external_id on recipe_runs (bakery_id, external_id) where external_id is not null;
-- The few runs that may be stale.
{INDEX_UNFINISHED}

-- Every accepted write to a run, with who made it.
create table recipe_run_events (
    id integer primary key autoincrement,
    recipe_run_id integer not null references recipe_runs (id),
    {time("at", "not null")},
    {text("actor_bakery_id", 500, "collate nocase")},
    actor_token_id integer,
    status text not null {CHECK_STATUS},
    {text("message", 65536)}
) strict;
create index recipe_run_events_recipe_run_id on recipe_run_events (recipe_run_id);

-- What runs wrote, identified by URL.
create table datasets (
    id integer primary key autoincrement,
    {required("url", 4096, "unique")},
    {text("format", 200)},
    {text("title", 500)},
    {text("description", 20000)},
    {text("feedstock_id", 500, "collate nocase references feedstocks (id) on update cascade")},
    {text("recipe_id", 500)},
    {bakery_id()},
    {boolean("is_test")},
    {time("created_at", "not null")},
    {time("updated_at", "not null")},
    revision integer not null default 1 check (revision > 0),
    {time("retracted_at")},
    {text("retraction_reason", 2000)}
) strict;
create index datasets_feedstock_id on datasets (feedstock_id);
create index datasets_bakery_id on datasets (bakery_id);
create index datasets_created_at on datasets (created_at);
create index datasets_updated_at on datasets (updated_at);

-- Which run wrote which dataset. The run's date is repeated here so that an index finds the latest run of a dataset.
create table recipe_run_datasets (
    recipe_run_id integer not null references recipe_runs (id),
    dataset_id integer not null references datasets (id),
    {time("run_date", "not null")},
    primary key (recipe_run_id, dataset_id)
) strict, without rowid;
create index recipe_run_datasets_dataset_id on recipe_run_datasets (dataset_id, run_date, recipe_run_id);

-- Every accepted write to a dataset, with who made it.
create table dataset_events (
    id integer primary key autoincrement,
    dataset_id integer not null references datasets (id),
    {time("at", "not null")},
    {text("actor_bakery_id", 500, "collate nocase")},
    actor_token_id integer,
    action text not null check (action in ('created', 'changed', 'linked', 'retracted', 'restored')),
    recipe_run_id integer references recipe_runs (id),
    {text("message", 2000)}
) strict;
create index dataset_events_dataset_id on dataset_events (dataset_id);

-- The first response to a write, for retries with the same key. It is not in tokens.db because a commit to two
-- databases in WAL mode is not atomic.
create table idempotency_keys (
    key_sha256 text primary key check (length(key_sha256) = 64),
    request_sha256 text not null check (length(request_sha256) = 64),
    status integer not null,
    kind text not null check (kind in ('recipe_run', 'dataset')),
    {text("ids", 100000, "not null")},
    {time("created_at", "not null")}
) strict;
create index idempotency_keys_created_at on idempotency_keys (created_at);

-- What each sync covered and how many changes it found. One that could not fetch everything has `not_fetched` > 0.
create table sync_runs (
    id integer primary key autoincrement,
    {required("source", 4096)},
    {time("started_at", "not null")},
    {time("finished_at")},
    {text('"commit"', 500)},
    added integer not null default 0,
    changed integer not null default 0,
    removed integer not null default 0,
    unchanged integer not null default 0,
    problems integer not null default 0,
    not_fetched integer not null default 0,
    scope text not null default 'all' check (scope in ('all', 'bakeries', 'feedstocks', 'named'))
) strict;
-- Each push adds a sync of one repository, so the last complete one is far back.
create index sync_runs_scope on sync_runs (scope, not_fetched) where finished_at is not null;
create index sync_runs_commit on sync_runs (id) where "commit" is not null;

-- What a sync changed. The ids have no foreign key, so that rows of a merged feedstock stay.
create table sync_changes (
    id integer primary key autoincrement,
    sync_run_id integer not null references sync_runs (id),
    {text("feedstock_id", 500, "collate nocase")},
    {text("bakery_id", 500, "collate nocase")},
    action text not null check (action in ('added', 'changed', 'removed', 'restored')),
    {text("field", 500)},
    {text("old", 10000)},
    {text("new", 10000)}
) strict;
create index sync_changes_sync_run_id on sync_changes (sync_run_id);
create index sync_changes_feedstock_id on sync_changes (feedstock_id);

-- What is wrong in a meta.yaml or in bakeries.yaml, and where.
create table problems (
    id integer primary key autoincrement,
    {required("repository", 500, "collate nocase")},
    {required("source_file", 500)},
    {text("feedstock_id", 500, "collate nocase references feedstocks (id) on update cascade")},
    {text("bakery_id", 500, "collate nocase references bakeries (id) on update cascade")},
    {text("pointer", 4096, "not null")},
    line integer,
    "column" integer,
    severity text not null check (severity in ('error', 'warning')),
    {required("message", 2000)},
    {text('"commit"', 500)},
    {time("found_at", "not null")},
    -- if the problem is that bakeries.yaml does not have this bakery
    {text("unlisted_bakery_id", 500, "collate nocase")}
) strict;
create index problems_feedstock_id on problems (feedstock_id);
create index problems_repository on problems (repository);

-- Where each meta.yaml names its bakery: a change to bakeries.yaml alone adds and removes problems of these files.
create table named_bakeries (
    {feedstock_id("primary key")},
    {required("bakery_id", 500, "collate nocase")},
    {text("pointer", 4096, "not null")},
    line integer,
    "column" integer
) strict;

-- The version of each file that was last read, even if it could not be understood. A file that an older version of the
-- parser read (`read_by`) is read again.
create table source_files (
    {required("repository", 500, "collate nocase")},
    {required("path", 500)},
    {text("sha", 500)},
    {time("fetched_at", "not null")},
    {text("etag", 500)},
    {text("read_by", 500)},
    primary key (repository, path)
) strict, without rowid;

-- GitHub's last response to each request, with its ETag, so that it is only sent again if it changed: without a token
-- GitHub allows 60 requests an hour.
create table github_answers (
    {required("url", 4096, "primary key")},
    {required("etag", 500)},
    {required("body", 100000)}
) strict;

-- The pushes that GitHub reported. They wait here until their repository is synced.
create table webhook_deliveries (
    {required("delivery_id", 500, "primary key")},
    {text("repository", 500, "collate nocase")},
    {time("received_at", "not null")},
    {time("finished_at")},
    {text("error", 2000)}
) strict;
"""

BASELINE = Baseline(
    "m001_baseline",
    # the migrations before the first release, which made the same tables
    replaces=frozenset(
        {
            "m001_settings",
            "m002_bakeries",
            "m003_feedstocks",
            "m004_recipes_maintainers_providers",
            "m005_recipe_runs",
            "m006_datasets",
            "m007_sync",
            "m008_idempotency_keys",
            "m009_roll_ups",
            "m010_search",
            "m011_github_answers",
            "m012_cheaper_roll_ups",
            "m013_parser_of_source_files",
            "m014_what_a_sync_could_not_fetch",
            "m015_scope_of_syncs",
            "m016_bakeries_that_feedstocks_name",
        }
    ),
)

migrations = Migrations("federation")


@migrations(name=BASELINE.name)
def baseline(db: Database) -> None:
    """Create all tables of version 0.1.0."""
    execute_script(db.conn, TABLES)
    execute_script(db.conn, search_tables.TABLES_AND_TRIGGERS)
    roll_ups.add(db.conn, roll_ups.BASELINE)
