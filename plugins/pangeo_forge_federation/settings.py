"""The one place that reads settings: the `federation` block of metadata.yml's plugins, and the environment."""

import ipaddress
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "federation"
# what `serve` sets for its workers
DATA_FOLDER, COOKIE_SECRET = "FEDERATION_DATA", "DATASETTE_SECRET"
# who may read /metrics: nobody, who has a token, everybody
METRICS = METRICS_OFF, METRICS_TOKEN, METRICS_PUBLIC = "off", "token", "public"
ACKNOWLEDGE = ("disk", "replica")
LOGS = LOG_TEXT, LOG_JSON = "text", "json"

_PUBLIC_URL = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*", re.ASCII
)


class BadSetting(click.ClickException):
    """A variable of the environment that cannot be read: a command line says so in a line, and exits with 2."""

    exit_code = 2


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
    # who may read /metrics: one of METRICS
    metrics: str = METRICS_OFF
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
    """Settings from the plugin's configuration, by default that of this checkout, and from the environment.

    Raises BadSetting.
    """
    if plugin_config is None:
        plugin_config = read_metadata()["plugins"][PLUGIN]
    return Settings(
        home_organisation=plugin_config["home_organisation"],
        organisations=tuple(plugin_config.get("organisations", ())),
        repositories=tuple(plugin_config.get("repositories", ())),
        bakery_database=plugin_config["bakery_database"],
        writes_per_minute=int(
            _number(environ, "FEDERATION_WRITES_PER_MINUTE", plugin_config["writes_per_minute"], whole=True)
        ),
        public_url=public_url(environ),
        metrics=_one_of("FEDERATION_METRICS", METRICS, environ.get("FEDERATION_METRICS") or _metrics_of(plugin_config)),
        acknowledge=_one_of("FEDERATION_ACKNOWLEDGE", ACKNOWLEDGE, environ.get("FEDERATION_ACKNOWLEDGE") or "disk"),
        primary_url=(environ.get("FEDERATION_PRIMARY_URL") or "").rstrip("/") or None,
        **_github_settings(environ),
    )


def public_url(environ: Mapping[str, str] = os.environ) -> str | None:
    """The address under which the world sees the registry, without a slash at its end. Raises `BadSetting`."""
    url = (environ.get("FEDERATION_PUBLIC_URL") or "").rstrip("/")
    if url and not _PUBLIC_URL.fullmatch(url):
        raise BadSetting(f"FEDERATION_PUBLIC_URL is {url!r}, and must be like https://api.example.org or .../registry")
    return url or None


def log_format(environ: Mapping[str, str] = os.environ) -> str:
    """How log lines look: one of LOGS. Raises `BadSetting`."""
    return _one_of("FEDERATION_LOG", LOGS, environ.get("FEDERATION_LOG") or LOG_TEXT)


def trusted_proxies(environ: Mapping[str, str] = os.environ) -> str | None:
    """Addresses and networks, separated by commas, whose `X-Forwarded-*` headers are believed; None is nobody."""
    told = environ.get("FEDERATION_TRUSTED_PROXIES") or None
    for each in (told or "*").split(","):
        try:
            if each.strip() != "*":
                ipaddress.ip_network(each.strip(), strict=False)
        except ValueError:
            raise BadSetting(
                f"FEDERATION_TRUSTED_PROXIES holds {each!r}, which is no address or network such as 127.0.0.1, "
                "10.0.0.0/8 or ::1; * is everybody"
            ) from None
    return told


def _one_of(name: str, choices: tuple[str, ...], value: str) -> str:
    if value not in choices:
        raise BadSetting(f"{name} is {value!r}, and must be one of {', '.join(choices)}")
    return value


def _metrics_of(plugin_config: Mapping) -> str:
    metrics = plugin_config.get("metrics", METRICS_OFF)
    # to YAML, a bare `off` is false
    return METRICS_OFF if metrics is False else metrics


def _github_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """What is said of GitHub in the environment, under the names that GitHub Actions gives."""
    settings: dict[str, Any] = {}
    for name in ("github_api_url", "github_graphql_url", "github_raw_url"):
        if url := environ.get(name.upper(), "").rstrip("/"):
            if not re.match(r"https?://[^/]", url):
                raise BadSetting(f"{name.upper()} is {url!r}, and must begin with https:// or http://")
            settings[name] = url
    # pasted secrets end with a line end, which no header may hold
    for name in ("github_token", "github_webhook_secret"):
        if secret := environ.get(name.upper(), "").strip():
            settings[name] = secret
    settings["github_wait_seconds"] = _number(
        environ, "FEDERATION_GITHUB_WAIT_SECONDS", Settings.github_wait_seconds, whole=False
    )
    return settings


def _number(environ: Mapping[str, str], name: str, default: float, whole: bool) -> float:
    """A number that is not negative, of the environment. Raises BadSetting."""
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = -1
    if number < 0 or not math.isfinite(number):
        kind = "a whole number" if whole else "a number"
        raise BadSetting(f"{name} is {text[:100]!r}, but must be {kind} that is not negative")
    return number


def read_metadata() -> dict:
    """The metadata.yml of this checkout."""
    # libyaml is ten times as fast, which each worker that starts is glad of; not every build of PyYAML has it
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((ROOT / "metadata.yml").read_text("utf-8"), loader)


def named_data_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder that `FEDERATION_DATA` names; None where it names none."""
    named = environ.get(DATA_FOLDER)
    return Path(named) if named else None


def data_folder() -> Path:
    """The folder where the databases lie: `FEDERATION_DATA`, else the checkout itself."""
    return named_data_folder() or ROOT


def cookie_secret(environ: Mapping[str, str] = os.environ) -> str | None:
    """What Datasette signs its cookies with, the same in all workers; None leaves that to Datasette."""
    return environ.get(COOKIE_SECRET)


def sftp_key_path(environ: Mapping[str, str] = os.environ) -> str | None:
    """The file of the key to a store over SFTP: the one kind whose key no variable of Litestream's own names."""
    return environ.get("FEDERATION_SFTP_KEY_PATH") or None
