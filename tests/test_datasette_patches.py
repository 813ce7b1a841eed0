"""What Datasette does anew for each request is done once, and comes out the same."""

import asgi_csrf
from datasette.app import Datasette
from itsdangerous import URLSafeSerializer


async def test_a_plugins_configuration_is_put_together_once(datasette):
    first = datasette.plugin_config("datasette-auth-tokens")
    assert datasette.plugin_config("datasette-auth-tokens") is first
    assert Datasette.plugin_config(datasette, "datasette-auth-tokens") == first
    assert datasette.plugin_config("no-such-plugin") is None


async def test_secrets_against_forged_forms_are_as_long_as_before_and_each_another(datasette):
    made = {asgi_csrf.make_secret(length) for length in (16,) * 100}
    assert {len(secret) for secret in made} == {16}
    assert len(made) == 100


async def test_a_form_with_its_secret_is_taken_and_one_without_is_refused(datasette):
    secret = asgi_csrf.make_secret(16)
    token = URLSafeSerializer(datasette._secret).dumps(secret, asgi_csrf.DEFAULT_SIGNING_NAMESPACE)
    cookies = {"ds_csrftoken": token}
    taken = await datasette.client.post("/-/logout", data={"csrftoken": token}, cookies=cookies)
    refused = await datasette.client.post("/-/logout", data={"csrftoken": "another"}, cookies=cookies)
    assert (taken.status_code, refused.status_code) == (302, 403)
