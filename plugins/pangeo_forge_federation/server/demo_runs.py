"""The recipe runs of the made-up demo federation: ninety days of them, relative to a given moment.

The feedstocks and bakeries are those of tests/fixtures/federation. Nothing is read or written here: the caller posts
the bodies to /recipe_runs as each bakery would, so that the demo shows what the ordinary endpoint accepts.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha1
from random import Random
from typing import Any, NamedTuple

from pangeo_forge_federation.values.feedstock_names import feedstock_id
from pangeo_forge_federation.values.statuses import STATUSES
from pangeo_forge_federation.values.times import to_text

DAYS, TEST_RUNS = 90, 36
TIME_LIMIT, RERUN_AFTER = timedelta(hours=6), timedelta(minutes=45)
HOME = "pangeo-forge"
NORTHLIGHT = "northlight.bakery.gcp.europe-west4"
HARBOR = "harbor.bakery.aws.us-west-2"
CAMPUS = "osn.bakery.campus"
PREFIXES = {NORTHLIGHT: "gs://northlight-open", HARBOR: "s3://harbor-public/arco", CAMPUS: "s3://campus-open"}


class Feedstock(NamedTuple):
    """A feedstock of the demo."""

    repository: str
    bakery: str
    commits: tuple[int, ...]  # how many days ago each commit was made, oldest first
    version: str | None = None  # of pangeo-forge-recipes; None for bakeries that do not report it

    @property
    def id(self) -> str:
        """The feedstock id for its repository."""
        return feedstock_id(self.repository, HOME)


class Recipe(NamedTuple):
    """A recipe of the demo, and the pattern of its runs."""

    feedstock: str  # a key of FEEDSTOCKS
    id: str
    title: str  # of its dataset
    every: int  # days between two runs
    at: str  # time of day, UTC
    minutes: int  # approximate duration of a run
    failure_rate: float = 0.03
    format: str = "zarr"
    first: int = DAYS  # the first and the last day on which it was scheduled, in days ago
    last: int = 0


class Burst(NamedTuple):
    """Days on which every run of a recipe failed for one reason."""

    recipe: str
    first: int  # in days ago, as the last
    last: int
    message: str


FEEDSTOCKS = {
    "sea-ice": Feedstock("pangeo-forge/northern-sea-ice-feedstock", NORTHLIGHT, (140, 71, 38, 12), "0.10.4"),
    "altimetry": Feedstock("pangeo-forge/global-altimetry-feedstock", NORTHLIGHT, (210, 66, 29, 27, 5), "0.10.4"),
    "coupled": Feedstock("pangeo-forge/coupled-model-archive-feedstock", HARBOR, (95, 80, 44, 17), "0.10.4"),
    "soil": Feedstock("pangeo-forge/soil-moisture-record-feedstock", CAMPUS, (120, 58, 31, 9), "1.10"),
    "upper-ocean": Feedstock("pangeo-forge/upper-ocean-reanalysis-feedstock", HARBOR, (400, 83), "0.9.4"),
    "tides": Feedstock("pangeo-forge/tide-gauges-v2.1-feedstock", HARBOR, (160, 62, 33), "0.10.3"),
    "storms": Feedstock("pangeo-forge/storm-tracks-feedstock", NORTHLIGHT, (510, 47)),
    "colour": Feedstock("pangeo-forge/ocean-colour-feedstock", CAMPUS, (130, 64, 24), "0.10.4"),
    "velocity": Feedstock("polar-data-lab/antarctic-ice-velocity-feedstock", HARBOR, (180, 55, 20), "0.10.3"),
    "permafrost": Feedstock("polar-data-lab/permafrost-temperatures-feedstock", CAMPUS, (190, 77)),
    "rivers": Feedstock("delta-hydrology/river-discharge_feedstock", NORTHLIGHT, (220, 74, 51, 22, 3), "0.10.4"),
    # A repository that is not in the fixtures, known from its runs only.
    "snow": Feedstock("polar-data-lab/snow-depth-on-sea-ice-feedstock", NORTHLIGHT, (15,), "0.10.4"),
}

RECIPES = [
    Recipe("sea-ice", "daily-concentration", "Daily Arctic sea ice concentration", 1, "03:25", 24),
    Recipe("sea-ice", "monthly-extent", "Monthly Arctic sea ice extent and area", 7, "05:10", 9, 0.02),
    Recipe("altimetry", "ALT/L4/daily", "Daily maps of sea level anomaly", 1, "06:40", 52, 0.04),
    Recipe("altimetry", "ALT/L3/along track 1Hz", "Along-track sea level anomaly at 1 Hz", 7, "09:15", 140, 0.1),
    Recipe("coupled", "historical.Omon.thetao", "Historical ocean temperature, monthly", 6, "00:30", 210, 0.12),
    Recipe("coupled", "scenario-245.Amon.tas", "Air temperature in scenario 245, monthly", 6, "01:00", 95, 0.05),
    Recipe("soil", "surface", "Surface soil moisture, daily", 1, "04:50", 33, 0.05),
    Recipe("soil", "root-zone", "Root-zone soil moisture, weekly", 7, "07:30", 48, 0.03, "icechunk"),
    Recipe("upper-ocean", "temperature-salinity", "Temperature and salinity of the upper ocean", 7, "11:00", 165, 0.08),
    Recipe("upper-ocean", "currents", "Currents of the upper ocean", 7, "14:00", 70),
    Recipe("tides", "012", "Hourly sea level, eastern North Atlantic", 7, "02:20", 14),
    Recipe("tides", "no", "Hourly sea level, Norway", 7, "02:35", 6),
    Recipe("tides", "2020-01-01", "Hourly sea level, snapshot of 2020", 7, "16:45", 61, 0.0, "zarr", 33, 30),
    Recipe("storms", "north-atlantic", "Storm tracks of the North Atlantic", 7, "12:05", 4, 0.02, "parquet"),
    Recipe("colour", "chlorophyll-8day", "Eight-day composites of chlorophyll-a", 7, "08:00", 18, 0.03, "reference"),
    Recipe("velocity", "mosaic-2025", "Antarctic ice velocity, mosaic of 2025", 7, "18:30", 230, 0.06),
    Recipe("permafrost", "borehole-temperatures", "Borehole temperatures", 7, "10:10", 5, 0.0, "parquet", 90, 52),
    Recipe("rivers", "daily-discharge", "Daily discharge at the head of river deltas", 1, "05:55", 16),
    Recipe("snow", "snow-depth", "Snow depth on Arctic sea ice", 7, "13:20", 38, 0.0, "zarr", 13, 4),
]

MOVED_INPUTS = """\
  File "/opt/conda/lib/python3.11/site-packages/fsspec/implementations/http.py", line 422, in _raise_not_found
    raise FileNotFoundError(url)
