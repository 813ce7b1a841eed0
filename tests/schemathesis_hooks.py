"""What schemathesis cannot know of a valid request, each with the reason why the document cannot say it."""

import schemathesis

# A page's `_next` is given by the page before. An Idempotency-Key belongs to one write, and is refused with another
# body; an If-Match is the tag of one record, and is refused for another.
GIVEN_BY_THE_REGISTRY = ("_next", "idempotency-key", "if-match")


@schemathesis.hook
def before_call(context, case, kwargs):
    # what is wrong on purpose is left, to be refused
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for container in (case.query, case.headers):
        for name in [name for name in container or {} if name.lower() in GIVEN_BY_THE_REGISTRY]:
            del container[name]


@schemathesis.hook
def map_body(context, body):
    # rules between fields: completed_at only with a final status and not before run_date, neither in the future, a
    # bakery's token only for its own bakery, an external_id once
    for run in body if isinstance(body, list) else [body]:
        if isinstance(run, dict):
            for name in ("completed_at", "run_date", "bakery_id", "external_id"):
                # what is of the wrong type is left, to be refused
                if isinstance(run.get(name), str):
                    del run[name]
            without_brackets(run)
    return body


def without_brackets(record):
    """What stands in brackets as a host must be an IPv6 address, which no regular expression of a schema says."""
    for name in ("url", "log_url"):
        if isinstance(record.get(name), str):
            record[name] = record[name].replace("[", "").replace("]", "")
    datasets = record.get("datasets")
    for dataset in datasets if isinstance(datasets, list) else []:
        if isinstance(dataset, dict):
            without_brackets(dataset)
