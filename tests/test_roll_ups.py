"""What triggers keep equals what `group by` finds, whatever happens to the rows that are counted."""

import itertools
import random
import re
import sys
from contextlib import closing

import pytest
from federation import roll_ups
from federation.database import FEDERATION, connect, database_path, transaction
from federation.roll_ups import ROLL_UPS
from federation.settings import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(ROOT / "scripts"))
from benchmark_database import fill

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


def insert(connection, table, **values):
    columns = ", ".join(f'"{name}"' for name in values)
    places = ", ".join("?" * len(values))
    return connection.execute(f"insert into {table} ({columns}) values ({places})", [*values.values()]).lastrowid


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


@pytest.fixture
def parents(connection):
    """A connection to a database with three feedstocks and two bakeries."""
    for feedstock in (ALPHA, BETA, GAMMA):
        insert(connection, "feedstocks", id=feedstock, repository=f"pangeo-forge/{feedstock}")
    for bakery in (EAST, WEST):
        insert(connection, "bakeries", id=bakery)
    return connection


@pytest.fixture
def peopled(parents):
    """The same with runs, datasets, links and maintainers of each sort."""
    random_ = random.Random(8)
    with transaction(parents):
        for day in range(90):
            add_run(
                parents,
                day % 30,
                feedstock_id=random_.choice([ALPHA, BETA]),
                bakery_id=random_.choice([EAST, WEST]),
                recipe_id=random_.choice(["daily", "Daily", "monthly"]),
                status=random_.choice(STATUSES),
                is_test=int(random_.random() < 0.3),
            )
        for number in range(12):
            dataset = add_dataset(
                parents,
                feedstock_id=random_.choice([ALPHA, BETA, None]),
                bakery_id=random_.choice([EAST, WEST]),
                is_test=number % 2,
                retracted_at=random_.choice([None, None, time(1)]),
            )
            for run in random_.sample(range(1, 91), 20):
                link(parents, run, dataset)
        for feedstock, people in ((ALPHA, ["robin-sample", "Sam-Example"]), (BETA, ["ROBIN-sample", None])):
            for position, github in enumerate(people):
                insert(parents, "maintainers", feedstock_id=feedstock, position=position, github=github)
            for position, removed_at in enumerate([None, time(1), None]):
                recipe = {"recipe_id": f"recipe-{position}", "position": position, "removed_at": removed_at}
                insert(parents, "recipes", feedstock_id=feedstock, **recipe)
        insert(parents, "feedstocks", id="removed-feedstock", repository="home/removed-feedstock", removed_at=time(1))
    return parents


# Whatever happens


CHOICE = st.integers(0, 11)


def _pick(connection, sql, choice):
    found = kept(connection, sql)
    return found[choice % len(found)][0] if found else None


def _feedstock(connection, choice):
    return _pick(connection, "select id from feedstocks order by repository", choice)


def _bakery(connection, choice):
    return _pick(connection, "select id from bakeries order by region", choice)


def _run(connection, choice):
    return _pick(connection, "select id from recipe_runs order by id", choice)


def _dataset(connection, choice):
    return _pick(connection, "select id from datasets order by id", choice)


def _insert_run(connection, a, b, c):
    add_run(
        connection,
        a % 4,
        feedstock_id=_feedstock(connection, b),
        bakery_id=_bakery(connection, a),
        recipe_id=("daily", "Daily")[c % 2],
        status=STATUSES[b % 5],
        is_test=c // 2 % 2,
        completed_at=(None, time(5))[a % 2],
    )


def _insert_misspelt_run(connection, a, b, c):
    add_run(connection, a % 4, feedstock_id=_feedstock(connection, b).upper(), bakery_id=_bakery(connection, c).upper())


def _update_run(connection, a, b, c):
    name, value = (
        ("status", STATUSES[c % 5]),
        ("completed_at", (None, time(c))[c % 2]),
        ("run_date", time(c % 4, c % 3)),
        ("is_test", c % 2),
        ("bakery_id", _bakery(connection, c)),
        ("feedstock_id", _feedstock(connection, c)),
        ("recipe_id", ("daily", "Daily")[c % 2]),
        ("message", "heard of"),
    )[b % 8]
    connection.execute(f"update recipe_runs set {name} = ? where id = ?", [value, _run(connection, a)])


