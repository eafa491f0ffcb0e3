"""The subjects of one release opened for questions: small parts in memory, lists and documents read when needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property, lru_cache, partial
from itertools import chain, repeat
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from opengdi.discovery.subjects.carriers import People
from opengdi.discovery.subjects.catalogue import Catalogue, Series
from opengdi.discovery.subjects.facts import SeriesKind, SeriesName
from opengdi.discovery.subjects.resolution import found_series
from opengdi.discovery.subjects.tables import OWNED, Rows
from opengdi.discovery.subjects.truth import FILES, TERMS_FILE
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.ontology.graph import Ontology

FOLDER: Final = "subjects"
_NAMES: Final = ["scope", "field", "kind", "id", "label", "context", "carriers"]


class OpenedSubjects:
    """Readers over the Parquet files of one release; a release without subjects has no individuals and no series."""

    def __init__(self, release: Path, ontology: Ontology) -> None:
        self._folder = release / FOLDER
        self._lock = Lock()
        self._samples = release / "genotypes" / "samples.psam"
        self.individuals = self._count_individuals()
        self.catalogue = Catalogue(self._read_series(), ontology)
        self.series_of = lru_cache(maxsize=4_096)(partial(found_series, self.catalogue))
        """Series a filter is about, remembered for the filters asked last."""

    def _count_individuals(self) -> int:
        """Individuals as the subjects list them; without subjects, the samples of the genotypes."""
        path = self._folder / FILES[EntryType.INDIVIDUAL]
        if path.exists():
            return int(pq.read_metadata(path).num_rows)
        return len(_samples_in(self._samples)[0])

    def _read_series(self) -> list[Series]:
        if self._terms is None:
            return []
        return [
            one
            for group in range(self._terms.num_row_groups)
            for one in _series_of(self._terms.read_row_group(group, columns=_NAMES), group)
        ]

    @cached_property
    def _terms(self) -> pq.ParquetFile | None:
        path = self._folder / TERMS_FILE
        return pq.ParquetFile(path) if path.exists() else None

    def postings(self, series: Sequence[Series]) -> list[tuple[Rows, npt.NDArray[np.float64]]]:
        """Individuals and numbers of each series, in the order asked; each row group is read once."""
        assert self._terms is not None
        groups = sorted({one.row_group for one in series})
        with self._lock:  # a ParquetFile is not for two threads
            read = {
                group: self._terms.read_row_group(
                    group, columns=["individuals", "numbers"], use_threads=False
                )
                for group in groups
            }
        return [
            (
                _list_at(read[one.row_group]["individuals"], one.row),
                _list_at(read[one.row_group]["numbers"], one.row),
            )
            for one in series
        ]

    def has_at_least(self, number: int, series: Sequence[Series]) -> bool:
        """True if that many distinct individuals are in the series; lists are read where their lengths do not say."""
        carriers_each = [one.carriers for one in series]
        if max(carriers_each, default=0) >= number:
            return True
        if sum(carriers_each) < number:
            return False
        rows = [individuals for individuals, _ in self.postings(series)]
        return len(np.unique(np.concatenate(rows))) >= number

    @cached_property
    def individual_of_sample(self) -> Rows | None:
        """Row of the individual per row of the genotypes, None where both orders are one and the same."""
        path = self._folder / FILES[EntryType.INDIVIDUAL]
        if not path.exists():
            return None
        lists = pq.read_table(path, columns=["samples"])["samples"].combine_chunks()
        samples = lists.flatten().to_numpy()
        lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
        rows = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        behind = np.full(int(samples.max()) + 1 if len(samples) else 0, -1, dtype=np.int32)
        behind[samples] = rows
        return None if np.array_equal(behind, np.arange(self.individuals)) else behind

    @cached_property
    def people(self) -> People:
        """Whose the genotypes are."""
        names, sexes = _samples_in(self._samples)
        behind = self.individual_of_sample
        rows = range(self.individuals) if behind is None else behind.tolist()
        ids = self._ids(EntryType.INDIVIDUAL) or names
        return People(self._biosamples_of(names, rows), sexes, rows, ids)

    def _biosamples_of(self, names: Sequence[str], rows: Sequence[int]) -> list[str]:
        """Ids of the biosamples of the genotypes: their own names, or the only biosample of the person."""
        biosamples = self._ids(EntryType.BIOSAMPLE)
        own: dict[int, list[str]] = defaultdict(list)
        for owner, biosample in zip(self.owners(EntryType.BIOSAMPLE).tolist(), biosamples, strict=True):
            own[owner].append(biosample)
        known = set(biosamples)
        owners = chain(rows, repeat(-1))
        return [
            own[row][0] if name not in known and len(own.get(row, ())) == 1 else name
            for name, row in zip(names, owners, strict=False)
        ]

    def _ids(self, kind: EntryType) -> list[str]:
        path = self._folder / FILES[kind]
        return pq.read_table(path, columns=["id"])["id"].to_pylist() if path.exists() else []

    def owners(self, kind: EntryType) -> Rows:
        """Row of the individual behind each entry of a type."""
        if kind is EntryType.INDIVIDUAL:
            return np.arange(self.individuals, dtype=np.int32)
        return self._owners(kind)

    def _owners(self, kind: EntryType) -> Rows:
        assert kind in OWNED
        path = self._folder / FILES[kind]
        if not path.exists():
            return np.empty(0, dtype=np.int32)
        owners: Rows = pq.read_table(path, columns=["individual"])["individual"].to_numpy()
        return owners

    def row_of(self, kind: EntryType, entry_id: str) -> int:
        """Place of an entry by its id, -1 if there is none."""
        path = self._folder / FILES[kind]
        if not path.exists():
            return -1
        return int(pc.index(pq.read_table(path, columns=["id"])["id"], pa.scalar(entry_id)).as_py())

    def documents(self, kind: EntryType, rows: Sequence[int]) -> list[str]:
        """Documents (JSON) at ascending rows of one table, reading only the row groups they lie in."""
        if not rows:
            return []
        with pq.ParquetFile(self._folder / FILES[kind]) as file:
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            starts = np.cumsum([0, *sizes])
            groups = np.searchsorted(starts, np.asarray(rows), side="right") - 1
            found: list[str] = []
            for group in np.unique(groups).tolist():
                column = file.read_row_group(group, columns=["document"])["document"]
                inside = np.asarray(rows)[groups == group] - starts[group]
                found += column.take(pa.array(inside)).to_pylist()
        return found

    @cached_property
    def cohorts(self) -> list[dict[str, object]]:
        """Lines of `cohorts.parquet`: id, members (None: all individuals), document."""
        path = self._folder / FILES[EntryType.COHORT]
        return pq.read_table(path).to_pylist() if path.exists() else []


def _samples_in(path: Path) -> tuple[list[str], list[str]]:
    """Names and sexes (1 male, 2 female, 0 unknown) in the table of the genotypes' samples; none without the file."""
    if not path.exists():
        return [], []
    _header, *lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    rows = [line.split("\t") for line in lines]
    return [name for name, _ in rows], [sex for _, sex in rows]


def _series_of(table: pa.Table, group: int) -> list[Series]:
    columns = [table[name].to_pylist() for name in _NAMES]
    return [
        Series(
            SeriesName(EntryType(scope), field, SeriesKind(kind), term, label, context), carriers, group, row
        )
        for row, (scope, field, kind, term, label, context, carriers) in enumerate(zip(*columns, strict=True))
    ]


def _list_at(column: pa.ChunkedArray, row: int) -> npt.NDArray[Any]:
    numbers: npt.NDArray[Any] = column[row].values.to_numpy(zero_copy_only=False)
    return numbers
