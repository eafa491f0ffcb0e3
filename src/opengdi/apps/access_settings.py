"""Settings of access requests: bodies that decide, working days, silence, permits. Each part has a section here."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from opengdi.apps.setting_types import Country, FilePath, MailAddress, SecretText, Section, WebAddress


class SignatureServiceSettings(Section):
    """An external service that collects signatures; without `url` there is none, and people sign by a click."""

    url: WebAddress = Field("", description="Address of the service, such as 'https://sign.example.org/v1'.")
    token: SecretText = Field(SecretText(""), description="Bearer token by which this hub asks it.")
    secret: SecretText = Field(
        SecretText(""), description="Secret shared with it, by which its calls are known (HMAC-SHA256)."
    )
    timeout_s: float = Field(10.0, gt=0, description="Seconds to wait for its answer.")

    @model_validator(mode="after")
    def _secrets_are_there(self) -> SignatureServiceSettings:
        if self.url and (len(self.secret.get_secret_value()) < 16 or not self.token.get_secret_value()):
            raise ValueError("a signature service needs a token, and a secret of at least 16 characters")
        return self


class OnboardingSettings(Section):
    """How user organisations and their people are brought on."""

    signatures: SignatureServiceSettings = SignatureServiceSettings()
    registered_access_document: str = Field(
        "",
        max_length=60,
        description="Id of the document for people that holds the attestations of registered access "
        "(doi.org/10.1038/s41431-018-0219-y): who signed it, and is vetted, is a registered researcher.",
    )
    renew_s: float = Field(
        300.0, gt=0, description="Seconds between two looks for standings that time has changed."
    )


class OfferSettings(Section):
    """A dataset release that may be asked for at this hub, besides those that nodes offer themselves."""

    dataset: str = Field(min_length=1, max_length=128, description="Dataset id.")
    version: str = Field(min_length=1, max_length=60, description="Version of the release.")
    node: str = Field(min_length=1, description="Id of the node that holds the data.")
    body: str = Field(min_length=1, description="Id of the body that decides, such as `ee.dac`.")
    title: str = Field("", description="Title, for people.")
    type: Literal["1MGCompliant", "1MGCohort", "ExternallyGoverned"] = Field(
        "1MGCompliant", description="Who decides: national bodies, the network, or somebody elsewhere."
    )
    duo: tuple[str | dict[str, Any], ...] = Field(
        (), description="Conditions of use: DUO codes, or tables with `code` and what belongs to it."
    )
    url: WebAddress = Field(
        "", description="Where it is described, and asked for if it is governed elsewhere."
    )


class ConditionSettings(Section):
    """What this node tells its hubs of a dataset that it publishes, besides what the release itself says."""

    dataset: str = Field(min_length=1, max_length=128, description="Dataset id.")
    body: str = Field("", description="Body that decides; empty: the only one that decides at this node.")
    duo: tuple[str | dict[str, Any], ...] = Field(
        (), description="Conditions of use: DUO codes, or tables with `code` and what belongs to it."
    )
    url: WebAddress = Field("", description="Where it is described, and asked for if governed elsewhere.")
    kept_back: bool = Field(default=False, description="Nobody may ask for it: hubs are told nothing of it.")


class TermsSettings(Section):
    """Terms of use that every applicant and member accepts."""

    id: str = Field(min_length=1, max_length=200, description="Names the text and its version.")
    title: str = Field(min_length=1, description="Title, for people.")
    url: WebAddress = Field(description="Where the text can be read.")


class PriceSettings(Section):
    """Prices of one node, in the smallest unit of the currency (cents)."""

    node: str = Field(min_length=1, description="Id of the node.")
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="ISO 4217 code.")
    application: int = Field(0, ge=0, description="Once per deciding body.")
    dataset: int = Field(0, ge=0, description="Once per dataset.")
    month: int = Field(0, ge=0, description="Per dataset and month begun.")
    egress_gib: int = Field(0, ge=0, description="Per GiB of results.")


class ApplicationSettings(Section):
    """Applications at the hub: forms, terms, attachments, prices."""

    forms_dir: FilePath | None = Field(
        None, description="Folder with more forms, `*.toml` or `*.json`; a version in use must not change."
    )
    terms: tuple[TermsSettings, ...] = Field((), description="Terms of use to be accepted before submitting.")
    central_body: str = Field(
        "", description="Body of this hub that decides about cohort datasets; empty: `<hub id>.dac`."
    )
    attachment_bytes: int = Field(20_971_520, ge=1024, description="Longest attachment, in bytes.")
    scanner: tuple[str, ...] = Field(
        (),
        description="Command that reads an attachment on stdin: exit code 0 good, 1 bad; empty: nobody looks.",
    )
    scanner_s: float = Field(60.0, gt=0, description="Longest time for the scanner, in seconds.")
    prices: tuple[PriceSettings, ...] = Field(
        (), description="Price lists of nodes, for the estimate of costs."
    )


class EventTargetSettings(Section):
    """Somebody who hears of each event of an application (REMS event notification)."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9-]{1,60}$", description="Name of it, which stays.")
    url: WebAddress = Field(description="Where events are PUT.")
    types: tuple[str, ...] = Field(
        (), description="Only these types, such as `application.event/approved`; empty: all."
    )
    application: bool = Field(False, description="Tell the whole application with each event.")
    token: SecretText = Field(SecretText(""), description="Bearer token that is sent along; empty: none.")


