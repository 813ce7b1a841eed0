"""Create a made-up federation of any size with SQL, for the benchmarks.

Runs are inserted without their indexes and triggers, which are created again afterwards as in the migrations. The
roll-ups, which the triggers would have updated, are then counted from the runs. So ten million runs take minutes rather
than hours.
"""

import sqlite3
from pathlib import Path

from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, execute_script, transaction
from pangeo_forge_federation.storage.roll_ups import ROLL_UPS

BAKERIES = 12
DAYS = 1000
# the newest run is an hour old, so that none is in the future
NEWEST_HOURS_AGO = 1
FILLED_TABLES = ("recipe_runs", "recipe_run_datasets", "recipe_run_events", "datasets")

NUMBERS = "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < {count})"
MOMENT = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-{hours} hours', '-' || ({seconds}) || ' seconds')"


def feedstock_count(runs: int) -> int:
    """Return the number of feedstocks: 25,000 for ten million runs, about as many as conda-forge has."""
    return max(100, min(25_000, runs // 400))


def fill(data: Path, runs: int) -> None:
    """Fill an empty data folder: bakeries, feedstocks with recipes, runs of the last 1,000 days, a dataset a recipe."""
    prepare(data)
    connection = connect(database_path(data, FEDERATION))
    try:
        connection.execute("pragma synchronous = off")
        connection.execute("pragma foreign_keys = off")
        connection.execute("pragma cache_size = -200000")
        with transaction(connection):
            _fill_feedstocks(connection, feedstock_count(runs))
            aside = _set_aside(connection)
            _fill_runs(connection, runs)
            _fill_roll_ups(connection)
            for statement in aside:
                connection.execute(statement)
        connection.execute("pragma wal_checkpoint(truncate)")
    finally:
        connection.close()


def _fill_feedstocks(connection: sqlite3.Connection, count: int) -> None:
    execute_script(
        connection,
        f"""
        {NUMBERS.format(count=BAKERIES)}
        insert into bakeries (id, region, description, listed)
        select 'bakery-' || n || '.gcp.us-central1', 'gcp.us-central1', 'Bakery number ' || n, 1
        from numbers;
        {NUMBERS.format(count=count)}
        insert into feedstocks (
            id, repository, title, description, license, license_spdx, bakery_id, "commit", committed_at,
            listed, synced_at, meta
        )
        select
            'feedstock-' || n,
            'pangeo-forge/feedstock-' || n,
            'Daily fields of variable ' || n,
            'Analysis-ready daily fields of variable ' || n || ', regridded and chunked for time series.',
            'CC-BY-4.0',
            'CC-BY-4.0',
            'bakery-' || (1 + n % {BAKERIES}) || '.gcp.us-central1',
            lower(hex(randomblob(20))),
            {MOMENT.format(hours=48, seconds="n * 600")},
            1,
            {MOMENT.format(hours=2, seconds="n % 3600")},
            json_object('title', 'Daily fields of variable ' || n, 'pangeo_forge_version', '0.9.0',
                        'recipes', json_array(json_object('id', 'daily', 'object', 'recipe:daily')))
        from numbers;
        insert into recipes (feedstock_id, recipe_id, object, position)
        select feedstocks.id, each.value, 'recipe:' || each.value, each.key
        from feedstocks, json_each('["daily", "monthly", "climatology"]') as each;
        insert into maintainers (feedstock_id, position, github, name)
        select id, 0, 'maintainer-' || (rowid % 1000), 'Maintainer ' || (rowid % 1000)
        from feedstocks;
        insert into providers (feedstock_id, position, name, url, roles)
        select id, 0, 'Example Survey Office', 'https://example.org', '["producer"]'
        from feedstocks;
        """,
    )


def _set_aside(connection: sqlite3.Connection) -> list[str]:
    """Drop the indexes and triggers of the large tables: the statements that make them again."""
    tables = ", ".join(f"'{table}'" for table in FILLED_TABLES)
    found = connection.execute(
        f"select type, name, sql from sqlite_master where tbl_name in ({tables}) and type in ('index', 'trigger') "
        "and sql is not null"
    ).fetchall()
    for row in found:
        connection.execute(f"drop {row['type']} {row['name']}")
    return [row["sql"] for row in found]


def _fill_runs(connection: sqlite3.Connection, runs: int) -> None:
    seconds = f"cast(({runs} - n) * {DAYS * 86400.0} / {runs} as integer)"
    execute_script(
        connection,
        f"""
        {NUMBERS.format(count=runs)},
        drawn as (
            select n, abs(random()) as chance, 1 + abs(random()) % {feedstock_count(runs)} as feedstock,
                {MOMENT.format(hours=NEWEST_HOURS_AGO, seconds=seconds)} as moment
            from numbers
        )
        insert into recipe_runs (
            recipe_id, run_date, bakery_id, feedstock_id, "commit", status, message, completed_at, version, is_test,
            log_url, external_id, created_at, updated_at
        )
        select
            case chance % 3 when 0 then 'daily' when 1 then 'monthly' else 'climatology' end,
            moment,
            'bakery-' || (1 + feedstock % {BAKERIES}) || '.gcp.us-central1',
            'feedstock-' || feedstock,
            lower(hex(randomblob(20))),
            case
                when n > {runs} - 40 and n % 4 = 0 then 'in_progress'
                when chance % 100 < 78 then 'success'
                when chance % 100 < 94 then 'failure'
                when chance % 100 < 97 then 'timed_out'
                else 'cancelled'
            end,
            case when chance % 100 >= 78 then 'ValueError: dimension time of source file ' || n || ' has length 0' end,
            case when not (n > {runs} - 40 and n % 4 = 0) then moment end,
            '0.10.4',
            chance % 20 = 0,
            'https://logs.example.org/runs/' || n,
            n || '/1/daily',
            moment,
            moment
        from drawn;
        insert into datasets (url, format, title, feedstock_id, recipe_id, bakery_id, created_at, updated_at)
        select
            'gs://bucket/pangeo-forge/' || recipes.feedstock_id || '/' || recipes.recipe_id || '.zarr',
            'zarr',
            feedstocks.title,
            recipes.feedstock_id,
            recipes.recipe_id,
            feedstocks.bakery_id,
            feedstocks.committed_at,
            feedstocks.committed_at
        from recipes
        join feedstocks on feedstocks.id = recipes.feedstock_id;
        insert into datasets_fts (rowid, url, title) select id, url, title from datasets;
        create temp table numbers_of_datasets as select feedstock_id, recipe_id, id from datasets;
        create index temp.numbers_of_datasets_key on numbers_of_datasets (feedstock_id, recipe_id, id);
        insert into recipe_run_datasets (recipe_run_id, dataset_id, run_date)
        select recipe_runs.id, numbers_of_datasets.id, recipe_runs.run_date
        from recipe_runs
        join numbers_of_datasets using (feedstock_id, recipe_id)
        where recipe_runs.status = 'success' and recipe_runs.is_test = 0;
        drop table numbers_of_datasets;
        insert into recipe_run_events (recipe_run_id, at, actor_bakery_id, actor_token_id, status, message)
        select id, created_at, bakery_id, 1, status, message
        from recipe_runs;
        """,
    )


def _fill_roll_ups(connection: sqlite3.Connection) -> None:
    for each in ROLL_UPS:
        # those of tables whose triggers were not set aside are right already, and counted again all the same
        connection.execute(f"delete from {each.table}")
        execute_script(connection, each.fill)
