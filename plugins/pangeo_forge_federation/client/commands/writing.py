"""The commands that record and change recipe runs and datasets. Their options are the fields that the API takes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import click

from pangeo_forge_federation.client import github_actions
from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.commands.reading import api_spelling, format_options
from pangeo_forge_federation.client.commands.session import Session, pass_session, say
from pangeo_forge_federation.client.endpoints import Field, records
from pangeo_forge_federation.client.errors import BadConfiguration
from pangeo_forge_federation.client.output import COLUMNS, TABLE, write_record, write_rows
from pangeo_forge_federation.client.records import DatasetUpdate, RecipeRunCreate, RecipeRunUpdate
from pangeo_forge_federation.client.spool import try_flush
from pangeo_forge_federation.values.text_rules import check_no_credentials


class PublicUrl(click.ParamType):
    """A URL without credentials, which must not get into the saved runs on disk or the job summary either."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            check_no_credentials(value)
        except ValueError as error:
            self.fail(f"it {error}", param, ctx)
        return value


DATASETS = [
    click.Option(
        ["--dataset", "dataset_urls"],
        type=PublicUrl(),
        multiple=True,
        metavar="URL",
        help="URL of a dataset that the run wrote. Can be repeated.",
    ),
    click.Option(["--dataset-format"], metavar="FORMAT", help="Format of these datasets, such as zarr."),
]
_DATA = click.Option(
    ["--data"],
    type=click.File("rb"),
    metavar="FILE",
    help="JSON of the request, - for stdin. Other options override its fields.",
)
# Ids whose options also have a short name.
_SHORT = ("recipe_id", "feedstock_id", "bakery_id")


def write_commands() -> Mapping[tuple[str, ...], Callable[[], click.Command]]:
    """Return functions that create each command that writes, by its name."""
    return {
        ("runs", "create"): _create_run,
        ("runs", "update"): _update_run,
        ("runs", "heartbeat"): lambda: heartbeat,
        ("datasets", "create"): _create_dataset,
        ("datasets", "update"): _update_dataset,
    }


def body_options(record: str, accepted: str) -> Iterator[click.Option]:
    """Yield an option for each field that a POST (`accepted="create"`) or a PATCH (`accepted="update"`) takes."""
    for name, field in records()[record].items():
        if getattr(field, accepted) and name != "datasets":
            yield field_option(name, field)


def field_option(name: str, field: Field) -> click.Option:
    """Return the option that sets a field."""
    option = f"--{name.replace('_', '-')}"
    if field.kind == "boolean":
        return click.Option([f"{option}/--no-{name.replace('_', '-')}", name], default=None, help=field.description)
    # --recipe is --recipe-id
    short = [option.removesuffix("-id")] if name in _SHORT else []
    kind = PublicUrl() if field.text == "url" else _Value(field)
    return click.Option([option, *short, name], type=kind, metavar=field.metavar, help=field.description)


def datasets_of(urls: tuple[str, ...], form: str | None) -> list[dict[str, str]]:
    """Return the datasets of a run, as a POST takes them, from --dataset and --dataset-format."""
    return [{"url": url, **({"format": form} if form else {})} for url in urls]


def request_body(given: Mapping[str, Any], data: Any, dataset_urls: tuple[str, ...], dataset_format: str | None) -> Any:
    """Return the JSON of --data with the fields of the options in it. Raises UsageError."""
    sent = {name: value for name, value in given.items() if value is not None}
    if dataset_urls:
        sent["datasets"] = datasets_of(dataset_urls, dataset_format)
    if data is None:
        return sent
    try:
        body = json.loads(data.read())
    except (ValueError, RecursionError):
        raise click.UsageError(f"--data: {data.name} does not contain valid JSON") from None
    if isinstance(body, list) and not sent:
        return body
    if not isinstance(body, dict):
        raise click.UsageError("--data must contain an object, or an array of runs if no fields are given as options")
    return {**body, **sent}


def need_token(session: Session) -> Client:
    """Return the client. Raises BadConfiguration if there is no token."""
    if not session.configuration.token:
        raise BadConfiguration("this command needs a token. Set FEDERATION_TOKEN, or run `forge login`.")
    return session.client


def _create_run() -> click.Command:
    @pass_session
    def run(
        session: Session,
        form: str | None,
        idempotency_key: str | None,
        data: Any,
        dataset_urls: tuple[str, ...],
        dataset_format: str | None,
        **given: Any,
    ) -> None:
        client = need_token(session)
        body = request_body(given, data, dataset_urls, dataset_format)
        if isinstance(body, list):
            rows = client.create_recipe_runs(body, idempotency_key)
            write_rows(rows, COLUMNS["RecipeRun"] if form is None else list(rows[0]), form or TABLE)
        else:
            # the registry checks the fields
            whole = cast(RecipeRunCreate, {**github_actions.job_fields(body.get("recipe_id")), **body})
            write_record(client.create_recipe_run(whole, idempotency_key), records()["RecipeRun"], form or TABLE)
        try_flush(session.quick_transport(), say)

    return _command(
        "create",
        run,
        "Record a recipe run, or up to 1,000 with --data.\n\nIn GitHub Actions, the defaults for feedstock, commit, "
        "external id and log URL come from the job.",
        [*body_options("RecipeRun", "create"), *DATASETS, _DATA, _key()],
    )


