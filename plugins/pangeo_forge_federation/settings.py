"""Read the settings: from the `federation` block of the plugins in metadata.yml, and from the environment."""

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
# set by `serve` for its workers
DATA_FOLDER, COOKIE_SECRET = "FEDERATION_DATA", "DATASETTE_SECRET"
# access to /metrics: nobody, bakeries with a token, everybody
METRICS = METRICS_OFF, METRICS_TOKEN, METRICS_PUBLIC = "off", "token", "public"
ACKNOWLEDGE = ("disk", "replica")
LOGS = LOG_TEXT, LOG_JSON = "text", "json"

_PUBLIC_URL = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*", re.ASCII
)


class BadSetting(click.ClickException):
    """An invalid environment variable. Commands print its message in one line, and exit with 2."""

    exit_code = 2


@dataclass(frozen=True)
class Settings:
    """The settings of the registry."""

    # GitHub organisation whose feedstocks have ids without the organisation
    home_organisation: str
    # organisations and single repositories (owner/name) with feedstocks
    organisations: tuple[str, ...]
    repositories: tuple[str, ...]
    # repository (owner/name) of bakeries.yaml
    bakery_database: str
    # maximum number of writes per minute and token; 0 for no limit
    writes_per_minute: int
    # base URL of absolute links; None to take it from the request
    public_url: str | None
    # access to /metrics: one of METRICS
    metrics: str = METRICS_OFF
    # when to acknowledge a write: "disk" once it is on the local disk, "replica" once it is in the store too
    acknowledge: str = "disk"
    # where a read replica redirects writes
    primary_url: str | None = None
    # base URLs of GitHub
    github_api_url: str = "https://api.github.com"
    github_graphql_url: str = "https://api.github.com/graphql"
    github_raw_url: str = "https://raw.githubusercontent.com"
    # first wait in seconds for a rate limit of unspecified duration
    github_wait_seconds: float = 60
    # secrets: not in the `repr`
    github_token: str | None = field(default=None, repr=False)
    github_webhook_secret: str | None = field(default=None, repr=False)


def read_settings(plugin_config: Mapping | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the plugin's configuration, by default that of this checkout, and the environment.

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
    """Return the public URL of the registry, without a slash at the end; None if not set. Raises `BadSetting`."""
    url = (environ.get("FEDERATION_PUBLIC_URL") or "").rstrip("/")
    if url and not _PUBLIC_URL.fullmatch(url):
        raise BadSetting(
            f"FEDERATION_PUBLIC_URL is {url!r}, but must be a URL such as https://api.example.org or https://example.org/registry"
        )
    return url or None


def log_format(environ: Mapping[str, str] = os.environ) -> str:
    """Return the format of log lines, one of LOGS. Raises `BadSetting`."""
    return _one_of("FEDERATION_LOG", LOGS, environ.get("FEDERATION_LOG") or LOG_TEXT)


def trusted_proxies(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the addresses and networks, separated by commas, whose `X-Forwarded-*` headers are trusted.

    None means nobody. Raises `BadSetting`.
    """
    proxies = environ.get("FEDERATION_TRUSTED_PROXIES") or None
    for each in (proxies or "*").split(","):
        try:
            if each.strip() != "*":
                ipaddress.ip_network(each.strip(), strict=False)
        except ValueError:
            raise BadSetting(
                f"FEDERATION_TRUSTED_PROXIES contains {each!r}, which is not an address or network such as "
                "127.0.0.1, 10.0.0.0/8 or ::1; use * to trust everybody"
            ) from None
    return proxies


def _one_of(name: str, choices: tuple[str, ...], value: str) -> str:
    if value not in choices:
        raise BadSetting(f"{name} is {value!r}, but must be one of {', '.join(choices)}")
    return value


def _metrics_of(plugin_config: Mapping) -> str:
    metrics = plugin_config.get("metrics", METRICS_OFF)
    # YAML reads an unquoted `off` as false
    return METRICS_OFF if metrics is False else metrics


def _github_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the settings of GitHub, from the variables that GitHub Actions uses too."""
    settings: dict[str, Any] = {}
    for name in ("github_api_url", "github_graphql_url", "github_raw_url"):
        if url := environ.get(name.upper(), "").rstrip("/"):
            if not re.match(r"https?://[^/]", url):
                raise BadSetting(f"{name.upper()} is {url!r}, but must begin with https:// or http://")
            settings[name] = url
    # pasted secrets often end with a newline, which is not allowed in a header
    for name in ("github_token", "github_webhook_secret"):
        if secret := environ.get(name.upper(), "").strip():
            settings[name] = secret
    settings["github_wait_seconds"] = _number(
        environ, "FEDERATION_GITHUB_WAIT_SECONDS", Settings.github_wait_seconds, whole=False
    )
    return settings


def _number(environ: Mapping[str, str], name: str, default: float, whole: bool) -> float:
    """Read a non-negative number from the environment. Raises `BadSetting`."""
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = -1
    if number < 0 or not math.isfinite(number):
        kind = "a whole number" if whole else "a number"
        raise BadSetting(f"{name} is {text[:100]!r}, but must be {kind} of at least 0")
    return number


def read_metadata() -> dict:
    """Read the metadata.yml of this checkout."""
    # libyaml is ten times as fast, which speeds up the start of workers, but some builds of PyYAML lack it
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((ROOT / "metadata.yml").read_text("utf-8"), loader)


def named_data_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder in `FEDERATION_DATA`; None if it is not set."""
    named = environ.get(DATA_FOLDER)
    return Path(named) if named else None


def data_folder() -> Path:
    """Return the folder of the databases: `FEDERATION_DATA`, else the checkout itself."""
    return named_data_folder() or ROOT


def cookie_secret(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the secret that signs Datasette's cookies, shared by all workers; None to let Datasette make one."""
    return environ.get(COOKIE_SECRET)


def sftp_key_path(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the path of the SFTP key for a store, for which Litestream has no variable; None if not set."""
    return environ.get("FEDERATION_SFTP_KEY_PATH") or None
