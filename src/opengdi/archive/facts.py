"""Signed facts beside a body: all that the registry knows of a file, so that a lost database can be rebuilt.

Form: a compact JWS over JSON, `{"version": 1, "file": {...}}`, the file as `model.ArchivedFile` has it. They are
written again whenever the registry learns something; the bodies they speak of never change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from opengdi.archive.keyring import Keyring
from opengdi.archive.model import ArchivedFile
from opengdi.archive.places import facts_key
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.ids import ReleaseId
from opengdi.kernel.storage import Storage, put_whole
from opengdi.standards.faults import Malformed, Unverified

PURPOSE: Final = "opengdi-file-facts"
VERSION: Final = 1


class _Facts(msgspec.Struct, frozen=True):
    version: int
    file: ArchivedFile


class _Mapped(msgspec.Struct, frozen=True):
    """What facts told of datasets before these had versions."""

    datasets: tuple[str, ...] = ()


class _Earlier(msgspec.Struct, frozen=True):
    file: _Mapped


async def keep_facts(storage: Storage, keyring: Keyring, file: ArchivedFile) -> None:
    """Write what is known of a file beside its body. To be called after every change of the registry."""
    await put_whole(storage, facts_key(file.place), signed_facts(file, keyring))


def signed_facts(file: ArchivedFile, keyring: Keyring) -> bytes:
    """The object that lies beside the body."""
    return keyring.sign(canonical_json(_Facts(VERSION, file)), purpose=PURPOSE)


def read_facts(raw: bytes, place: str, keyring: Keyring) -> ArchivedFile:
    """What the archive signed of the file at `place`. Raises Malformed; Unverified if they speak of another place."""
    payload = keyring.verified(raw, purpose=PURPOSE)
    try:
        facts = msgspec.json.decode(payload, type=_Facts)
        earlier = msgspec.json.decode(payload, type=_Earlier).file
    except msgspec.DecodeError as error:
        raise Malformed(f"the facts of {place} cannot be read: {error}") from error
    if facts.version != VERSION:
        raise Malformed(f"the facts of {place} are of version {facts.version}; {VERSION} is known")
    if facts.file.place != place:
        raise Unverified(f"the facts beside {place} are those of {facts.file.place}")
    if earlier.datasets and not facts.file.releases:
        return replace(facts.file, releases=tuple(map(ReleaseId, earlier.datasets)))
    return facts.file
