"""The one place that reads settings: the `federation` block of metadata.yml's plugins, and the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "federation"
ACKNOWLEDGE = ("disk", "replica")


class BadSetting(Exception):
    """A setting has a value that it cannot have."""


@dataclass(frozen=True)
class Settings:
    """What can be set."""

    # GitHub organisation whose repositories' names are feedstock ids as they are
    home_organisation: str
    # organisations and single repositories (owner/name) that are searched for feedstocks
    organisations: tuple[str, ...]
    repositories: tuple[str, ...]
    # repository that holds bakeries.yaml
    bakery_database: str
    # writes that a token may make in a minute; 0 is no limit
    writes_per_minute: int
    # beginning of absolute links, where it is not what the request says
    public_url: str | None
    # when a write is answered: "disk", once it is on this one, or "replica", once it is in the store too
    acknowledge: str = "disk"
    # where a read replica sends those who write
    primary_url: str | None = None
    # where GitHub is
    github_api_url: str = "https://api.github.com"
    github_graphql_url: str = "https://api.github.com/graphql"
    github_raw_url: str = "https://raw.githubusercontent.com"
    # seconds that are waited first when GitHub asks to slow down without saying how long
    github_wait_seconds: float = 60
    # secrets: never in what is printed of these settings
    github_token: str | None = field(default=None, repr=False)
    github_webhook_secret: str | None = field(default=None, repr=False)


def read_settings(plugin_config: Mapping | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the plugin's configuration, by default that of this checkout, and from the environment."""
    if plugin_config is None:
        plugin_config = read_metadata()["plugins"][PLUGIN]
    return Settings(
        home_organisation=plugin_config["home_organisation"],
        organisations=tuple(plugin_config.get("organisations", ())),
        repositories=tuple(plugin_config.get("repositories", ())),
        bakery_database=plugin_config["bakery_database"],
        writes_per_minute=int(environ.get("FEDERATION_WRITES_PER_MINUTE") or plugin_config["writes_per_minute"]),
        public_url=(environ.get("FEDERATION_PUBLIC_URL") or "").rstrip("/") or None,
        acknowledge=_acknowledge(environ),
        primary_url=(environ.get("FEDERATION_PRIMARY_URL") or "").rstrip("/") or None,
        **_github_settings(environ),
    )


def _acknowledge(environ: Mapping[str, str]) -> str:
    acknowledge = environ.get("FEDERATION_ACKNOWLEDGE") or "disk"
    if acknowledge not in ACKNOWLEDGE:
        raise BadSetting(f"FEDERATION_ACKNOWLEDGE is {acknowledge!r}: it is {' or '.join(ACKNOWLEDGE)}")
    return acknowledge


def _github_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """What is said of GitHub in the environment, under the names that GitHub Actions gives."""
    settings: dict[str, Any] = {}
    for name in ("github_api_url", "github_graphql_url", "github_raw_url"):
        if url := environ.get(name.upper(), "").rstrip("/"):
            settings[name] = url
    # pasted secrets end with a line end, which no header may hold
    for name in ("github_token", "github_webhook_secret"):
        if secret := environ.get(name.upper(), "").strip():
            settings[name] = secret
    if seconds := environ.get("FEDERATION_GITHUB_WAIT_SECONDS"):
        settings["github_wait_seconds"] = float(seconds)
    return settings


def read_metadata() -> dict:
    """The metadata.yml of this checkout."""
    return yaml.safe_load((ROOT / "metadata.yml").read_text("utf-8"))


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder where the databases lie: `FEDERATION_DATA`, else the checkout itself."""
    return Path(environ.get("FEDERATION_DATA") or ROOT)
