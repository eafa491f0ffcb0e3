"""What a node or a hub would refuse only when it starts, looked at beforehand; nothing is opened for writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from opengdi.apps.settings import Settings
from opengdi.apps.variants import gene_tables
from opengdi.apps.volumes import check_volumes
from opengdi.discovery.subjects.hierarchy import load_ontology
from opengdi.kernel.database import database_url
from opengdi.kernel.errors import GdiError, Invalid
from opengdi.kernel.keys import PublicKey
from opengdi.standards.faults import Malformed, Unverified


def check_what_start_needs(settings: Settings) -> None:
    """Raises Invalid with every setting, by its path, that `start` would refuse."""
    found = []
    for path, look in _looks(settings):
        try:
            look()
        except (GdiError, Malformed, Unverified) as fault:
            found.append(f"  {path}: {fault}")
    if found:
        raise Invalid("\n".join(["the settings cannot be used:", *found]))


def _looks(settings: Settings) -> Iterator[tuple[str, Callable[[], object]]]:
    """What `start` does with a setting, by the setting's path."""
    url, beacon = settings.database.url, settings.beacon
    if url is not None:
        yield "database.url", partial(database_url, url.get_secret_value())
    yield "archive.volumes", partial(check_volumes, settings)
    yield "beacon.genes", partial(gene_tables, beacon)
    yield "beacon.hierarchies", partial(load_ontology, beacon.hierarchies)
    for place, hub in enumerate(settings.federation.hubs):
        yield f"federation.hubs.{place}.public_keys", partial(_read_keys, hub.public_keys)
    yield "hub.registry_keys", partial(_read_keys, settings.hub.registry_keys)


def _read_keys(texts: tuple[str, ...]) -> None:
    for text in texts:
        PublicKey.from_text(text)
