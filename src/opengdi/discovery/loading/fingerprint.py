"""The content of everything that a load is made of, as one digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from opengdi.discovery.loading.progress import Progress
from opengdi.discovery.loading.release_file import ReleaseFile
from opengdi.kernel.errors import Invalid
from opengdi.kernel.files import sha256_of

FORMAT: Final = b"opengdi truth 4"
"""Changes whenever the same input would give other truth, so that an old work area is not continued."""


def fingerprint(spec: ReleaseFile, path: Path, progress: Progress) -> str:
    """Digest over the release file and the content of every input that is there. Raises Invalid."""
    files = (path, *sorted(_inputs(spec, path.parent)))
    progress.stage("looking at the files", sum(file.stat().st_size for file in files if file.is_file()))
    total = hashlib.sha256(FORMAT)
    for file in files:
        total.update(f"\0{file.name}\0{_digest(file, progress) if file.is_file() else '-'}".encode())
    return total.hexdigest()


def _digest(file: Path, progress: Progress) -> str:
    try:
        return sha256_of(file, lambda size: progress.advance(size, 0))
    except OSError as error:
        raise Invalid(f"{file.name}: cannot be read: {error.strerror}") from error


def _inputs(spec: ReleaseFile, folder: Path) -> Iterator[Path]:
    names: list[str | None] = []
    if spec.variants is not None:
        names += [*spec.variants.files, spec.variants.reference, spec.variants.samples]
    if spec.subjects is not None:
        names += [*spec.subjects.files.values(), *spec.subjects.phenopackets]
    for name in filter(None, names):
        path = folder / name
        yield from (found for found in path.rglob("*") if found.is_file()) if path.is_dir() else (path,)
