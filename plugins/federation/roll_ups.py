"""Totals and latest runs, kept by triggers in the same transaction as what they count.

No roll-up carries a foreign key: when a feedstock is renamed, `on update cascade` changes its runs, whose triggers
move the counts; a key besides would move them twice. Where a row is met again under another spelling of an id, it
takes the newest spelling. A count that reaches zero is deleted.

The latest run of a feedstock, a recipe or a dataset is *offered* its place by an insert, which keeps it if it is
newer, and *elected* anew, by an index, only when the run that held the place changed. Looking for the newest at each
write instead would walk over every failure since the last success. That the place is empty is asked in a `case`:
among other conditions of a `where` SQLite asks it of each row, and so walks over all of them to find nobody.
"""

# table: column -> its value of a run
RECIPE_RUN_COUNTS = {
    "recipe_run_counts_by_feedstock": {
        "feedstock_id": "{row}.feedstock_id",
        "is_test": "{row}.is_test",
        "status": "{row}.status",
    },
    "recipe_run_counts_by_bakery": {
        "bakery_id": "{row}.bakery_id",
        "is_test": "{row}.is_test",
        "status": "{row}.status",
    },
    "recipe_run_counts_by_day": {
        "day": "substr({row}.run_date, 1, 10)",
        "bakery_id": "{row}.bakery_id",
        "is_test": "{row}.is_test",
        "status": "{row}.status",
    },
}
# table: column -> its value of a dataset; those that lists show by default are counted
DATASET_COUNTS = {
    "dataset_counts_by_feedstock": {"feedstock_id": "{row}.feedstock_id"},
    "dataset_counts_by_bakery": {"bakery_id": "{row}.bakery_id"},
}
COUNTED_DATASET = "{row}.is_test = 0 and {row}.retracted_at is null and {row}.feedstock_id is not null"
COUNTED_DATASET_OF_BAKERY = "{row}.is_test = 0 and {row}.retracted_at is null"
RECIPE_RUNS_OF_DATASET = {"dataset_id": "{row}.dataset_id"}
FEEDSTOCKS_OF_MAINTAINER = {"github": "{row}.github"}

# table: the columns whose latest run it keeps
LATEST_RUNS = {
    "latest_runs_by_feedstock": ("feedstock_id",),
    "latest_runs_by_recipe": ("feedstock_id", "recipe_id"),
}
# which runs are candidates for the latest of all, and for the latest that succeeded
OUTCOMES = {"any": "{row}.is_test = 0", "success": "{row}.is_test = 0 and {row}.status = 'success'"}

# The same of all bakeries together: the statistics would else add up a hundred thousand rows.
RECIPE_RUNS_BY_DAY_AND_STATUS = {
    "day": "substr({row}.run_date, 1, 10)",
    "is_test": "{row}.is_test",
    "status": "{row}.status",
}
# table: what it counts, those that are there apart from those that were removed
COUNTS_BY_PRESENCE = {
    "feedstock_counts_by_presence": "feedstocks",
    "recipe_counts_by_presence": "recipes",
}
PRESENCE = {"is_removed": "({row}.removed_at is not null)"}

COUNTED_COLUMNS = "feedstock_id, bakery_id, run_date, status, is_test"
LATEST_COLUMNS = "feedstock_id, recipe_id, bakery_id, run_date, status, completed_at, is_test"
PLACE_COLUMNS = ("recipe_run_id", "run_date", "status", "completed_at")
# The usual change of a run: it goes on, or ends. Who holds which place then stays as it is, but for a first success.
GOES_ON = """(
        old.feedstock_id = new.feedstock_id collate binary
        and old.recipe_id = new.recipe_id
        and old.bakery_id = new.bakery_id collate binary
        and old.run_date = new.run_date
        and old.is_test = new.is_test
        and (old.status <> 'success' or new.status = 'success')
    )"""


def column(name: str) -> str:
    """The definition of a roll-up's column, typed and collated as the column that it counts."""
    kind = "integer" if name in ("is_test", "dataset_id", "is_removed") else "text"
    collate = " collate nocase" if name in ("feedstock_id", "bakery_id", "github") else ""
    return f"{name} {kind} not null{collate}"


def count_table(table: str, columns: dict[str, str], count: str) -> str:
    definitions = ",\n    ".join(column(name) for name in columns)
    return f"""
create table {table} (
    {definitions},
    {count} integer not null check ({count} > 0),
    primary key ({", ".join(columns)})
) strict, without rowid;
"""


