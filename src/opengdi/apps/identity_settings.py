"""Settings of who may do what: login, brokers, visas. Each part has a section of its own here."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from opengdi.apps.setting_types import SecretText, Section, Tokens


class LoginSettings(Section):
    """Where people log in: any OpenID provider; a node names its hub's broker."""

    issuer: str = Field(
        "",
        description="Issuer of the provider, exactly as it spells it; empty: nobody logs in here with a browser.",
    )
    client_id: str = Field("", description="What the provider knows this service as.")
    client_secret: SecretText | None = Field(
        None, description="The secret that the provider gave; not set: a public client, by PKCE alone."
    )
    scopes: tuple[str, ...] = Field(
        ("openid", "profile", "email"), description="What is asked of the provider; `openid` always."
    )
    algorithms: tuple[Literal["RS256", "ES256"], ...] = Field(
        ("RS256", "ES256"), min_length=1, description="Signatures of id tokens that are believed."
    )
    leeway_s: float = Field(
        60.0, ge=0, le=300, description="Seconds by which the provider's clock may be off."
    )
    trusts_email: bool = Field(
        default=False,
        description="Believe an e-mail address that the provider does not call verified. Duties are given by it.",
    )
    attempt_s: float = Field(600.0, gt=0, le=3600, description="Seconds that a login may take.")
    idle_s: float = Field(1800.0, gt=0, description="Seconds without any request after which a session ends.")
    session_s: float = Field(36_000.0, gt=0, description="Seconds after which a session ends in any case.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer and not self.client_id:
            raise ValueError("issuer needs a client_id: what the provider knows this service as")
        if "openid" not in self.scopes:
            raise ValueError("scopes must have `openid`: without it there is no id token")
        return self


class DevelopmentSettings(Section):
    """The built-in identity provider of the demo and of tests, at `/dev-idp`: whoever opens it chooses who to be."""

    enabled: bool = Field(
        default=False,
        description="Serve it. Refused unless environment is `dev` or `test` and the listener is on loopback.",
    )
    clients: Tokens = Field(
        {},
        description="Further programs that may log people in at it, client id = secret; others must use PKCE.",
    )


class IdentitySettings(Section):
    """Whom this node or hub believes, and what it says of people to others."""

    login: LoginSettings = LoginSettings()
    development: DevelopmentSettings = DevelopmentSettings()
