"""Which syncs count when it is told how old the registry's knowledge is: those of all, and not those of single ones."""

import pytest
from pangeo_forge_federation.api.health import read_last_sync
from pangeo_forge_federation.settings import Settings
from pangeo_forge_federation.sync.from_github import scope_of

DATABASE = "pangeo-forge/bakery-database"


@pytest.mark.parametrize(
    ("scopes", "counted"),
    [
        (["all"], 0),
        (["all", "named"], 0),
        (["all", "named", "all"], 2),
        (["all", "bakeries"], 0),
        (["all", "bakeries", "feedstocks"], 1),
        (["feedstocks", "bakeries", "feedstocks", "named"], 1),
        # whoever never reads bakeries.yaml
        (["feedstocks"], 0),
        (["bakeries", "named"], None),
        ([], None),
    ],
)
def test_the_last_sync_is_of_all_feedstocks_and_the_bakeries(connection, scopes, counted):
    moments = [f"2026-03-0{day}T00:00:00.000000Z" for day in range(1, len(scopes) + 1)]
    for moment, scope in zip(moments, scopes, strict=True):
        for finished_at, not_fetched in ((moment, 0), (None, 0), ("2026-04-01T00:00:00.000000Z", 1)):
            connection.execute(
                """
                insert into sync_runs (source, scope, started_at, finished_at, not_fetched)
                values ('github', :scope, :moment, :finished_at, :not_fetched)
                """,
                {"scope": scope, "moment": moment, "finished_at": finished_at, "not_fetched": not_fetched},
            )
    assert read_last_sync(connection) == (None if counted is None else moments[counted])


def test_it_is_looked_up_however_many_pushes_were_synced_since(connection):
    connection.execute(
        """
        with recursive numbers (number) as (select 1 union all select number + 1 from numbers where number < 5000)
        insert into sync_runs (source, scope, started_at, finished_at)
        select 'github', iif(number = 1, 'all', 'named'), '2026-03-01T00:00:00.000000Z', '2026-03-01T00:00:00.000000Z'
        from numbers
        """
    )
    hundreds = []
    connection.set_progress_handler(lambda: hundreds.append(1), 100)
    assert read_last_sync(connection) == "2026-03-01T00:00:00.000000Z"
    connection.set_progress_handler(None, 0)
    assert len(hundreds) < 10


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "all"),
        ({"bakeries": False}, "feedstocks"),
        ({"feedstocks": False}, "bakeries"),
        ({"organisations": ["pangeo-forge"]}, "bakeries"),
        ({"organisations": ["LEAP-stc"]}, "named"),
        ({"organisations": ["leap-stc", "Pangeo-Forge", "other"], "repositories": ["carbonplan/a"]}, "all"),
        ({"organisations": ["leap-stc", "pangeo-forge"]}, "bakeries"),
        ({"repositories": ["pangeo-forge/a-feedstock"]}, "named"),
        ({"repositories": [DATABASE.upper()]}, "bakeries"),
    ],
)
def test_the_scope_of_a_sync(arguments, expected):
    settings = Settings(
        home_organisation="pangeo-forge",
        organisations=("pangeo-forge", "leap-stc"),
        repositories=("carbonplan/a",),
        bakery_database=DATABASE,
        writes_per_minute=0,
        public_url=None,
    )
    assert scope_of(settings, **arguments).name == expected
