"""A first sync of many feedstocks from files, and one that finds nothing changed: how long, and what takes it."""

import tempfile
import time
from pathlib import Path

import click
from federation.data_folder import prepare
from federation.settings import ROOT
from federation.sync import run
from federation.sync.folder import fetch_folder

EXAMPLES = ROOT / "tests" / "fixtures" / "federation"
BAKERY_DATABASE = "pangeo-forge/bakery-database"
HOME = "pangeo-forge"


def write_feedstocks(folder: Path, count: int) -> None:
    """As many feedstocks as asked for, with the contents of the fixtures in turns, each a little different."""
    contents = [path.read_bytes() for path in sorted(EXAMPLES.glob("*/*/feedstock/meta.y*ml"))]
    for number in range(count):
        file = folder / "pangeo-forge" / f"feedstock-{number}" / "feedstock" / "meta.yaml"
        file.parent.mkdir(parents=True)
        file.write_bytes(contents[number % len(contents)] + b"# %d\n" % number)


def measure(data: Path, folder: Path) -> dict[str, float]:
    """Seconds of one sync by what they went into."""
    parsing = 0.0
    usual = run.parse_meta_yaml

    def timed(content: bytes):
        nonlocal parsing
        began = time.perf_counter()
        try:
            return usual(content)
        finally:
            parsing += time.perf_counter() - began

    run.parse_meta_yaml = timed
    try:
        began = time.perf_counter()
        fetched = fetch_folder(folder, BAKERY_DATABASE)
        reading = time.perf_counter() - began
        run.run_sync(data, fetched, HOME)
        total = time.perf_counter() - began
    finally:
        run.parse_meta_yaml = usual
    return {"total": total, "files": reading, "YAML": parsing, "SQL and the rest": total - reading - parsing}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--feedstocks", default=25_000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="On which disk.")
def benchmark(feedstocks: int, folder: Path | None) -> None:
    """A first sync of many feedstocks from files, and one that finds nothing changed."""
    with tempfile.TemporaryDirectory(dir=folder) as root:
        files, data = Path(root) / "files", Path(root) / "data"
        write_feedstocks(files, feedstocks)
        prepare(data)
        for name in ("first", "unchanged"):
            seconds = measure(data, files)
            shares = ", ".join(
                f"{part} {taken / seconds['total']:.0%}" for part, taken in seconds.items() if part != "total"
            )
            click.echo(f"{name:<9} {seconds['total']:6.1f} s   {shares}")


if __name__ == "__main__":
    benchmark()