class EntitlementTargetSettings(Section):
    """Somebody who hears of entitlements that begin and end (REMS entitlement callbacks)."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9-]{1,60}$", description="Name of it, which stays.")
    add: WebAddress = Field("", description="Where those that begin are POSTed; empty: they are not told.")
    remove: WebAddress = Field("", description="Where those that end are POSTed; empty: they are not told.")
    token: SecretText = Field(SecretText(""), description="Bearer token that is sent along; empty: none.")


class RemsSettings(Section):
    """The REMS-shaped interface at `/api` of a hub, for access management and synchronisers that exist."""

    enabled: bool = Field(False, description="Serve it.")
    impersonating: tuple[str, ...] = Field(
        (),
        description="Programs that may act for others by `x-rems-user-id`, such as `key:<key id>`.",
    )
    bots: tuple[str, ...] = Field(
        (), description="User ids in `x-rems-user-id` that stand for the program itself, such as `rems-bot`."
    )
    days: int = Field(365, ge=1, le=3650, description="For how many days these clients ask for data.")
    environment: str = Field("", description="Where data are used, if these clients do not say it.")
    visas: bool = Field(False, description="Sign entitlements as visas at `/api/permissions`, else 501.")
    visa_lifetime_s: int = Field(3600, ge=60, le=3600, description="Longest life of such a visa, in seconds.")
    events: tuple[EventTargetSettings, ...] = Field((), description="Who hears of events.")
    entitlements: tuple[EntitlementTargetSettings, ...] = Field((), description="Who hears of entitlements.")
    timeout_s: float = Field(10.0, gt=0, description="Seconds to wait for whoever is told.")


class BodySettings(Section):
    """A body that decides on datasets: a data access committee, a data holder, the European coordination."""

    id: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,58}[a-z0-9])?$", description="Id of the body, such as `ee.dac`."
    )
    name: str = Field("", description="Its name, for people.")
    url: WebAddress = Field("", description="Its web address: the `source` of visas by its decisions.")
    country: Country = Field("EU", description="Whose working days count; EU: those of the Union.")
    mail: MailAddress = Field(
        "", description="Where notices to the body go; empty: to each of its people at their own address."
    )
    node: str = Field("", description="Id of the node or hub where it decides; empty: here.")
    public_keys: tuple[str, ...] = Field(
        (), description="Keys that sign its decisions, JWK or PEM, if it decides elsewhere (`gdi case key`)."
    )
    silence: Literal["deny", "approve", "escalate"] = Field(
        "deny", description="What it means if its time passes: never a grant unless it says `approve`."
    )
    quorum: int = Field(
        0, ge=0, description="Votes without which it grants nothing; 0: as its workflow says."
    )
    seats: int = Field(0, ge=0, description="How many may vote; 0: as many as the quorum.")
    chair_breaks_ties: bool = Field(
        default=True, description="The chair's vote decides where votes are even."
    )

    @model_validator(mode="after")
    def _can_be_believed(self) -> Self:
        if self.node and not self.public_keys:
            raise ValueError(f"body {self.id} decides at {self.node}: public_keys must say how it signs")
        return self


class EnvironmentSettings(Section):
    """A secure processing environment that applications name."""

    id: str = Field(min_length=1, max_length=300, description="As applications name it.")
    country: Country = Field(description="Country in which it processes data.")


class PermitSettings(Section):
    """Permits at the hub, and what follows from them at a node."""

    diseases: FilePath | None = Field(
        None, description="Hierarchy of diseases (MONDO) as OBO or CSV; without it only equal terms match."
    )
    diseases_version: str = Field("", description="Version of that file, told with every match.")
    environments: tuple[EnvironmentSettings, ...] = Field(
        (), description="Environments whose country is known, for data that must not leave a region."
    )
    terms: tuple[WebAddress, ...] = Field(
        (), description="Documents of which everybody must have accepted a version to use data of this node."
    )
    notices_days: tuple[int, ...] = Field(
        (60, 30, 7),
        description="Days before an end, and before an attestation falls due, at which it is announced.",
    )
    attest_days: int = Field(
        365, ge=1, description="Days after which the holder must say again that access is needed."
    )
    longest_days: int = Field(3652, ge=1, description="No permit is for longer.")
    publish_days: int = Field(548, ge=1, description="Days after its end within which results are published.")
    legal_basis: str = Field("", description="What permits name as their legal basis.")
    automatic: tuple[str, ...] = Field(
        (),
        description="Datasets that may be granted by machine where every condition of use can be decided by one.",
    )
    automatic_days: int = Field(365, ge=1, description="No grant by machine is for longer.")
    look_s: float = Field(30.0, gt=0, description="Seconds between two looks for what time has brought.")


class AccessRequestSettings(Section):
    """How this node or hub takes and decides requests for access."""

    onboarding: OnboardingSettings = OnboardingSettings()
    datasets: tuple[OfferSettings, ...] = Field((), description="What may be asked for at this hub.")
    conditions: tuple[ConditionSettings, ...] = Field(
        (), description="Who decides about datasets of this node, and under which conditions they are used."
    )
    offer_s: float = Field(
        5.0, gt=0, description="Seconds between looks for what hubs must be told of datasets."
    )
    applications: ApplicationSettings = ApplicationSettings()
    rems: RemsSettings = RemsSettings()
    permits: PermitSettings = PermitSettings()
    bodies: tuple[BodySettings, ...] = Field(
        (), description="Bodies that decide here, and those elsewhere whose decisions are believed."
    )
    workflows: FilePath | None = Field(
        None, description="Workflows that replace those that ship, a file like `access/cases/shipped.toml`."
    )
    look_s: float = Field(
        5.0, gt=0, description="Seconds between two looks for cases of which something has become due."
    )
    kept_days: int = Field(
        3652,
        ge=90,
        description="Days after an application is over for which what was written in it, and in its cases, is kept.",
    )

    @model_validator(mode="after")
    def _each_body_is_one(self) -> Self:
        ids = [body.id for body in self.bodies]
        if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
            raise ValueError(f"body {twice[0]} is given twice")
        return self
