"""Made-up secrets of every kind. They are put together here so that no scanner takes this file for a leak."""

BODY = "A1b2C3d4E5f6G7h8I9j0" * 8
AWS_KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
JWT = ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"))
REGISTRY_TOKEN = "pfk_7_" + "s" * 43
GITHUB_TOKEN = "ghp_" + BODY[:36]
PRIVATE_KEY = "\n".join(
    (
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA" + BODY[:48],
        BODY[:31] + "=",
        "-----END RSA PRIVATE KEY-----",
    )
)
AWS_URL = (
    "https://bucket.s3.amazonaws.com/a.nc?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
    f"{AWS_KEY_ID}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z"
    "&X-Amz-Security-Token=FQoGZX%2Bi&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835"
)
AWS_URL_REDACTED = (
    "https://bucket.s3.amazonaws.com/a.nc?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=[signature]"
    "&X-Amz-Date=20260101T000000Z&X-Amz-Security-Token=[signature]&X-Amz-Signature=[signature]"
)
AZURE_URL = "https://a.blob.core.windows.net/c/b.nc?sp=r&se=2026-01-02T00:00:00Z&sv=2022-11-02&sr=b&sig=k%2Fz9%3D"

# The name of a kind in the table: (text, the text redacted).
SAMPLES = {
    "a private key": [
        (f"a {PRIVATE_KEY} z", "a [private key] z"),
        (PRIVATE_KEY.replace("\n", "\\n"), "[private key]"),
        (PRIVATE_KEY.replace("\n", " "), "[private key]"),
        # cut off
        (PRIVATE_KEY[:90], "[private key]"),
        (PRIVATE_KEY.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"), "[private key]"),
        (PRIVATE_KEY.replace("RSA ", ""), "[private key]"),
        (f"{PRIVATE_KEY}\n{PRIVATE_KEY}", "[private key]\n[private key]"),
        (
            PRIVATE_KEY.replace("\nMII", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\nMII"),
            "[private key]",
        ),
    ],
    "a password in a URL": [
        ("see https://robin:hunter2@store.example/x, it", "see https://[password]@store.example/x, it"),
        ("postgresql://robin:p@ss@host:5432/db", "postgresql://[password]@host:5432/db"),
        ("https://:hunter2@host/", "https://[password]@host/"),
        (f"https://x-access-token:{GITHUB_TOKEN}@github.com/a/b", "https://[password]@github.com/a/b"),
        (f"s3://{AWS_KEY_ID}:{AWS_SECRET}@bucket/key", "s3://[password]@bucket/key"),
        ("?url=https%3A%2F%2Frobin%3Ahunter2%40host%2Fx", "?url=https%3A%2F%2F[password]%40host%2Fx"),
        ("?u=https%253A%252F%252Frobin%253Aword%2540host", "?u=https%253A%252F%252F[password]%2540host"),
        ("{'https://a:b@h1/','https://c:d@h2/'}", "{'https://[password]@h1/','https://[password]@h2/'}"),
    ],
    "the signature of a signed URL": [
        (f"403 for {AWS_URL} (GET)", f"403 for {AWS_URL_REDACTED} (GET)"),
        (AWS_URL.replace("&", "&amp;"), AWS_URL_REDACTED.replace("&", "&amp;")),
        (AWS_URL.replace("&", "\\u0026"), AWS_URL_REDACTED.replace("&", "\\u0026")),
        (AZURE_URL, AZURE_URL.partition("sig=")[0] + "sig=[signature]"),
        (
            "SharedAccessSignature=sv=2022-11-02&se=2026&sig=abc",
            "SharedAccessSignature=sv=2022-11-02&se=2026&sig=[signature]",
        ),
        (
            f"https://b.s3.amazonaws.com/k?AWSAccessKeyId={AWS_KEY_ID}&Expires=1141889120&Signature=vjby%3D",
            "https://b.s3.amazonaws.com/k?AWSAccessKeyId=[signature]&Expires=1141889120&Signature=[signature]",
        ),
        (
            "https://storage.googleapis.com/b/k?X-Goog-Credential=a%40b.iam.gserviceaccount.com%2F2026&X-Goog-Signature=2d",
            "https://storage.googleapis.com/b/k?X-Goog-Credential=[signature]&X-Goog-Signature=[signature]",
        ),
        (
            "https://storage.googleapis.com/b/k?GoogleAccessId=a@b.iam.gserviceaccount.com&Expires=1&Signature=ab#x",
            "https://storage.googleapis.com/b/k?GoogleAccessId=[signature]&Expires=1&Signature=[signature]#x",
        ),
        (
            "?url=https%3A%2F%2Fb%2Fk%3Fsv%3D2%26sig%3Da%252Fb%26sp%3Dr&x=1",
            "?url=https%3A%2F%2Fb%2Fk%3Fsv%3D2%26sig%3D[signature]%26sp%3Dr&x=1",
        ),
    ],
    "a token of this registry": [
        (f"Bearer {REGISTRY_TOKEN}", "Bearer pfk_7_[secret]"),
        ("pfk%5F7%5F" + "s" * 43, "pfk_7_[secret]"),
    ],
    "a token of GitHub": [
        *((f"{kind}_{BODY[:36]}.", "[token].") for kind in ("ghp", "gho", "ghu", "ghs", "ghr")),
        ("github_pat_" + BODY[:22] + "_" + BODY[:59], "[token]"),
        (f"(ghs_123456_{JWT})", "([token])"),
        (f"token%3D{GITHUB_TOKEN}", "token%3D[token]"),
        (f"a\\n{GITHUB_TOKEN}", "a\\n[token]"),
        (f"GITHUB_TOKEN={GITHUB_TOKEN}", "GITHUB_TOKEN=[token]"),
    ],
    "an access key id of AWS": [
        (f"key: {AWS_KEY_ID}, region", "key: [token], region"),
        ("ASIA" + "IOSFODNN7EXAMPLE", "[token]"),
    ],
    "a token of Google": [
        ("key=AIza" + BODY[:35], "key=[token]"),
        ("ya29." + BODY[:60], "[token]"),
        ("ya29.c.b0" + BODY[:60] + ".", "[token]."),
    ],
    "a token of Slack": [
        ("xoxb-123456789012-1234567890123-" + BODY[:24], "[token]"),
        ("xoxe.xoxp-1-" + BODY[:60], "[token]"),
        ("xapp-1-A0123-456-" + BODY[:20].lower(), "[token]"),
    ],
    "a token of PyPI": [("password = pypi-AgEIcHlwaS5vcmc" + BODY[:100], "password = [token]")],
    "a token of Hugging Face": [("hf_" + BODY[:34], "[token]"), ("api_org_" + BODY[:34], "[token]")],
    "a JSON Web Token": [
        (f"Authorization: Bearer {JWT}.", "Authorization: Bearer [token]."),
        # encrypted
        (f"{JWT}.{BODY[:20]}.{BODY[:22]}", "[token]"),
        ("eyJhbGciOiJkaXIifQ.." + ".".join([BODY[:16]] * 3), "[token]"),
    ],
    "an e-mail address": [("to desk@survey.example", "to [e-mail]")],
}