def latest_table(table: str, key: tuple[str, ...]) -> str:
    definitions = ",\n    ".join(column(name) for name in key)
    # each index costs every write of a run: there is but the one that the home page's list of failures needs
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


def add_one(table: str, columns: dict[str, str], count: str, row: str, condition: str = "1") -> str:
    values = ", ".join(value.format(row=row) for value in columns.values())
    spelling = "".join(f", {name} = excluded.{name}" for name in columns if "nocase" in column(name))
    return f"""
    insert into {table} ({", ".join(columns)}, {count})
    select {values}, 1
    where {condition.format(row=row)}
    on conflict do update set {count} = {count} + 1{spelling};"""


def take_one(table: str, columns: dict[str, str], count: str, row: str, condition: str = "1") -> str:
    place = " and ".join(f"{name} = {value.format(row=row)}" for name, value in columns.items())
    where = f"{place} and {condition.format(row=row)}"
    return f"""
    delete from {table} where {where} and {count} = 1;
    update {table} set {count} = {count} - 1 where {where} and {count} > 1;"""


def trigger(name: str, event: str, table: str, body: str, when: str = "") -> str:
    condition = f"\nwhen {when}" if when else ""
    return f"\ncreate trigger {name} after {event} on {table}{condition}\nbegin{body}\nend;\n"


def counting_triggers(
    table: str, columns: dict[str, str], count: str, source: str, changes: str, condition: str = "1"
) -> str:
    """The three triggers that keep one count of the rows of `source`."""
    new = add_one(table, columns, count, "new", condition)
    old = take_one(table, columns, count, "old", condition)
    return (
        trigger(f"{table}_insert", "insert", source, new)
        + trigger(f"{table}_delete", "delete", source, old)
        + trigger(f"{table}_update", f"update of {changes}", source, old + new)
    )


def offer(table: str, key: tuple[str, ...], outcome: str) -> str:
    values = ", ".join(f"new.{name}" for name in key)
    places = ", ".join(f"{name} = excluded.{name}" for name in (*key, *PLACE_COLUMNS))
    return f"""
    insert into {table} ({", ".join(key)}, outcome, {", ".join(PLACE_COLUMNS)})
    select {values}, '{outcome}', new.id, new.run_date, new.status, new.completed_at
    where {OUTCOMES[outcome].format(row="new")}
    on conflict do update set {places}
    where (excluded.run_date, excluded.recipe_run_id) > ({table}.run_date, {table}.recipe_run_id);"""


def elect(table: str, key: tuple[str, ...], outcome: str) -> str:
    """Take the place from the old row if it held it, and give it to the newest candidate that is left."""
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


def latest_triggers(table: str, key: tuple[str, ...]) -> str:
    offers = "".join(offer(table, key, outcome) for outcome in OUTCOMES)
    elections = "".join(elect(table, key, outcome) for outcome in OUTCOMES)
    return (
        trigger(f"{table}_insert", "insert", "recipe_runs", offers)
        + trigger(f"{table}_delete", "delete", "recipe_runs", elections)
        + trigger(f"{table}_update", f"update of {LATEST_COLUMNS}", "recipe_runs", elections + offers, f"not {GOES_ON}")
        + trigger(
            f"{table}_go_on",
            f"update of {LATEST_COLUMNS}",
            "recipe_runs",
            go_on(table, " and ".join(f"{name} = new.{name}" for name in key)) + offer(table, key, "success"),
            GOES_ON,
        )
    )


def go_on(table: str, place: str) -> str:
    """Tell the places that a run holds how it stands now."""
    return f"""
    update {table} set status = new.status, completed_at = new.completed_at
    where {place} and recipe_run_id = new.id;"""


# SQLite does not say which of two triggers fires first, so this is the first statement of the one that needs it.
MOVE_LINKS = """
    update recipe_run_datasets set run_date = new.run_date
    where recipe_run_id = new.id and run_date <> new.run_date;"""

# Of the runs that wrote a dataset its owner's count, and tests only as long as there is nothing else.
DATASET_CANDIDATE = """{run}.bakery_id = datasets.bakery_id
        and {run}.is_test <= datasets.is_test
        and ('{outcome}' = 'any' or {run}.status = 'success')"""


