"""`forge datasets open ID`: the lines of Python that open it, as its page in the explorer shows them."""

import click

from pangeo_forge_federation.client.commands.session import Session, pass_session
from pangeo_forge_federation.records.open_snippets import snippet


@click.command("open")
@click.argument("dataset_id", type=int)
@pass_session
def open_command(session: Session, dataset_id: int) -> None:
    """Print the Python that opens a dataset."""
    dataset = session.client.dataset(dataset_id)
    # its bakery's targets say how the store is reached
    bakery = session.client.bakery(dataset["bakery_id"])
    click.echo(snippet(dataset, bakery["targets"]))
