"""Options that the command lines share."""

from pathlib import Path

import click

HELP = {"help_option_names": ["-h", "--help"]}
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data folder, which contains the databases.  [default: FEDERATION_DATA, else the checkout]",
)
