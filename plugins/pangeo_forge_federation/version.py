"""Which version this is: of the registry, and of its client."""

from importlib.metadata import PackageNotFoundError, version

PACKAGE = "pangeo-forge-federation"


def package_version() -> str:
    """As pyproject.toml has it; `unknown` where the package lies somewhere without being installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"
