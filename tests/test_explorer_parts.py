"""The parts that pages are made of: words, links, charts, snippets, and the templates that Datasette's were."""

import ast
import hashlib
import re
from datetime import UTC, date, datetime
from pathlib import Path

import datasette as datasette_package
import pytest
from markupsafe import escape
from pangeo_forge_federation.explorer import words
from pangeo_forge_federation.explorer.links import LINKS, external, linked_text, web_url
from pangeo_forge_federation.explorer.lists import LISTS
from pangeo_forge_federation.explorer.stacks import make_line, make_stacks
from pangeo_forge_federation.explorer.strip import make_strip
from pangeo_forge_federation.explorer.success_rate import success_rate
from pangeo_forge_federation.explorer.timeline import HEIGHT, LEAST, make_timeline
from pangeo_forge_federation.explorer.weeks import HEIGHT as WEEK_HEIGHT
from pangeo_forge_federation.explorer.weeks import make_weeks
from pangeo_forge_federation.records.models import RECORDS
from pangeo_forge_federation.records.open_snippets import snippet, whole_prefix
from pangeo_forge_federation.settings import ROOT, read_metadata
from pangeo_forge_federation.storage.views import SELECTS

# The templates of Datasette 0.65.5 that ours were written for. Where one of these changes, read what changed, carry it
# over, and write down the new hash.
UPSTREAM = {
    "_codemirror.html": "adc9b239432e853b62049bebf493ea948a2410ee295b7fa9a054e644588535d7",
    "_codemirror_foot.html": "57f0251b9c1fbe032faf49694bcf7ef1940c6c4fa9a7e2bfb587e79f758dcd12",
    "_close_open_menus.html": "eda6b9dbf39ab061a9e29dcb05fdb5728d91dce8bcf5de436c0066c22a840fe2",
    "_crumbs.html": "882c9d69e13363b440d4b977d432ae7287548d53e71ca199327c1acece3c9c81",
    "_description_source_license.html": "13fcf73b733dadc598f79a11ce5ec04df6205d13deefeb76bd388008cc072e51",
    "_facet_results.html": "622d3c764aa14f17f07714af7bbdee5719adfbce9cce5358fd3df3e2df137f30",
    "_footer.html": "d190d9e7dc5046c1bdfb2b738c60754143eab44fdbae2d9a74e7b8f1aa2cf44b",
    "_table.html": "f75a8872713f28fdce49b9a44a397f26ba1b5db5e82a74dda1f20ec14faaaa57",
    "base.html": "bb22df33caea147e1db3b238878f2716ab698c81be89a66d9dabd5649e899dc2",
    "database.html": "4fd5e97823bb5380b54c4f4f5285f07d1db74e366ef6225aa46dddfcf5b2c88a",
    "error.html": "c2115d1fdbff1a480b804fe880bafec9a754544f7b154e5322f680309ee3b497",
    "index.html": "ed57b14bb5656bcdb133170a1d3aa2e2c71255662b1b0ecce7a86dc8a9406294",
    "query.html": "bc3559df0e209da97d0bb46d0da5e36e02a9a561e4e473d1b79f62776786b435",
    "row.html": "ff5dde41541c39dd09f1dee1bbb3e4e58e8487775b17e1c9650bd558eb1b5a17",
    "table.html": "81cec4b0f7948bf0b4756b1a0ce706ce30d5694e506fd5639f3cd08a4a8f88a9",
}
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TRACEBACK = 'Traceback (most recent call last):\n  File "recipe.py", line 12, in open\n    raise\n'
TARGETS = [
    {"protocol": "s3", "prefix": "bucket", "anon": True, "requester_pays": None, "endpoint_url": "https://osn.example"},
    {"protocol": "gs", "prefix": "gs://open/", "anon": True, "requester_pays": True, "endpoint_url": None},
]


