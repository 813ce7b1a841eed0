"""Roll-ups of the latest run of a feedstock or a recipe, and of its latest successful run.

A new run is *offered*: an upsert stores it if it is newer than the stored one. A latest run is *elected*, by an index,
only after the stored one changed. Looking for the latest run at each write instead would read every failure since the
last success. Whether there is a stored run is checked in a `case`: as one of several conditions of a `where`, SQLite
would check it for each candidate.
"""

from pangeo_forge_federation.storage.roll_ups.roll_up import RollUp, column, trigger

# the runs that can be the latest run, and those that can be the latest successful run
OUTCOMES = {"any": "{row}.is_test = 0", "success": "{row}.is_test = 0 and {row}.status = 'success'"}

LATEST_COLUMNS = "feedstock_id, recipe_id, bakery_id, run_date, status, completed_at, is_test"
PLACE_COLUMNS = ("recipe_run_id", "run_date", "status", "completed_at")
# The usual update: a run makes progress or ends. The latest run stays the same; only a success can become a latest one.
IS_PROGRESS = """(
        old.feedstock_id = new.feedstock_id collate binary
        and old.recipe_id = new.recipe_id
        and old.bakery_id = new.bakery_id collate binary
        and old.run_date = new.run_date
        and old.is_test = new.is_test
        and (old.status <> 'success' or new.status = 'success')
    )"""


def latest_runs(table: str, key: tuple[str, ...]) -> RollUp:
    """Return the roll-up `table` of the latest runs of each `key`, which is some columns of recipe_runs."""
    return RollUp(
        table=table,
        create=create(table, key),
        fill="".join(
            fill(table, key, outcome, "recipe_runs", condition.format(row="recipe_runs"))
            for outcome, condition in OUTCOMES.items()
        ),
        triggers=_triggers(table, key),
    )


def create(table: str, key: tuple[str, ...]) -> str:
    """Return the SQL that creates a roll-up of latest runs."""
    definitions = ",\n    ".join(column(name) for name in key)
    # each index makes every write of a run slower: the home page's list of failures needs this one
    index = f"create index {table}_status on {table} (outcome, status, run_date);" if key == ("feedstock_id",) else ""
    return f"""
create table {table} (
    {definitions},
    outcome text not null check (outcome in ('any', 'success')),
    recipe_run_id integer not null,
    run_date text not null,
    status text not null,
    completed_at text,
    primary key ({", ".join(key)}, outcome)
) strict, without rowid;
{index}
"""


def _offer(table: str, key: tuple[str, ...], outcome: str) -> str:
    values = ", ".join(f"new.{name}" for name in key)
    places = ", ".join(f"{name} = excluded.{name}" for name in (*key, *PLACE_COLUMNS))
    return f"""
    insert into {table} ({", ".join(key)}, outcome, {", ".join(PLACE_COLUMNS)})
    select {values}, '{outcome}', new.id, new.run_date, new.status, new.completed_at
    where {OUTCOMES[outcome].format(row="new")}
    on conflict do update set {places}
    where (excluded.run_date, excluded.recipe_run_id) > ({table}.run_date, {table}.recipe_run_id);"""


def _elect(table: str, key: tuple[str, ...], outcome: str) -> str:
    """Delete the stored run if it is the old row, and store the newest candidate that is left."""
    place = " and ".join(f"{name} = old.{name}" for name in key)
    return f"""
    delete from {table} where {place} and outcome = '{outcome}' and recipe_run_id = old.id;
    insert into {table} ({", ".join(key)}, outcome, {", ".join(PLACE_COLUMNS)})
    select {", ".join(key)}, '{outcome}', id, run_date, status, completed_at
    from recipe_runs
    where id = case
        when {OUTCOMES[outcome].format(row="old")}
            and not exists (select 1 from {table} where {place} and outcome = '{outcome}')
        then (
            select id
            from recipe_runs
            where {place} and {OUTCOMES[outcome].format(row="recipe_runs")}
            order by run_date desc, id desc
            limit 1
        )
    end;"""


def _triggers(table: str, key: tuple[str, ...]) -> str:
    offers = "".join(_offer(table, key, outcome) for outcome in OUTCOMES)
    elections = "".join(_elect(table, key, outcome) for outcome in OUTCOMES)
    return (
        trigger(f"{table}_insert", "insert", "recipe_runs", offers)
        + trigger(f"{table}_delete", "delete", "recipe_runs", elections)
        + trigger(
            f"{table}_update", f"update of {LATEST_COLUMNS}", "recipe_runs", elections + offers, f"not {IS_PROGRESS}"
        )
        + trigger(
            f"{table}_go_on",
            f"update of {LATEST_COLUMNS}",
            "recipe_runs",
            update_stored(table, " and ".join(f"{name} = new.{name}" for name in key)) + _offer(table, key, "success"),
            IS_PROGRESS,
        )
    )


def update_stored(table: str, place: str) -> str:
    """Return the SQL that updates the status of a stored run."""
    return f"""
    update {table} set status = new.status, completed_at = new.completed_at
    where {place} and recipe_run_id = new.id;"""


def fill(table: str, key: tuple[str, ...], outcome: str, source: str, condition: str) -> str:
    """Return the SQL that fills a roll-up from the runs in `source`, a from clause, that meet `condition`."""
    return f"""
insert into {table} ({", ".join(key)}, outcome, {", ".join(PLACE_COLUMNS)})
select {", ".join(key)}, '{outcome}', id, run_date, status, completed_at
from (
    select {", ".join(key)}, recipe_runs.id, recipe_runs.run_date, recipe_runs.status, recipe_runs.completed_at,
        row_number() over (
            partition by {", ".join(key)}
            order by recipe_runs.run_date desc, recipe_runs.id desc
        ) as place
    from {source}
    where {condition}
)
where place = 1;
"""
