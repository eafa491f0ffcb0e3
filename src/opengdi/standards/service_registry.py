"""A registry of GA4GH services: what lies at `/services`, `/services/{id}` and `/services/types`.

Spec: GA4GH Service Registry 1.0.0, `components/schemas/ExternalService`. Who signs a registry, and what a service
says beyond the specification, is the business of `opengdi.federation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

from opengdi.standards.faults import Malformed
from opengdi.standards.service_info import Service, ServiceType, address_at, object_in

SPEC_VERSION: Final = "1.0.0"


@dataclass(frozen=True, slots=True)
class ExternalService:
    """A service and the address it is reached at."""

    service: Service
    url: str

    def as_document(self) -> dict[str, Any]:
        return self.service.as_document() | {"url": self.url}

    @classmethod
    def from_document(cls, document: object) -> Self:
        """Raises Malformed naming the member that is wrong."""
        return cls(Service.from_document(document), address_at(object_in(document), "url"))


def parse_services(document: object) -> tuple[ExternalService, ...]:
    """The services of a registry, in its order. Raises Malformed; also if an id is there twice."""
    if not isinstance(document, list):
        raise Malformed("a registry answers with an array of services")
    services = tuple(ExternalService.from_document(item) for item in document)
    seen: set[str] = set()
    for external in services:
        if external.service.id in seen:
            raise Malformed(f"service id {external.service.id!r} is there twice")
        seen.add(external.service.id)
    return services


def service_types(services: Iterable[ExternalService]) -> tuple[ServiceType, ...]:
    """The types among the services, each once, in order of first appearance."""
    return tuple(dict.fromkeys(external.service.type for external in services))