def offer_to_datasets(outcome: str, run: str, links: str) -> str:
    places = ", ".join(f"{name} = excluded.{name}" for name in PLACE_COLUMNS)
    return f"""
    insert into latest_runs_by_dataset (dataset_id, outcome, {", ".join(PLACE_COLUMNS)})
    select datasets.id, '{outcome}', runs.id, runs.run_date, runs.status, runs.completed_at
    from recipe_runs as runs, datasets
    where runs.id = {run}
        and datasets.id in ({links})
        and {DATASET_CANDIDATE.format(run="runs", outcome=outcome)}
    on conflict do update set {places}
    where (excluded.run_date, excluded.recipe_run_id)
        > (latest_runs_by_dataset.run_date, latest_runs_by_dataset.recipe_run_id);"""


def elect_for_datasets(outcome: str, datasets: str, held_by: str, condition: str = "1") -> str:
    return f"""
    delete from latest_runs_by_dataset
    where dataset_id in ({datasets}) and outcome = '{outcome}'{held_by};
    insert into latest_runs_by_dataset (dataset_id, outcome, {", ".join(PLACE_COLUMNS)})
    select datasets.id, '{outcome}', elected.id, elected.run_date, elected.status, elected.completed_at
    from datasets, recipe_runs as elected
    where datasets.id in ({datasets})
        and elected.id = case
            when {condition}
                and not exists (
                    select 1 from latest_runs_by_dataset
                    where dataset_id = datasets.id and outcome = '{outcome}'
                )
            then (
                select runs.id
                from recipe_run_datasets as links, recipe_runs as runs
                where links.dataset_id = datasets.id
                    and runs.id = links.recipe_run_id
                    and {DATASET_CANDIDATE.format(run="runs", outcome=outcome)}
                order by links.run_date desc, links.recipe_run_id desc
                limit 1
            )
        end;"""


def dataset_triggers() -> str:
    of_run = "select dataset_id from recipe_run_datasets where recipe_run_id = {row}.id"
    return (
        trigger(
            "latest_runs_by_dataset_link",
            "insert",
            "recipe_run_datasets",
            "".join(offer_to_datasets(outcome, "new.recipe_run_id", "new.dataset_id") for outcome in OUTCOMES),
        )
        + trigger(
            "latest_runs_by_dataset_unlink",
            "delete",
            "recipe_run_datasets",
            "".join(
                elect_for_datasets(outcome, "old.dataset_id", " and recipe_run_id = old.recipe_run_id")
                for outcome in OUTCOMES
            ),
        )
        + trigger(
            "latest_runs_by_dataset_update",
            f"update of {LATEST_COLUMNS}",
            "recipe_runs",
            MOVE_LINKS
            + "".join(
                # only who was a candidate leaves the place empty: without this, a dataset that never succeeded
                # would have all its runs looked at again by each write
                elect_for_datasets(
                    outcome,
                    of_run.format(row="old"),
                    " and recipe_run_id = old.id",
                    DATASET_CANDIDATE.format(run="old", outcome=outcome),
                )
                + offer_to_datasets(outcome, "new.id", of_run.format(row="new"))
                for outcome in OUTCOMES
            ),
            f"not {GOES_ON}",
        )
        + trigger(
            "latest_runs_by_dataset_go_on",
            f"update of {LATEST_COLUMNS}",
            "recipe_runs",
            go_on("latest_runs_by_dataset", f"dataset_id in ({of_run.format(row='new')})")
            + offer_to_datasets("success", "new.id", of_run.format(row="new")),
            GOES_ON,
        )
        + trigger(
            "latest_runs_by_dataset_owner",
            "update of bakery_id, is_test",
            "datasets",
            "".join(elect_for_datasets(outcome, "old.id", "") for outcome in OUTCOMES),
        )
    )


TABLES = (
    "".join(count_table(table, columns, "recipe_runs") for table, columns in RECIPE_RUN_COUNTS.items())
    + "".join(count_table(table, columns, "datasets") for table, columns in DATASET_COUNTS.items())
    + count_table("recipe_run_counts_by_dataset", RECIPE_RUNS_OF_DATASET, "recipe_runs")
    + count_table("feedstock_counts_by_maintainer", FEEDSTOCKS_OF_MAINTAINER, "feedstocks")
    + "".join(latest_table(table, key) for table, key in LATEST_RUNS.items())
    + latest_table("latest_runs_by_dataset", ("dataset_id",))
)

