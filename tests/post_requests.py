"""What tests of POST /recipe_runs share beside the fixtures."""

from datetime import UTC, datetime, timedelta
from typing import get_args, get_origin

from pangeo_forge_federation.records.bodies import create_model_of
from pangeo_forge_federation.values import times

PROBLEM = "application/problem+json"
FEEDSTOCK = "northern-sea-ice-feedstock"
MIB = 1024 * 1024


def faults(response, status=422):
    """Pointer -> detail of a refusal."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


def whole_body(record, **changes):
    """A body with every field that a POST of such a record takes, each as its example in fields.py has it."""
    body = {}
    for name in create_model_of(record).model_fields:
        info = record.model_fields[name]
        assert info.examples or get_origin(info.annotation) is list, f"{name} has no example"
        body[name] = info.examples[0] if info.examples else [whole_body(get_args(info.annotation)[0])]
    return {**body, **changes}


def ago(**span):
    return times.to_text(datetime.now(UTC) - timedelta(**span))
