"""Settings of who may do what: login, brokers, visas. Each part has a section of its own here."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from opengdi.apps.setting_types import SecretText, Section, Token, Tokens, WebAddress, is_loopback
from opengdi.identity.broker.model import CLI, GrantType
from opengdi.standards.passport import By, VisaType


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
    client_key: Literal["", "ES256", "RS256"] = Field(
        "",
        description="Prove who this service is by signing, not by a secret (`private_key_jwt`): the provider reads the "
        "keys at /login/jwks. Empty: by `client_secret`.",
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
        if self.client_key and self.client_secret is not None:
            raise ValueError("client_key takes the place of client_secret: leave one of them out")
        if "openid" not in self.scopes:
            raise ValueError("scopes must have `openid`: without it there is no id token")
        return self


class DevelopmentSettings(Section):
    """The built-in identity provider of the demo and of tests, at `/dev-idp`: whoever opens it chooses who to be."""

    enabled: bool = Field(
        default=False,
        description="Serve it. Refused unless environment is `dev` or `test` and the listener is on loopback.",
    )
    algorithm: Literal["ES256", "RS256"] = Field("ES256", description="Signature of its tokens.")
    clients: Tokens = Field(
        {},
        description="Further programs that may log people in at it, client id = secret; others must use PKCE.",
    )


class BrokerClientSettings(Section):
    """A program that the hub's broker gives tokens to."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="`client_id`, unique.")
    name: str = Field("", description="What people are told it is called; empty: its id.")
    secret: Token | None = Field(
        None, description="`client_secret`, 16 characters or more; not set: a public client, by PKCE alone."
    )
    public_keys: tuple[str, ...] = Field(
        (),
        max_length=10,
        description="Keys, JWK or PEM, by which it signs who it is (`private_key_jwt`), in the place of a secret; two "
        "while it changes them.",
    )
    jwks: str = Field(
        "",
        description="Address of such keys, as /login/jwks of a node; they are fetched when they are needed.",
    )
    id_token_algorithm: Literal["ES256", "RS256"] = Field(
        "ES256", description="Signature of ID tokens for it; RS256 for clients that read nothing else."
    )
    redirect_uris: tuple[str, ...] = Field(
        (),
        description="Addresses that people are sent back to, exactly; of http://127.0.0.1/… the port may differ.",
    )
    scopes: tuple[str, ...] = Field(("openid",), description="Scopes that it may ask for.")
    resources: tuple[str, ...] = Field(
        (),
        description="Addresses of nodes that its tokens may be for; `*`: every node. The hub needs no naming.",
    )
    grant_types: tuple[GrantType, ...] = Field(
        (GrantType.CODE, GrantType.REFRESH), description="How it may get tokens."
    )

    @field_validator("redirect_uris")
    @classmethod
    def _are_addresses(cls, uris: tuple[str, ...]) -> tuple[str, ...]:
        for uri in uris:
            parts = urlsplit(uri)
            safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
            if not safe or not parts.netloc or parts.fragment or not uri.isascii() or "*" in uri:
                raise ValueError(
                    f"{uri!r} must be an https address (http on loopback only), without fragment"
                )
        return uris

    @field_validator("jwks")
    @classmethod
    def _is_fetched_safely(cls, address: str) -> str:
        return _key_address(address) if address else address

    @property
    def proves_by_key(self) -> bool:
        return bool(self.public_keys or self.jwks)

    @model_validator(mode="after")
    def _proves_itself_where_it_must(self) -> Self:
        if sum((self.secret is not None, bool(self.public_keys), bool(self.jwks))) > 1:
            raise ValueError("a client proves itself in one way: by secret, public_keys or jwks")
        needs = {GrantType.EXCHANGE, GrantType.MACHINE} & set(self.grant_types)
        if needs and self.secret is None and not self.proves_by_key:
            raise ValueError(f"grant type {min(needs).value} needs a secret, public_keys or jwks")
        if GrantType.CODE in self.grant_types and not self.redirect_uris:
            raise ValueError("grant type authorization_code needs redirect_uris")
        return self


