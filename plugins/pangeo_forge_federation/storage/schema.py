"""The tables of `federation.db`, as numbered migrations. Each says why it is there.

A migration that has been released is never edited: a change is a new function at the end. Every text column has a
bound in bytes, so that a whole row stays far below what a reader's connection accepts (`connections.py`); the same
bounds stand in `fields.py`, and a test compares the two. Views are not here but in `views.py`.
"""

import re

from sqlite_utils import Database, Migrations

from pangeo_forge_federation.storage import roll_ups, search_tables
from pangeo_forge_federation.storage.database import execute_script
from pangeo_forge_federation.storage.status_conditions import CHECK_STATUS, INDEX_UNFINISHED

migrations = Migrations("federation")


def text(name: str, limit: int, rest: str = "") -> str:
    """A text column of at most `limit` bytes (SQLite's `length` counts characters of text, and bytes of a blob)."""
    return f"{name} text {rest} check (length(cast({name} as blob)) <= {limit})"


def required(name: str, limit: int, rest: str = "") -> str:
    """A text column that must be there and not empty."""
    return f"{name} text not null {rest} check (length(cast({name} as blob)) between 1 and {limit})"


def time(name: str, rest: str = "") -> str:
    """A time in the one form of `times.py` (`like` would let small letters through, which sort elsewhere)."""
    return f"{name} text {rest} check ({name} glob '{TIME}')"


def boolean(name: str, rest: str = "not null default 0") -> str:
    """SQLite has no boolean: 0 or 1."""
    return f"{name} integer {rest} check ({name} in (0, 1))"


TIME = "____-__-__T__:__:__.______Z".replace("_", "[0-9]")


@migrations()
def m001_settings(db: Database) -> None:
    """One row of settings, so that views can use them."""
    execute_script(
        db.conn,
        """
        create table settings (
            id integer primary key check (id = 1),
            stale_after_seconds integer not null default 172800 check (stale_after_seconds > 0)
        ) strict;
        insert into settings (id) values (1);
        """,
    )


@migrations()
def m002_bakeries(db: Database) -> None:
    """Who runs recipes. A bakery with a token exists even if no file names it: `listed` tells the two apart."""
    execute_script(
        db.conn,
        f"""
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
        create table bakery_targets (
            {required("bakery_id", 500, "collate nocase references bakeries (id) on update cascade")},
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
        """,
    )


@migrations()
def m003_feedstocks(db: Database) -> None:
    """What each feedstock's repository says of itself, and the names it had before."""
    execute_script(
        db.conn,
        f"""
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
            -- the largest last: what stands before it is read without its overflow pages
            {text("meta", 100000)}
        ) strict;
        create index feedstocks_present on feedstocks (id) where removed_at is null;
        create index feedstocks_title on feedstocks (title, id);
        create index feedstocks_committed_at on feedstocks (committed_at, id);
        create index feedstocks_repository on feedstocks (repository);
        create index feedstocks_bakery_id on feedstocks (bakery_id);
        create unique index feedstocks_github_id on feedstocks (github_id) where github_id is not null;
        create table feedstock_aliases (
            {required("alias", 500, "primary key collate nocase")},
            {required("feedstock_id", 500, "collate nocase references feedstocks (id) on update cascade")},
            {time("created_at", "not null")}
        ) strict;
        create index feedstock_aliases_feedstock_id on feedstock_aliases (feedstock_id);
        """,
    )


@migrations()
def m004_recipes_maintainers_providers(db: Database) -> None:
    """What a `meta.yaml` lists. A recipe is never deleted, since runs name it; people and providers are replaced."""
    feedstock_id = required("feedstock_id", 500, "collate nocase references feedstocks (id) on update cascade")
    execute_script(
        db.conn,
        f"""
        create table recipes (
            id integer primary key,
            {feedstock_id},
            {text("recipe_id", 500)},
            {text("object", 500)},
            {text("dict_object", 500)},
            position integer not null,
            {time("removed_at")},
            unique (feedstock_id, recipe_id)
        ) strict;
        create index recipes_present on recipes (feedstock_id, position) where removed_at is null;
        create table maintainers (
            {feedstock_id},
            position integer not null,
            {text("github", 500, "collate nocase")},
            {text("name", 500)},
            {text("orcid", 500)},
            primary key (feedstock_id, position)
        ) strict;
        create unique index maintainers_github on maintainers (github, feedstock_id) where github is not null;
        create table providers (
            {feedstock_id},
            position integer not null,
            {text("name", 500)},
            {text("description", 20000)},
            {text("url", 4096)},
            {text("roles", 20000, "not null default '[]'")},
            primary key (feedstock_id, position)
        ) strict;
        """,
    )