@pytest.mark.parametrize(
    ("url", "format", "expected"),
    [
        ("s3://bucket/a.zarr", "zarr", 'engine="zarr"'),
        ("s3://bucket/a.zarr", None, 'engine="zarr"'),
        ("s3://bucket/a b{c}.zarr", "Zarr v3", '"s3://bucket/a b{c}.zarr"'),
        ("s3://bucket/a", "zarr", '"client_kwargs": {"endpoint_url": "https://osn.example"}'),
        ("gs://open/a.zarr", "zarr", '"token": "anon", "requester_pays": True'),
        ("gs://opener/a.zarr", "zarr", "chunks={}"),
        ("s3://bucket/a.json", "reference", 'engine="kerchunk"'),
        ("s3://bucket/a.parquet", "parquet", "pd.read_parquet("),
        ("s3://bucket/a/b", "icechunk", "icechunk.s3_storage("),
        ("gs://open/a", "icechunk", "icechunk.gcs_storage("),
        ("https://example.org/a.nc", None, "xr.open_dataset(file.open()"),
        ("https://example.org/a.tiff", "cog", "fsspec.open("),
        ('https://example.org/"\\\n".zarr', "zarr", "xr.open_dataset("),
    ],
)
def test_a_snippet_is_python_and_the_right_call(url, format, expected):
    text = snippet({"url": url, "format": format}, TARGETS)
    assert expected in text
    strings = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    assert format == "icechunk" or url in strings


def test_a_prefix_has_its_protocol_once_and_none_where_there_is_none():
    told = [
        whole_prefix({"protocol": p, "prefix": x})
        for p, x in (("s3", "b/p"), ("gs", "gs://b"), (None, "b"), ("s3", None))
    ]
    assert told == ["s3://b/p", "gs://b", "b", None]


def test_words_for_times():
    for seconds, expected in {
        1: "just now",
        20: "20 seconds ago",
        61: "1 minute ago",
        7200: "2 hours ago",
        90_000: "yesterday",
        172_800: "2 days ago",
        -7200: "in 2 hours",
    }.items():
        then = words.from_text("2026-11-24T12:00:00.000000Z").timestamp() - seconds
        text = datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert words.ago(text, NOW) == expected
    assert words.duration(0) == "0 seconds"
    assert words.duration(2760) == "46 minutes"
    assert words.duration(4800) == "1 hour 20 minutes"
    assert words.time_ago(None) == ""
    assert 'title="2026-11-24 03:25:00 UTC"' in words.time_ago("2026-11-24T03:25:00.000000Z")


def test_words_for_what_goes_on():
    for text, expected in {
        "2026-11-24T11:18:59.000000Z": "41 minutes",
        "2026-11-23T11:00:00.000000Z": "1 day",
        "2026-11-24T11:59:59.000000Z": "1 second",
        "2026-11-24T12:00:02.000000Z": "0 seconds",
        "2026-11-24T15:00:00.000000Z": "3 hours",
    }.items():
        assert words.elapsed(text, NOW).endswith(f" {expected}")
    assert 'title="2026-11-24 03:25:00 UTC">' in words.time_since("2026-11-24T03:25:00.000000Z")


def test_a_line_that_is_too_long_ends_with_a_word():
    # cut after a word, but not to nothing
    assert words.first_line("The first of them was lost", 14) == "The first of…"
    assert words.first_line("The firstofthemwaslost", 14) == "The firstofth…"
    assert words.first_line("The first of t", 14) == "The first of t"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("\n done \nand more", "done"),
        (None, ""),
        (f"{TRACEBACK}KeyError: 'time'\n", "KeyError: 'time'"),
        (f"{TRACEBACK}KeyError: 'time'\n\nDuring handling ...\n\n{TRACEBACK}OSError: no\nmore", "OSError: no"),
        (f"exited with 1:\n{TRACEBACK}KeyError: 'time'\nbye", "exited with 1 · KeyError: 'time'"),
        # cut before its end
        (TRACEBACK, "Traceback (most recent call last):"),
    ],
)
def test_the_line_of_a_message_that_says_most(message, expected):
    assert words.first_line(message) == expected