class VisaNodeSettings(Section):
    """A node whose visa issuer the broker asks."""

    id: str = Field(
        min_length=1, description="Id of the node, as the registry has it; `audience` may name it."
    )
    url: WebAddress = Field(min_length=1, description="Address of the node; the `resource` of tokens for it.")
    issuer: str = Field("", description="`iss` of its visas, exactly; empty: its address.")
    jku: str = Field("", description="`jku` of its visas, exactly; empty: /visas/v1/jwks below `issuer`.")
    keys: tuple[str, ...] = Field((), description="Keys of its visas, JWK or PEM: then nothing is fetched.")
    bodies: tuple[str, ...] = Field(
        (),
        description="Names of its deciding bodies with an issuer of their own, as its `identity.visas.bodies`.",
    )
    public_keys: tuple[str, ...] = Field(
        (), description="Keys that sign its answers, JWK or PEM; empty: those of the registry of members."
    )


class BrokerSettings(Section):
    """The hub's OpenID provider and passport broker, at `/oidc`."""

    enabled: bool = Field(
        default=False, description="Serve it. People need a way to log in: `identity.login`."
    )
    access_s: int = Field(600, ge=60, le=3600, description="Life of access tokens and passports, in seconds.")
    code_s: int = Field(60, ge=10, le=600, description="Life of an authorization code, in seconds.")
    grant_days: float = Field(
        30.0,
        gt=0,
        le=366,
        description="Days after which a client must ask again, if `offline_access` was granted.",
    )
    issuer_s: float = Field(3.0, gt=0, description="Time in which each visa issuer must answer, in seconds.")
    collections_a_minute: int = Field(
        20, ge=0, description="How often visas are collected for one grant in a minute; 0: no limit."
    )
    clients: tuple[BrokerClientSettings, ...] = Field(
        (), description="Clients, besides the built-in `gdi-cli`."
    )
    nodes: tuple[VisaNodeSettings, ...] = Field((), description="Nodes whose visas passports hold.")

    @model_validator(mode="after")
    def _each_is_one(self) -> Self:
        names = [each.id for each in self.clients]
        if len(set(names)) < len(names) or CLI in names:
            raise ValueError(f"two clients have the same id, or one is called {CLI}, which is built in")
        for what in ("id", "url"):
            told = [getattr(node, what) for node in self.nodes]
            if len(set(told)) < len(told):
                raise ValueError(f"two nodes have the same {what}")
        return self


class TrustedTokensSettings(Section):
    """A broker whose access tokens this node takes."""

    issuer: str = Field(min_length=1, description="`iss` of its tokens, exactly.")
    jwks: WebAddress = Field("", description="Address of its keys; empty: /jwks below the issuer.")
    userinfo: WebAddress = Field(
        "", description="Address of its UserInfo; empty: /userinfo below the issuer."
    )
    keys: tuple[str, ...] = Field((), description="Its keys, JWK or PEM: then nothing is fetched.")
    tokens: Literal["rfc9068", "jwt", "opaque"] = Field(
        "rfc9068",
        description="`rfc9068`: at+jwt for this node; `jwt`: as LS-AAI has them; `opaque`: any text (one broker only).",
    )
    audiences: tuple[str, ...] = Field(
        (),
        description="What its tokens must be for; empty: this node's address, but of `jwt` and `opaque` anything.",
    )
    subject_claim: str = Field("sub", description="Claim of UserInfo that is the person's id in visas.")
    longest_token_s: int = Field(
        86_400,
        ge=60,
        description="Longest life of its tokens, in seconds; one that is for longer is refused.",
    )

    @property
    def jwks_address(self) -> str:
        return self.jwks or f"{self.issuer}/jwks"

    @property
    def userinfo_address(self) -> str:
        return self.userinfo or f"{self.issuer}/userinfo"

    @model_validator(mode="after")
    def _is_fetched_safely(self) -> Self:
        for address in (self.jwks_address, self.userinfo_address):
            parts = urlsplit(address)
            if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
                raise ValueError(f"{address} must be https (http on loopback only): tokens are sent there")
        return self


class RevocationSettings(Section):
    """What was taken back before its end."""

    kept_s: float = Field(
        7200.0,
        ge=3600,
        description="Seconds after which nothing that was taken back can be alive: the longest life of a visa.",
    )


