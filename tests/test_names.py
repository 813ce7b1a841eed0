import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pangeo_forge_federation.values.feedstock_names import FEEDSTOCK_NAME_PATTERN, feedstock_id, parse_feedstock_name

HOME = "pangeo-forge"
OWNERS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}", fullmatch=True)
REPOSITORIES = st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True).filter(lambda name: name not in (".", ".."))


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("pangeo-forge/gpcp-feedstock", "gpcp-feedstock"),
        ("Pangeo-Forge/gpcp-feedstock", "gpcp-feedstock"),
        ("pangeo-forge/GPCP-Feedstock", "GPCP-Feedstock"),
        ("pangeo-forge/gpcp_feedstock", "gpcp_feedstock"),
        ("pangeo-forge/gpcp.v2-feedstock", "pangeo-forge.gpcp.v2-feedstock"),
        ("pangeo-forge/.github", "pangeo-forge..github"),
        ("leap-stc/cmip6-leap-feedstock", "leap-stc.cmip6-leap-feedstock"),
        ("leap-stc/cmip6.leap", "leap-stc.cmip6.leap"),
        ("pangeo/gpcp-feedstock", "pangeo.gpcp-feedstock"),
    ],
)
def test_the_id_of_a_repository(repository, expected):
    assert feedstock_id(repository, HOME) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpcp-feedstock", ("gpcp-feedstock", "pangeo-forge/gpcp-feedstock")),
        ("pangeo-forge/gpcp-feedstock", ("gpcp-feedstock", "pangeo-forge/gpcp-feedstock")),
        ("pangeo-forge.gpcp-feedstock", ("gpcp-feedstock", "pangeo-forge/gpcp-feedstock")),
        ("PANGEO-FORGE.gpcp-feedstock", ("gpcp-feedstock", "PANGEO-FORGE/gpcp-feedstock")),
        ("GPCP-feedstock", ("GPCP-feedstock", "pangeo-forge/GPCP-feedstock")),
        ("leap-stc/cmip6-leap-feedstock", ("leap-stc.cmip6-leap-feedstock", "leap-stc/cmip6-leap-feedstock")),
        ("leap-stc.cmip6-leap-feedstock", ("leap-stc.cmip6-leap-feedstock", "leap-stc/cmip6-leap-feedstock")),
        ("pangeo-forge/gpcp.v2", ("pangeo-forge.gpcp.v2", "pangeo-forge/gpcp.v2")),
        ("pangeo-forge.gpcp.v2", ("pangeo-forge.gpcp.v2", "pangeo-forge/gpcp.v2")),
        # outside, the first dot ends the owner, whose name has none
        ("gpcp.v2", ("gpcp.v2", "gpcp/v2")),
        ("a/b", ("a.b", "a/b")),
        ("a" * 39 + "/" + "b" * 100, ("a" * 39 + "." + "b" * 100, "a" * 39 + "/" + "b" * 100)),
        ("b" * 100, ("b" * 100, "pangeo-forge/" + "b" * 100)),
        ("_underscore", ("_underscore", "pangeo-forge/_underscore")),
        ("-hyphen", ("-hyphen", "pangeo-forge/-hyphen")),
    ],
)
def test_a_feedstock_is_named_by_its_id_or_its_repository(text, expected):
    assert parse_feedstock_name(text, HOME) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "/",
        ".",
        "..",
        "...",
        "a/",
        "/b",
        "a//b",
        "a/b/c",
        "a/.",
        "a/..",
        "a..",
        "a...",
        "../b",
        "./b",
        ".github",
        "-owner/b",
        "-owner.b",
        "my_owner/b",
        "ow.ner/b",
        "a b",
        "a/b c",
        " gpcp-feedstock",
        "gpcp-feedstock ",
        "gpcp-feedstock\n",
        "owner/name\n",
        "owner.name\n",
        "gpcp-feedstock\0",
        "gpcp%2Ffeedstock",
        "owner\\name",
        "https://github.com/pangeo-forge/gpcp-feedstock",
        "github.com/pangeo-forge/gpcp-feedstock",
        "git@github.com:pangeo-forge/gpcp-feedstock.git",
        "gpcp-feedstock?x=1",
        "gpcp-feedstock#1",
        "gpcp@v1",
        "süd-feedstock",
        "\u043ewner/name",
        "a٣/b",
        "<script>",
        "'; drop table feedstocks; --",
        "a" * 40 + "/b",
        "a/" + "b" * 101,
        "b" * 101,
    ],
)
def test_what_names_no_repository_is_refused(text):
    try:
        parsed = parse_feedstock_name(text, HOME)
    except ValueError as error:
        assert str(error).startswith("is n")
    else:
        pytest.fail(f"was read as {parsed}")


@given(OWNERS, REPOSITORIES)
def test_an_id_leads_back_to_its_repository(owner, name):
    repository = f"{owner}/{name}"
    id = feedstock_id(repository, HOME)
    assert parse_feedstock_name(repository, HOME) == (id, repository)
    assert parse_feedstock_name(id, HOME) == (id, repository)


@given(REPOSITORIES)
def test_an_id_of_the_home_organisation_leads_back_to_its_repository(name):
    repository = f"{HOME}/{name}"
    id = feedstock_id(repository, HOME)
    assert parse_feedstock_name(repository, HOME) == (id, repository)
    assert parse_feedstock_name(id, HOME) == (id, repository)


NEAR = st.sampled_from([HOME, HOME.upper(), "a", "a-b", "gpcp"])
NAMES = st.sampled_from(["a", "b", "a.b", "b.a", "a-b", "gpcp", "pangeo-forge.a", "pangeo-forge", ".a", "..a"])


@given(st.tuples(NEAR, NAMES), st.tuples(NEAR, NAMES))
def test_no_two_repositories_share_an_id(one, other):
    one, other = "/".join(one), "/".join(other)
    assume(one.lower() != other.lower())
    assert feedstock_id(one, HOME).lower() != feedstock_id(other, HOME).lower()


@given(st.text("ab.-_/ \né", max_size=8) | st.text(max_size=60))
def test_what_is_accepted_fits_the_pattern_that_is_published(text):
    try:
        parse_feedstock_name(text, HOME)
    except ValueError:
        return
    assert re.search(FEEDSTOCK_NAME_PATTERN, text)


@given(st.from_regex(re.compile(FEEDSTOCK_NAME_PATTERN, re.ASCII), fullmatch=True))
def test_what_fits_the_published_pattern_is_accepted(text):
    assume(not re.search(r"[/.]\.{1,2}$|\n$", text))
    assert parse_feedstock_name(text, HOME)


@given(st.text("ab.-_/ \né", max_size=8) | st.text(max_size=60))
def test_whatever_is_accepted_is_a_path_of_one_segment(text):
    try:
        id, repository = parse_feedstock_name(text, HOME)
    except ValueError:
        return
    assert id.isascii()
    assert not set(id) & set("/\\%?# \t\n\0")
    assert id not in (".", "..")
    assert repository.count("/") == 1
