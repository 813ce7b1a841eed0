"""What triggers keep equals what `group by` finds, whatever happens to the rows that are counted."""

import random
import re
from contextlib import closing

import pytest
from benchmark_database import fill
from database_rows import insert
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pangeo_forge_federation.storage import roll_ups
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction
from pangeo_forge_federation.storage.roll_ups import ROLL_UPS
from roll_up_rows import (
    ALPHA,
    BETA,
    EAST,
    EXPECTED,
    GAMMA,
    STATUSES,
    add_dataset,
    add_run,
    check,
    kept,
    link,
    merge,
    rename,
    time,
)

pytest_plugins = ["roll_up_fixtures"]

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
@pytest.mark.slow
def test_after_any_sequence_of_writes(parents, steps):
    _run_through(parents, steps, spelling=True)


@repeatable
@given(steps=sequences((*HAPPENINGS, _insert_misspelt_run, _insert_misspelt_run)))
@pytest.mark.slow
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


def test_they_are_filled_from_existing_rows_when_they_are_added(peopled):
    with transaction(peopled) as connection:
        for each in ROLL_UPS:
            for kind in ("trigger", "index"):
                for name in re.findall(rf"create {kind} (\w+)", each.triggers + each.create):
                    connection.execute(f"drop {kind} {name}")
            connection.execute(f"drop table {each.table}")
        roll_ups.add(connection, ROLL_UPS)
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
