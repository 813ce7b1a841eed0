"""The lines of Python that open a dataset, the right call for each format."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

# what stores of each kind call reading without credentials
_ANONYMOUS: dict[str, dict[str, Any]] = {
    "s3": {"anon": True},
    "gs": {"token": "anon"},
    "abfs": {"anon": True},
    "az": {"anon": True},
}
_SUFFIXES = {".zarr": "zarr", ".parquet": "parquet", ".parq": "parquet", ".json": "kerchunk", ".nc": "netcdf"}


def snippet(dataset: Mapping[str, Any], targets: Iterable[Mapping[str, Any]]) -> str:
    """Python that opens a dataset. `targets` are its bakery's: they say how their storage is reached."""
    url = dataset["url"]
    options = storage_options(url, targets)
    match format_of(dataset):
        case "zarr":
            return _call("xr.open_dataset", [_text(url)], {"engine": '"zarr"', "chunks": "{}", **_options(options)})
        case "kerchunk":
            remote = {"remote_protocol": protocol(url), "remote_options": options} if options else {}
            return _call("xr.open_dataset", [_text(url)], {"engine": '"kerchunk"', "chunks": "{}", **_options(remote)})
        case "parquet":
            return _call("pd.read_parquet", [_text(url)], _options(options), "import pandas as pd", "df")
        case "icechunk":
            return _icechunk(url, options)
        case "netcdf":
            return "\n".join(
                [
                    "import fsspec",
                    "import xarray as xr",
                    "",
                    *_assignment("file", "fsspec.open", [_text(url)], _options(options, spread=True)),
                    "ds = xr.open_dataset(file.open(), chunks={})",
                ]
            )
        case _:
            return "\n".join(
                ["import fsspec", "", *_assignment("file", "fsspec.open", [_text(url)], _options(options, spread=True))]
            )


def format_of(dataset: Mapping[str, Any]) -> str:
    """The format as recorded, else as the URL's end says."""
    if dataset["format"]:
        name = dataset["format"].lower().replace("_", "-")
        known = {"reference": "kerchunk", "kerchunk-json": "kerchunk", "netcdf4": "netcdf", "nc": "netcdf"}
        return "zarr" if name.startswith("zarr") else known.get(name, name)
    path = urlsplit(dataset["url"]).path.rstrip("/").lower()
    return next((name for suffix, name in _SUFFIXES.items() if path.endswith(suffix)), "")


def protocol(url: str) -> str:
    """The scheme of a URL, in small letters."""
    return url.partition("://")[0].lower()


def storage_options(url: str, targets: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What fsspec needs to know to read a URL, by the target that it lies in."""
    scheme = protocol(url)
    if scheme not in _ANONYMOUS:
        return {}
    inside = [(len(prefix), each) for each in targets if (prefix := _folder(each)) and url.startswith(prefix)]
    if not inside:
        return {}
    target = max(inside, key=lambda pair: pair[0])[1]
    options: dict[str, Any] = {}
    if target["anon"]:
        options |= _ANONYMOUS[scheme]
    if target["requester_pays"]:
        options["requester_pays"] = True
    if target["endpoint_url"]:
        options["client_kwargs"] = {"endpoint_url": target["endpoint_url"]}
    return options


def whole_prefix(target: Mapping[str, Any]) -> str | None:
    """The prefix of a target with its protocol, without which it may be written. None where it has no prefix."""
    prefix, protocol = target["prefix"], target["protocol"]
    return f"{protocol}://{prefix}" if prefix and protocol and "://" not in prefix else prefix


def _folder(target: Mapping[str, Any]) -> str:
    """How the URLs of what lies in a target begin."""
    prefix = whole_prefix(target) or ""
    return prefix and prefix.rstrip("/") + "/"


def _icechunk(url: str, options: Mapping[str, Any]) -> str:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    anonymous = {"anonymous": "True"} if options.get("anon") or options.get("token") else {"from_env": "True"}
    endpoint = options.get("client_kwargs", {}).get("endpoint_url")
    if scheme in ("s3", "gs"):
        call = "icechunk.s3_storage" if scheme == "s3" else "icechunk.gcs_storage"
        named = {"bucket": _text(parts.netloc), "prefix": _text(parts.path.strip("/")), **anonymous}
        if endpoint and scheme == "s3":
            named |= {"endpoint_url": _text(endpoint), "force_path_style": "True"}
        storage = _assignment("storage", call, [], named)
    else:
        storage = _assignment("storage", "icechunk.http_storage", [_text(url)], {})
    return "\n".join(
        [
            "import icechunk",
            "import xarray as xr",
            "",
            *storage,
            'session = icechunk.Repository.open(storage).readonly_session("main")',
            "ds = xr.open_zarr(session.store, consolidated=False, chunks={})",
        ]
    )


def _call(
    function: str,
    positional: list[str],
    named: Mapping[str, str],
    imports: str = "import xarray as xr",
    name: str = "ds",
) -> str:
    return "\n".join([imports, "", *_assignment(name, function, positional, named)])


def _assignment(name: str, function: str, positional: list[str], named: Mapping[str, str]) -> list[str]:
    arguments = [*positional, *(f"{key}={value}" for key, value in named.items())]
    return [f"{name} = {function}(", *(f"    {argument}," for argument in arguments), ")"]


def _options(options: Mapping[str, Any], spread: bool = False) -> dict[str, str]:
    if not options:
        return {}
    if spread:
        return {key: _python(value) for key, value in options.items()}
    return {"storage_options": _python(dict(options))}


def _python(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_python(each)}" for key, each in value.items()) + "}"
    return repr(value) if isinstance(value, bool) else _text(str(value))


def _text(text: str) -> str:
    """A text as Python writes it, in double quotes: what JSON escapes, Python reads."""
    return json.dumps(text, ensure_ascii=False)
