"""The version of the registry and its client."""

from importlib.metadata import PackageNotFoundError, version

PACKAGE = "pangeo-forge-federation"


def package_version() -> str:
    """Return the installed version; `unknown` if the package is not installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"
