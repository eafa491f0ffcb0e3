"""The manifest of a release as a file: the same bytes for the same manifest, and held against what lies beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Conflict, Invalid
from opengdi.kernel.files import sha256_of
from opengdi.kernel.release import DatasetRelease, FileRole

MANIFEST: Final = "manifest.json"
_DEFAULT_POLICY: Final = DisclosurePolicy()
_YOUNGER_KNOBS: Final = ("individual_budget",)


def encode_manifest(manifest: DatasetRelease) -> bytes:
    """The manifest as JSON, the same bytes for the same manifest.

    A knob that is younger than signed releases is left out at its default: what was signed stays signed.
    """
    document = msgspec.to_builtins(manifest)
    for name in _YOUNGER_KNOBS:
        if document["policy"][name] == getattr(_DEFAULT_POLICY, name):
            del document["policy"][name]
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2) + b"\n"


def manifest_digest(manifest: DatasetRelease) -> str:
    """What is signed of a manifest, and stands in the audit chain."""
    return f"sha256:{hashlib.sha256(encode_manifest(manifest)).hexdigest()}"


def decode_manifest(text: bytes | str) -> DatasetRelease:
    """The manifest in `text`. Raises Invalid and names the field that is wrong."""
    try:
        return msgspec.json.decode(text, type=DatasetRelease)
    except msgspec.DecodeError as error:
        raise Invalid(f"{MANIFEST} is not a release manifest: {error}") from error


def check_files(manifest: DatasetRelease, folder: Path) -> None:
    """Raises Conflict, naming the file, unless every file of the manifest is there with its size and digest."""
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file():
            raise Conflict(f"{path} is missing, but the manifest of {manifest.dataset} names it")
        if path.stat().st_size != file.size_bytes or sha256_of(path) != file.sha256:
            raise Conflict(
                f"{path} is not the file that the manifest of {manifest.dataset} names: its digest differs"
            )


def check_difference(old: DatasetRelease, new: DatasetRelease) -> None:
    """Raises Conflict if a version adds fewer people than the policies ask for, unless they are the same people."""
    least = max(old.policy.min_update_batch, new.policy.min_update_batch)
    added = new.individuals - old.individuals
    if added < least and not _same_people(old, new):
        raise Conflict(
            f"{new.dataset} version {new.version} adds {added} individuals to version {old.version}; "
            f"disclosure.min_update_batch asks for {least} at least, or the difference would tell about them"
        )


def _same_people(old: DatasetRelease, new: DatasetRelease) -> bool:
    """True if sample lists, or failing them the frequencies themselves, are the same bytes."""
    if old.individuals != new.individuals:
        return False
    samples = _digests(old, FileRole.SAMPLES)
    role = FileRole.SAMPLES if samples else FileRole.SITES
    return _digests(old, role) == _digests(new, role) != []


def _digests(manifest: DatasetRelease, role: FileRole) -> Sequence[str]:
    return sorted(file.sha256 for file in manifest.files if file.role is role)
