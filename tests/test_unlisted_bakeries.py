"""A meta.yaml that names a bakery which bakeries.yaml does not have is a problem, as soon as both files are known."""

import pytest
from folder_sync import BAKERIES, BAKERY_DATABASE, META, SEA_ICE, one, rows
from pangeo_forge_federation.files.meta_yaml import NamedBakery
from pangeo_forge_federation.sync.unlisted_bakeries import KnownBakeries
from pangeo_forge_federation.values.repositories import BAKERIES_PATH

pytest_plugins = ["folder_fixtures"]

OTHER = "pangeo-forge/ice-drift-feedstock"


def found(connection):
    """(repository, pointer, line, column, severity, bakery_id, message) of each problem."""
    return rows(
        connection,
        """
        select repository, pointer, line, "column", severity, bakery_id, message
        from problems
        order by id
        """,
    )


def naming(bakery_id):
    return META.replace("north.bakery", bakery_id)


@pytest.fixture
def put_bakeries(put):
    return lambda content=BAKERIES: put(BAKERY_DATABASE, content, BAKERIES_PATH)


def test_it_is_a_warning_at_its_place_and_goes_when_the_bakery_appears(connection, put, put_bakeries, sync):
    put(SEA_ICE, naming("west.bakery"))
    put(OTHER)
    put_bakeries()
    result = sync()
    ((*place, message),) = found(connection)
    assert place == [SEA_ICE, "/bakery/id", 18, 7, "warning", None]
    assert "west.bakery" in message
    assert (result.problems, one(connection, "select problems from sync_runs order by id desc limit 1")) == (1, 1)
    ((file, problem),) = result.found_problems
    assert (file, problem.message) == (f"{SEA_ICE}/feedstock/meta.yaml", message)
    # with the feedstock's own problems it is counted, told and replaced
    assert one(connection, "select problems_count from feedstock_summaries where repository = :r", r=SEA_ICE) == 1
    before = rows(connection, "select id, found_at from problems")
    assert sync().problems == 1
    assert rows(connection, "select id, found_at from problems") == before
    put_bakeries(BAKERIES + "west.bakery: {region: here}\n")
    assert sync(feedstocks=False).problems_changed
    assert found(connection) == []


def test_a_bakery_that_is_taken_out_or_only_runs_is_told_as_such(connection, put, put_bakeries, sync, record_run):
    put(SEA_ICE, naming("south.bakery"))
    put(OTHER, naming("Runs.Bakery"))
    put_bakeries()
    record_run("ice-drift-feedstock", bakery_id="runs.bakery")
    sync()
    ((repository, *_, bakery_id, why),) = found(connection)
    assert (repository, bakery_id) == (OTHER, "runs.bakery")
    assert "`Runs.Bakery`" in why
    put_bakeries(BAKERIES.split("south.bakery")[0])
    assert sync(feedstocks=False).problems_changed
    (_, (repository, *_, bakery_id, why)) = found(connection)
    assert (repository, bakery_id) == (SEA_ICE, "south.bakery")
    assert "`south.bakery`" in why


def test_the_sync_of_one_repository_finds_it_too_and_keeps_what_its_file_says(connection, put, put_bakeries, sync):
    put(SEA_ICE)
    put_bakeries()
    sync()
    put(SEA_ICE, naming("north.bakry").replace("title: Sea ice\n", ""))
    result = sync((), (SEA_ICE,))
    assert [row[1] for row in found(connection)] == ["/title", "/bakery/id"]
    assert "`north.bakery`" in found(connection)[1][-1]
    assert result.problems == 2
    put(SEA_ICE, META)
    sync((), (SEA_ICE,))
    assert found(connection) == []
    put(SEA_ICE, naming("north.bakry"))
    sync((), (SEA_ICE,))
    put(SEA_ICE, META.split("bakery:")[0])
    sync((), (SEA_ICE,))
    assert found(connection) == []


def test_nothing_is_said_while_no_bakeries_yaml_was_read(connection, put, put_bakeries, sync):
    put(SEA_ICE, naming("west.bakery"))
    assert sync().found_problems == []
    put_bakeries("TargetStorage: {fsspec_class: s3fs}\n")
    sync()
    assert [row[0] for row in found(connection)] == [BAKERY_DATABASE]
    put_bakeries()
    sync(feedstocks=False)
    assert [row[0] for row in found(connection)] == [SEA_ICE]


def test_letters_case_is_no_difference_and_what_is_gone_has_no_problem(connection, folder, put, put_bakeries, sync):
    put(SEA_ICE, naming("North.BAKERY"))
    gone = put(OTHER, naming("west.bakery"))
    put_bakeries()
    sync()
    assert [row[0] for row in found(connection)] == [OTHER]
    gone.unlink()
    sync()
    assert found(connection) == []


def test_a_dry_run_tells_it_and_changes_nothing(connection, put, put_bakeries, sync):
    put(SEA_ICE, naming("west.bakery"))
    put_bakeries()
    assert [problem.pointer for _, problem in sync(dry_run=True).found_problems] == ["/bakery/id"]
    assert found(connection) == []


def test_a_bakery_is_known_as_soon_as_it_is_listed_again():
    known = KnownBakeries({}, {"a.b": "A.b"}, {})
    named = NamedBakery("a.B", "/bakery", 1, 1)
    assert known.problem_of(named) is not None
    assert known.with_listed(["A.b"]).problem_of(named) is None
