"""Secrets in what bakeries send: URLs with one are refused, in texts they are replaced before anything is stored."""

import pytest
from conftest import BAKERY
from pangeo_forge_federation.client.checking import run_errors
from pangeo_forge_federation.values.redaction import KINDS
from post_requests import faults
from secret_samples import AWS_URL, AZURE_URL, BODY, GITHUB_TOKEN, SAMPLES

pytest_plugins = ["patch_fixtures"]

GCS_URL, OLD_GCS_URL = (SAMPLES["the signature of a signed URL"][index][0] for index in (6, 7))
OLD_S3_URL = SAMPLES["the signature of a signed URL"][5][0]
URLS = [
    (AWS_URL, "X-Amz-Credential"),
    (AWS_URL.replace("X-Amz-Credential", "x"), "X-Amz-Security-Token"),
    (AWS_URL.lower(), "x-amz-credential"),
    (OLD_S3_URL, "AWSAccessKeyId"),
    (GCS_URL, "X-Goog-Credential"),
    (OLD_GCS_URL.replace("a@b.iam", "a.iam"), "GoogleAccessId"),
    (AZURE_URL, "sig"),
    ("s3://bucket/a.zarr?" + AZURE_URL.partition("?")[2], "sig"),
    ("https://robin:hunter2@store.example/", "user information"),
    (f"https://host/?token={GITHUB_TOKEN}", "a token of GitHub"),
    (f"s3://AKIA{BODY[:16].upper()}:{BODY[:20]}/{BODY[:19]}@bucket/a", "a password in a URL"),
]
TEXTS = [(kind.name, *SAMPLES[kind.name][0]) for kind in KINDS if kind.name != "an e-mail address"]


@pytest.mark.parametrize(("url", "named"), URLS)
async def test_urls_with_secrets_are_refused_everywhere(post, send, record, patch, run_body, url, named):
    sent = run_body(log_url=url, datasets=[{"url": url}], bakery_id=BAKERY)
    refused = faults(await post(sent))
    assert list(refused) == ["/log_url", "/datasets/0/url"]
    assert all(named in words for words in refused.values())
    await record()
    assert list(faults(await patch({"log_url": url}))) == ["/log_url"]
    assert list(faults(await send("POST", "/datasets", {"url": url}))) == ["/url"]
    # in the same words before it is sent
    assert [f"{place}: {words}" for place, words in refused.items()] == run_errors(sent)
    for words in refused.values():
        assert BODY[:10] not in words and "hunter2" not in words and "aeeed9" not in words


@pytest.mark.parametrize(
    "url",
    [
        "https://host/?sig=0.05&alpha=1",
        "https://console.cloud.example/logs?Expires=1&query=signature",
        "abfs://container@account.dfs.core.windows.net/a@b.zarr",
        "https://host/~desk@survey.example/a",
        "s3://bucket/ghs_built_s_e2030_globe_r2023a_54009_100_v1_0.zarr",
    ],
)
async def test_other_urls_are_taken(recorded, url):
    assert (await recorded(log_url=url))["log_url"] == url


@pytest.mark.parametrize(("kind", "text", "redacted"), TEXTS)
async def test_texts_are_redacted_on_the_way_in(post, send, run_body, patch, connection, kind, text, redacted):
    run = (await post(run_body(message=text, datasets=[{"url": "gs://bucket/a.zarr", "title": text}]))).json()
    assert run["message"] == run["datasets"][0]["title"] == redacted
    run = (await patch({"message": f"2 {text}"})).json()
    assert run["message"] == f"2 {redacted}"
    dataset = (
        await send("POST", "/datasets", {"url": "gs://bucket/b.zarr", "title": text, "description": text})
    ).json()
    assert dataset["title"] == dataset["description"] == redacted
    at = f"/datasets/{dataset['id']}"
    dataset = (await send("PATCH", at, {"description": f"2 {text}", "retraction_reason": text})).json()
    assert (dataset["description"], dataset["retraction_reason"]) == (f"2 {redacted}", redacted)
    assert text not in "\n".join(connection.iterdump())


async def test_e_mail_addresses_in_messages_stay(recorded):
    message = "ask desk@survey.example, or git@github.com:a/b"
    assert (await recorded(message=message))["message"] == message


async def test_the_bound_of_a_message_is_of_what_is_kept(recorded):
    message = f"{GITHUB_TOKEN} " * 1_700
    assert len(message) > 65_536
    assert (await recorded(message=message))["message"] == "[token] " * 1_700