def test_links_in_text_are_safe():
    assert web_url("javascript:alert(1)") is None
    assert web_url("//example.org") is None
    assert web_url('https://example.org/a b{c}"<') == "https://example.org/a%20b%7Bc%7D%22%3C"
    assert external("javascript:x", "<b>") == "&lt;b&gt;"
    assert linked_text("see https://example.org/x. <b>") == (
        'see <a href="https://example.org/x" rel="noopener nofollow">https://example.org/x</a>. &lt;b&gt;'
    )


def test_a_strip_shows_the_worst_outcome_of_each_day():
    rows = [
        {"day": "2026-11-24", "status": "success", "recipe_runs": 3},
        {"day": "2026-11-24", "status": "failure", "recipe_runs": 1},
        {"day": "2026-11-23", "status": "success", "recipe_runs": 1},
        {"day": "2026-11-22", "status": "skipped", "recipe_runs": 1},
    ]
    strip = make_strip(rows, date(2026, 11, 24))
    assert [day.status for day in strip.days[-4:]] == [None, "skipped", "success", "failure"]
    assert strip.days[-1].height > strip.days[-2].height
    # those that were skipped say nothing of how reliable it is
    assert (str(strip.success_rate), strip.success_rate.finished) == ("80 %", 5)
    assert make_strip([], date(2026, 11, 24)).success_rate is None


def test_a_success_rate_is_rounded_but_says_all_only_of_all():
    def rate(success, failure):
        return str(success_rate({"success": success, "failure": failure, "skipped": 5, "queued": 5}))

    assert [rate(10, 1), rate(999, 1), rate(1, 999), rate(3, 0), rate(0, 3)] == ["91 %", "99 %", "1 %", "100 %", "0 %"]
    assert success_rate({"skipped": 3, "in_progress": 1}) is None


def test_stacks_add_up():
    days = [
        {"day": "2026-11-23", "recipe_runs": {"success": 6, "failure": 2}},
        {"day": "2026-11-24", "recipe_runs": {"success": 4}},
    ]
    stacks = make_stacks(days, date(2026, 11, 22), date(2026, 11, 24))
    assert [[(part.status, part.y, part.height) for part in column.parts] for column in stacks.columns] == [
        [],
        [("success", 40, 120), ("failure", 0, 40)],
        [("success", 80, 80)],
    ]
    assert stacks.statuses == ["success", "failure"]
    unfinished = make_stacks(
        [{"day": "2026-11-24", "recipe_runs": {"queued": 1, "skipped": 1}}], date(2026, 11, 24), date(2026, 11, 24)
    )
    # which have nearly one grey
    assert {part.status: part.open for part in unfinished.columns[0].parts} == {"skipped": False, "queued": True}
    assert re.findall(r"[\d-]+", stacks.sentence) == ["12", "2026-11-22", "2026-11-24", "8"]
    assert make_stacks([], date(2026, 11, 22), date(2026, 11, 24)).most == 0
    rows = [{"day": "2026-11-22", "total": 1}, {"day": "2026-11-24", "total": 4}]
    assert make_line(rows, 100).points == "0,160 0.0,160.0 0.0,120.0 100.0,120.0 100.0,0.0 100,0.0"
    assert make_line(rows[:1], 100) is None


def test_a_timeline_ends_with_the_newest_run():
    def run(id, minutes, status="success"):
        completed = None if status == "queued" else f"2026-11-24T00:{minutes:02}:00.000000Z"
        return {
            "id": id,
            "status": status,
            "is_stale": False,
            "run_date": "2026-11-24T00:00:00.000000Z",
            "completed_at": completed,
            "recipe_id": "r",
        }

    timeline = make_timeline([run(3, 0, "queued"), run(2, 40), run(1, 10, "failure")], NOW)
    assert [bar.recipe_run_id for bar in timeline.bars] == [1, 2, 3]
    assert timeline.bars[1].height == HEIGHT
    # a square-root scale: a quarter of the time has half of the height
    assert timeline.bars[0].height == LEAST + (HEIGHT - LEAST) / 2
    assert timeline.bars[2].open
    assert make_timeline([], NOW).bars == []
    # what was recorded once, at its end, has one instant for both: how long it took is not known
    at_once = make_timeline([run(1, 0)], NOW).bars[0]
    assert (at_once.height, at_once.title) == (LEAST, "success: r, 2026-11-24 00:00:00 UTC")


