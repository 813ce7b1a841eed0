import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pangeo_forge_federation.files.bakeries_yaml import parse_bakeries_yaml
from pangeo_forge_federation.records.bodies import create_model_of
from pangeo_forge_federation.records.models import Dataset
from pangeo_forge_federation.records.validation import check

WHOLE = """
example.bakery.gcp:
  region: gcp.us-central1
  description: "Open to all; ask desk@store.example"
  org_website: https://store.example/bakery
  admins: [{github: robin-sample}]
  targets:
    open-store:
      region: gcp.us-central1
      description: Public store
      private: &private
        protocol: gs
        prefix: SECRET-write
        storage_options: {token: SECRET_TOKEN, token: SECRET_AGAIN}
      public:
        protocol: gs
        prefix: open-store/arco
        storage_options:
          anon: true
          requester_pays: false
          project: SECRET-project
          client_kwargs: {endpoint_url: "https://store.example", verify: SECRET}
    closed-store:
      private: *private
  cluster:
    type: gcp.dataflow
    pangeo_forge_version: 0.10
    pangeo_notebook_version: "2026.05.11"
    prefect_version: 1.10
    worker_image: SECRET/image:1
    cluster_options: {vpc: SECRET-vpc, task_role_arn: "arn:SECRET"}
    flow_storage_options: !unknown {key: SECRET_KEY}
"""


def test_a_bakery_with_all_that_is_published():
    read = parse_bakeries_yaml(WHOLE.encode())
    assert read.understood
    assert read.bakeries == [
        {
            "id": "example.bakery.gcp",
            "region": "gcp.us-central1",
            "description": "Open to all; ask [e-mail]",
            "org_website": "https://store.example/bakery",
            "cluster_type": "gcp.dataflow",
            "pangeo_forge_version": "0.10",
            "pangeo_notebook_version": "2026.05.11",
            "prefect_version": "1.10",
            "targets": [
                {
                    "name": "open-store",
                    "region": "gcp.us-central1",
                    "description": "Public store",
                    "protocol": "gs",
                    "prefix": "open-store/arco",
                    "anon": True,
                    "requester_pays": False,
                    "endpoint_url": "https://store.example",
                },
                {
                    "name": "closed-store",
                    "region": None,
                    "description": None,
                    "protocol": None,
                    "prefix": None,
                    "anon": None,
                    "requester_pays": None,
                    "endpoint_url": None,
                },
            ],
        }
    ]


def test_nothing_of_the_private_half_is_told():
    read = parse_bakeries_yaml(WHOLE.encode())
    assert "SECRET" not in repr(read)
    assert [(problem.pointer, problem.severity) for problem in read.problems] == [
        ("/example.bakery.gcp/targets/open-store", "error"),
        ("/example.bakery.gcp/cluster", "warning"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "TargetStorage:\n  fsspec_class: s3fs.S3FileSystem\n  fsspec_args: {key: SECRET}\n",
        "Bake: {bakery_class: x}\nTargetStorage: {root_path: SECRET}\nb: {region: x}\n",
        "storage: {fsspec_class: SECRET}\nb: {region: x}\n",
        "title: SECRET\nrecipes: []\n",
        "- region: SECRET\n",
        "SECRET: {}\n",
        "SECRET",
        "a: b: SECRET",
        "",
    ],
)
def test_another_file_in_its_place_is_not_understood(text):
    read = parse_bakeries_yaml(text.encode())
    assert not read.understood
    assert read.bakeries == []
    assert "SECRET" not in repr(read)
    [problem] = read.problems
    assert problem.pointer == ""
    assert problem.severity == "error"


@pytest.mark.parametrize(
    ("bad_id", "severity"),
    [("a/b", "error"), ("'a b'", "error"), (".hidden", "error"), ("Good", "error"), ("x" * 501, "error")],
)
def test_ids_that_are_no_path_or_the_same_but_for_case(bad_id, severity):
    read = parse_bakeries_yaml(f"good: {{region: here}}\n{bad_id}: {{region: there}}\n".encode())
    assert [bakery["region"] for bakery in read.bakeries] == ["here"]
    assert [problem.severity for problem in read.problems] == [severity]


@given(st.from_regex(r"[a-z._-]{1,6}", fullmatch=True))
def test_a_bakery_that_a_file_lists_may_be_named_in_a_body_and_no_other(bakery_id):
    listed = parse_bakeries_yaml(f"'{bakery_id}': {{region: here}}\n".encode()).bakeries
    _, faults = check(create_model_of(Dataset), {"url": "gs://a/b", "bakery_id": bakery_id})
    assert bool(listed) == (not faults)


