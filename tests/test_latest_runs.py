"""Which run is the latest of a feedstock or a dataset, what a roll-up keeps of it, and what keeping it costs."""

import pytest
from pangeo_forge_federation.storage.database import transaction
from roll_up_rows import EXPECTED, WEST, add_dataset, add_run, check, kept, link, steps_of, time

pytest_plugins = ["roll_up_fixtures"]

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
