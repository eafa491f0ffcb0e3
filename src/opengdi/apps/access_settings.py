"""Settings of access requests: bodies that decide, working days, silence, permits. Each part has a section here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from opengdi.apps.setting_types import FilePath, Section, WebAddress


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


class AccessRequestSettings(Section):
    """How this node or hub takes and decides requests for access."""

    datasets: tuple[OfferSettings, ...] = Field((), description="What may be asked for at this hub.")
    applications: ApplicationSettings = ApplicationSettings()