@migrations()
def m005_recipe_runs(db: Database) -> None:
    """The record that this registry is for, and its history. Ids are never given twice, hence autoincrement.

    An index on a column ends with the id by itself, so that (run_date) serves `order by run_date desc, id desc`.
    """
    execute_script(
        db.conn,
        f"""
        create table recipe_runs (
            id integer primary key autoincrement,
            {required("recipe_id", 500)},
            {time("run_date", "not null")},
            {required("bakery_id", 500, "collate nocase references bakeries (id) on update cascade")},
            {required("feedstock_id", 500, "collate nocase references feedstocks (id) on update cascade")},
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
        create index recipe_runs_run_date on recipe_runs (run_date);
        create index recipe_runs_bakery_id on recipe_runs (bakery_id, run_date);
        create index recipe_runs_feedstock_id on recipe_runs (feedstock_id, run_date);
        create index recipe_runs_recipe_id on recipe_runs (recipe_id, feedstock_id, run_date);
        create index recipe_runs_status on recipe_runs (status, run_date);
        create index recipe_runs_created_at on recipe_runs (created_at);
        create index recipe_runs_updated_at on recipe_runs (updated_at);
        create unique index recipe_runs_external_id on recipe_runs (bakery_id, external_id)
            where external_id is not null;
        -- the few that are not final, for is_stale
        {INDEX_UNFINISHED}
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
        """,
    )


@migrations()
def m006_datasets(db: Database) -> None:
    """What runs wrote, known by URL. A link keeps its run's date, so that the newest writer is found by an index."""
    execute_script(
        db.conn,
        f"""
        create table datasets (
            id integer primary key autoincrement,
            {required("url", 4096, "unique")},
            {text("format", 200)},
            {text("title", 500)},
            {text("description", 20000)},
            {text("feedstock_id", 500, "collate nocase references feedstocks (id) on update cascade")},
            {text("recipe_id", 500)},
            {required("bakery_id", 500, "collate nocase references bakeries (id) on update cascade")},
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
        create table recipe_run_datasets (
            recipe_run_id integer not null references recipe_runs (id),
            dataset_id integer not null references datasets (id),
            {time("run_date", "not null")},
            primary key (recipe_run_id, dataset_id)
        ) strict, without rowid;
        create index recipe_run_datasets_dataset_id on recipe_run_datasets (dataset_id, run_date, recipe_run_id);
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
        """,
    )


@migrations()
def m007_sync(db: Database) -> None:
    """What each sync found and changed, what it could not understand, and the pushes that GitHub told of."""
    execute_script(
        db.conn,
        f"""
        -- the version of each file that was last looked at, understood or not
        create table source_files (
            {required("repository", 500, "collate nocase")},
            {required("path", 500)},
            {text("sha", 500)},
            {time("fetched_at", "not null")},
            primary key (repository, path)
        ) strict, without rowid;
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
            problems integer not null default 0
        ) strict;
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
            {time("found_at", "not null")}
        ) strict;
        create index problems_feedstock_id on problems (feedstock_id);
        create index problems_repository on problems (repository);
        create table webhook_deliveries (
            {required("delivery_id", 500, "primary key")},
            {text("repository", 500, "collate nocase")},
            {time("received_at", "not null")},
            {time("finished_at")},
            {text("error", 2000)}
        ) strict;
        """,
    )


