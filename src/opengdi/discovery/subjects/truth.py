"""Subjects on disk: Parquet files that any tool reads, written the same way from the same tables.

`subjects/individuals.parquet`: id, sex (F, M, U), population, samples (rows of the genotypes), document (JSON).
`biosamples`, `runs`, `analyses`: id, individual (row from 0), document. `cohorts`: id, members (null: all), document.
`terms.parquet`: one line per series of facts (see `facts`): scope, field, kind, id, label, context, carriers (distinct
individuals), individuals, numbers; terms and texts sorted by individual, ordered kinds by number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from opengdi.discovery.subjects.facts import FactTable, Postings, SeriesKind, SeriesName
from opengdi.discovery.subjects.tables import OWNED, SubjectTables
from opengdi.standards.beacon.questions import EntryType

FILES: Final = {
    EntryType.INDIVIDUAL: "individuals.parquet",
    EntryType.BIOSAMPLE: "biosamples.parquet",
    EntryType.RUN: "runs.parquet",
    EntryType.ANALYSIS: "analyses.parquet",
    EntryType.COHORT: "cohorts.parquet",
}
TERMS_FILE: Final = "terms.parquet"

INDIVIDUALS: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("sex", pa.string(), nullable=False),
        pa.field("population", pa.string()),
        pa.field("samples", pa.list_(pa.int32()), nullable=False),
        pa.field("document", pa.string(), nullable=False),
    ]
)
OWNED_ENTRIES: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("individual", pa.int32(), nullable=False),
        pa.field("document", pa.string(), nullable=False),
    ]
)
COHORTS: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("members", pa.list_(pa.int32())),
        pa.field("document", pa.string(), nullable=False),
    ]
)
TERMS: Final = pa.schema(
    [
        pa.field("scope", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("context", pa.string(), nullable=False),
        pa.field("carriers", pa.int32(), nullable=False),
        pa.field("individuals", pa.list_(pa.int32()), nullable=False),
        pa.field("numbers", pa.list_(pa.float64()), nullable=False),
    ]
)

_GROUP_ROWS: Final = 8_192
_GROUP_POSTINGS: Final = 65_536
_GROUP_SERIES: Final = 1_024


def write_subjects(tables: SubjectTables, folder: Path) -> list[Path]:
    """Write all six files into `folder`, which must exist; the same tables always give the same bytes."""
    paths = [_write(folder / FILES[EntryType.INDIVIDUAL], INDIVIDUALS, _individuals(tables))]
    for kind in OWNED:
        table = tables.entries[kind]
        columns = (table.ids, table.owners.tolist(), table.documents)
        paths.append(_write(folder / FILES[kind], OWNED_ENTRIES, _batches(OWNED_ENTRIES, columns)))
    members = [None if one is None else one.tolist() for one in tables.cohorts.members]
    columns = (tables.cohorts.ids, members, tables.cohorts.documents)
    paths.append(_write(folder / FILES[EntryType.COHORT], COHORTS, _batches(COHORTS, columns)))
    paths.append(_write(folder / TERMS_FILE, TERMS, _series_batches(_facts(tables))))
    return paths


def _write(path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Path:
    with pq.ParquetWriter(path, schema, compression="zstd", version="2.6") as writer:
        for batch in batches:
            writer.write_table(pa.Table.from_batches([batch]), row_group_size=max(batch.num_rows, 1))
    return path


def _individuals(tables: SubjectTables) -> Iterator[pa.RecordBatch]:
    people = tables.individuals
    columns = (
        people.ids,
        [str(sex) for sex in tables.sexes],
        tables.populations,
        tables.samples,
        people.documents,
    )
    return _batches(INDIVIDUALS, columns)


def _batches(schema: pa.Schema, columns: Sequence[Sequence[object]]) -> Iterator[pa.RecordBatch]:
    """Record batches of at most `_GROUP_ROWS` lines; documents are bytes that hold text."""
    for first in range(0, len(columns[0]), _GROUP_ROWS):
        arrays = [
            pa.array(
                [
                    item.decode() if isinstance(item, bytes) else item
                    for item in column[first : first + _GROUP_ROWS]
                ],
                type=field.type,
            )
            for field, column in zip(schema, columns, strict=True)
        ]
        yield pa.record_batch(arrays, schema=schema)


def _facts(tables: SubjectTables) -> FactTable:
    facts = FactTable()
    decode = msgspec.json.Decoder(dict[str, object]).decode
    for kind, table in ((EntryType.INDIVIDUAL, tables.individuals), *tables.entries.items()):
        for owner, document in zip(table.owners.tolist(), table.documents, strict=True):
            facts.add(kind, owner, decode(document))
    return facts


def _series_batches(facts: FactTable) -> Iterator[pa.RecordBatch]:
    """Series in the order of their names, so many to a row group that reading one of them stays cheap."""
    names: list[SeriesName] = []
    postings = 0
    for name in sorted(facts.series):
        names.append(name)
        postings += len(facts.series[name].individuals)
        if postings >= _GROUP_POSTINGS or len(names) >= _GROUP_SERIES:
            yield _series_batch(facts, names)
            names, postings = [], 0
    if names:
        yield _series_batch(facts, names)


def _series_batch(facts: FactTable, names: list[SeriesName]) -> pa.RecordBatch:
    sorted_postings = [_sorted(name, facts.series[name]) for name in names]
    individuals = [one[0] for one in sorted_postings]
    columns = [
        *(pa.array([str(name[place]) for name in names]) for place in range(6)),
        pa.array([len(np.unique(rows)) for rows in individuals], type=pa.int32()),
        _lists(individuals, pa.int32()),
        _lists([one[1] for one in sorted_postings], pa.float64()),
    ]
    return pa.record_batch(columns, schema=TERMS)


def _sorted(name: SeriesName, postings: Postings) -> tuple[np.ndarray, np.ndarray]:
    """Individuals and numbers: distinct and ascending for terms and texts, by number for ordered kinds."""
    individuals = np.frombuffer(postings.individuals, dtype=np.int32)
    if name.kind in (SeriesKind.TERM, SeriesKind.TEXT):
        return np.unique(individuals), np.empty(0)
    numbers = np.frombuffer(postings.numbers, dtype=np.float64)
    order = np.lexsort((individuals, numbers))
    return individuals[order], numbers[order]


def _lists(arrays: list[np.ndarray], of: pa.DataType) -> pa.ListArray:
    offsets = np.cumsum([0, *(len(one) for one in arrays)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(arrays), type=of))
