"""What the reader of meta.yaml makes of each of its parts."""

import json

import pytest
from meta_reading import read
from pangeo_forge_federation.files.meta_yaml import parse_meta_yaml


def test_a_file_as_it_should_be():
    parsed, problems = read(
        """
description: |
  Hourly sea level.
  From gauges.
pangeo_forge_version: "0.10.4"
recipes:
  - id: tides/hourly mean
    object: "recipe:hourly"
provenance:
  providers:
    - name: Gauge Office
      description: Reads the gauges
      url: https://gauges.example/data
      roles: [producer, licensor]
  license: CC-BY-4.0
  license_link: {title: Terms, url: "https://gauges.example/terms"}
maintainers:
  - name: Robin Sample
    orcid: 0000-0002-1825-0097
    github: robin-sample
bakery:
  id: example.bakery.gcp
"""
    )
    assert problems == []
    meta = parsed.feedstock.pop("meta")
    assert parsed.feedstock == {
        "title": "Tides",
        "description": "Hourly sea level.\nFrom gauges.",
        "license": "CC-BY-4.0",
        "license_spdx": "CC-BY-4.0",
        "license_url": "https://gauges.example/terms",
        "pangeo_forge_version": "0.10.4",
        "bakery_id": "example.bakery.gcp",
    }
    assert parsed.recipes == [{"recipe_id": "tides/hourly mean", "object": "recipe:hourly", "dict_object": None}]
    assert parsed.maintainers == [{"github": "robin-sample", "name": "Robin Sample", "orcid": "0000-0002-1825-0097"}]
    assert parsed.providers == [
        {
            "name": "Gauge Office",
            "description": "Reads the gauges",
            "url": "https://gauges.example/data",
            "roles": ["producer", "licensor"],
        }
    ]
    assert json.loads(meta)["recipes"] == [{"id": "tides/hourly mean", "object": "recipe:hourly"}]


@pytest.mark.parametrize(
    ("title", "expected", "severities"),
    [
        ("1.10", "1.10", []),
        ("no", "no", []),
        ("'None'", "None", []),
        ("'null'", "null", []),
        ("''", "", ["warning"]),
        ("~", None, ["warning"]),
        ("[a]", None, ["error"]),
        ("{a: b}", None, ["error"]),
        ("<b>Tides</b>", "<b>Tides</b>", []),
        ("Write to desk@survey.example", "Write to [e-mail]", []),
        ('"a\\u202eb\\u0007\\tc\\r\\nd"', "ab\tc\nd", ["warning"]),
        ('"a line end follows\\n"', "a line end follows", []),
        ("é" * 300, "é" * 250, ["warning"]),
    ],
)
def test_titles(title, expected, severities):
    parsed = parse_meta_yaml(f"title: {title}\nrecipes:\n".encode())
    assert parsed.feedstock["title"] == expected
    assert [(problem.pointer, problem.severity) for problem in parsed.problems] == [
        ("/title", severity) for severity in severities
    ]


def test_a_missing_title_is_a_warning_and_an_empty_block_is_nothing():
    parsed = parse_meta_yaml(b"description: >\n\nrecipes:\n")
    assert (parsed.feedstock["title"], parsed.feedstock["description"]) == (None, None)
    assert [problem.pointer for problem in parsed.problems] == ["/title"]


def test_a_cut_leaves_no_half_of_an_address():
    description = "x" * 19_990 + " someone@survey.example " + "x" * 100
    parsed, problems = read(f"description: '{description}'")
    assert "someone" not in parsed.feedstock["description"]
    assert len(parsed.feedstock["description"]) == 20_000
    assert problems == [("/description", "warning")]


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        ("pangeo_forge_version: 0.10", "0.10", []),
        ("pangeo_forge_recipe_version: 1.10", "1.10", []),
        ("pangeo_forge_version: ~\npangeo_forge_recipe_version: '0.1'", "0.1", []),
        (f"pangeo_forge_version: {'1' * 201}", "1" * 200, [("/pangeo_forge_version", "warning")]),
        ("pangeo_forge_version: [1]", None, [("/pangeo_forge_version", "error")]),
    ],
)
def test_versions_are_text(text, expected, problems):
    parsed, found = read(text)
    assert parsed.feedstock["pangeo_forge_version"] == expected
    assert found == problems


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        ("bakery: {id: a.b}", "a.b", []),
        ("bakery: a.b", "a.b", []),
        ("bakeries: [{id: a.b, resources: {memory: 1 GB}}]", "a.b", []),
        ("bakeries: [{id: a.b}, {id: c.d}]", "a.b", [("/bakeries", "warning")]),
        ("bakeries: []", None, []),
        ("bakery:", None, []),
        ("bakery: {target: x}", None, [("/bakery/id", "error")]),
        ("bakery: {id: ../x}", None, [("/bakery/id", "error")]),
    ],
)
def test_the_bakery_that_is_declared(text, expected, problems):
    parsed, found = read(text)
    assert parsed.feedstock["bakery_id"] == expected
    assert found == problems