def public(fields):
    read = parse_bakeries_yaml(f"b: {{targets: {{t: {{public: {fields}}}}}}}".encode())
    return read.bakeries[0]["targets"][0], [(problem.severity, problem.pointer) for problem in read.problems]


AT = "/b/targets/t/public"


@pytest.mark.parametrize(
    ("fields", "expected", "problems"),
    [
        ("{protocol: S3, prefix: bucket/}", ("S3", "bucket/"), [("warning", f"{AT}/protocol")]),
        ("{protocol: 's3://', prefix: /bucket/}", ("s3", "/bucket/"), []),
        ("{protocol: a b}", (None, None), [("error", f"{AT}/protocol")]),
        # it is left out, and the password is to be changed
        ("{prefix: 's3://user:word@host/x'}", (None, None), [("error", f"{AT}/prefix")] * 2),
        ("{prefix: 'user:word@host/x'}", (None, None), [("error", f"{AT}/prefix")]),
        ("{prefix: 'bucket/desk@store.example/x'}", (None, None), [("error", f"{AT}/prefix")]),
        ("{prefix: 'bucket/a b {c}@2'}", (None, "bucket/a b {c}@2"), []),
        ("{prefix: [x]}", (None, None), [("error", f"{AT}/prefix")]),
        (
            "{protocol: abfs, prefix: 'box@account.dfs.core.windows.net/x'}",
            ("abfs", "box@account.dfs.core.windows.net/x"),
            [],
        ),
        ("text", (None, None), [("error", AT)]),
    ],
)
def test_where_a_target_lies(fields, expected, problems):
    target, found = public(fields)
    assert (target["protocol"], target["prefix"]) == expected
    assert found == problems


@pytest.mark.parametrize(
    ("written", "expected", "severities"),
    [
        ("true", True, []),
        ("False", False, []),
        ("yes", True, ["warning"]),
        ("'false'", False, ["warning"]),
        ("maybe", None, ["error"]),
        ("[true]", None, ["error"]),
        ("~", None, []),
    ],
)
def test_options_are_true_or_false(written, expected, severities):
    target, found = public(f"{{storage_options: {{anon: {written}}}}}")
    assert target["anon"] is expected
    assert [severity for severity, _ in found] == severities


def test_unsafe_addresses_are_left_out():
    read = parse_bakeries_yaml(b"b: {region: x, org_website: 'javascript:alert(1)'}")
    assert read.bakeries[0]["org_website"] is None
    assert [problem.pointer for problem in read.problems] == ["/b/org_website"]


def test_what_is_no_bakery_among_bakeries_is_left_out():
    read = parse_bakeries_yaml(b"b: {region: x}\nversion: 2\nempty:\nother: {a: b}\n")
    assert [bakery["id"] for bakery in read.bakeries] == ["b"]
    assert [problem.pointer for problem in read.problems] == ["/version", "/empty", "/other"]


real_files = pytest.mark.skipif("FEDERATION_REAL_DIR" not in os.environ, reason="needs files that are not kept here")


@real_files
def test_the_real_file():
    path = Path(os.environ["FEDERATION_REAL_DIR"], "pangeo-forge/bakery-database/bakeries.yaml")
    read = parse_bakeries_yaml(path.read_bytes())
    assert read.problems == []
    first, second = read.bakeries
    first_target, second_target = first.pop("targets"), second.pop("targets")
    versions = {"pangeo_forge_version": "0.5.0", "pangeo_notebook_version": "2021.07.17", "prefect_version": "0.14.22"}
    assert first == {
        "id": "devseed.bakery.development.aws.us-west-2",
        "region": "aws.us-west-2",
        "description": None,
        "org_website": None,
        "cluster_type": "aws.fargate",
        **versions,
    }
    assert second == {
        "id": "devseed.bakery.development.azure.westeurope",
        "region": "azure.westeurope",
        "description": None,
        "org_website": None,
        "cluster_type": "azure.aks",
        **versions,
    }
    nothing = dict.fromkeys(("protocol", "prefix", "anon", "requester_pays", "endpoint_url"))
    assert first_target == [
        {
            "name": "pangeo-forge-aws-bakery-flowcachebucketdasktest4-10neo67y7a924",
            "region": "aws.us-west-2",
            "description": "Internal bucket",
            **nothing,
        }
    ]
    assert second_target == [
        {
            "name": "pangeof-bakery-flow-cache-container",
            "region": "azure.westeurope",
            "description": "Flow output container",
            **nothing,
        }
    ]
