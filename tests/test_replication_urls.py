"""URLs of stores, what is read of a store's listing, and what of Litestream's complaints."""

import pytest
from pangeo_forge_federation.replication.litestream import environment, error_in, reason
from pangeo_forge_federation.replication.store import read_listing
from pangeo_forge_federation.replication.urls import ReplicationError, read_url


@pytest.mark.parametrize(
    ("url", "tokens"),
    [
        ("file:///srv/store", "file:///srv/store/tokens"),
        ("file:///srv/store/", "file:///srv/store/tokens"),
        (
            "s3://bucket/one?endpoint=http://127.0.0.1:9000&region=eu",
            "s3://bucket/one/tokens?endpoint=http://127.0.0.1:9000&region=eu",
        ),
        ("s3://bucket", "s3://bucket/tokens"),
        ("gs://bucket/one", "gs://bucket/one/tokens"),
        ("abs://account@container/one", "abs://account@container/one/tokens"),
        ("sftp://user@host:22/one", "sftp://user@host:22/one/tokens"),
    ],
)
def test_each_database_has_a_path_of_its_own(url, tokens):
    assert read_url(url).of("tokens") == tokens


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("", ""),
        ("/srv/store", "/srv/store"),
        ("file://srv/store", "file:///"),
        ("file:store", "file:///"),
        ("s3:///path", "s3://"),
        ("http://host/path", "file:///"),
        ("s3://bucket/a b", "s3://bucket/a b"),
        ("s3://[bucket", ""),
        ("sftp://user:hunter2@host/path", ""),
        ("s3://bucket/path?secret-access-key=hunter2", "secret-access-key="),
        ("abs://a@c/path?sas-token=hunter2", "sas-token="),
    ],
)
def test_what_is_no_url_of_a_store_is_one_line_without_secrets(url, named):
    with pytest.raises(ReplicationError) as raised:
        read_url(url)
    assert named in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert "\n" not in str(raised.value)


def listing(*spans):
    return read_listing(
        {"level": level, "min_txid": f"{first:016x}", "max_txid": f"{last:016x}", "size": 1, "timestamp": "t"}
        for level, first, last in spans
    )


@pytest.mark.parametrize(
    ("spans", "reach", "newest"),
    [
        ([], 0, 0),
        ([(0, 1, 1)], 1, 1),
        ([(9, 1, 4), (0, 5, 5), (0, 6, 6)], 6, 6),
        ([(9, 1, 4), (0, 3, 3), (1, 3, 7)], 7, 7),
        # a hole, nothing to begin with, and a hole that a later whole copy covers
        ([(9, 1, 4), (0, 9, 9)], 4, 9),
        ([(0, 9, 9)], 0, 9),
        ([(9, 1, 4), (0, 9, 9), (9, 1, 9), (0, 10, 10)], 10, 10),
    ],
)
def test_how_far_a_database_can_be_restored(spans, reach, newest):
    stored = listing(*spans)
    assert (stored.reach, stored.newest) == (reach, newest)


def test_an_empty_store_lists_null():
    assert read_listing(None).newest == 0


def test_the_variable_with_which_litestream_cannot_open_s3_is_taken_out():
    assert environment({"AWS_CA_BUNDLE": "/a.pem", "PATH": "/bin"}) == {"SSL_CERT_FILE": "/a.pem", "PATH": "/bin"}
    assert environment({"AWS_CA_BUNDLE": "/a.pem", "SSL_CERT_FILE": "/b.pem"}) == {"SSL_CERT_FILE": "/b.pem"}


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('time=2026-11-25T07:25:50Z level=INFO msg="compaction complete" error=none', None),
        (
            'time=2026-11-25T07:25:50Z level=ERROR msg="sync failed" db=a error="no \\"room\\""',
            'sync failed: no "room"',
        ),
        ("time=2026-11-25T07:25:50Z level=WARN msg=slow", "slow"),
        (
            "Error: S3: StatusCode: 403, RequestID: 8XK, HostID: 9G/x=, AccessDenied",
            "S3: StatusCode: 403, AccessDenied",
        ),
        ("Error: no matching backup files available", "no matching backup files available"),
    ],
)
def test_what_litestream_complains_about(line, error):
    assert error_in(line) == error


def test_of_many_lines_the_last_complaint_counts():
    said = "time=x level=INFO msg=hello\nError: the bucket is missing\ntime=x level=INFO msg=bye\n"
    assert reason(said) == "the bucket is missing"
    assert reason("no such file\n") == "no such file"
    assert reason("")
