"""The computed table of docs/scale.md follows from the figures at the top of that page.

    scripts/write-generated

updates the table after a figure has changed.
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
    runs = assumed["Recipe runs in total"]
    millions = runs / 1e6
    reads = assumed["Open dashboards, each polling every 10 s"] / POLL_SECONDS
    writes = assumed["Recipe runs per day"] * WRITES_OF_A_RUN / 86400 * BUSIEST
    # a request that comes less often than writes do is read from the database each time
    cold = min(reads, writes * assumed["Distinct requests among them"])
    hot = reads - cold
    processors = {
        "cache": hot * measured["Cached read: CPU time in microseconds"] / 1e6,
        "anew": cold * measured["Uncached read after a write: CPU time in microseconds"] / 1e6,
        "pages": assumed["Explorer pages per minute"] / 60 * measured["Explorer page: CPU time in milliseconds"] / 1e3,
    }
    points = assumed["Feedstocks"] / measured["Feedstocks per GitHub rate-limit point"]
    points_per_hour = measured["GitHub rate-limit points per hour"]
    share = points * SYNCS_IN_AN_HOUR / points_per_hour
    return {
        "Reads per second": number(reads),
        "Writes per second in the busiest minute": number(writes),
        "Share of one writer's capacity": percent(writes / measured["Writes per second, 32 clients"]),
        "CPUs for cached reads": number(processors["cache"]),
        "CPUs for uncached reads": number(processors["anew"]),
        "CPUs for explorer pages": number(processors["pages"]),
        "Machines serving reads": str(math.ceil(sum(processors.values()) / PROCESSORS_TO_USE)),
        "Database size": size(runs * measured["Bytes per run in the database"]),
        f"{SNAPSHOTS_KEPT} snapshots": size(SNAPSHOTS_KEPT * runs * measured["Bytes per run in a snapshot"]),
        "Time to create a snapshot": duration(millions * measured["Seconds to create a snapshot of a million runs"]),
        "Time to create a backup": duration(millions * measured["Seconds to back up a million runs"]),
        "Time to restore from a store": duration(millions * measured["Seconds to restore a million runs from a store"]),
        "Share of GitHub's hourly limit, full sync every 15 minutes": percent(share),
        "Shortest interval between full syncs": duration(max(900, points / points_per_hour * 3600)),
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
    lines = ["| | Today's federation | conda-forge size | 100 times conda-forge |", "|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in columns[0]]
    return "\n".join(lines) + "\n"


def test_its_tables_are_what_its_figures_make():
    assert COMPUTED.search(SCALE.read_text("utf-8"))[2] == computed()


def test_what_its_words_say_of_them_holds():
    today, conda_forge, hundred = [compute(each, figures()) for each in federations()]
    assert today["Machines serving reads"] == conda_forge["Machines serving reads"] == "1"
    assert int(hundred["Machines serving reads"]) > 1
    pages, dashboards = [float(conda_forge[f"CPUs for {what}"]) for what in ("explorer pages", "uncached reads")]
    assert 0.5 < pages / dashboards < 2
    for column in (today, conda_forge):
        share = column["Share of GitHub's hourly limit, full sync every 15 minutes"]
        assert float(share.removeprefix("below ").split()[0]) <= 100
    assert hundred["Shortest interval between full syncs"].endswith(" h")


if __name__ == "__main__":
    SCALE.write_text(COMPUTED.sub(lambda match: match[1] + computed() + match[3], SCALE.read_text("utf-8")), "utf-8")