URL = "https://gauges.example/terms"


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        ("provenance: {license: cc-by-4.0}", ("cc-by-4.0", "CC-BY-4.0", None), []),
        ("license: MIT", ("MIT", "MIT", None), []),
        ("provenance: {license: proprietary, url: 'URL'}", ("proprietary", None, URL), []),
        ("provenance: {license: various, license_link: 'URL'}", ("various", None, URL), []),
        ("license: various\nlicense_link: {href: 'URL'}", ("various", None, URL), []),
        ("provenance: {license: CC BY}", ("CC BY", None, None), [("/provenance/license", "warning")]),
        ("provenance: {license: 'URL'}", (URL, None, URL), []),
        (
            "provenance: {license: 'https://creativecommons.org/licenses/by/4.0/'}",
            (
                "https://creativecommons.org/licenses/by/4.0/",
                "CC-BY-4.0",
                "https://creativecommons.org/licenses/by/4.0/",
            ),
            [],
        ),
        (
            "provenance: {license: {name: CC-BY, href: 'URL'}}",
            ("CC-BY", None, URL),
            [("/provenance/license", "warning"), ("/provenance/license/name", "warning")],
        ),
        ("provenance: {license: {title: MIT, link: 'URL'}}", ("MIT", "MIT", URL), [("/provenance/license", "warning")]),
        ("provenance: {license: [MIT]}", (None, None, None), [("/provenance/license", "error")]),
        ("provenance: MIT", (None, None, None), [("/provenance", "error")]),
        (
            "provenance: {license: various, license_link: 'javascript:alert(1)'}",
            ("various", None, None),
            [("/provenance/license_link", "error")],
        ),
    ],
)
def test_licences(text, expected, problems):
    parsed, found = read(text.replace("URL", URL))
    assert tuple(parsed.feedstock[key] for key in ("license", "license_spdx", "license_url")) == expected
    assert found == problems


def test_a_licence_that_is_none_of_spdx_gets_a_suggestion():
    parsed, _ = read("license: Apache Version 2.0")
    message = parsed.problems[0].message
    assert "`Apache Version 2.0`" in message and "`Apache-2.0`" in message


