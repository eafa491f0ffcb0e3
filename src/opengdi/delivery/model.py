"""Facts about the files that may be delivered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opengdi.kernel.ids import ReleaseId

BAM: Final = "BAM"
CRAM: Final = "CRAM"
VCF: Final = "VCF"
BCF: Final = "BCF"
"""Formats that htsget serves; any other text, also "", is a file that is only downloaded whole or by byte range."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How many files there are, the bytes of their bodies, and when one was last updated; None: there is none."""

    files: int
    body_bytes: int
    updated: datetime | None


@dataclass(frozen=True, slots=True)
class HeldFile:
    """One file of the archive: its body is Crypt4GH segments, its header is kept apart.

    id: the accession; name: the provider's own, a path without the `.c4gh` at its end. format: of the decrypted
    content, upper case (`VCF` is bgzipped). releases: what it lies in, never empty. Sizes in bytes, digests in
    lower-case hex: `body_*` of the stored segments, `plain_*` of what a reader sees, after the edit list if there is
    one. Times are aware.
    """

    id: str
    name: str
    format: str
    releases: tuple[ReleaseId, ...]
    body_bytes: int
    plain_bytes: int
    body_sha256: str
    plain_sha256: str
    created: datetime
    updated: datetime

    @property
    def datasets(self) -> frozenset[str]:
        """Of its releases."""
        return frozenset(release.dataset for release in self.releases)

    def within(self, dataset: str) -> Iterator[ReleaseId]:
        """Its releases of one dataset."""
        return (release for release in self.releases if release.dataset == dataset)