FileNotFoundError: https://seaice.boreal-rsc.example/products/concentration-12km/v5/latest/ice_conc_nh.nc"""
OUT_OF_MEMORY = """\
distributed.nanny - WARNING - Worker exceeded 95% memory budget. Restarting
distributed.scheduler - ERROR - Task 'rechunk-7c1e' marked as failed because 4 workers died while trying to run it
KilledWorker: Attempted to run task 'rechunk-7c1e' on 4 different workers, and all of them died while running it."""
EXPIRED_CERTIFICATE = """\
aiohttp.client_exceptions.ClientConnectorCertificateError: Cannot connect to host ilso.example:443
ssl:True [SSLCertVerificationError: (1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired (_ssl.c:1006)')]"""
BROKEN_META_YAML = """\
yaml.scanner.ScannerError: mapping values are not allowed here
  in "feedstock/meta.yaml", line 1, column 20"""
MISMATCHED_SIZES = "ValueError: conflicting sizes for dimension 'depth': length 35 on 'uo' and length 36 on 'vo'"
OCCASIONAL_FAILURES = [
    "aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected\n"
    "RuntimeError: cache_input failed after 5 attempts [while running 'OpenURLWithFSSpec']",
    "OSError: [Errno -101] NetCDF: HDF error: b'/tmp/tmp1x8q0d5c/input-00217.nc'\n"
    "The input is shorter than its Content-Length says: 18,874,368 of 52,428,800 bytes.",
    OUT_OF_MEMORY,
    "botocore.exceptions.ClientError: An error occurred (SlowDown) when calling the PutObject operation",
    "KeyError: \"No variable named 'time'. Did you mean one of ('Time',)?\"",
]
SUCCESS_NOTES = ["1 time step appended.", "Inputs came from the cache.", "3 of 214 inputs were unchanged and kept."]