def test_a_licence_is_quoted_in_one_line_without_addresses_and_cut():
    parsed, _ = read("license: |\n  Ask robin@survey.example.\n  " + "Free of charge, " * 30)
    quoted = parsed.problems[0].message.split("`")[1]
    assert quoted.startswith("Ask [e-mail]. Free of charge, Free") and quoted.endswith(" …") and len(quoted) < 90


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        ("[{github: robin-sample}]", [("robin-sample", None, None)], []),
        ("[{github: '@robin'}, {github: 'https://github.com/kim'}]", [("robin", None, None), ("kim", None, None)], []),
        ("[{github_username: robin}]", [("robin", None, None)], [("/maintainers/0/github_username", "warning")]),
        ("[{name: Robin, github: 'not a name'}]", [(None, "Robin", None)], [("/maintainers/0/github", "error")]),
        ("[{name: Robin, orcid: 0000-0002-1694-233x}]", [(None, "Robin", "0000-0002-1694-233X")], []),
        ("[{name: Robin, orcid: 0000-0002-1694-2331}]", [(None, "Robin", None)], [("/maintainers/0/orcid", "error")]),
        (
            "[robin-sample, Robin Sample]",
            [("robin-sample", None, None), (None, "Robin Sample", None)],
            [("/maintainers/0", "warning"), ("/maintainers/1", "warning")],
        ),
        ("{github: robin}", [("robin", None, None)], [("/maintainers", "warning")]),
        ("robin", [("robin", None, None)], [("/maintainers", "warning")]),
        ("[{email: robin@survey.example}, ~, [a]]", [], [(f"/maintainers/{n}", "error") for n in range(3)]),
        ("[{github: robin}, {github: Robin}]", [("robin", None, None)], [("/maintainers/1", "warning")]),
        ("[{name: 'Robin <robin@survey.example>'}]", [(None, "Robin <[e-mail]>", None)], []),
        ("", [], []),
        ("{github: robin, name: Robin, email: x}", [("robin", "Robin", None)], [("/maintainers", "warning")]),
        ("{name: Robin}", [(None, "Robin", None)], [("/maintainers", "warning")]),
        ("{email: robin@survey.example}", [], [("/maintainers", "warning"), ("/maintainers", "error")]),
        (
            "{github: robin, name: {first: Robin}}",
            [("robin", None, None)],
            [("/maintainers", "warning"), ("/maintainers/name", "error")],
        ),
        (
            "{name: {first: Robin}}",
            [],
            [("/maintainers", "warning"), ("/maintainers", "error"), ("/maintainers/name", "error")],
        ),
    ],
)
def test_maintainers(text, expected, problems):
    parsed, found = read(f"maintainers: {text}")
    assert [(row["github"], row["name"], row["orcid"]) for row in parsed.maintainers] == expected
    assert found == problems


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        (
            "{robin-sample: Robin Sample, kim: {name: Kim, orcid: 0000-0002-1825-0097}, lee-plain: }",
            [("robin-sample", "Robin Sample", None), ("kim", "Kim", "0000-0002-1825-0097"), ("lee-plain", None, None)],
            [],
        ),
        ("{'@robin': ~, 'https://github.com/kim': Kim}", [("robin", None, None), ("kim", "Kim", None)], []),
        ("{012: Robin, no: }", [("012", "Robin", None), ("no", None, None)], []),
        # who is called so
        (
            "{name: {name: Ann}, github: {orcid: }, kim: }",
            [("name", "Ann", None), ("github", None, None), ("kim", None, None)],
            [],
        ),
        ("{}", [], []),
        ("{robin: Robin, Robin: {name: R}}", [("robin", "Robin", None)], [("/Robin", "warning")]),
        ("{robin: Robin <robin@survey.example>}", [("robin", "Robin <[e-mail]>", None)], []),
        (
            "{robin: [a], kim: {name: [b]}}",
            [("robin", None, None), ("kim", None, None)],
            [("/robin", "error"), ("/kim/name", "error")],
        ),
        ("{robin: {orcid: 0000-0002-1694-2331}}", [("robin", None, None)], [("/robin/orcid", "error")]),
        ("{robin: {github: Robin, name: R}}", [("robin", "R", None)], []),
        ("{robin: {github: kim}}", [("robin", None, None)], [("/robin", "error")]),
        ("{Robin Sample: {github: robin}}", [("robin", None, None)], [("/Robin Sample", "error")]),
        ("{Robin Sample: Robin}", [(None, "Robin", None)], [("/Robin Sample", "error")]),
        (
            "{Robin Sample: , ~: , null: , '': }",
            [],
            [(f"/{key}", "error") for key in ("Robin Sample", "~0", "null", "")],
        ),
        ("{robin@survey.example: Robin}", [(None, "Robin", None)], [("/[e-mail]", "error")]),
    ],
)
def test_maintainers_by_their_names_on_github(text, expected, problems):
    parsed, found = read(f"maintainers: {text}")
    assert [(row["github"], row["name"], row["orcid"]) for row in parsed.maintainers] == expected
    assert found == [
        ("/maintainers", "warning"),
        *(("/maintainers" + pointer, severity) for pointer, severity in problems),
    ]


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        ("[{name: A, roles: producer}]", [("A", None, ["producer"])], [("/0/roles", "warning")]),
        (
            "[{name: A, roles: [Producer, author]}]",
            [("A", None, ["Producer", "author"])],
            [("/0/roles/0", "warning"), ("/0/roles/1", "warning")],
        ),
        ("[{name: A, roles: [[host]]}]", [("A", None, [])], [("/0/roles/0", "error")]),
        ("[A]", [("A", None, [])], [("/0", "warning")]),
        ("{name: A}", [("A", None, [])], [("", "warning")]),
        ("[{url: 'https://a.example'}]", [(None, "https://a.example", [])], [("/0/name", "warning")]),
        ("[{orcid: x}, ~, [a]]", [], [("/0", "error"), ("/1", "error"), ("/2", "error")]),
        ("[{name: A, url: 'http://a.example:80/x?y=z#w'}]", [("A", "http://a.example:80/x?y=z#w", [])], []),
        ("[{name: A, url: www.a.example/x}]", [("A", None, [])], [("/0/url", "warning")]),
        ("[{name: A, url: a.example}]", [("A", None, [])], [("/0/url", "warning")]),
    ],
)
def test_providers(text, expected, problems):
    parsed, found = read(f"provenance: {{providers: {text}}}")
    assert [(row["name"], row["url"], row["roles"]) for row in parsed.providers] == expected
    assert found == [("/provenance/providers" + pointer, severity) for pointer, severity in problems]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)//https://a.example",
        "data:text/html,x",
        "ftp://a.example/x",
        "mailto:desk@survey.example",
        "desk@survey.example",
        "https://user:word@a.example/",
        "https://user@host/",
        "https:///x",
        "https://[a/",
        "https://a.example:x/",
        "https://a.example/a b",
        "https://a.example and https://b.example",
        "https://a.example\\\\@b.example",
        "https://a.example/?to=desk@survey.example",
        "https://a.example/\\u202ex",
        "10.1594/PANGAEA.940149",
        "//a.example/x",
        "https://a.example/" + "x" * 4_096,
    ],
)
def test_addresses_that_are_not_safe_to_link_are_left_out(address):
    parsed, problems = read(f'provenance: {{providers: [{{name: A, url: "{address}"}}]}}')
    assert parsed.providers[0]["url"] is None
    assert problems[0] == ("/provenance/providers/0/url", "error")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("12", 12),
        ("-3", -3),
        ("0.5", 0.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("[1, a]", [1, "a"]),
        ("{1: a, ~: b, 2020-01-01: c}", {"1": "a", "~": "b", "2020-01-01": "c"}),
        ("!!set {a, b}", ["a", "b"]),
        *[
            (text, text)
            for text in [
                "1.10",
                "012",
                "0777",
                "1_000",
                "0x1F",
                "12:30",
                "2020-01-01",
                ".nan",
                ".inf",
                "1e3",
                "+1",
                "-0",
            ]
        ],
        *[(text, text) for text in ["no", "on", "yes", "y", "2021-02-30", "1" * 20, "1" * 5_000]],
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("'desk@survey.example'", "[e-mail]"),
        ("{desk@survey.example: 1, help@survey.example: 2}", {"[e-mail]": 1, "[e-mail] (2)": 2}),
    ],
)
def test_meta_is_json_or_as_written(written, expected):
    parsed, problems = read(f"value: {written}")
    assert problems == []
    assert json.loads(parsed.feedstock["meta"])["value"] == expected


