"""What the REMS-shaped interface speaks of besides applications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from opengdi.kernel.principal import Principal


class Kind(StrEnum):
    """Things that have a number, or were made by a client."""

    APPLICATION = "application"
    RESOURCE = "resource"
    CATALOGUE_ITEM = "catalogue-item"
    FORM = "form"
    WORKFLOW = "workflow"
    LICENSE = "license"
    ATTACHMENT = "attachment"
    ORGANISATION = "organization"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Thing:
    """name: what it is called elsewhere, such as a dataset id; body: what a client said of it, if one did."""

    kind: Kind
    number: int
    name: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class Entitlement:
    """Somebody may use a dataset. application: our id; end: None, if it has none yet."""

    subject: str
    dataset: str
    application: str
    start: datetime
    end: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        return self.end is None or now < self.end


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. program: the subject of the program that acts for them; empty: they act themselves."""

    principal: Principal
    program: str = ""
