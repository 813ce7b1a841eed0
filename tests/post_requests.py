"""What tests of POST /recipe_runs share beside the fixtures."""

from datetime import UTC, datetime, timedelta

from federation import times

PROBLEM = "application/problem+json"
FEEDSTOCK = "northern-sea-ice-feedstock"
MIB = 1024 * 1024


def faults(response, status=422):
    """Pointer -> detail of a refusal."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


def ago(**span):
    return times.to_text(datetime.now(UTC) - timedelta(**span))
