"""Options that our command lines share."""

from pathlib import Path

import click

HELP = {"help_option_names": ["-h", "--help"]}
data_option = click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the databases.")