BURSTS = [
    Burst("daily-concentration", 41, 39, MOVED_INPUTS),  # until a commit follows the inputs to where they moved
    Burst("ALT/L4/daily", 29, 28, OUT_OF_MEMORY),  # between a commit that made the chunks larger and its revert
    Burst("surface", 66, 63, EXPIRED_CERTIFICATE),
    Burst("currents", DAYS, 0, MISMATCHED_SIZES),  # has never worked
    Burst("chlorophyll-8day", 24, 0, BROKEN_META_YAML),  # since the commit whose title holds a bare colon
]

# Runs in progress: recipe, status, minutes ago. The last two were never finished by their bakery.
UNFINISHED = [
    ("ALT/L3/along track 1Hz", "in_progress", 7),
    ("mosaic-2025", "in_progress", 19),
    ("root-zone", "in_progress", 3),
    ("north-atlantic", "queued", 2),
    ("012", "queued", 1),
    ("scenario-245.Amon.tas", "in_progress", 4 * 24 * 60 + 130),
    ("monthly-extent", "queued", 11 * 24 * 60 + 55),
]


def demo_recipe_runs(now: datetime) -> dict[str, list[dict]]:
    """Bodies for POST /recipe_runs, oldest first, by the id of the bakery that posts them. `now` is timezone-aware."""
    now = now.astimezone(UTC).replace(microsecond=0)
    runs = [(recipe, body) for recipe in RECIPES for body in scheduled_runs(recipe, now)]
    runs += pull_request_runs(now) + unfinished_runs(now)
    runs += runs_of_other_statuses(now, {body["status"] for _, body in runs})
    by_bakery: dict[str, list[dict]] = {bakery: [] for bakery in PREFIXES}
    # The times are text of one width, so their order is the order of time.
    for recipe, body in sorted(runs, key=lambda run: (run[1]["run_date"], run[1]["external_id"])):
        by_bakery[FEEDSTOCKS[recipe.feedstock].bakery].append(body)
    return by_bakery


def scheduled_runs(recipe: Recipe, now: datetime) -> list[dict]:
    """Bodies of a recipe's runs of the last `DAYS` days, oldest first."""
    # A separate generator for each recipe, so that changing one recipe does not affect the others.
    random = Random(recipe.id)
    hour, minute = map(int, recipe.at.split(":"))
    bodies = []
    # Weekly recipes begin on different days, or all would run on the same day of the week.
    for days_ago in range(recipe.first - random.randrange(recipe.every), recipe.last - 1, -recipe.every):
        day = (now - timedelta(days=days_ago)).replace(hour=hour, minute=minute, second=0, microsecond=0)
        start = day + timedelta(seconds=random.randrange(90))
        burst = next((b for b in BURSTS if b.recipe == recipe.id and b.first >= days_ago >= b.last), None)
        status, message = ("failure", burst.message) if burst else outcome(recipe, random)
        end = start + duration(recipe, status, random)
        bodies.append(run_body(recipe, now, status, start, end, message, random))
        if status == "failure" and random.random() < 0.4:
            status, message = (status, message) if burst else ("success", "Re-run of the failed jobs.")
            again = end + RERUN_AFTER
            end = again + duration(recipe, status, random)
            bodies.append(run_body(recipe, now, status, again, end, message, random, workflow=start, attempt=2))
    # Other days are dropped only here, so that the hour of `now` does not affect their random numbers.
    return [body for body in bodies if to_text(now - timedelta(days=DAYS)) <= body["run_date"] <= to_text(now)]


def pull_request_runs(now: datetime) -> list[tuple[Recipe, dict]]:
    """Test runs, on pruned inputs."""
    random, runs = Random("pull requests"), []
    candidates = [recipe for recipe in RECIPES if recipe.last == 0]
    for number in range(1, TEST_RUNS + 1):
        recipe = random.choice(candidates)._replace(minutes=4, failure_rate=0.3)
        start = now - timedelta(hours=8) - timedelta(days=DAYS - 1) * random.random()
        status, message = outcome(recipe, random)
        end = start + duration(recipe, status, random)
        runs.append((recipe, run_body(recipe, now, status, start, end, message, random, pull_request=number)))
    return runs


def unfinished_runs(now: datetime) -> list[tuple[Recipe, dict]]:
    """Return (recipe, body) of runs in progress, and of runs that were never finished."""
    running = {recipe_id: (status, now - timedelta(minutes=minutes)) for recipe_id, status, minutes in UNFINISHED}
    recipes = [recipe for recipe in RECIPES if recipe.id in running]
    return [(recipe, run_body(recipe, now, *running[recipe.id], None, None, Random(recipe.id))) for recipe in recipes]


