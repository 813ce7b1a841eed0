"""Fetch from GitHub according to the settings, with or without a token."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pangeo_forge_federation.command_line.progress import Progress
from pangeo_forge_federation.settings import Settings
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path
from pangeo_forge_federation.sync.fetched import Fetched
from pangeo_forge_federation.sync.github import Scope, Urls, fetch_with
from pangeo_forge_federation.sync.github_graphql import fetch_graphql
from pangeo_forge_federation.sync.github_rest import fetch_rest
from pangeo_forge_federation.sync.known import read_known
from pangeo_forge_federation.sync.transport import Transport


def scope_of(
    settings: Settings,
    organisations: Sequence[str] = (),
    repositories: Sequence[str] = (),
    bakeries: bool = True,
    feedstocks: bool = True,
) -> Scope:
    """Return the configured scope, or only the given organisations and repositories."""
    whole = not organisations and not repositories
    owners = {each.lower() for each in organisations}
    named = {each.lower() for each in repositories}
    configured = whole or (
        all(each.lower() in owners for each in settings.organisations)
        and all(each.lower() in named or each.split("/")[0].lower() in owners for each in settings.repositories)
    )
    return Scope(
        organisations=settings.organisations if whole else tuple(organisations),
        repositories=settings.repositories if whole else tuple(repositories),
        bakery_database=settings.bakery_database,
        bakeries=bakeries,
        feedstocks=feedstocks,
        whole=whole,
        configured=configured,
    )


def fetch_github(
    data: Path, settings: Settings, scope: Scope, progress: Progress, sleep: Callable[[float], None] = time.sleep
) -> Fetched:
    """Fetch everything in a scope. The database is read first: no transaction is open during the fetch."""
    connection = connect(database_path(data, FEDERATION))
    try:
        known = read_known(connection)
    finally:
        connection.close()
    urls = Urls(settings.github_api_url, settings.github_graphql_url, settings.github_raw_url)
    transport = Transport(settings.github_token, settings.github_wait_seconds, sleep, progress.say)
    fetcher = fetch_graphql if settings.github_token else fetch_rest
    return fetch_with(fetcher, urls, scope, known, transport, progress)
