"""A node's services as their service-info names them."""

from __future__ import annotations

from opengdi import __version__
from opengdi.apps.settings import Settings
from opengdi.standards.service_info import Organisation, Service, ServiceType


def described_service(settings: Settings, word: str, kind: ServiceType) -> Service:
    """One service of the node; `word` tells it from the others in its id and name."""
    node = settings.node
    url = node.organisation.url or settings.public.external_url or "https://example.org"
    return Service(
        id=f"{node.country.lower()}.{node.id}.{word}.{node.environment}",
        name=f"{node.name}: {word}",
        type=kind,
        organisation=Organisation(node.organisation.name, url),
        version=__version__,
        description=node.description,
        environment=node.environment,
    )