def _update_many_runs(connection, a, b, c):
    connection.execute(
        "update recipe_runs set status = ?, is_test = ?, run_date = ? where id % 3 = ?",
        [STATUSES[a % 5], b % 2, time(b % 4), c % 3],
    )


def _delete_run(connection, a, b, c):
    run = _run(connection, a)
    connection.execute("delete from recipe_run_datasets where recipe_run_id = ?", [run])
    connection.execute("delete from recipe_runs where id = ?", [run])


def _insert_dataset(connection, a, b, c):
    add_dataset(
        connection,
        feedstock_id=(_feedstock(connection, a), None)[b % 2],
        bakery_id=_bakery(connection, b),
        is_test=c % 2,
        retracted_at=(None, None, time(1))[c % 3],
    )


def _update_dataset(connection, a, b, c):
    name, value = (
        ("bakery_id", _bakery(connection, c)),
        ("is_test", c % 2),
        ("retracted_at", (None, time(2))[c % 2]),
        ("feedstock_id", (_feedstock(connection, c), None)[c % 2]),
    )[b % 4]
    connection.execute(f"update datasets set {name} = ? where id = ?", [value, _dataset(connection, a)])


def _delete_dataset(connection, a, b, c):
    dataset = _dataset(connection, a)
    connection.execute("delete from recipe_run_datasets where dataset_id = ?", [dataset])
    connection.execute("delete from datasets where id = ?", [dataset])


def _link(connection, a, b, c):
    run, dataset = _run(connection, a), _dataset(connection, b)
    if run and dataset:
        link(connection, run, dataset)


def _unlink(connection, a, b, c):
    connection.execute(
        "delete from recipe_run_datasets where (recipe_run_id, dataset_id) = (?, ?)",
        _pick_link(connection, a) or (None, None),
    )


def _pick_link(connection, choice):
    found = kept(connection, "select recipe_run_id, dataset_id from recipe_run_datasets order by 1, 2")
    return found[choice % len(found)] if found else None


def _replace_maintainers(connection, a, b, c):
    feedstock = _feedstock(connection, a)
    connection.execute("delete from maintainers where feedstock_id = ?", [feedstock])
    people = ["robin-sample", "sam-example", "kim-example", None][b % 4 : b % 4 + c % 4]
    for position, github in enumerate(people):
        insert(connection, "maintainers", feedstock_id=feedstock, position=position, github=github)


def _rename_maintainer(connection, a, b, c):
    connection.execute("update or ignore maintainers set github = ? where position = ?", [f"person-{a % 3}", b % 3])


def _rename_feedstock(connection, a, b, c):
    new = f"renamed-{b}-feedstock-{a % 3}"
    if not connection.execute("select 1 from feedstocks where id = ?", [new]).fetchone():
        rename(connection, _feedstock(connection, a), new)


def _rename_bakery(connection, a, b, c):
    connection.execute(
        "update bakeries set id = ? where id = ?", [f"renamed-{b}.bakery-{a % 2}", _bakery(connection, a)]
    )


def _merge_feedstocks(connection, a, b, c):
    old, new = _feedstock(connection, a), _feedstock(connection, b)
    if old != new:
        merge(connection, old, new)


def _remove_or_restore(connection, a, b, c):
    for table in ("feedstocks", "recipes"):
        connection.execute(
            f"update {table} set removed_at = iif(removed_at is null, ?, null) where rowid % 3 = ?",
            [time(b % 60), a % 3],
        )


HAPPENINGS = (
    _remove_or_restore,
    _insert_run,
    _insert_run,
    _insert_run,
    _update_run,
    _update_run,
    _update_run,
    _update_many_runs,
    _delete_run,
    _insert_dataset,
    _update_dataset,
    _update_dataset,
    _delete_dataset,
    _link,
    _link,
    _link,
    _unlink,
    _replace_maintainers,
    _rename_maintainer,
    _rename_feedstock,
    _rename_bakery,
    _merge_feedstocks,
)


def sequences(happenings):
    return st.lists(st.tuples(st.sampled_from(happenings), CHOICE, CHOICE, CHOICE), min_size=10, max_size=40)