@migrations()
def m008_idempotency_keys(db: Database) -> None:
    """A retry of a write finds the first one. In this database: a commit across two WAL files is not atomic."""
    execute_script(
        db.conn,
        f"""
        create table idempotency_keys (
            key_sha256 text primary key check (length(key_sha256) = 64),
            request_sha256 text not null check (length(request_sha256) = 64),
            status integer not null,
            kind text not null check (kind in ('recipe_run', 'dataset')),
            {text("ids", 100000, "not null")},
            {time("created_at", "not null")}
        ) strict;
        create index idempotency_keys_created_at on idempotency_keys (created_at);
        """,
    )


@migrations()
def m009_roll_ups(db: Database) -> None:
    """Totals and latest runs cost the same at ten million runs as at ten thousand."""
    roll_ups.add(db.conn, 9)


@migrations()
def m010_search(db: Database) -> None:
    """Words of feedstocks and datasets. A feedstock's own rowid may change with `vacuum`, so it gets a number here."""
    execute_script(db.conn, search_tables.TABLES_AND_TRIGGERS)


@migrations()
def m011_github_answers(db: Database) -> None:
    """What GitHub answered last, to be asked for again only if it changed: who has no token has 60 requests an hour."""
    execute_script(
        db.conn,
        f"""
        alter table source_files add column {text("etag", 500)};
        create table github_answers (
            {required("url", 4096, "primary key")},
            {required("etag", 500)},
            {required("body", 100000)}
        ) strict;
        """,
    )


@migrations()
def m012_cheaper_roll_ups(db: Database) -> None:
    """The triggers of roll-ups took four fifths of an insert, and were made again here with fewer indexes behind them.

    Also counted are feedstocks, recipes and the runs of each day, for the statistics. Runs that are not final have an
    index that is taken without statistics: the `+` keeps the condition away from the index on status, which would
    have to sort.
    """
    triggers = "".join(each.triggers for each in roll_ups.added_by(9))
    names = re.findall("create trigger ([a-z_]+)", triggers)
    indexes = [f"latest_runs_by_{each}_recipe_run_id" for each in ("feedstock", "recipe", "dataset")]
    indexes += ["latest_runs_by_recipe_status", "latest_runs_by_dataset_status", "recipe_runs_unfinished"]
    execute_script(db.conn, "".join(f"drop trigger if exists {name};\n" for name in names))
    execute_script(db.conn, "".join(f"drop index if exists {name};\n" for name in indexes))
    execute_script(db.conn, triggers)
    roll_ups.add(db.conn, 12)
    execute_script(db.conn, INDEX_UNFINISHED)


@migrations()
def m013_parser_of_source_files(db: Database) -> None:
    """A version that another parser read is read again: it may have understood less. Of those here nobody knows it."""
    db.conn.execute(f"alter table source_files add column {text('read_by', 500)}")


@migrations()
def m014_what_a_sync_could_not_fetch(db: Database) -> None:
    """A sync that could not have everything is told from one that is whole: what it did not see may have changed."""
    db.conn.execute("alter table sync_runs add column not_fetched integer not null default 0")


@migrations()
def m015_scope_of_syncs(db: Database) -> None:
    """What a sync was asked for: one of a single repository says nothing of the others. All before counted as whole.

    Pushes make many of them, so that the last one of everything is looked up.
    """
    execute_script(
        db.conn,
        """
        alter table sync_runs add column scope text not null default 'all'
            check (scope in ('all', 'bakeries', 'feedstocks', 'named'));
        create index sync_runs_scope on sync_runs (scope, not_fetched) where finished_at is not null;
        create index sync_runs_commit on sync_runs (id) where "commit" is not null;
        """,
    )


@migrations()
def m016_bakeries_that_feedstocks_name(db: Database) -> None:
    """Where each meta.yaml names its bakery, so that a change of bakeries.yaml alone tells which are unknown."""
    execute_script(
        db.conn,
        f"""
        create table named_bakeries (
            {required("feedstock_id", 500, "collate nocase primary key references feedstocks (id) on update cascade")},
            {required("bakery_id", 500, "collate nocase")},
            {text("pointer", 4096, "not null")},
            line integer,
            "column" integer
        ) strict;
        -- of the problems that follow from it: the bakery that is not listed
        alter table problems add column {text("unlisted_bakery_id", 500, "collate nocase")};
        """,
    )
