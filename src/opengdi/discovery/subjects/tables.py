"""Subjects of one release between reading and writing: entries by type, each with the individual behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from opengdi.standards.beacon.questions import EntryType

Rows = npt.NDArray[np.int32]
"""Places in a table of individuals, from 0; -1 is nobody."""

OWNED: Final = (EntryType.BIOSAMPLE, EntryType.RUN, EntryType.ANALYSIS)
"""Entry types each of whose entries belongs to one individual."""


class Sex(StrEnum):
    """Sex as far as ploidy and populations need it: by karyotype where that is told."""

    FEMALE = "F"
    MALE = "M"
    UNKNOWN = "U"


@dataclass(frozen=True, slots=True)
class SubjectProblem:
    """What is wrong with one record, named by file and place (`line 3`, `record 17`).

    left_out: the record is not among the tables; otherwise it is there and `message` says what was changed.
    """

    file: str
    place: str
    message: str
    left_out: bool = True

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class EntryTable:
    """Entries of one type in storage order.

    owners: row of the individual behind each entry. documents: whole Beacon documents, JSON in UTF-8.
    """

    ids: tuple[str, ...]
    owners: Rows
    documents: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def of_individuals(self, rows: Rows, individuals: int) -> EntryTable:
        """Entries of the individuals named by `rows`, in their new order, owners renumbered accordingly."""
        rank = np.full(individuals, -1, dtype=np.int32)
        rank[rows] = np.arange(len(rows), dtype=np.int32)
        owners = rank[self.owners]
        order = np.argsort(owners, kind="stable")
        order = order[owners[order] >= 0]
        return EntryTable(
            tuple(self.ids[place] for place in order),
            owners[order],
            tuple(self.documents[place] for place in order),
        )


@dataclass(frozen=True, slots=True)
class CohortTable:
    """Cohorts as their source defines them; `members` None means every individual of the release."""

    ids: tuple[str, ...]
    members: tuple[Rows | None, ...]
    documents: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class SubjectTables:
    """Everything read about the subjects of a release.

    sexes: one per individual. samples: per individual the rows of its genotypes (usually one, or none).
    populations: label per individual, None where nobody told one. places: file of each individual and place in it, as
    in `SubjectProblem`; empty for people who were read from no file.
    """

    individuals: EntryTable
    entries: Mapping[EntryType, EntryTable]
    cohorts: CohortTable
    sexes: tuple[Sex, ...]
    samples: tuple[tuple[int, ...], ...]
    populations: tuple[str | None, ...]
    problems: tuple[SubjectProblem, ...] = ()
    places: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.individuals)

    def labels(self, path: str) -> tuple[str | None, ...]:
        """First text at a dotted path of each individual's document, such as `geographicOrigin` or `info.country`.

        An ontology term gives its label, else its id.
        """
        steps = path.split(".")
        return tuple(
            _text_at(msgspec.json.decode(document), steps) for document in self.individuals.documents
        )

    def with_populations(self, labels: Sequence[str | None]) -> SubjectTables:
        """The same tables with one population label per individual."""
        return replace(self, populations=tuple(labels))

    def of_individuals(self, rows: Rows) -> SubjectTables:
        """The individuals named by `rows` in that order, with all that belongs to them."""
        total = len(self)
        rank = np.full(total, -1, dtype=np.int32)
        rank[rows] = np.arange(len(rows), dtype=np.int32)
        return replace(
            self,
            individuals=self.individuals.of_individuals(rows, total),
            entries={kind: table.of_individuals(rows, total) for kind, table in self.entries.items()},
            cohorts=replace(
                self.cohorts,
                members=tuple(None if one is None else _kept(rank[one]) for one in self.cohorts.members),
            ),
            sexes=tuple(self.sexes[row] for row in rows),
            samples=tuple(self.samples[row] for row in rows),
            populations=tuple(self.populations[row] for row in rows),
            places=tuple(self.places[row] for row in rows) if self.places else (),
        )

    def joined_to(self, samples: Sequence[str], *, keep_unsampled: bool = True) -> SampleJoin:
        """Subjects in the order of the genotypes' samples; see `SampleJoin`.

        A sample is an individual by the individual's own id, else by the id of a biosample or a run.
        """
        known = self._rows_by_name()
        behind = np.fromiter((known.get(name, -1) for name in samples), dtype=np.int32, count=len(samples))
        sampled = _first_seen(behind[behind >= 0])
        unsampled = np.setdiff1d(np.arange(len(self), dtype=np.int32), sampled)
        rows = np.concatenate([sampled, unsampled]) if keep_unsampled else sampled
        rank = np.full(len(self) + 1, -1, dtype=np.int32)
        rank[rows] = np.arange(len(rows), dtype=np.int32)
        renumbered = rank[behind]  # -1 looks at the last place, which is nobody's
        tables = replace(self.of_individuals(rows), samples=_samples_of(renumbered, len(rows)))
        return SampleJoin(
            tables,
            renumbered,
            tuple(name for name, row in zip(samples, behind, strict=True) if row < 0),
            tuple(self.individuals.ids[row] for row in unsampled),
        )

    def _rows_by_name(self) -> dict[str, int]:
        known: dict[str, int] = {}
        for kind in (EntryType.RUN, EntryType.BIOSAMPLE):
            table = self.entries[kind]
            known.update(zip(table.ids, table.owners.tolist(), strict=True))
        known.update((name, row) for row, name in enumerate(self.individuals.ids))
        return known


@dataclass(frozen=True, slots=True)
class SampleJoin:
    """Samples of the genotypes joined with subjects.

    tables: individuals who have a sample first, in the order of the samples; the others follow if they are kept.
    individual_of_sample: row in `tables` per sample, -1 where nobody is known.
    samples_without_subject, subjects_without_sample: ids, in the order of their source.
    """

    tables: SubjectTables
    individual_of_sample: Rows
    samples_without_subject: tuple[str, ...]
    subjects_without_sample: tuple[str, ...]

    @property
    def sexes(self) -> tuple[Sex, ...]:
        """Sex per sample."""
        return tuple(self.tables.sexes[row] if row >= 0 else Sex.UNKNOWN for row in self.individual_of_sample)

    @property
    def populations(self) -> tuple[str | None, ...]:
        """Population label per sample."""
        return tuple(self.tables.populations[row] if row >= 0 else None for row in self.individual_of_sample)


def _kept(rows: Rows) -> Rows:
    return np.sort(rows[rows >= 0])


def _first_seen(rows: Rows) -> Rows:
    """Distinct rows in the order in which they come first."""
    return rows[np.sort(np.unique(rows, return_index=True)[1])]


def _samples_of(individual_of_sample: Rows, individuals: int) -> tuple[tuple[int, ...], ...]:
    samples: list[tuple[int, ...]] = [()] * individuals
    for sample, row in enumerate(individual_of_sample.tolist()):
        if row >= 0:
            samples[row] += (sample,)
    return tuple(samples)


def _text_at(value: object, steps: Sequence[str]) -> str | None:
    if isinstance(value, list):
        return next((text for item in value if (text := _text_at(item, steps)) is not None), None)
    if isinstance(value, dict):
        if steps:
            return _text_at(value.get(steps[0]), steps[1:])
        return _text_at(value.get("label") or value.get("id"), ())
    return value if isinstance(value, str) and not steps else None
