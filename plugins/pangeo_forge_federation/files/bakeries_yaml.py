"""Read a `bakeries.yaml` (ADR 4 of pangeo-forge/roadmap): the public part of each bakery, and nothing else.

Only listed keys are read. The same file contains credentials, `private`, `cluster_options`, images, roles and networks,
so no message repeats a value, and no pointer goes deeper than what is published.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge_federation.files.file_problems import Problem, Problems, pointer_to
from pangeo_forge_federation.files.secret_problems import report_secrets
from pangeo_forge_federation.files.yaml_document import Document, Node, read_document
from pangeo_forge_federation.files.yaml_fields import (
    DESCRIPTION_BYTES,
    NAME_BYTES,
    URL_BYTES,
    VERSION_BYTES,
    Value,
    plain_text,
    short_text,
    text_as_written,
    url,
    why_no_identifier,
    why_not_published,
)
from pangeo_forge_federation.values.bakery_ids import LONGEST_BAKERY_ID, is_bakery_id

MOST_BAKERIES = 1_000
MOST_TARGETS = 1_000  # per bakery

_VERSIONS = ("pangeo_forge_version", "pangeo_notebook_version", "prefect_version")
# A mapping with any of these is a bakery; ADR 4's admins are not published.
_KEYS_OF_A_BAKERY = frozenset({"region", "targets", "cluster", "description", "org_website", "admins"})
_KEYS_OF_A_RUNNER = frozenset({"TargetStorage", "InputCacheStorage", "MetadataCacheStorage", "Bake"})
_KEY_OF_A_STORAGE_CLASS = "fsspec_class"

# The names that fsspec has for stores that can be read from elsewhere.
_PROTOCOLS = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "https", "http", "oci", "osn", "webhdfs"}
)
_PROTOCOL = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE | re.ASCII)
# Azure writes `container@account.host` where other URLs have a user name.
_PROTOCOLS_WITH_CONTAINER = frozenset({"abfs", "abfss", "wasb", "wasbs"})
_CONTAINER_AND_ACCOUNT = re.compile(r"[a-z0-9$-]+@[a-z0-9-]+\.(?:dfs|blob)\.core\.[a-z.-]+", re.IGNORECASE | re.ASCII)

_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

# What is published of a file, as a tree of keys; "*" is any key.
_ANY = "*"
_Tree = dict[str, "_Tree"]
_PUBLISHED: _Tree = {
    _ANY: {
        "region": {},
        "description": {},
        "org_website": {},
        **{key: {} for key in _VERSIONS},
        "cluster": {"type": {}, **{key: {} for key in _VERSIONS}},
        "targets": {
            _ANY: {
                "region": {},
                "description": {},
                "public": {
                    "protocol": {},
                    "prefix": {},
                    "storage_options": {"anon": {}, "requester_pays": {}, "client_kwargs": {"endpoint_url": {}}},
                },
            }
        },
    }
}

_WHAT_BELONGS_HERE = (
    "A list of bakeries is a mapping from each bakery's id to its settings: `example.bakery.gcp:` and, indented below "
    "it, `region:` and `targets:`; see ADR 4."
)


@dataclass
class BakeriesYaml:
    """The public part of a bakeries.yaml.

    understood  False if it is not YAML or not a list of bakeries; then only `problems` is filled
    bakeries    in file order: id, region, description, org_website, cluster_type, pangeo_forge_version,
                pangeo_notebook_version, prefect_version (each a string or None), and targets: a list of name, region,
                description, protocol, prefix, endpoint_url (strings or None), anon, requester_pays (bool or None)
    """

    understood: bool
    bakeries: list[dict] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def parse_bakeries_yaml(data: bytes) -> BakeriesYaml:
    """Return the public part of a bakeries.yaml. Never raises; anything that cannot be read is in `problems`."""
    document = read_document(data, _WHAT_BELONGS_HERE)
    if document.root is not None and (reason := _why_no_list(document.root)):
        document.problems.error("", document.root, f"This is not a list of bakeries: {reason}. {_WHAT_BELONGS_HERE}")
        document.root = None
    report_secrets(document)
    bakeries = [] if document.root is None else _bakeries(document)
    return BakeriesYaml(document.root is not None, bakeries, _published(document.problems))


def _why_no_list(root: Node) -> str | None:
    mappings = [node.entries for node in root.entries.values()]
    if not _KEYS_OF_A_RUNNER.isdisjoint(root.entries) or any(_KEY_OF_A_STORAGE_CLASS in keys for keys in mappings):
        return "it is the configuration of a runner, with classes for its storage"
    if all(_KEYS_OF_A_BAKERY.isdisjoint(keys) for keys in mappings):
        return "none of its entries has a region, targets or a cluster"
    return None


def _bakeries(document: Document) -> list[dict]:
    root = Value(document.root, document)
    bakeries: list[dict] = []
    known: set[str] = set()
    for bakery_id, value in root.entries():
        if _KEYS_OF_A_BAKERY.isdisjoint(value.keys()):
            value.error("This entry has no region, targets or cluster, so it is not a bakery. It was ignored.")
        elif not is_bakery_id(bakery_id):
            value.error(
                f"A bakery's id may contain only letters, digits, `.`, `_` and `-`, must not start with `.`, and has "
                f"at most {LONGEST_BAKERY_ID} characters. This bakery was ignored."
            )
        elif reason := why_not_published(bakery_id, value):
            value.error(f"This id {reason}; the bakery was ignored.")
        elif bakery_id.lower() in known:
            value.error("This id differs from one above only in upper and lower case. The first one is used.")
        elif len(bakeries) == MOST_BAKERIES:
            value.error(f"There are more than {MOST_BAKERIES:,} bakeries. This one and those below were ignored.")
            break
        else:
            known.add(bakery_id.lower())
            bakeries.append(_bakery(bakery_id, value))
    return bakeries


def _bakery(bakery_id: str, value: Value) -> dict:
    cluster = value.at("cluster")
    if not cluster.is_null and not cluster.is_mapping:
        cluster.expected("a mapping with `type:`")
    bakery: dict[str, Any] = {
        "id": bakery_id,
        "region": short_text(value.at("region")),
        "description": plain_text(value.at("description"), DESCRIPTION_BYTES) or None,
        "org_website": url(value.at("org_website")),
        "cluster_type": short_text(cluster.at("type")),
    }
    for version in _VERSIONS:
        where = cluster if not cluster.at(version).is_null else value
        bakery[version] = short_text(where.at(version), VERSION_BYTES)
    bakery["targets"] = _targets(value.at("targets"))
    return bakery


def _targets(value: Value) -> list[dict]:
    if value.is_null:
        return []
    if not value.is_mapping:
        value.expected("a mapping from each target's name to its settings")
        return []
    targets: list[dict[str, Any]] = []
    for name, target in value.entries():
        if len(targets) == MOST_TARGETS:
            value.error(
                f"There are more than {MOST_TARGETS:,} targets. Those after the first {MOST_TARGETS:,} were ignored."
            )
            break
        if reason := why_no_identifier(name, target):
            target.error(f"The name of this target {reason}; the target was ignored.")
        elif not target.is_mapping:
            target.expected("a mapping with `region:` and `public:`")
        else:
            targets.append(_target(name, target))
    return targets


def _target(name: str, value: Value) -> dict:
    public = value.at("public")
    if not public.is_null and not public.is_mapping:
        public.expected("a mapping with `protocol:` and `prefix:`")
    options = public.at("storage_options")
    protocol = _protocol(public.at("protocol"))
    return {
        "name": name,
        "region": short_text(value.at("region")),
        "description": plain_text(value.at("description"), DESCRIPTION_BYTES) or None,
        "protocol": protocol,
        "prefix": _prefix(public.at("prefix"), protocol),
        "anon": _boolean(options.at("anon")),
        "requester_pays": _boolean(options.at("requester_pays")),
        "endpoint_url": url(options.at("client_kwargs").at("endpoint_url")),
    }


def _protocol(value: Value) -> str | None:
    protocol = short_text(value, NAME_BYTES)
    if protocol is None:
        return None
    protocol = protocol.removesuffix("://")
    if not _PROTOCOL.fullmatch(protocol):
        value.error("This is not a valid protocol, such as `s3`, `gs`, `abfs` or `https`. It was ignored.")
        return None
    if protocol not in _PROTOCOLS:
        value.warning("This protocol is not one of `s3`, `gs`, `abfs` and `https`. It was kept.")
    return protocol


def _prefix(value: Value, protocol: str | None) -> str | None:
    """Return the prefix of the target's data as written, since a shortened one would lead elsewhere."""
    written = (text_as_written(value, "a string such as `bucket/folder`") or "").strip()
    if reason := _why_no_prefix(written, protocol, value):
        value.error(f"This prefix {reason}. It was ignored.")
        return None
    return written or None


