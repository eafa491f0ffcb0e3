"""All findings of a task or a load: the first ones in memory, the others in a file that grows as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from opengdi.discovery.loading.model import REMARKS, Fault, Finding, StoredFindings
from opengdi.kernel.files import sha256_of

FINDINGS_CAP: Final = 1000
"""Findings held in memory, per task and per load."""


@dataclass(slots=True)
class Findings:
    """Findings in order, and how many there are of each kind.

    path: takes those after the first `FINDINGS_CAP`, one line of JSON each; no such file before there is one.
    """

    path: Path
    listed: list[Finding] = field(default_factory=list)
    tallies: dict[Fault, int] = field(default_factory=dict)
    _waiting: list[bytes] = field(default_factory=list)
    _has_file: bool = False

    def add(self, finding: Finding, times: int = 1) -> None:
        """Note a finding that stands for `times` occurrences."""
        self.tallies[finding.fault] = self.tallies.get(finding.fault, 0) + times
        self._keep(finding)

    def extend(self, found: Iterable[Finding], tallies: Mapping[Fault, int]) -> None:
        """Add the findings of a task."""
        for finding in found:
            self._keep(finding)
        for fault, times in tallies.items():
            self.tallies[fault] = self.tallies.get(fault, 0) + times

    @property
    def refuses(self) -> bool:
        return any(fault not in REMARKS for fault in self.tallies)

    def every(self) -> Iterator[Finding]:
        """All of them, in order."""
        self._write()
        return chain(self.listed, _read(self.path) if self._has_file else ())

    def stored(self) -> StoredFindings:
        """All of them, to be kept with the outcome of a task; nothing is added any more."""
        self._write()
        more = (self.path.name, sha256_of(self.path)) if self._has_file else (None, None)
        return StoredFindings(tuple(self.listed), self.tallies, *more)

    def _keep(self, finding: Finding) -> None:
        if len(self.listed) < FINDINGS_CAP:
            self.listed.append(finding)
            return
        self._waiting.append(msgspec.json.encode(finding) + b"\n")
        if len(self._waiting) >= FINDINGS_CAP:
            self._write()

    def _write(self) -> None:
        """Bring to the file what waits; the first time it takes the place of what an earlier run left."""
        if self._waiting:
            with self.path.open("ab" if self._has_file else "wb") as file:
                file.writelines(self._waiting)
            self._waiting, self._has_file = [], True


def every_finding(stored: StoredFindings, folder: Path) -> Iterator[Finding]:
    """All findings of a task, in order; `folder` is where it left its files."""
    return chain(stored.listed, _read(folder / stored.more) if stored.more else ())


def _read(path: Path) -> Iterator[Finding]:
    decoder = msgspec.json.Decoder(Finding)
    with path.open("rb") as file:
        yield from map(decoder.decode, file)
