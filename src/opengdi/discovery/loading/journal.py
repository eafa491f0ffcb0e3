"""The work area of one load: what is done already, so that a rerun goes on where a killed one stopped.

`plan.json` tells of which input; `parts/` holds what tasks left, each task's outcome beside its parts, written last;
`release/` grows into the release. A result counts only if every file it names has the digest it names.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from opengdi.discovery.loading.merge import MergeOutcome
from opengdi.discovery.loading.model import StoredFindings, TaskOutcome
from opengdi.kernel.errors import Conflict
from opengdi.kernel.files import sha256_of, write_whole

_PLAN: Final = "plan.json"
_Result = TypeVar("_Result")


class WorkArea:
    """Folder of one load; only one process works in it (see `claimed`)."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """What is there is kept if it was made from the same input, and thrown away otherwise."""
        self.folder = folder
        self.parts = folder / "parts"
        self.release = folder / "release"
        plan = msgspec.json.encode({"fingerprint": fingerprint})
        if not _is(folder / _PLAN, plan):
            shutil.rmtree(folder, ignore_errors=True)
            self.parts.mkdir(mode=0o700, parents=True)
            write_whole(folder / _PLAN, plan)
        for name in ("sites", "genotypes", "subjects"):
            (self.release / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self.release.iterdir():
            if path.is_file():  # a manifest or a report, or a draft of one: they are written anew
                path.unlink()

    def outcome(self, prefix: str) -> TaskOutcome | None:
        """What a task left, if all of it is there."""
        found = _read(self.parts / f"{prefix}.json", TaskOutcome)
        if found is None:
            return None
        named = [(part.sites, part.sites_sha256) for part in found.parts]
        named += [
            (part.genotypes or "", part.genotypes_sha256 or "") for part in found.parts if part.genotypes
        ]
        named += _more(found.findings)
        return found if all(_has(self.parts / name, sha256) for name, sha256 in named) else None

    def merged(self, contig: str) -> MergeOutcome | None:
        """What the merge of a contig left, if all of it is there."""
        found = _read(self.parts / f"merged.{contig}.json", MergeOutcome)
        if found is None or not all(_has(self.release / file.path, file.sha256) for file in found.files):
            return None
        return (
            found if all(_has(self.parts / name, sha256) for name, sha256 in _more(found.findings)) else None
        )

    def discard(self) -> None:
        """Throw everything away."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """The right to work in a folder, held by a lock file beside it. Raises Conflict if another process has it."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder.with_name(f"{folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(
            f"{folder.parent.name} version {folder.name} is being loaded by another process"
        ) from None
    else:
        yield
    finally:
        os.close(descriptor)


def keep_outcome(folder: Path, name: str, outcome: TaskOutcome | MergeOutcome) -> None:
    """Record a result; the files it names are complete."""
    write_whole(folder / f"{name}.json", msgspec.json.encode(outcome))


def seal(folder: Path) -> None:
    """Close every file of a folder to others and bring it to the disk, the folders last."""
    for path in sorted(folder.rglob("*"), key=lambda path: -len(path.parts)):
        path.chmod(0o700 if path.is_dir() else 0o600)
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _more(findings: StoredFindings) -> list[tuple[str, str]]:
    """The file of the findings that an outcome names, and its digest."""
    return [(findings.more, findings.more_sha256 or "")] if findings.more else []


def _read(path: Path, kind: type[_Result]) -> _Result | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _has(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256
