"""`forge datasets open ID`: print the Python code that opens a dataset, as on its page in the explorer."""

import click

from pangeo_forge_federation.client.commands.session import Session, pass_session
from pangeo_forge_federation.records.open_snippets import snippet


@click.command("open")
@click.argument("dataset_id", type=int)
@pass_session
def open_command(session: Session, dataset_id: int) -> None:
    """Print Python code that opens a dataset."""
    dataset = session.client.dataset(dataset_id)
    # the bakery's targets determine the options for the store
    bakery = session.client.bakery(dataset["bakery_id"])
    click.echo(snippet(dataset, bakery["targets"]))
