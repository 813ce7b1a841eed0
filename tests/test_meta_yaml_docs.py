"""docs/meta-yaml.md is true: its examples are read, and have just the problems that stand beneath them.

    scripts/write-generated

writes those anew, for when the reader has changed; look at the diff.
"""

import re
from dataclasses import dataclass

import pytest
from pangeo_forge_federation.client.validating import BAKERIES, META
from pangeo_forge_federation.files import (
    file_problems,
    meta_json,
    meta_people,
    meta_recipes,
    yaml_composer,
    yaml_fields,
)
from pangeo_forge_federation.files.bakeries_yaml import parse_bakeries_yaml
from pangeo_forge_federation.files.meta_yaml import KNOWN_KEYS, parse_meta_yaml
from pangeo_forge_federation.files.yaml_errors import LARGEST_FILE
from pangeo_forge_federation.settings import ROOT

PAGE = ROOT / "docs" / "meta-yaml.md"
OF_BAKERIES = "\n## bakeries.yaml\n"
TITLE = "title: The page leaves it out\n"


@dataclass(frozen=True)
class Example:
    """A YAML block, and what stands of it beneath it: nothing, or the problems as `forge validate` prints them."""

    kind: str
    text: str
    line: int
    told: str
    # where that stands in the page; None where nothing stands there
    span: tuple[int, int] | None

    def problems(self) -> str:
        if self.kind == BAKERIES:
            parsed = parse_bakeries_yaml(self.text.encode())
        else:
            # at its end, so that the lines count as they stand in the page
            without_title = self.text.startswith("-") or re.search("^title:", self.text, re.MULTILINE)
            parsed = parse_meta_yaml((self.text + ("" if without_title else TITLE)).encode())
        return "".join(
            f"{'bakeries' if self.kind == BAKERIES else 'meta'}.yaml:{each.line}:{each.column}: "
            f"{each.severity}: {each.message}{f' [{each.pointer}]' if each.pointer else ''}\n"
            for each in parsed.problems
        )


def read_examples(markdown: str) -> list[Example]:
    found = list(re.finditer(r"^```(\w+)\n(.*?)^```$", markdown, re.DOTALL | re.MULTILINE))
    return [
        Example(
            BAKERIES if match.start() > markdown.index(OF_BAKERIES) else META,
            match[2],
            markdown.count("\n", 0, match.start()) + 1,
            following[2] if following and following[1] == "text" else "",
            following.span(2) if following and following[1] == "text" else None,
        )
        for match, following in zip(found, [*found[1:], None], strict=True)
        if match[1] == "yaml"
    ]


MARKDOWN = PAGE.read_text("utf-8")
EXAMPLES = read_examples(MARKDOWN)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"line {each.line}")
def test_an_example_has_just_the_problems_that_stand_beneath_it(example):
    assert example.problems() == example.told


def test_the_page_shows_what_is_right_and_what_is_read_all_the_same():
    shown = {(example.kind, bool(example.told)) for example in EXAMPLES}
    assert shown == {(META, False), (META, True), (BAKERIES, False), (BAKERIES, True)}
    # no list of problems stands alone
    assert MARKDOWN.count("```text") == sum(example.span is not None for example in EXAMPLES)
    assert all(example.told for example in EXAMPLES if example.span)


def test_the_whole_file_is_read_whole():
    whole = parse_meta_yaml(EXAMPLES[0].text.encode())
    assert all(whole.feedstock.values())
    assert [len(each) for each in (whole.recipes, whole.maintainers, whole.providers)] == [2, 1, 1]
    assert all(whole.maintainers[0].values()) and all(whole.providers[0].values())


def test_every_key_and_bound_is_told():
    of_meta = MARKDOWN.split(OF_BAKERIES)[0]
    assert {key for key in KNOWN_KEYS if f"`{key}`" not in of_meta} == set()
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\d,]+)(?: bytes)? \|$", of_meta, re.MULTILINE))
    assert rows == {
        "title": f"{yaml_fields.NAME_BYTES:,}",
        "description": f"{yaml_fields.DESCRIPTION_BYTES:,}",
        "pangeo_forge_version": f"{yaml_fields.VERSION_BYTES:,}",
        "recipes": f"{meta_recipes.MOST_RECIPES:,}",
        "providers": f"{meta_people.MOST_PROVIDERS:,}",
        "license": f"{yaml_fields.DESCRIPTION_BYTES:,}",
        "license_link": f"{yaml_fields.URL_BYTES:,}",
        "maintainers": f"{meta_people.MOST_MAINTAINERS:,}",
        "bakery": f"{yaml_fields.ID_BYTES:,}",
    }
    assert LARGEST_FILE == 2**20 and "1 MiB" in of_meta
    deepest, most = yaml_composer.DEEPEST_LEVEL, file_problems.MOST_PROBLEMS
    for bound in (deepest, most, meta_json.LONGEST_META, yaml_fields.ID_BYTES):
        assert re.search(rf"\b{bound:,}\b", of_meta), bound
    for role in meta_people.ROLES:
        assert f"`{role}`" in of_meta


def test_what_is_private_is_not_read():
    secret = "NORTHLIGHT_WRITE_TOKEN"
    (whole,) = [example for example in EXAMPLES if example.kind == BAKERIES and not example.told]
    assert secret in whole.text and "private:" in whole.text
    parsed = parse_bakeries_yaml(whole.text.encode())
    assert parsed.understood and secret not in repr(parsed)
    (hidden,) = [example for example in EXAMPLES if example.kind == META and "@survey.example>" in example.text]
    assert "survey.example>" not in repr(parse_meta_yaml(hidden.text.encode()))


def write_problems_anew() -> None:
    """Put what the readers say today beneath every example that has problems."""
    markdown = MARKDOWN
    # from the end, so that the spans before stay right
    for example in reversed(EXAMPLES):
        if example.span:
            start, end = example.span
            markdown = markdown[:start] + example.problems() + markdown[end:]
    PAGE.write_text(markdown, "utf-8")


if __name__ == "__main__":
    write_problems_anew()
