"""What every room needs is made in one: connections, settings, times, JSON, SQL in one style."""

import re

import pytest
from pangeo_forge_federation.settings import ROOT, read_metadata
from pangeo_forge_federation.storage.views import VIEWS

PACKAGE = ROOT / "plugins" / "pangeo_forge_federation"
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in sorted(PACKAGE.glob("**/*.py"))}
# what may stand in those files alone
PLACES = {
    r"sqlite3\.connect\(": {"storage/database.py"},
    r"environ\.get\(|environ\[[^]]*\](?! =)|getenv": {
        "settings.py",
        # the client is installed without the server
        "client/configuration.py",
        "client/github_actions.py",
        # https://no-color.org
        "client/output.py",
    },
    r"%Y-%m-%dT%H:%M:%S\.": {"values/times.py"},
    r'separators=\(",", ":"\)': {"values/json_text.py"},
    r"application/problem\+json": {"problems.py"},
    r"SQLITE_LIMIT_|pragma foreign_keys": {"storage/read_connections.py", "storage/database.py"},
}
KEYWORDS = re.compile(r"\b(SELECT|INSERT INTO|DELETE FROM|FROM|WHERE|JOIN|GROUP BY|ORDER BY|CREATE TABLE)\b")


@pytest.mark.parametrize("what", PLACES)
def test_it_stands_in_its_place_alone(what):
    assert {name for name, text in SOURCES.items() if re.search(what, text)} == PLACES[what]


def test_sql_is_in_lower_case_and_its_parameters_have_names():
    statements = {name: text for name, text in SOURCES.items() if re.search(r"\.execute|\bselect\b", text)}
    queries = read_metadata()["databases"]["federation"]["queries"]
    statements |= {name: query["sql"] for name, query in queries.items()} | VIEWS
    for name, text in statements.items():
        code = re.sub(r"#.*|\"\"\"[A-Z][^\"]*\"\"\"", "", text)
        assert not KEYWORDS.search(code), (name, KEYWORDS.search(code))
        assert not re.search(r"(=|in|values) \(?\?", code), name
