"""A secret in meta.yaml or bakeries.yaml is published nowhere, and is a problem that says what to do."""

import json

import pytest
import yaml
from pangeo_forge_federation.files.bakeries_yaml import parse_bakeries_yaml
from pangeo_forge_federation.files.meta_yaml import parse_meta_yaml
from pangeo_forge_federation.values.redaction import KINDS, redact
from secret_samples import AWS_URL, AZURE_URL, BODY, GITHUB_TOKEN, JWT, PRIVATE_KEY, REGISTRY_TOKEN, SAMPLES

REVOCABLE = [kind for kind in KINDS if kind.name != "an e-mail address"]


def meta(**entries):
    return parse_meta_yaml(yaml.safe_dump({"title": "Tides", **entries}, sort_keys=False).encode())


def bakeries(**entries):
    return parse_bakeries_yaml(yaml.safe_dump({"b.gcp": {"region": "x", **entries}}, sort_keys=False).encode())


def found(parsed):
    return [(problem.severity, problem.pointer) for problem in parsed.problems]


def assert_not_published(parsed, text):
    for written in (repr(parsed), json.dumps(vars(parsed), default=vars)):
        assert text not in written
        assert BODY[:20] not in written and "hunter2" not in written


@pytest.mark.parametrize("kind", REVOCABLE, ids=lambda kind: kind.name)
def test_each_kind_in_a_text_and_in_a_key(kind):
    text, redacted = SAMPLES[kind.name][0]
    for parsed in (meta(notes=[text]), meta(description=text), meta(notes={text: 1})):
        (problem,) = parsed.problems
        assert (problem.severity, problem.line) == ("error", 2 if parsed.feedstock["description"] else problem.line)
        assert kind.name in problem.message and kind.remedy in problem.message
        assert_not_published(parsed, text)
    assert meta(description=text).feedstock["description"] == redacted
    assert json.loads(meta(notes=[text]).feedstock["meta"])["notes"] == [redacted]
    assert list(json.loads(meta(notes={text: 1}).feedstock["meta"])["notes"]) == [redacted]


@pytest.mark.parametrize("kind", REVOCABLE, ids=lambda kind: kind.name)
def test_each_kind_in_a_bakery(kind):
    text, redacted = SAMPLES[kind.name][0]
    parsed = bakeries(description=text)
    assert parsed.bakeries[0]["description"] == redacted
    assert found(parsed) == [("error", "/b.gcp/description")]
    assert kind.remedy in parsed.problems[0].message
    # what is private is read by nobody, but the file is where it is
    parsed = bakeries(targets={"t": {"private": {"storage_options": {"secret": text}}}})
    assert found(parsed) == [("error", "/b.gcp/targets/t")]
    assert_not_published(parsed, text)


def test_the_place_of_a_secret():
    parsed = parse_meta_yaml(f"title: Tides\nnotes:\n  - fine\n  - token: {GITHUB_TOKEN}\n".encode())
    (problem,) = parsed.problems
    assert (problem.pointer, problem.line, problem.column) == ("/notes/1/token", 4, 12)


def test_what_is_repeated_by_an_alias_is_one_problem():
    parsed = parse_meta_yaml(f"title: Tides\na: &a {GITHUB_TOKEN}\nb: *a\nc: [*a]\n".encode())
    assert found(parsed) == [("error", "/a")]


def test_a_url_in_a_key_is_redacted_in_the_pointer_too():
    parsed = meta(notes={"https://robin:hunter2@store.example/x": {"y": 1}})
    assert found(parsed) == [("error", "/notes/https:~1~1[password]@store.example~1x")]


@pytest.mark.parametrize("filling", [455, 480, 499, 505])
def test_no_part_of_a_secret_is_in_the_pointer_of_a_long_key(filling):
    parsed = meta(notes={"x" * filling + " " + GITHUB_TOKEN: {1: 2, "1": "\x07"}})
    assert "ghp_" not in repr(parsed)


@pytest.mark.parametrize(("url", "parameter"), [(AWS_URL, "X-Amz-Credential"), (AZURE_URL, "sig")], ids=["S3", "Azure"])
def test_signed_urls_are_left_out_and_the_parameter_is_named(url, parameter):
    parsed = meta(providers=[{"name": "Survey", "url": url}])
    assert parsed.providers[0]["url"] is None
    messages = [problem.message for problem in parsed.problems]
    assert len(messages) == 2 and any(f"`{parameter}`" in message for message in messages)
    parsed = bakeries(targets={"t": {"public": {"protocol": "https", "prefix": url.removeprefix("https://")}}})
    assert parsed.bakeries[0]["targets"][0]["prefix"] is None
    assert f"`{parameter}`" in " ".join(problem.message for problem in parsed.problems)


def test_the_container_of_a_prefix_does_not_hide_a_signature():
    prefix = f"box@account.dfs.core.windows.net/x?{AZURE_URL.partition('?')[2]}"
    parsed = bakeries(targets={"t": {"public": {"protocol": "abfs", "prefix": prefix}}})
    assert parsed.bakeries[0]["targets"][0]["prefix"] is None


@pytest.mark.parametrize("secret", [GITHUB_TOKEN, REGISTRY_TOKEN, JWT, "AKIA" + BODY[:16].upper()])
def test_no_id_is_a_secret(secret):
    assert meta(recipes=[{"id": secret, "object": "a:b"}]).recipes == []
    assert meta(bakery={"id": secret}).bakery is None
    assert [person["github"] for person in meta(maintainers={secret: "Robin"}).maintainers] == [None]
    parsed = parse_bakeries_yaml(yaml.safe_dump({secret: {"region": "x"}}).encode())
    assert parsed.bakeries == []
    assert secret not in repr(parsed)


def test_many_secrets_are_counted():
    parsed = meta(notes=[GITHUB_TOKEN[:-4] + f"{number:04}" for number in range(1_000)])
    assert len(parsed.problems) == 200


def test_a_secret_of_several_lines():
    parsed = parse_meta_yaml(
        b"title: Tides\nkey: |\n" + b"".join(b"  %s\n" % line.encode() for line in PRIVATE_KEY.split("\n"))
    )
    assert json.loads(parsed.feedstock["meta"])["key"] == "[private key]\n"
    assert found(parsed) == [("error", "/key")]


def test_real_looking_files_have_no_secrets(real_folder):
    for path in real_folder.rglob("*.yaml"):
        text = path.read_text("utf-8")
        assert redact(text, e_mail_addresses=False) == text
