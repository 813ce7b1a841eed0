"""What schemathesis cannot know of a valid request, each with the reason why the document cannot say it."""

import schemathesis


@schemathesis.hook
def map_query(context, query):
    # a page's `_next` is given by the page before; any other text is refused, whatever its form
    return {name: value for name, value in query.items() if name != "_next"} if query else query


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
    return body
