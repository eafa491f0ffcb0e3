"""Reading subjects: Beacon-model JSON, a table with a mapping, or Phenopackets, into one set of tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from opengdi.discovery.subjects.normal_form import normalised, sex_of
from opengdi.discovery.subjects.phenopackets import phenopacket_entries
from opengdi.discovery.subjects.records import SourceEntry, json_records
from opengdi.discovery.subjects.schemas import check_entry
from opengdi.discovery.subjects.table_mapping import table_entries
from opengdi.discovery.subjects.tables import (
    OWNED,
    CohortTable,
    EntryTable,
    Rows,
    Sex,
    SubjectProblem,
    SubjectTables,
)
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed


@dataclass(frozen=True, slots=True)
class SubjectSources:
    """Files that tell about the subjects of a release: the `[subjects]` section, its paths already resolved.

    individuals, biosamples, runs, analyses, cohorts: Beacon-model JSON (`.json`, JSON lines, gzipped or not).
    table with mapping: TSV or CSV and the TOML that explains its columns.
    phenopackets: files or folders of Phenopackets v2 JSON.
    """

    individuals: Path | None = None
    biosamples: Path | None = None
    runs: Path | None = None
    analyses: Path | None = None
    cohorts: Path | None = None
    table: Path | None = None
    mapping: Path | None = None
    phenopackets: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if (self.table is None) != (self.mapping is None):
            raise Invalid("[subjects]: `table` and `mapping` are given together or not at all")


@dataclass(slots=True)
class _Growing:
    """A table of one entry type while it is read."""

    ids: dict[str, int] = field(default_factory=dict)
    documents: list[bytes] = field(default_factory=list)
    places: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[object, object, object]] = field(default_factory=list)


_TABLES: Final = (EntryType.INDIVIDUAL, *OWNED, EntryType.COHORT)
_LINKS: Final = ("individualId", "biosampleId", "runId")
_MEMBER_LISTS: Final = ("individualIds", "ids")


def read_subjects(sources: SubjectSources) -> SubjectTables:
    """All entries of the sources, in the order of the files; records that break the model are left out and named.

    `problems` of the result lists every record left out and every one that was changed (`left_out` False).
    Raises Invalid if a file cannot be read at all (missing, truncated, not JSON, no header, bad mapping).
    """
    reading = _Reading()
    for entry in _entries(sources):
        reading.take(entry)
    return reading.tables()


def _entries(sources: SubjectSources) -> Iterator[SourceEntry]:
    for kind, path in (
        (EntryType.INDIVIDUAL, sources.individuals),
        (EntryType.BIOSAMPLE, sources.biosamples),
        (EntryType.RUN, sources.runs),
        (EntryType.ANALYSIS, sources.analyses),
        (EntryType.COHORT, sources.cohorts),
    ):
        if path is not None:
            yield from _beacon_entries(kind, path)
    if sources.table is not None and sources.mapping is not None:
        for place, table_kind, document in table_entries(sources.table, sources.mapping):
            yield SourceEntry(sources.table.name, place, table_kind, document)
    for path in sources.phenopackets:
        yield from phenopacket_entries(path)


def _beacon_entries(kind: EntryType, path: Path) -> Iterator[SourceEntry]:
    for record in json_records(path):
        yield SourceEntry(path.name, record.place, kind, decoded_object(record.text))


def decoded_object(text: bytes) -> dict[str, object] | Malformed:
    """A JSON object, or what is wrong with the text."""
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError) as fault:
        return Malformed(f"is not a JSON object ({fault})")


class _Reading:
    """Entries gathered so far, and what was wrong with others."""

    def __init__(self) -> None:
        self._growing = {kind: _Growing() for kind in _TABLES}
        self._sexes: list[Sex] = []
        self._members: list[tuple[str, ...] | None] = []
        self._problems: list[SubjectProblem] = []

    def take(self, entry: SourceEntry) -> None:
        if isinstance(entry.document, Malformed):
            return self._refuse(entry.file, entry.place, str(entry.document))
        try:
            document, changes = normalised(entry.kind, entry.document)
            check_entry(entry.kind, document)
        except (Malformed, RecursionError) as fault:
            return self._refuse(entry.file, entry.place, f"{entry.kind} left out: {fault}")
        table, name = self._growing[entry.kind], str(document["id"])
        if name in table.ids:
            return self._refuse(
                entry.file, entry.place, f"{entry.kind} {name!r} was read before; ids are unique"
            )
        table.ids[name] = len(table.ids)
        table.places.append((entry.file, entry.place))
        self._keep(entry.kind, document, table)
        self._problems += [
            SubjectProblem(entry.file, entry.place, change, left_out=False)
            for change in (*entry.changes, *changes)
        ]
        return None

    def _keep(self, kind: EntryType, document: dict[str, object], table: _Growing) -> None:
        if kind is EntryType.INDIVIDUAL:
            self._sexes.append(sex_of(document))
        elif kind is EntryType.COHORT:
            self._members.append(_members_of(document))
        else:
            table.links.append((document.get(_LINKS[0]), document.get(_LINKS[1]), document.get(_LINKS[2])))
        table.documents.append(msgspec.json.encode(document))

    def _refuse(self, file: str, place: str, message: str) -> None:
        self._problems.append(SubjectProblem(file, place, message))

    def tables(self) -> SubjectTables:
        """Everything read, each entry with the row of its individual; entries of nobody are left out and named."""
        people = self._growing[EntryType.INDIVIDUAL]
        total = len(people.ids)
        owned = self._owned(people.ids)
        return SubjectTables(
            individuals=EntryTable(
                tuple(people.ids), np.arange(total, dtype=np.int32), tuple(people.documents)
            ),
            entries=owned,
            cohorts=self._cohorts(people.ids),
            sexes=tuple(self._sexes),
            samples=((),) * total,
            populations=(None,) * total,
            problems=tuple(self._problems),
            places=tuple(people.places),
        )

    def _owned(self, people: dict[str, int]) -> dict[EntryType, EntryTable]:
        known: list[dict[str, int]] = [people, {}, {}]
        owned: dict[EntryType, EntryTable] = {}
        for level, kind in enumerate(OWNED, start=1):
            table = self._growing[kind]
            owners = [
                self._owner(kind, links, name, known)
                for links, name in zip(table.links, table.ids, strict=True)
            ]
            owned[kind] = self._with_owners(kind, table, owners)
            if level < len(known):
                known[level] = dict(zip(owned[kind].ids, owned[kind].owners.tolist(), strict=True))
        return owned

    @staticmethod
    def _owner(kind: EntryType, links: tuple[object, ...], name: str, known: list[dict[str, int]]) -> int:
        """Row of the individual an entry names, directly, by its biosample or by its run; -1 if nobody is there."""
        for link, rows in zip(links, known, strict=True):
            if isinstance(link, str):
                return rows.get(link, -1)
        return known[0].get(name, -1) if kind is EntryType.BIOSAMPLE else -1

    def _with_owners(self, kind: EntryType, table: _Growing, owners: list[int]) -> EntryTable:
        rows, ids = np.array(owners, dtype=np.int32), tuple(table.ids)
        for place in np.flatnonzero(rows < 0).tolist():
            named = next((link for link in table.links[place] if isinstance(link, str)), None)
            reason = (
                f"names {named!r}, which is not among the entries read" if named else "names no individual"
            )
            self._refuse(*table.places[place], f"{kind} {ids[place]!r} {reason}")
        order = np.argsort(rows, kind="stable")
        order = order[rows[order] >= 0]
        return EntryTable(
            tuple(ids[place] for place in order),
            rows[order],
            tuple(table.documents[place] for place in order),
        )

    def _cohorts(self, people: dict[str, int]) -> CohortTable:
        table = self._growing[EntryType.COHORT]
        members = tuple(
            None if names is None else self._rows(names, people, place)
            for names, place in zip(self._members, table.places, strict=True)
        )
        return CohortTable(tuple(table.ids), members, tuple(table.documents))

    def _rows(self, names: tuple[str, ...], people: dict[str, int], place: tuple[str, str]) -> Rows:
        if unknown := [name for name in names if name not in people]:
            message = f"{len(unknown)} members of the cohort are no individuals here, first {unknown[0]!r}"
            self._problems.append(SubjectProblem(*place, message, left_out=False))
        return np.array(sorted({people[name] for name in names if name in people}), dtype=np.int32)


def _members_of(document: dict[str, object]) -> tuple[str, ...] | None:
    """Members a cohort lists (removed from the document: it is told to anybody), None if it lists none."""
    for key in _MEMBER_LISTS:
        listed = document.pop(key, None)
        if isinstance(listed, dict):
            listed = listed.get("individuals")
        if isinstance(listed, list):
            return tuple(str(name) for name in listed)
    return None
