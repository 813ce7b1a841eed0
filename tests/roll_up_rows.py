"""The roll-ups as `group by` finds them, and rows that fill them."""

import itertools

from database_rows import insert

STATUSES = ("queued", "in_progress", "success", "failure", "cancelled")
ALPHA, BETA, GAMMA = "alpha-feedstock", "beta-feedstock", "gamma-feedstock"
EAST, WEST = "east.bakery", "west.bakery"

NEWEST = """
    select {key}, '{outcome}', id, run_date, status, completed_at
    from (
        select {key}, id, run_date, status, completed_at,
            row_number() over (partition by {key} order by run_date desc, id desc) as place
        from {source}
        where {condition}
    )
    where place = 1
"""
RUNS_OF_DATASETS = """(
        select links.dataset_id, runs.*
        from recipe_run_datasets as links
        join recipe_runs as runs on runs.id = links.recipe_run_id
        join datasets on datasets.id = links.dataset_id
        where runs.bakery_id = datasets.bakery_id and (datasets.is_test = 1 or runs.is_test = 0)
    )"""


def newest(key, source, condition):
    success = f"{condition} and status = 'success'"
    return " union all ".join(
        NEWEST.format(key=key, outcome=outcome, source=source, condition=where)
        for outcome, where in (("any", condition), ("success", success))
    )


# roll-up: the same from the rows that it is about
EXPECTED = {
    "recipe_run_counts_by_feedstock": """
        select feedstock_id, is_test, status, count(*) from recipe_runs group by feedstock_id, is_test, status
    """,
    "recipe_run_counts_by_bakery": """
        select bakery_id, is_test, status, count(*) from recipe_runs group by bakery_id, is_test, status
    """,
    "recipe_run_counts_by_day": """
        select substr(run_date, 1, 10) as day, bakery_id, is_test, status, count(*)
        from recipe_runs
        group by day, bakery_id, is_test, status
    """,
    "recipe_run_counts_by_day_and_status": """
        select substr(run_date, 1, 10) as day, is_test, status, count(*)
        from recipe_runs
        group by day, is_test, status
    """,
    "feedstock_counts_by_presence": """
        select removed_at is not null as is_removed, count(*) from feedstocks group by is_removed
    """,
    "recipe_counts_by_presence": """
        select removed_at is not null as is_removed, count(*) from recipes group by is_removed
    """,
    "recipe_run_counts_by_dataset": "select dataset_id, count(*) from recipe_run_datasets group by dataset_id",
    "dataset_counts_by_feedstock": """
        select feedstock_id, count(*)
        from datasets
        where is_test = 0 and retracted_at is null and feedstock_id is not null
        group by feedstock_id
    """,
    "dataset_counts_by_bakery": """
        select bakery_id, count(*) from datasets where is_test = 0 and retracted_at is null group by bakery_id
    """,
    "feedstock_counts_by_maintainer": """
        select github, count(distinct feedstock_id) from maintainers where github is not null group by github
    """,
    "latest_runs_by_feedstock": newest("feedstock_id", "recipe_runs", "is_test = 0"),
    "latest_runs_by_recipe": newest("feedstock_id, recipe_id", "recipe_runs", "is_test = 0"),
    "latest_runs_by_dataset": newest("dataset_id", RUNS_OF_DATASETS, "1"),
}


def check(connection, spelling=True):
    """Compare every roll-up with its rows; with `spelling` as ids are written, else ignoring their case.

    People's names are always compared ignoring it: each feedstock may spell them in its own way.
    """
    for table, sql in EXPECTED.items():
        names = [row["name"] for row in connection.execute(f"pragma table_info({table})")]

        def comparable(row, names=names):
            return tuple(
                value.lower() if name == "github" or (not spelling and name in ("feedstock_id", "bakery_id")) else value
                for name, value in zip(names, tuple(row), strict=True)
            )

        kept = sorted(map(comparable, connection.execute(f"select * from {table}")), key=repr)
        counted = sorted(map(comparable, connection.execute(sql)), key=repr)
        assert kept == counted, table
    astray = connection.execute(
        """
        select count(*)
        from recipe_run_datasets as links
        join recipe_runs on recipe_runs.id = links.recipe_run_id
        where links.run_date <> recipe_runs.run_date
        """
    ).fetchone()[0]
    assert astray == 0, "a link has its run's date"


def kept(connection, sql):
    return [tuple(row) for row in connection.execute(sql)]


def time(day, hour=0):
    return f"2026-{1 + day // 28:02}-{1 + day % 28:02}T{hour:02}:00:00.000000Z"


def add_run(connection, day=0, **changes):
    at = time(day)
    values = {
        "recipe_id": "daily",
        "run_date": at,
        "bakery_id": EAST,
        "feedstock_id": ALPHA,
        "commit": "27b264a6",
        "status": "success",
        "created_at": at,
        "updated_at": at,
    }
    return insert(connection, "recipe_runs", **values | changes)


urls = itertools.count()


def add_dataset(connection, **changes):
    values = {"bakery_id": EAST, "feedstock_id": ALPHA, "created_at": time(0), "updated_at": time(0)}
    return insert(connection, "datasets", url=f"gs://bucket/{next(urls)}.zarr", **values | changes)


def link(connection, run_id, dataset_id):
    connection.execute(
        """
        insert or ignore into recipe_run_datasets (recipe_run_id, dataset_id, run_date)
        select id, ?, run_date from recipe_runs where id = ?
        """,
        [dataset_id, run_id],
    )


def rename(connection, old, new):
    return connection.execute("update feedstocks set id = ? where id = ?", [new, old]).rowcount


def merge(connection, old, new):
    """What two rows of one feedstock become: all that names the old one names the new one, and the old one goes."""
    for table in ("maintainers", "recipes", "providers", "problems"):
        connection.execute(f"delete from {table} where feedstock_id = ?", [old])
    for table in ("recipe_runs", "datasets", "feedstock_aliases"):
        connection.execute(f"update {table} set feedstock_id = ? where feedstock_id = ?", [new, old])
    connection.execute("delete from feedstocks where id = ?", [old])


def steps_of(connection, *arguments):
    """About how much work a statement is, in steps of SQLite's machine."""
    steps = 0

    def count():
        nonlocal steps
        steps += 10

    connection.set_progress_handler(count, 10)
    connection.execute(*arguments)
    connection.set_progress_handler(None, 0)
    return steps