def _update_run() -> click.Command:
    @pass_session
    def run(
        session: Session,
        recipe_run_id: int | None,
        by_external_id: str | None,
        bakery_id: str | None,
        form: str | None,
        idempotency_key: str | None,
        if_revision: int | None,
        data: Any,
        unset: tuple[str, ...],
        dataset_urls: tuple[str, ...],
        dataset_format: str | None,
        **given: Any,
    ) -> None:
        if (recipe_run_id is None) == (by_external_id is None):
            raise click.UsageError("give either RECIPE_RUN_ID or --by-external-id")
        client = need_token(session)
        body = request_body(given, data, dataset_urls, dataset_format)
        patch = cast(RecipeRunUpdate, {**body, **dict.fromkeys(unset)})
        if recipe_run_id is not None:
            record = client.update_recipe_run(recipe_run_id, patch, idempotency_key, if_revision)
        else:
            assert by_external_id is not None, "checked above"
            record = client.update_recipe_run_by_external_id(
                by_external_id, patch, bakery_id, idempotency_key, if_revision
            )
        write_record(record, records()["RecipeRun"], form or TABLE)
        try_flush(session.quick_transport(), say)

    return _command(
        "update",
        run,
        "Change a recipe run, for example its status when it has ended.\n\nThe run is given by its id, or by its "
        "external id with --by-external-id.",
        [
            click.Argument(["recipe_run_id"], type=int, required=False),
            click.Option(["--by-external-id"], metavar="TEXT", help="External id of the run, in place of its id."),
            click.Option(
                ["--bakery-id"], metavar="TEXT", help="Bakery of that run. Only needed with an administrator's token."
            ),
            *body_options("RecipeRun", "update"),
            *DATASETS,
            *_patch_options("RecipeRun"),
        ],
    )


@click.command()
@click.argument("recipe_run_id", type=int)
@pass_session
def heartbeat(session: Session, recipe_run_id: int) -> None:
    """Report that a recipe run is still running, so that it is not shown as stale."""
    need_token(session).heartbeat(recipe_run_id)
    try_flush(session.quick_transport(), say)


def _create_dataset() -> click.Command:
    @pass_session
    def run(session: Session, form: str | None, idempotency_key: str | None, data: Any, **given: Any) -> None:
        body = request_body(given, data, (), None)
        record = need_token(session).create_dataset(body, idempotency_key)
        write_record(record, records()["Dataset"], form or TABLE)

    options = [*body_options("Dataset", "create"), _DATA, _key()]
    return _command("create", run, "Record a dataset that was not written by a recipe run.", options)


def _update_dataset() -> click.Command:
    @pass_session
    def run(
        session: Session,
        dataset_id: int,
        form: str | None,
        idempotency_key: str | None,
        if_revision: int | None,
        data: Any,
        unset: tuple[str, ...],
        **given: Any,
    ) -> None:
        patch = cast(DatasetUpdate, {**request_body(given, data, (), None), **dict.fromkeys(unset)})
        record = need_token(session).update_dataset(dataset_id, patch, idempotency_key, if_revision)
        write_record(record, records()["Dataset"], form or TABLE)

    options = [click.Argument(["dataset_id"], type=int), *body_options("Dataset", "update"), *_patch_options("Dataset")]
    return _command("update", run, "Change a dataset, or retract it with a reason.", options)


def _patch_options(record: str) -> list[click.Option]:
    fields = [name for name, field in records()[record].items() if field.update and name not in ("datasets", "status")]
    return [
        click.Option(
            ["--unset"], multiple=True, type=click.Choice(fields), help="Set this field to null. Can be repeated."
        ),
        click.Option(
            ["--if-revision"], type=int, metavar="N", help="Fail if the record's revision is no longer this one."
        ),
        _DATA,
        _key(),
    ]


def _key() -> click.Option:
    text = "A write is made only once, however often it is sent with the same key.  [default: a new key]"
    return click.Option(["--idempotency-key"], metavar="TEXT", help=text)


def _command(name: str, run: Callable[..., None], help_text: str, options: Sequence[click.Parameter]) -> click.Command:
    return click.Command(
        name,
        callback=run,
        help=help_text,
        params=[*options, *format_options(False)],
        context_settings={"token_normalize_func": api_spelling},
    )


class _Value(click.ParamType):
    """The value of a field."""

    name = "value"

    def __init__(self, field: Field):
        self.field = field

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self.field.read(value)
        except ValueError as error:
            self.fail(f"it {error}", param, ctx)
