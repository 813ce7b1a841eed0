"""Convert the runs of another system to recipe runs."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge_federation.client.endpoints import records
from pangeo_forge_federation.values.redaction import redact
from pangeo_forge_federation.values.statuses import STATUSES, UNFINISHED_STATUSES, read_status

ORCHESTRATOR = "orchestrator"
# The fields of a run's dataset that a POST takes.
_DATASET_FIELDS = ("url", "format", "title")
# GitHub's conclusions that are no status here.
_CONCLUSIONS = {word: each.name for each in STATUSES for word in each.conclusions}
_ORCHESTRATOR_FIELDS = {
    "head_sha": "commit",
    "started_at": "run_date",
    "completed_at": "completed_at",
    "recipe_id": "recipe_id",
    "version": "version",
    "is_test": "is_test",
    "message": "message",
}


class BadRow(Exception):
    """A row that cannot be converted. The message says why."""


@dataclass
class Mapper:
    """Converts rows to runs.

    Attributes:
        names: Column of the file -> field of a run, for columns that have another name.
        constants: Fields that every run gets.
        system: "orchestrator" for rows of the former API, else None.
        feedstocks: Id in that API -> repository of a feedstock.
        bakeries: Id in that API -> id of a bakery.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    system: str | None = None
    feedstocks: Mapping[str, str] = field(default_factory=dict)
    bakeries: Mapping[str, str] = field(default_factory=dict)
    _seen: Counter[str] = field(default_factory=Counter)

    def unknown(self, values: Mapping[str, Any]) -> list[str]:
        """Return the columns that are neither fields nor renamed."""
        if self.system:
            return []
        return [name for name in values if name not in self.names and name not in records()["RecipeRun"]]

    def run_of(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the run of a row, as a POST takes it. Raises BadRow."""
        if self.system == ORCHESTRATOR:
            run = self._from_orchestrator(values)
        else:
            run = {self.names.get(name, name): value for name, value in values.items()}
        fields = records()["RecipeRun"]
        # fields that only the registry sets, such as `revision` in an export, are left out
        run = {name: value for name, value in run.items() if value is not None and self._is_sent(fields, name)}
        run = {**run, **self.constants}
        if isinstance(run.get("datasets"), list):
            run["datasets"] = [_dataset(each) for each in run["datasets"]]
        if not run.get("external_id"):
            run["external_id"] = self._derived_id(run)
        if isinstance(run.get("message"), str):
            run["message"] = redact(run["message"], e_mail_addresses=False)
        return run

    @staticmethod
    def _is_sent(fields: Mapping[str, Any], name: str) -> bool:
        return name not in fields or bool(fields[name].create)

    def _derived_id(self, run: Mapping[str, Any]) -> str:
        """Return an id that depends only on the row, so that a second import finds it; equal rows are numbered."""
        digest = hashlib.sha256(json.dumps(run, sort_keys=True).encode("utf-8", "replace")).hexdigest()[:32]
        self._seen[digest] += 1
        return f"import/{digest}" + (f"/{self._seen[digest]}" if self._seen[digest] > 1 else "")

    def _from_orchestrator(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Convert a run of pangeo-forge-orchestrator's API, with `head_sha`, `started_at`, `conclusion` and so on."""
        run = {new: values.get(old) for old, new in _ORCHESTRATOR_FIELDS.items()}
        for name in ("run_date", "completed_at"):
            run[name] = _in_utc(run[name])
        run["status"] = _status(values)
        if run["status"] in UNFINISHED_STATUSES:
            run["completed_at"] = None
        run["feedstock_id"] = _named(values, "feedstock", "spec", self.feedstocks)
        run["bakery_id"] = _named(values, "bakery", "name", self.bakeries)
        if url := values.get("dataset_public_url"):
            run["datasets"] = [{"url": url, "format": values.get("dataset_type") or None}]
        if values.get("id") not in (None, ""):
            run["external_id"] = f"pangeo-forge-orchestrator/{values['id']}"
        if isinstance(run["is_test"], str):
            try:
                run["is_test"] = records()["RecipeRun"]["is_test"].read(run["is_test"])
            except ValueError as error:
                raise BadRow(f"is_test {error}") from None
        return run


def _status(values: Mapping[str, Any]) -> str:
    status = read_status(str(values.get("status") or ""))
    if str(values.get("status")).lower() != "completed":
        return status
    conclusion = str(values.get("conclusion") or "").lower()
    if not conclusion:
        raise BadRow("status is completed, but there is no conclusion")
    return _CONCLUSIONS.get(conclusion, conclusion)


def _named(values: Mapping[str, Any], what: str, key: str, known: Mapping[str, str]) -> str | None:
    """Return the name of a feedstock or bakery, from the row itself or by the number in it."""
    nested = values.get(what)
    if isinstance(nested, dict) and nested.get(key):
        return str(nested[key])
    number = values.get(f"{what}_id")
    if number in (None, ""):
        return None
    text = str(number)
    if text in known:
        return known[text]
    if text.isdecimal():
        plural = "feedstocks" if what == "feedstock" else "bakeries"
        raise BadRow(f"{what}_id is {text}, which is not in the file given as --{plural}")
    return text


def _in_utc(value: Any) -> Any:
    """Return a time with its offset; that API's times without one are in UTC."""
    if not isinstance(value, str) or not value:
        return None
    text = value.strip()
    return text if text[-1:] in "zZ" or (text[-6:-5] in ("+", "-") and ":" in text[-5:]) else f"{text}Z"


def _dataset(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: value[name] for name in _DATASET_FIELDS if value.get(name) is not None}