def runs_of_other_statuses(now: datetime, shown: set[str]) -> list[tuple[Recipe, dict]]:
    """Return (recipe, body) of a run for each unused status, so that the demo has all statuses."""
    recipe, random, runs = RECIPES[0], Random("other statuses"), []
    for number, status in enumerate(each for each in STATUSES if each.name not in shown):
        start = now - timedelta(hours=2, minutes=number)
        end = start + timedelta(hours=1) if status.is_final else None
        runs.append((recipe, run_body(recipe, now, status.name, start, end, None, random)))
    return runs


def outcome(recipe: Recipe, random: Random) -> tuple[str, str | None]:
    """(status, message) of a run, by chance."""
    chance = random.random()
    if chance < recipe.failure_rate:
        return "failure", random.choice(OCCASIONAL_FAILURES)
    if chance > 0.99:
        return "timed_out", "Exceeded the time limit of 6 hours; 3 of 128 tasks were still running."
    if chance > 0.98:
        return "cancelled", "Cancelled: superseded by a newer commit."
    if chance > 0.95:
        return "skipped", "No new inputs since the last run."
    return "success", random.choice(SUCCESS_NOTES) if random.random() < 0.1 else None


def duration(recipe: Recipe, status: str, random: Random) -> timedelta:
    """How long a run took, by chance."""
    if status in ("timed_out", "skipped"):
        return TIME_LIMIT if status == "timed_out" else timedelta(seconds=random.randrange(20, 70))
    share = random.uniform(0.85, 1.3) if status == "success" else random.uniform(0.1, 0.8)
    return timedelta(seconds=int(recipe.minutes * 60 * share))


def run_body(
    recipe: Recipe,
    now: datetime,
    status: str,
    start: datetime,
    end: datetime | None,
    message: str | None,
    random: Random,
    workflow: datetime | None = None,
    attempt: int = 1,
    pull_request: int = 0,
) -> dict:
    """The body of a POST, as the bakery of the recipe would send it."""
    feedstock = FEEDSTOCKS[recipe.feedstock]
    # Whoever passes on GITHUB_REPOSITORY says owner/repo.
    named = feedstock.repository if random.random() < 0.025 else feedstock.id
    store_is_kept = not pull_request or random.random() < 0.5
    if end and end > now:
        status, end, message = "in_progress", None, None
    # Numbers of workflow runs grow with time; a re-run keeps its number and counts the attempt.
    number = 7_000_000_000 + int((workflow or start).timestamp())
    body: dict[str, Any] = {
        "recipe_id": recipe.id,
        "feedstock_id": named,
        "commit": commit_at(feedstock, (now.date() - start.date()).days, pull_request),
        "status": status,
        "run_date": to_text(start),
        "completed_at": to_text(end) if end else None,
        "version": feedstock.version,
        "is_test": True if pull_request else None,
        "message": message,
        "external_id": f"{number}/{attempt}/{recipe.id}",
        "log_url": f"https://logs.{feedstock.bakery.split('.')[0]}.example/runs/{number}/{attempt}",
    }
    if status == "success" and store_is_kept:
        body["datasets"] = [dataset(recipe, feedstock, "-test" if pull_request else "")]
    return {key: value for key, value in body.items() if value is not None}


def dataset(recipe: Recipe, feedstock: Feedstock, suffix: str) -> dict:
    """A dataset as it stands in the body of a run."""
    # ADR 3's layout; its feedstock is the name of the repository.
    folder = f"{PREFIXES[feedstock.bakery]}/pangeo-forge/{feedstock.repository.split('/')[1]}"
    return {"url": f"{folder}/{recipe.id}{suffix}.{recipe.format}", "format": recipe.format, "title": recipe.title}


def commit_at(feedstock: Feedstock, days_ago: int, pull_request: int) -> str:
    """40 hexadecimal digits: the feedstock's commit so many days ago, or a pull request's."""
    made = min((made for made in feedstock.commits if made >= days_ago), default=feedstock.commits[0])
    name = f"pull request {pull_request}" if pull_request else f"commit {made}"
    return sha1(f"{feedstock.repository} {name}".encode()).hexdigest()
