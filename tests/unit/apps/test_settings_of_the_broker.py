"""Settings of broker, clients and trusted tokens refuse what could not be meant."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from opengdi.apps.identity_settings import (
    BrokerClientSettings,
    BrokerSettings,
    IdentitySettings,
    LoginSettings,
    TrustedTokensSettings,
)

BACK = ("https://portal.example.org/callback",)
SECRET, NODE = "secret-secret-secret", "https://node.example.org"
KEY = '{"kty": "EC"}'
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.mark.parametrize(
    "uri",
    [
        "http://portal.example.org/callback",
        "https://portal.example.org/#x",
        "https://*.example.org/callback",
        "javascript:alert(1)",
        "portal.example.org/callback",
        "https:///callback",
    ],
)
def test_people_are_sent_back_by_https_or_on_this_machine_only(uri: str):
    with pytest.raises(ValidationError, match="https"):
        BrokerClientSettings(id="portal", redirect_uris=(uri,))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"grant_types": (EXCHANGE,)}, "needs a secret"),
        ({"grant_types": ("client_credentials",)}, "needs a secret"),
        ({"redirect_uris": ()}, "needs redirect_uris"),
        ({"secret": "short"}, "16"),
        ({"id": "a b"}, "pattern"),
        ({"grant_types": ("password",)}, "grant_types"),
        ({"secret": SECRET, "public_keys": (KEY,)}, "one way"),
        ({"public_keys": (KEY,), "jwks": f"{NODE}/login/jwks"}, "one way"),
        ({"jwks": "http://node.example.org/login/jwks"}, "https"),
        ({"jwks": "https://user@node.example.org/login/jwks"}, "https"),
        ({"jwks": "node.example.org/login/jwks"}, "https"),
        ({"public_keys": (KEY,) * 11}, "at most 10"),
        ({"id_token_algorithm": "HS256"}, "ES256"),
    ],
)
def test_a_client_is_whole(changes: dict[str, object], told: str):
    with pytest.raises(ValidationError, match=told):
        BrokerClientSettings.model_validate({"id": "portal", "redirect_uris": BACK, **changes})


@pytest.mark.parametrize(
    "proof", [{"secret": SECRET}, {"public_keys": (KEY,)}, {"jwks": f"{NODE}/login/jwks"}]
)
def test_a_client_that_proves_itself_in_any_way_may_exchange_tokens(proof: dict[str, object]):
    told = {"id": "node", "grant_types": (EXCHANGE, "client_credentials"), **proof}
    assert BrokerClientSettings.model_validate(told).proves_by_key is ("secret" not in proof)


def test_a_service_proves_itself_at_its_provider_in_one_way():
    at = {"issuer": "https://login.example.org", "client_id": "hub"}
    assert LoginSettings.model_validate({**at, "client_key": "RS256"}).client_key == "RS256"
    with pytest.raises(ValidationError, match="takes the place"):
        LoginSettings.model_validate({**at, "client_key": "ES256", "client_secret": SECRET})
    with pytest.raises(ValidationError, match="client_key"):
        LoginSettings.model_validate({**at, "client_key": "HS256"})


def test_no_client_takes_the_place_of_the_built_in_one_or_of_another():
    for names in (["gdi-cli"], ["portal", "portal"]):
        with pytest.raises(ValidationError, match="same id"):
            BrokerSettings(clients=tuple(BrokerClientSettings(id=name, redirect_uris=BACK) for name in names))


def test_tokens_are_sent_to_no_address_in_the_clear():
    with pytest.raises(ValidationError, match="https"):
        TrustedTokensSettings(issuer="http://broker.example.org/oidc")
    assert TrustedTokensSettings(issuer="http://127.0.0.1:8000/oidc").userinfo_address.endswith("/userinfo")


def test_one_broker_at_most_has_opaque_tokens_and_each_is_named_once():
    one = TrustedTokensSettings(issuer="https://a.example.org", tokens="opaque")
    other = TrustedTokensSettings(issuer="https://b.example.org", tokens="opaque")
    with pytest.raises(ValidationError, match="opaque"):
        IdentitySettings(brokers=(one, other))
    with pytest.raises(ValidationError, match="same issuer"):
        IdentitySettings(brokers=(one, one))