TRIGGERS = (
    "".join(
        counting_triggers(table, columns, "recipe_runs", "recipe_runs", COUNTED_COLUMNS)
        for table, columns in RECIPE_RUN_COUNTS.items()
    )
    + counting_triggers(
        "dataset_counts_by_feedstock",
        DATASET_COUNTS["dataset_counts_by_feedstock"],
        "datasets",
        "datasets",
        "feedstock_id, is_test, retracted_at",
        COUNTED_DATASET,
    )
    + counting_triggers(
        "dataset_counts_by_bakery",
        DATASET_COUNTS["dataset_counts_by_bakery"],
        "datasets",
        "datasets",
        "bakery_id, is_test, retracted_at",
        COUNTED_DATASET_OF_BAKERY,
    )
    + counting_triggers(
        "recipe_run_counts_by_dataset",
        RECIPE_RUNS_OF_DATASET,
        "recipe_runs",
        "recipe_run_datasets",
        "dataset_id",
    )
    + counting_triggers(
        "feedstock_counts_by_maintainer",
        FEEDSTOCKS_OF_MAINTAINER,
        "feedstocks",
        "maintainers",
        "github",
        "{row}.github is not null",
    )
    + "".join(latest_triggers(table, key) for table, key in LATEST_RUNS.items())
    + dataset_triggers()
)


def fill_count(table: str, columns: dict[str, str], count: str, source: str, condition: str = "1") -> str:
    values = ", ".join(value.format(row=source) for value in columns.values())
    return f"""
insert into {table} ({", ".join(columns)}, {count})
select {values}, count(*)
from {source}
where {condition.format(row=source)}
group by {values};
"""


def fill_latest(table: str, key: tuple[str, ...], outcome: str, source: str, condition: str) -> str:
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


LINKED_RUNS = """recipe_run_datasets
    join recipe_runs on recipe_runs.id = recipe_run_datasets.recipe_run_id
    join datasets on datasets.id = recipe_run_datasets.dataset_id"""

# What the triggers would have kept of the rows that are there already.
FILL = (
    "".join(fill_count(table, columns, "recipe_runs", "recipe_runs") for table, columns in RECIPE_RUN_COUNTS.items())
    + fill_count(
        "dataset_counts_by_feedstock",
        DATASET_COUNTS["dataset_counts_by_feedstock"],
        "datasets",
        "datasets",
        COUNTED_DATASET,
    )
    + fill_count(
        "dataset_counts_by_bakery",
        DATASET_COUNTS["dataset_counts_by_bakery"],
        "datasets",
        "datasets",
        COUNTED_DATASET_OF_BAKERY,
    )
    + fill_count("recipe_run_counts_by_dataset", RECIPE_RUNS_OF_DATASET, "recipe_runs", "recipe_run_datasets")
    + fill_count(
        "feedstock_counts_by_maintainer",
        FEEDSTOCKS_OF_MAINTAINER,
        "feedstocks",
        "maintainers",
        "{row}.github is not null",
    )
    + "".join(
        fill_latest(table, key, outcome, "recipe_runs", condition.format(row="recipe_runs"))
        for table, key in LATEST_RUNS.items()
        for outcome, condition in OUTCOMES.items()
    )
    + "".join(
        fill_latest(
            "latest_runs_by_dataset",
            ("dataset_id",),
            outcome,
            LINKED_RUNS,
            DATASET_CANDIDATE.format(run="recipe_runs", outcome=outcome),
        )
        for outcome in OUTCOMES
    )
)

# what came with migration 12
ADDED_TABLES = "".join(
    count_table(table, PRESENCE, count) for table, count in COUNTS_BY_PRESENCE.items()
) + count_table("recipe_run_counts_by_day_and_status", RECIPE_RUNS_BY_DAY_AND_STATUS, "recipe_runs")
ADDED_TRIGGERS = "".join(
    counting_triggers(table, PRESENCE, count, count, "removed_at") for table, count in COUNTS_BY_PRESENCE.items()
) + counting_triggers(
    "recipe_run_counts_by_day_and_status", RECIPE_RUNS_BY_DAY_AND_STATUS, "recipe_runs", "recipe_runs", COUNTED_COLUMNS
)
