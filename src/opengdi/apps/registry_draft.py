"""The registry while it is being edited: an unsigned draft beside the signed file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec

from opengdi.apps.disk import write_private
from opengdi.federation.model import Json, Member
from opengdi.federation.registry import Registry, parse_registry, service_of, sign
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Conflict, NotFound
from opengdi.kernel.keys import SigningKey


class RegistryDraft:
    """Members to be signed. The draft lies beside the signed registry as `<name>.draft.json`."""

    def __init__(self, signed_file: Path, authority: str, clock: Clock) -> None:
        self._signed_file = signed_file
        self._file = signed_file.with_suffix(".draft.json")
        self._authority = authority
        self._clock = clock

    def read(self) -> Registry:
        """The draft; an empty one of version 0 if there is none. Raises Malformed."""
        if self._file.exists():
            return parse_registry(self._file.read_bytes())
        now = self._clock.now().replace(microsecond=0)
        return Registry(self._authority, 0, now, now, ())

    def add(self, member: Member) -> None:
        """Raises Conflict if a Beacon of that id is there."""
        draft = self.read()
        if any(service.get("id") == member.service for service in draft.services):
            raise Conflict(f"{member.service} is in the registry already; remove it first")
        self._write(draft, (*draft.services, service_of(member)))

    def remove(self, service_id: str) -> None:
        """Raises NotFound."""
        draft = self.read()
        kept = [service for service in draft.services if service.get("id") != service_id]
        if len(kept) == len(draft.services):
            raise NotFound(
                f"{service_id} is not in the registry", public=f"{service_id} is not in the registry."
            )
        self._write(draft, kept)

    def sign(self, key: SigningKey, days: int) -> Registry:
        """Sign the draft as the next version, good for `days`; the hub takes it up by itself."""
        now = self._clock.now().replace(microsecond=0)
        draft = self.read()
        registry = replace(draft, version=draft.version + 1, issued=now, expires=now + timedelta(days=days))
        self._save(registry)
        write_private(self._signed_file, sign(registry, key) + "\n")
        return registry

    def _write(self, draft: Registry, services: Iterable[Json]) -> None:
        changed = replace(draft, services=tuple(services))
        self._save(parse_registry(msgspec.json.encode(changed.as_document())))

    def _save(self, registry: Registry) -> None:
        write_private(
            self._file, msgspec.json.format(msgspec.json.encode(registry.as_document())).decode() + "\n"
        )