def _issuer(text: str) -> str:
    """An issuer exactly as its tokens spell it: a `/` at the end stays, because addresses are compared as texts."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an absolute URL without query, exactly as tokens spell it in `iss`")
    return text


def _key_address(text: str) -> str:
    parts = urlsplit(text)
    fetched_safely = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not fetched_safely or not parts.netloc or parts.fragment or parts.username is not None:
        raise ValueError(
            "must be an https address (http on loopback only), exactly as tokens spell it in `jku`"
        )
    return text


def _check_names(datasets: tuple[str, ...]) -> None:
    """Raises ValueError for what names every dataset, or is no beginning."""
    if any(not name.rstrip("*") or "*" in name[:-1] for name in datasets):
        raise ValueError("datasets must be ids such as 'GDI-EE-TU-1', or a beginning such as 'GDI-EE-*'")


IssuerName = Annotated[str, AfterValidator(_issuer)]
KeyAddress = Annotated[str, AfterValidator(_key_address)]


class VisaBodySettings(Section):
    """A deciding body of this node that signs visas with keys of its own."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,39}$",
        description="In the address of its issuer, /visas/v1/bodies/{name}; never change it.",
    )
    source: IssuerName = Field(description="The body's URL, as `source` of grants names it.")
    datasets: tuple[str, ...] = Field(
        min_length=1,
        description="Datasets it decides about, `*` at the end for any ending: nobody else grants them.",
    )
    algorithm: Literal["ES256", "RS256"] = Field("ES256", description="Signature of its visas.")

    @model_validator(mode="after")
    def _is_named_for_something(self) -> Self:
        _check_names(self.datasets)
        return self


class VisaIssuerSettings(Section):
    """The visas that this node or hub signs."""

    issuer: WebAddress = Field(
        "", description="Who signs, as `iss` of visas says; empty: `public.external_url`. Never change it."
    )
    lifetime_s: int = Field(
        1800,
        ge=900,
        le=3600,
        description="Longest life of a visa, in seconds; a grant that ends earlier ends it.",
    )
    algorithm: Literal["ES256", "RS256"] = Field(
        "ES256", description="Signature of visas; RS256 where a reader needs it, its visas are longer."
    )
    key_days: int = Field(90, ge=1, description="Days for which a key signs before the next one does.")
    announce_days: float = Field(
        2.0, gt=0, description="Days for which the next key is published before it signs."
    )
    brokers: tuple[str, ...] = Field(
        (), description="Hubs (their id) that may ask for visas of people with a signed header; empty: none."
    )
    subjects_of: str = Field(
        "",
        description="Broker (`iss`) whose people the visas are about; empty: the hub's own, that of the first hub, or "
        "the first of `identity.brokers`.",
    )
    bodies: tuple[VisaBodySettings, ...] = Field(
        (), description="Deciding bodies with an issuer of their own; the node signs for all others."
    )

    @model_validator(mode="after")
    def _each_body_is_one(self) -> Self:
        for what in ("name", "source"):
            told = [getattr(body, what) for body in self.bodies]
            if len(set(told)) < len(told):
                raise ValueError(f"two bodies have the same {what}")
        return self

    @model_validator(mode="after")
    def _is_announced_within_the_period(self) -> Self:
        if self.announce_days >= self.key_days:
            raise ValueError("announce_days must be less than key_days: one key is published ahead, not many")
        return self


class TrustedBrokerSettings(Section):
    """A broker whose passports are believed."""

    iss: IssuerName = Field(description="`iss` of its passports, exactly.")
    jku: KeyAddress = Field(description="Address of its keys (`jwks_uri` of its discovery document).")
    keys: tuple[str, ...] = Field((), description="Its keys, JWK or PEM: then nothing is fetched.")


