"""What a GA4GH service says of itself at `/service-info`.

Spec: GA4GH Service Info 1.0.0, `components/schemas/Service`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

from opengdi.standards.faults import Malformed

SPEC_VERSION: Final = "1.0.0"

GA4GH: Final = "org.ga4gh"
"""Group of the service types that GA4GH itself defines."""


@dataclass(frozen=True, slots=True)
class ServiceType:
    """Which API: `group` is a reverse domain name, `version` that of the API."""

    group: str
    artifact: str
    version: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """Who runs the service; `url` is required by the specification."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Service:
    """One service; `version` is that of the software and data, empty strings are left out of the document.

    `environment` is `prod`, `test`, `dev` or `staging` by recommendation; times are RFC 3339.
    """

    id: str
    name: str
    type: ServiceType
    organisation: Organisation
    version: str
    description: str = ""
    contact_url: str = ""
    documentation_url: str = ""
    created_at: str = ""
    updated_at: str = ""
    environment: str = ""

    def as_document(self) -> dict[str, Any]:
        """The JSON object of the specification: bare, without an envelope."""
        kind, organisation = self.type, self.organisation
        document: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "type": {"group": kind.group, "artifact": kind.artifact, "version": kind.version},
            "organization": {"name": organisation.name, "url": organisation.url},
            "version": self.version,
        }
        optional = {wire: getattr(self, ours) for wire, ours in _OPTIONAL.items()}
        return document | {wire: value for wire, value in optional.items() if value}

    @classmethod
    def from_document(cls, document: object) -> Self:
        """A service from its JSON object; members that the specification does not name are passed over.

        Raises Malformed naming the member.
        """
        document = object_in(document)
        return cls(
            id=text_at(document, "id"),
            name=text_at(document, "name"),
            type=ServiceType(
                *(text_at(document, f"type.{part}") for part in ("group", "artifact", "version"))
            ),
            organisation=Organisation(
                text_at(document, "organization.name"), address_at(document, "organization.url")
            ),
            version=text_at(document, "version"),
            **{ours: text_at(document, wire) for wire, ours in _OPTIONAL.items() if wire in document},
        )


_OPTIONAL: Final = {
    "description": "description",
    "contactUrl": "contact_url",
    "documentationUrl": "documentation_url",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "environment": "environment",
}


def object_in(document: object) -> Mapping[str, Any]:
    """The document, which must be a JSON object. Raises Malformed."""
    if not isinstance(document, Mapping):
        raise Malformed("a service must be a JSON object")
    return document


def text_at(document: Mapping[str, Any], path: str) -> str:
    """The string at a path such as `type.group`. Raises Malformed if it is absent, empty or no string."""
    found: Any = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not found:
        raise Malformed(f"{path} of service {document.get('id')!r} must be a string that is not empty")
    return found


def address_at(document: Mapping[str, Any], path: str) -> str:
    """The absolute http or https address at a path. Raises Malformed."""
    address = text_at(document, path)
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise Malformed(f"{path} of service {document.get('id')!r} must be an http or https address")
    return address
