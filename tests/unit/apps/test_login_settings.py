"""Where login starts and where the start is refused, by the settings."""

from __future__ import annotations

import pytest

from opengdi.apps.login import check_development, is_secure
from opengdi.apps.settings import Settings
from opengdi.kernel.errors import Invalid

ORGANISATION = {"id": "eu.edic", "name": "EDIC"}


def settings(environment: str = "dev", *, role: str = "hub", **public: object) -> Settings:
    who = {"id": f"eu.{role}", "environment": environment, "organisation": ORGANISATION}
    country = {"country": "EE"} if role == "node" else {}
    return Settings.model_validate(
        {role: who | country, "public": public, "identity": {"development": {"enabled": True}}}
    )


@pytest.mark.parametrize("role", ["hub", "node"])
@pytest.mark.parametrize("environment", ["dev", "test"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_the_development_provider_starts_on_loopback_in_development(role, environment, host):
    check_development(settings(environment, role=role, host=host), role)


@pytest.mark.parametrize("role", ["hub", "node"])
@pytest.mark.parametrize(
    "environment, public, named",
    [
        ("prod", {}, "environment is 'prod'"),
        ("staging", {}, "environment is 'staging'"),
        ("dev", {"host": "0.0.0.0"}, "public.host is '0.0.0.0'"),
        ("dev", {"host": "::"}, "public.host is '::'"),
        ("dev", {"host": "192.0.2.1"}, "public.host"),
        ("test", {"external_url": "https://hub.example.org"}, "external_url names 'hub.example.org'"),
    ],
)
def test_it_refuses_to_start_elsewhere_and_says_what_to_change(role, environment, public, named):
    with pytest.raises(Invalid) as refused:
        check_development(settings(environment, role=role, **public), role)
    assert named in str(refused.value)
    assert "identity.development.enabled = false" in str(refused.value)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(Invalid) as refused:
        check_development(settings("staging", host="0.0.0.0", external_url="https://a.example"), "hub")
    assert str(refused.value).count("must be") == 3


@pytest.mark.parametrize("environment", ["dev", "test", "staging", "prod"])
def test_behind_https_every_environment_logs_people_in(environment):
    assert is_secure(settings(environment, external_url="https://hub.example.org"), "hub")


@pytest.mark.parametrize(
    "environment, public",
    [
        ("prod", {}),
        ("staging", {}),
        ("dev", {"host": "0.0.0.0"}),
        ("dev", {"external_url": "http://hub.example.org"}),
        ("prod", {"external_url": "http://127.0.0.1:8080"}),
    ],
)
def test_over_plain_http_nobody_logs_in_but_on_loopback_in_development(environment, public):
    with pytest.raises(Invalid, match=r"public\.external_url"):
        is_secure(settings(environment, **public), "hub")


def test_plain_http_on_loopback_suits_development():
    assert not is_secure(settings("dev"), "hub")


@pytest.mark.parametrize(
    "login, named",
    [
        ({"issuer": "https://idp.example.org"}, "client_id"),
        ({"scopes": ["profile"]}, "openid"),
        ({"algorithms": ["HS256"]}, "RS256"),
        ({"algorithms": []}, "algorithms"),
        ({"idle_s": 0}, "idle_s"),
    ],
)
def test_settings_that_cannot_work_are_refused(login, named):
    with pytest.raises(ValueError, match=named):
        Settings.model_validate({"identity": {"login": login}})


def test_the_client_secret_prints_as_stars():
    secret = {"issuer": "https://idp.example.org", "client_id": "c", "client_secret": "do not tell"}
    assert "do not tell" not in repr(Settings.model_validate({"identity": {"login": secret}}))