class TrustedIssuerSettings(Section):
    """An issuer whose visas are believed, for what is named here."""

    iss: IssuerName = Field(description="`iss` of its visas, exactly.")
    jku: KeyAddress = Field(description="`jku` of its visas, exactly; both must fit, as a pair.")
    keys: tuple[str, ...] = Field((), description="Its keys, JWK or PEM: then nothing is fetched.")
    types: tuple[VisaType, ...] = Field(
        (VisaType.CONTROLLED_ACCESS,), description="Types of visas that are taken from it."
    )
    datasets: tuple[str, ...] = Field(
        (),
        description="Datasets for which it is the authority, `*` at the end for any ending; the closest name wins.",
    )
    sources: tuple[str, ...] = Field((), description="Organisations (`source`) it may speak for; empty: any.")
    subjects_of: str = Field(
        "",
        description="Broker whose people its `sub` names; empty: people of its own, to be linked by a visa.",
    )
    accepts_bare_values: bool = Field(
        default=False,
        description="Take the bare id of a dataset, or another URL that ends in it, as a value.",
    )
    means_every_version: bool = Field(
        default=False,
        description="A visa that names no version opens each one, also those released later; else it opens nothing.",
    )

    @model_validator(mode="after")
    def _is_named_for_something(self) -> Self:
        _check_names(self.datasets)
        return self


class PassportSettings(Section):
    """Whose passports and visas are believed. The hub's own broker and the own visa issuer always are."""

    brokers: tuple[TrustedBrokerSettings, ...] = Field(
        (), description="Brokers, besides those of `identity.brokers`, whose passports are believed too."
    )
    issuers: tuple[TrustedIssuerSettings, ...] = Field((), description="Issuers of visas.")
    audiences: tuple[str, ...] = Field(
        (), description="What tokens may be for (`aud`), besides `public.external_url` and the own id."
    )
    bona_fide_by: tuple[By, ...] = Field(
        (By.SIGNING_OFFICIAL, By.SYSTEM),
        description="Whose word counts that somebody is a researcher (`by` of ResearcherStatus).",
    )
    oldest_assertion_days: int = Field(
        3660, ge=1, description="Days after `asserted` for which a visa counts, whatever its `exp` says."
    )

    @model_validator(mode="after")
    def _each_is_named_once(self) -> Self:
        for names in (
            [f"broker {each.iss}" for each in self.brokers],
            [f"issuer {each.iss} with {each.jku}" for each in self.issuers],
        ):
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise ValueError(f"{twice} is named twice")
        return self


class GraveActsSettings(Section):
    """Acts for which a login of this morning is not enough: whoever finds a session open could decide in its name."""

    within_s: int = Field(
        0,
        ge=0,
        le=86_400,
        description="Seconds after a login in which they may be done; later the person logs in again. 0: it is not "
        "asked. The provider must tell `auth_time`.",
    )
    commands: tuple[str, ...] = Field(
        (
            "sign",
            "confirm",
            "decide",
            "countersign",
            "veto",
            "lift-veto",
            "conclude-consensus",
            "vet",
            "confirm-affiliation",
            "appoint-official",
            "activate",
            "reinstate",
            "revoke",
        ),
        description="The commands of access that are meant, as the last part of their addresses has them: those that "
        "bind a body or an organisation, vouch for somebody, or end a right for good.",
    )


class IdentitySettings(Section):
    """Whom this node or hub believes, and what it says of people to others."""

    visas: VisaIssuerSettings = VisaIssuerSettings()
    passports: PassportSettings = PassportSettings()
    login: LoginSettings = LoginSettings()
    development: DevelopmentSettings = DevelopmentSettings()
    broker: BrokerSettings = BrokerSettings()
    brokers: tuple[TrustedTokensSettings, ...] = Field(
        (), description="Brokers whose access tokens are taken."
    )
    revocations: RevocationSettings = RevocationSettings()
    grave_acts: GraveActsSettings = GraveActsSettings()
    key_notice_days: float = Field(
        14.0,
        ge=0,
        description="Days before the end of a program's key from which `/health/ready` tells of it.",
    )

    @model_validator(mode="after")
    def _brokers_differ(self) -> Self:
        issuers = [each.issuer for each in self.brokers]
        if len(set(issuers)) < len(issuers):
            raise ValueError("two brokers have the same issuer")
        if sum(each.tokens == "opaque" for each in self.brokers) > 1:
            raise ValueError(
                "only one broker may have opaque tokens: nobody else is to see one of its tokens"
            )
        return self
