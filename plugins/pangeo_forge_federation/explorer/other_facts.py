"""The fields of a record that its page has no dedicated place for, so that new fields appear without more code."""

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape
from pydantic.fields import FieldInfo

from pangeo_forge_federation.explorer.links import linked_text
from pangeo_forge_federation.explorer.words import bounded, instant
from pangeo_forge_federation.records.field_kinds import BOOLEAN, DAY, NUMBER, TEXT, TIME, column_kinds
from pangeo_forge_federation.records.models import Dataset, RecipeRun, Record

# The fields that clients can send and that the page's template shows itself.
PLACED: Mapping[type[Record], frozenset[str]] = {
    RecipeRun: frozenset(
        {
            "recipe_id",
            "run_date",
            "bakery_id",
            "feedstock_id",
            "commit",
            "status",
            "message",
            "completed_at",
            "version",
            "is_test",
            "log_url",
            "external_id",
            "datasets",
        }
    ),
    Dataset: frozenset(
        {
            "url",
            "format",
            "title",
            "description",
            "feedstock_id",
            "recipe_id",
            "bakery_id",
            "is_test",
            "retraction_reason",
        }
    ),
}
# bytes of a value as HTML
_LONGEST = 2000


def other_facts(record: type[Record], row: Mapping[str, Any]) -> list[tuple[str, Markup]]:
    """Return (label, value) of each field that is set, has no place and can be sent, in the order of the model."""
    kinds = column_kinds(record)
    return [
        (name.replace("_", " ").capitalize(), _formatted(row[name], kinds[name]))
        for name, info in record.model_fields.items()
        if is_sent(info) and name not in PLACED.get(record, ()) and row[name] is not None
    ]


def is_sent(info: FieldInfo) -> bool:
    """Return whether a POST or a PATCH accepts a field."""
    # every field of the models has a dict here
    extra: Any = info.json_schema_extra
    return bool(extra["create"] or extra["update"])


def _formatted(value: Any, kind: str) -> Markup:
    if kind == TIME:
        return escape(instant(value))
    if kind == BOOLEAN:
        return escape("yes" if value else "no")
    if kind == NUMBER:
        return escape(f"{value:,}".removesuffix(".0"))
    return linked_text(bounded(value if kind in (TEXT, DAY) else json.dumps(value, ensure_ascii=False), _LONGEST))
