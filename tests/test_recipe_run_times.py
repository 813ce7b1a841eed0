"""The view of how long recipe runs took and had waited."""

from database_rows import RUN, insert, rows


def test_whole_seconds_or_null_where_they_are_not_known(connection):
    insert(connection, "bakeries", id="example.bakery")
    insert(connection, "feedstocks", id="gpcp-feedstock", repository="pangeo-forge/gpcp-feedstock")
    ends = ["2026-11-24T03:26:30.600000Z", RUN["run_date"], None]
    runs = [insert(connection, "recipe_runs", **RUN, completed_at=end) for end in ends]
    for run, steps in zip(
        runs, ([("queued", 0), ("in_progress", 7), ("success", 9)], [("success", 0)], []), strict=True
    ):
        for status, second in steps:
            at = f"2026-11-24T03:25:0{second}.000000Z"
            insert(connection, "recipe_run_events", recipe_run_id=run, at=at, status=status)
    found = rows(connection, "select recipe_run_id, duration, wait from recipe_run_times order by recipe_run_id")
    assert found == [(runs[0], 91, 7), (runs[1], None, None), (runs[2], None, None)]
    assert [type(value) for value in found[0]] == [int, int, int]