def test_meta_without_binary_and_control_characters():
    parsed, problems = read('a: !!binary aGVsbG8=\nb: "x\\0\\u202ey"\n')
    assert json.loads(parsed.feedstock["meta"]) == {"title": "Tides", "a": None, "b": "xy"}
    assert problems == [("/a", "error"), ("/b", "warning")]


def test_meta_of_a_long_file_is_not_kept():
    parsed, problems = read("notes:\n" + "- some words\n" * 10_000)
    assert parsed.feedstock["meta"] is None
    assert parsed.feedstock["title"] == "Tides"
    assert problems == [("", "warning")]


def test_a_repeated_key_and_addresses_where_nobody_looks():
    parsed, problems = read("contact:\n  email: first@survey.example\n  email: second@survey.example\n")
    assert problems == [("/contact/email", "error")]
    assert json.loads(parsed.feedstock["meta"])["contact"] == {"email": "[e-mail]"}
    assert "survey.example" not in repr(parsed)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"- title: x\n",
        b"../shared/meta.yaml",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1456\n",
        b"package: {name: x}\nsource: {url: x}\n",
        b"title: One: two\n",
        "title: x\n".encode("utf-16"),
        bytes(range(256)),
    ],
)
def test_something_else_in_its_place_is_not_understood(data):
    parsed = parse_meta_yaml(data)
    assert not parsed.understood
    assert (parsed.feedstock, parsed.recipes, parsed.maintainers, parsed.providers) == ({}, [], [], [])
    [problem] = parsed.problems
    assert (problem.pointer, problem.severity) == ("", "error")


def test_lists_are_bounded():
    parsed, problems = read(
        "recipes:\n" + "".join(f"- id: {n}\n" for n in range(10_001)) + "maintainers:\n" + "- name: x\n" * 1_001
    )
    assert (len(parsed.recipes), len(parsed.maintainers)) == (10_000, 1_000)
    assert problems == [("", "warning"), ("/recipes", "error"), ("/maintainers", "error")]
    parsed, problems = read("maintainers:\n" + "".join(f"  robin-{n}:\n" for n in range(1_001)))
    assert len(parsed.maintainers) == 1_000
    assert problems == [("/maintainers", "warning"), ("/maintainers", "error")]
