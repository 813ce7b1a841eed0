"""docs/scale.md computes with the figures at its top.

    scripts/write-generated

computes its tables anew, for when a figure was renewed.
"""

import math
import re
from collections.abc import Mapping

from pangeo_forge_federation.settings import ROOT

SCALE = ROOT / "docs" / "scale.md"
COMPUTED = re.compile(r"(<!-- computed -->\n)(.*?)(<!-- end -->)", re.DOTALL)

WRITES_OF_A_RUN = 4
BUSIEST = 20
POLL_SECONDS = 10
SYNCS_IN_AN_HOUR = 4
SNAPSHOTS_KEPT = 14
# a machine has two, of which half is for what comes unasked
PROCESSORS_TO_USE = 1.0


def read_table(heading: str) -> dict[str, list[str]]:
    """First cell -> the other cells, of the table under a heading."""
    section = SCALE.read_text("utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in rows[2:]}


def figures() -> dict[str, float]:
    return {name: float(cells[0]) for name, cells in read_table("Measured").items()}


def federations() -> list[dict[str, int]]:
    table = read_table("Assumed")
    return [{name: int(cells[index].replace(",", "")) for name, cells in table.items()} for index in range(3)]


def compute(assumed: Mapping[str, int], measured: Mapping[str, float]) -> dict[str, str]:
    """The rows of one federation's column."""
    runs = assumed["recipe runs in all"]
    millions = runs / 1e6
    reads = assumed["dashboards that are open, each asking every 10 s"] / POLL_SECONDS
    writes = assumed["recipe runs in a day"] * WRITES_OF_A_RUN / 86400 * BUSIEST
    # what is asked for more seldom than written is read anew each time it is asked for
    cold = min(reads, writes * assumed["different requests among them"])
    hot = reads - cold
    processors = {
        "cache": hot * measured["a read from the cache, microseconds of a processor"] / 1e6,
        "anew": cold * measured["the same read after a write, microseconds"] / 1e6,
        "pages": assumed["pages of the explorer in a minute"]
        / 60
        * measured["a page of the explorer, milliseconds"]
        / 1e3,
    }
    points = assumed["feedstocks"] / measured["feedstocks that a point of GitHub's pays for"]
    share = points * SYNCS_IN_AN_HOUR / measured["points of GitHub's in an hour"]
    return {
        "reads in a second": number(reads),
        "writes in a second, in the busiest minute": number(writes),
        "share of what one writer reaches": percent(writes / measured["writes in a second, 32 clients"]),
        "processors for reads from the cache": number(processors["cache"]),
        "processors for reads after a write": number(processors["anew"]),
        "processors for pages": number(processors["pages"]),
        "machines that answer reads": str(math.ceil(sum(processors.values()) / PROCESSORS_TO_USE)),
        "database": size(runs * measured["bytes of a run in the database"]),
        f"{SNAPSHOTS_KEPT} snapshots": size(SNAPSHOTS_KEPT * runs * measured["bytes of a run in a snapshot"]),
        "to make a snapshot": duration(millions * measured["seconds to make a snapshot of a million runs"]),
        "to make a backup": duration(millions * measured["seconds to back a million runs up"]),
        "to restore from a store": duration(millions * measured["seconds to restore a million runs from a store"]),
        "GitHub's hour, with a whole sync every 15 minutes": percent(share),
        "a whole sync at most every": duration(max(900, points / measured["points of GitHub's in an hour"] * 3600)),
    }


def number(value: float) -> str:
    if value and value < 0.001:
        return "below 0.001"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def percent(share: float) -> str:
    return "below 1 %" if 0 < share < 0.01 else f"{share * 100:,.0f} %"


def size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def duration(seconds: float) -> str:
    if seconds < 120:
        return f"{max(1, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def computed() -> str:
    columns = [compute(each, figures()) for each in federations()]
    lines = ["| | today's federation | conda-forge's size | a hundred times that |", "|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in columns[0]]
    return "\n".join(lines) + "\n"


def test_its_tables_are_what_its_figures_make():
    assert COMPUTED.search(SCALE.read_text("utf-8"))[2] == computed()


def test_what_its_words_say_of_them_holds():
    today, conda_forge, hundred = [compute(each, figures()) for each in federations()]
    assert today["machines that answer reads"] == conda_forge["machines that answer reads"] == "1"
    assert int(hundred["machines that answer reads"]) > 1
    pages, dashboards = [float(conda_forge[f"processors for {what}"]) for what in ("pages", "reads after a write")]
    assert 0.5 < pages / dashboards < 2
    for column in (today, conda_forge):
        assert (
            float(column["GitHub's hour, with a whole sync every 15 minutes"].removeprefix("below ").split()[0]) <= 100
        )
    assert hundred["a whole sync at most every"].endswith(" h")


if __name__ == "__main__":
    SCALE.write_text(COMPUTED.sub(lambda match: match[1] + computed() + match[3], SCALE.read_text("utf-8")), "utf-8")