def _why_no_prefix(written: str, protocol: str | None, value: Value) -> str | None:
    if len(written.encode("utf-8", "surrogatepass")) > URL_BYTES:
        return f"is longer than {URL_BYTES:,} bytes"
    if any(not letter.isprintable() for letter in written):
        return "contains a line end, a control character or another invisible character"
    scheme, separator, rest = written.partition("://")
    authority = (rest if separator else written).split("/")[0]
    store = scheme.lower() if separator else protocol
    if "@" not in authority:
        return why_not_published(written, value)
    if store in _PROTOCOLS_WITH_CONTAINER and _CONTAINER_AND_ACCOUNT.fullmatch(authority):
        return why_not_published(written.replace(authority, "", 1), value)
    return "has a user name or password before its `@`, which is not published; remove it"


def _boolean(value: Value) -> bool | None:
    text = text_as_written(value, "`true` or `false`")
    if text is None:
        return None
    written = text.strip()
    found = _BOOLEANS.get(written.lower())
    if found is None:
        value.error("This is neither `true` nor `false`. It was ignored.")
    elif value.style != "" or written.lower() not in ("true", "false"):
        value.warning(f"This was read as {str(found).lower()}; write `{str(found).lower()}`, without quotes.")
    return found


def _published(problems: Problems) -> list[Problem]:
    """Return the problems with pointers that end where the private part of the file starts."""
    return [
        Problem(_published_pointer(found.pointer), found.line, found.column, found.severity, found.message)
        for found in problems.listed()
    ]


def _published_pointer(pointer: str) -> str:
    published, branch = "", _PUBLISHED
    for escaped in pointer.split("/")[1:]:
        key = escaped.replace("~1", "/").replace("~0", "~")
        below = branch.get(key, branch.get(_ANY))
        if below is None:
            break
        branch = below
        published = pointer_to(published, key)
    return published