def _run_through(connection, steps, spelling):
    connection.execute("begin")
    try:
        for happening, a, b, c in steps:
            happening(connection, a, b, c)
            check(connection, spelling)
    finally:
        connection.execute("rollback")


repeatable = settings(
    deadline=None, max_examples=300, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@repeatable
@given(steps=sequences(HAPPENINGS))
def test_after_any_sequence_of_writes(parents, steps):
    _run_through(parents, steps, spelling=True)


@repeatable
@given(steps=sequences((*HAPPENINGS, _insert_misspelt_run, _insert_misspelt_run)))
def test_after_any_sequence_of_writes_with_ids_in_two_spellings(parents, steps):
    _run_through(parents, steps, spelling=False)


@pytest.mark.parametrize("seed", range(6))
def test_after_a_long_sequence_of_writes(peopled, seed):
    random_ = random.Random(seed)
    steps = [
        (random_.choice(HAPPENINGS), random_.randrange(1000), random_.randrange(1000), random_.randrange(1000))
        for _ in range(150)
    ]
    _run_through(peopled, steps, spelling=True)


def test_the_rows_of_these_tests_fill_every_roll_up(peopled):
    assert set(EXPECTED) == {each.table for each in ROLL_UPS}, "EXPECTED here says what each roll-up holds"
    check(peopled)
    for table in EXPECTED:
        assert kept(peopled, f"select count(*) from {table}") > [(1,)], table
    for table in ("feedstock", "recipe", "dataset"):
        outcomes = kept(peopled, f"select distinct outcome from latest_runs_by_{table} order by 1")
        assert outcomes == [("any",), ("success",)]


# Names


def test_an_older_database_fills_them_from_its_rows(peopled):
    with transaction(peopled) as connection:
        for each in ROLL_UPS:
            for kind in ("trigger", "index"):
                for name in re.findall(rf"create {kind} (\w+)", each.triggers + each.create):
                    connection.execute(f"drop {kind} {name}")
            connection.execute(f"drop table {each.table}")
        for migration in sorted({each.migration for each in ROLL_UPS}):
            roll_ups.add(connection, migration)
    check(peopled)


def test_the_benchmark_fills_them_as_triggers_would(tmp_path):
    fill(tmp_path / "data", 300)
    with closing(connect(database_path(tmp_path / "data", FEDERATION))) as connection:
        check(connection)


def test_a_feedstock_is_renamed(peopled):
    before = kept(peopled, f"select * from latest_runs_by_recipe where feedstock_id = '{ALPHA}'")
    assert rename(peopled, ALPHA, "omega-feedstock") == 1
    check(peopled)
    renamed = kept(peopled, "select * from latest_runs_by_recipe where feedstock_id = 'omega-feedstock'")
    assert [row[1:] for row in renamed] == [row[1:] for row in before]
    assert kept(peopled, f"select * from recipe_run_counts_by_feedstock where feedstock_id = '{ALPHA}'") == []


def test_two_feedstocks_swap_their_names(peopled):
    def by_name():
        return {
            name: kept(
                peopled,
                f"""
                select status, is_test, recipe_runs
                from recipe_run_counts_by_feedstock
                where feedstock_id = '{name}'
                """,
            )
            for name in (ALPHA, BETA)
        }

    before = by_name()
    with transaction(peopled):
        rename(peopled, ALPHA, "temporary")
        rename(peopled, BETA, ALPHA)
        rename(peopled, "temporary", BETA)
    check(peopled)
    assert before[ALPHA] != before[BETA]
    assert by_name() == {ALPHA: before[BETA], BETA: before[ALPHA]}


def test_a_name_changes_its_case_only(peopled):
    """By way of a temporary id: to SQLite the two spellings are equal, and it does not cascade."""
    with transaction(peopled):
        rename(peopled, ALPHA, "temporary")
        rename(peopled, "temporary", "Alpha-Feedstock")
    check(peopled)
    for table in ("recipe_run_counts_by_feedstock", "dataset_counts_by_feedstock", "latest_runs_by_recipe"):
        spellings = kept(peopled, f"select distinct feedstock_id from {table} where feedstock_id = '{ALPHA}'")
        assert spellings == [("Alpha-Feedstock",)]


def test_a_name_that_changes_its_case_directly_is_still_counted_once(peopled):
    rename(peopled, ALPHA, "Alpha-Feedstock")
    check(peopled)
    add_run(peopled, 80, feedstock_id="Alpha-Feedstock")
    check(peopled, spelling=False)
    counts = kept(
        peopled,
        f"""
        select count(distinct lower(feedstock_id)), sum(recipe_runs)
        from recipe_run_counts_by_feedstock
        where feedstock_id = '{ALPHA}'
        """,
    )
    assert counts == kept(peopled, f"select 1, count(*) from recipe_runs where feedstock_id = '{ALPHA}'")


def test_a_row_met_under_another_spelling_takes_it(parents):
    add_run(parents, 1, feedstock_id=ALPHA)
    add_run(parents, 2, feedstock_id="Alpha-Feedstock")
    for table in ("recipe_run_counts_by_feedstock", "latest_runs_by_feedstock", "latest_runs_by_recipe"):
        assert kept(parents, f"select distinct feedstock_id from {table}") == [("Alpha-Feedstock",)], table
    assert kept(parents, "select recipe_runs from recipe_run_counts_by_feedstock") == [(2,)]


@pytest.mark.parametrize(("old", "new"), [(ALPHA, BETA), (BETA, ALPHA), (ALPHA, GAMMA)])
def test_two_feedstocks_are_merged(peopled, old, new):
    total = kept(peopled, "select count(*) from recipe_runs")
    with transaction(peopled):
        merge(peopled, old, new)
    check(peopled)
    assert kept(peopled, f"select * from recipe_run_counts_by_feedstock where feedstock_id = '{old}'") == []
    assert kept(peopled, "select sum(recipe_runs) from recipe_run_counts_by_feedstock") == total


def test_a_bakery_is_renamed(peopled):
    peopled.execute(f"update bakeries set id = 'north.bakery' where id = '{EAST}'")
    check(peopled)
    assert kept(peopled, f"select * from recipe_run_counts_by_day where bakery_id = '{EAST}'") == []


# Latest runs


def latest(connection, table="latest_runs_by_feedstock"):
    return dict(kept(connection, f"select outcome, recipe_run_id from {table}"))


def test_of_two_runs_at_the_same_moment_the_later_recorded_is_the_latest(parents):
    first, second = add_run(parents, 1), add_run(parents, 1)
    assert latest(parents) == {"any": second, "success": second}
    parents.execute("update recipe_runs set status = 'failure' where id = ?", [second])
    assert latest(parents) == {"any": second, "success": first}
    check(parents)


def test_a_run_recorded_late_does_not_take_the_place(parents):
    newer = add_run(parents, 2)
    add_run(parents, 1)
    assert latest(parents) == {"any": newer, "success": newer}


def test_test_runs_are_never_the_latest_of_a_feedstock(parents):
    run = add_run(parents, 1, is_test=1)
    assert latest(parents) == {}
    parents.execute("update recipe_runs set is_test = 0")
    assert latest(parents) == {"any": run, "success": run}
    parents.execute("update recipe_runs set is_test = 1")
    assert latest(parents) == {}


def test_only_runs_of_its_owner_are_the_latest_of_a_dataset(parents):
    dataset = add_dataset(parents)
    own = add_run(parents, 1, status="failure")
    other = add_run(parents, 2, bakery_id=WEST)
    link(parents, own, dataset)
    link(parents, other, dataset)
    assert latest(parents, "latest_runs_by_dataset") == {"any": own}
    parents.execute("update datasets set bakery_id = ?", [WEST])
    assert latest(parents, "latest_runs_by_dataset") == {"any": other, "success": other}
    assert kept(parents, "select recipe_runs from recipe_run_counts_by_dataset") == [(2,)]
    check(parents)


def test_tests_are_the_latest_of_a_dataset_until_there_is_something_else(parents):
    dataset = add_dataset(parents, is_test=1)
    test = add_run(parents, 2, is_test=1)
    link(parents, test, dataset)
    assert latest(parents, "latest_runs_by_dataset") == {"any": test, "success": test}
    real = add_run(parents, 1)
    parents.execute("update datasets set is_test = 0")
    assert latest(parents, "latest_runs_by_dataset") == {}
    link(parents, real, dataset)
    assert latest(parents, "latest_runs_by_dataset") == {"any": real, "success": real}
    check(parents)


def test_the_latest_run_shows_what_it_came_to(parents):
    run = add_run(parents, 1, status="in_progress")
    parents.execute("update recipe_runs set status = 'success', completed_at = ? where id = ?", [time(1, 5), run])
    found = kept(parents, "select outcome, status, completed_at from latest_runs_by_feedstock order by outcome")
    assert found == [("any", "success", time(1, 5)), ("success", "success", time(1, 5))]


# Nothing is left over


def test_counts_that_reach_zero_vanish(peopled):
    with transaction(peopled):
        peopled.execute("delete from recipe_run_datasets")
        peopled.execute("delete from recipe_runs")
        peopled.execute("delete from datasets")
        peopled.execute("delete from maintainers")
        peopled.execute("delete from recipes")
        peopled.execute("delete from feedstocks")
    assert {table: kept(peopled, f"select * from {table}") for table in EXPECTED} == {table: [] for table in EXPECTED}


def test_one_status_that_empties_vanishes(parents):
    run = add_run(parents, 1, status="queued")
    parents.execute("update recipe_runs set status = 'in_progress' where id = ?", [run])
    assert kept(parents, "select status, recipe_runs from recipe_run_counts_by_feedstock") == [("in_progress", 1)]


def test_retracted_datasets_are_not_counted_until_restored(parents):
    dataset = add_dataset(parents)
    for value, counts in ((time(1), []), (time(2), []), (None, [(1,)])):
        parents.execute("update datasets set retracted_at = ? where id = ?", [value, dataset])
        assert kept(parents, "select datasets from dataset_counts_by_feedstock") == counts
        assert kept(parents, "select datasets from dataset_counts_by_bakery") == counts


# Cost


def _steps_of_writes(connection, many, **run):
    """Steps of an update, an insert and a link beside `many` runs of one dataset: of the newest run and the oldest."""
    connection.execute("begin")
    try:
        dataset = add_dataset(connection)
        runs = [add_run(connection, day % 300, **run) for day in range(many)]
        for each in runs:
            link(connection, each, dataset)
        newest = kept(connection, "select id from recipe_runs order by run_date desc, id desc limit 1")[0][0]
        other = "timed_out" if run["status"] == "failure" else run["status"]
        update = "update recipe_runs set status = ?, completed_at = ? where id = ?"
        steps = {
            "update of the newest": steps_of(connection, update, [other, time(301), newest]),
            "update of the oldest": steps_of(connection, update, [other, time(301), runs[0]]),
        }
        check(connection)
        added = add_run(connection, 301, **run)
        steps["link"] = steps_of(
            connection,
            "insert into recipe_run_datasets (recipe_run_id, dataset_id, run_date) values (?, ?, ?)",
            [added, dataset, time(301)],
        )
        steps["update of one that was linked"] = steps_of(connection, update, [other, time(302), added])
        return steps
    finally:
        connection.execute("rollback")


@pytest.mark.parametrize(
    "run",
    [
        pytest.param({"status": "failure"}, id="none succeeded"),
        pytest.param({"status": "success"}, id="all succeeded"),
        pytest.param({"status": "failure", "bakery_id": WEST}, id="of another bakery"),
        pytest.param({"status": "success", "bakery_id": WEST}, id="of another bakery, succeeded"),
        pytest.param({"status": "success", "is_test": 1}, id="tests"),
    ],
)
def test_a_write_costs_the_same_beside_3000_runs_as_beside_30(parents, run):
    few = _steps_of_writes(parents, 30, **run)
    many = _steps_of_writes(parents, 3000, **run)
    assert {name: steps for name, steps in many.items() if steps > 1.5 * few[name]} == {}


def test_a_new_success_after_3000_failures_is_cheap(parents):
    def steps(many):
        parents.execute("begin")
        dataset = add_dataset(parents)
        for day in range(many):
            link(parents, add_run(parents, day % 300, status="failure"), dataset)
        run = add_run(parents, 301, status="in_progress")
        link(parents, run, dataset)
        counted = steps_of(parents, "update recipe_runs set status = 'success' where id = ?", [run])
        check(parents)
        parents.execute("rollback")
        return counted

    assert steps(3000) < 1.5 * steps(30)