def test_the_templates_that_ours_were_written_for_are_those_of_this_datasette():
    templates = Path(datasette_package.__file__).parent / "templates"
    found = {name: hashlib.sha256((templates / name).read_bytes()).hexdigest() for name in UPSTREAM}
    assert found == UPSTREAM
    for name in UPSTREAM:
        ours = ROOT / "templates" / name
        if ours.exists():
            assert "of Datasette 0.65.5" in ours.read_text("utf-8"), name


def test_no_template_writes_a_script_or_a_colour():
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text), path
        assert "<style" not in text, path
        assert not re.search(r"#[0-9a-f]{6}\b", text), path


def test_weeks_have_the_medians_of_their_seven_days():
    by_day = [{"day": day, "status": "success", "recipe_runs": 2} for day in ("2026-11-24", "2026-11-18", "2026-11-17")]
    medians = [
        {"first_day": "2026-11-18", "duration": 900.0, "wait": 100.0},
        {"first_day": "2026-11-11", "duration": 500.0, "wait": None},
    ]
    found = make_weeks(by_day, medians, date(2026, 11, 24))
    assert [(week.first, week.last, week.strip.runs) for week in found.weeks[:2]] == [
        ("2026-11-18", "2026-11-24", 4),
        ("2026-11-11", "2026-11-17", 2),
    ]
    heights = [(week.duration_height / WEEK_HEIGHT, week.wait_height / WEEK_HEIGHT) for week in found.weeks[:3]]
    assert heights == [(0.9, 0.1), (0.5, 0), (0, 0)]
    # the newest at the right
    assert found.weeks[0].x > found.weeks[1].x
    assert found.known and found.waited
    assert re.fullmatch("2026-11-18.*2026-11-24.*15 minutes.*1 minute 40 seconds.*", found.weeks[0].title)
    assert re.search("2 weeks.* 8 minutes .*15 minutes", found.sentence)
    assert not make_weeks([], [], date(2026, 11, 24)).known


def test_text_is_bounded_by_what_it_takes_as_html():
    assert words.bounded("short", 10) == "short"
    for text in ("x" * 1000, '"' * 1000, "é<" * 1000, "a" * 900 + "&" * 100):
        for end in (False, True):
            shown = words.bounded(text, 300, end)
            assert 100 < len(str(escape(shown)).encode()) <= 300 + len("…".encode())
            assert (shown[0] if end else shown[-1]) == "…"
            assert shown.strip("…") == (text[1 - len(shown) :] if end else text[: len(shown) - 1])


def test_what_stands_between_backticks_is_code():
    assert words.coded("write `<b>` or `a`, not ` alone") == (
        "write <code>&lt;b&gt;</code> or <code>a</code>, not ` alone"
    )
    # where a message was cut
    assert words.coded("put it into quotes: `title: 'O…") == "put it into quotes: <code>title: &#39;O…</code>"
    assert words.coded(linked_text("`https://a.example/x`")).count("<a ") == 1


def test_only_so_many_addresses_in_a_text_are_links():
    assert linked_text("https://example.org/x " * 1000).count("<a ") == LINKS
    assert "<a " not in linked_text("https://example.org/" + "x" * 1000)


def test_what_the_lists_of_the_explorer_show_are_fields_of_what_the_endpoint_answers():
    queries = read_metadata()["databases"]["federation"]["queries"]
    for table, shown in LISTS.items():
        assert table in SELECTS or table == "problems"
        assert set(shown.columns) <= set(RECORDS[queries[shown.query]["fields"]].model_fields), table
