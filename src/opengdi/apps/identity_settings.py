"""Settings of who may do what: login, brokers, visas. Each part has a section of its own here."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from opengdi.apps.setting_types import Section, WebAddress, is_loopback
from opengdi.standards.passport import By, VisaType


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


IssuerName = Annotated[str, AfterValidator(_issuer)]
KeyAddress = Annotated[str, AfterValidator(_key_address)]


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

    @model_validator(mode="after")
    def _is_named_for_something(self) -> Self:
        if any(not name.rstrip("*") or "*" in name[:-1] for name in self.datasets):
            raise ValueError("datasets must be ids such as 'GDI-EE-TU-1', or a beginning such as 'GDI-EE-*'")
        return self


class PassportSettings(Section):
    """Whose passports and visas are believed. The hub's own broker and the own visa issuer always are."""

    brokers: tuple[TrustedBrokerSettings, ...] = Field((), description="Brokers.")
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


class IdentitySettings(Section):
    """Whom this node or hub believes, and what it says of people to others."""

    visas: VisaIssuerSettings = VisaIssuerSettings()
    passports: PassportSettings = PassportSettings()
