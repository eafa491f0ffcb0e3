"""From genotypes to alleles with counts: a span of a multi-sample VCF or BCF, some hundred records at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from opengdi.discovery.loading.allele_rows import AlleleReader, AlleleRow, allele_table
from opengdi.discovery.loading.calls import (
    Call,
    Calls,
    Counter,
    Encoding,
    Pairs,
    Ploidy,
    call_table,
    hardcalls,
)
from opengdi.discovery.loading.fasta import Fasta
from opengdi.discovery.loading.model import Fault, TaskOutcome
from opengdi.discovery.loading.normalise import Faulty
from opengdi.discovery.loading.parts import PartWriter, part_schema
from opengdi.discovery.loading.populations import Inheritance, Samples, inheritance
from opengdi.discovery.loading.reading import read_header
from opengdi.discovery.loading.records import MetRecord, RecordSource, open_records
from opengdi.discovery.loading.tasks import ReadTask, TaskLog
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.annotation import annotation_format

BATCH_CALLS: Final = 1 << 20
"""Calls decoded together: small enough that they stay in the processor's cache."""


@dataclass(slots=True)
class _Batch:
    records: list[MetRecord] = field(default_factory=list)
    rows: list[AlleleRow] = field(default_factory=list)


def run_genotype_task(task: ReadTask) -> TaskOutcome:
    """Read a span, count, write parts. Raises OSError, Malformed only for what planning has already checked."""
    header = read_header(task.path, task.kind).header
    source = open_records(task.path, task.kind, task.span, header, task.context.assembly, with_genotypes=True)
    reference = Fasta(task.context.reference) if task.context.reference else None
    log = TaskLog(task)
    reader = _GenotypeReader(
        task, AlleleReader(reference, annotation_format(header), task.context.assembly), log
    )
    read_all(source, reader, log)
    log.lines += header.lines if task.span.is_first and task.kind != "BCF" else 0
    return log.outcome(reader.writer)


def read_all(source: RecordSource, reader: _GenotypeReader, log: TaskLog) -> None:
    """Every record to the reader; a wrong one is noted, a damaged file ends the span."""
    line = 0
    try:
        for line, raw in source.raw():
            log.read += 1
            try:
                reader.take(source.parse(line, raw))
            except Faulty as error:
                log.leave_out(line, error.fault, error)
            except Malformed as error:
                log.leave_out(line, Fault.RECORD, error)
    except Malformed as error:
        log.remark(line, Fault.TRUNCATED, f"{error}, after this line")
    reader.flush()
    log.lines += log.read


class _GenotypeReader:
    def __init__(self, task: ReadTask, alleles: AlleleReader, log: TaskLog) -> None:
        samples = task.context.samples
        assert samples is not None
        self._samples: Samples = samples
        self._assembly = task.context.assembly
        self._columns = np.array(task.columns) if task.columns is not None else None
        self._alleles, self._log = alleles, log
        self._counter, self._ploidy = Counter(samples), Ploidy(samples)
        self._limit = max(16, BATCH_CALLS // max(1, len(samples)))
        self._schema = part_schema(len(task.context.populations))
        self._batch = _Batch()
        self.writer: PartWriter = task.part_writer()

    def take(self, record: MetRecord) -> None:
        """Keep the record for the batch. Raises Faulty, Malformed if it is wrong."""
        batch = self._batch
        rows = self._alleles.rows(record, len(batch.records), self._log)
        self._log.met(record.contig, record.start, record.line)
        if batch.records and batch.records[-1].contig != record.contig:
            self.flush()
            batch = self._batch
            rows = [AlleleRow(0, row.alt, row.allele, row.annotation) for row in rows]
        batch.records.append(record)
        batch.rows.extend(rows)
        if len(batch.rows) >= self._limit:
            self.flush()

    def flush(self) -> None:
        """Decode, count and hand on the batch: records of one contig."""
        batch, self._batch = self._batch, _Batch()
        if not batch.records:
            return
        calls = self._calls(batch)
        calls, rows = self._valid(calls, batch)
        if rows:
            self._apply_ploidy(calls, rows, batch)
            table = self._table(rows, batch, self._counter.count(calls))
            self.writer.add(batch.records[0].contig, table, hardcalls(calls))

    def _calls(self, batch: _Batch) -> Calls:
        pairs: Pairs = np.stack([record.pairs for record in batch.records if record.pairs is not None])
        if self._columns is not None:
            pairs = pairs[:, self._columns]
        groups: dict[tuple[Encoding, int, int], list[int]] = {}
        for place, row in enumerate(batch.rows):
            record = batch.records[row.record]
            groups.setdefault((record.encoding, row.alt, len(record.alts)), []).append(place)
        if len(groups) == 1 and len(batch.rows) == len(pairs):
            return np.take(call_table(*next(iter(groups))), pairs)
        calls = np.empty((len(batch.rows), pairs.shape[1]), np.uint8)
        for key, places in groups.items():
            chosen = [batch.rows[place].record for place in places]
            calls[places] = np.take(call_table(*key), pairs[chosen])
        return calls

    def _valid(self, calls: Calls, batch: _Batch) -> tuple[Calls, list[AlleleRow]]:
        """Rows of records all of whose calls name alleles that the record has; the others are left out."""
        worst = calls.max(axis=1, initial=0)
        if worst.max(initial=0) <= Call.HAPLOID_ALT:
            return calls, batch.rows
        wrong: dict[int, int] = {}
        for place in np.flatnonzero(worst > Call.HAPLOID_ALT).tolist():
            wrong.setdefault(batch.rows[place].record, int(np.argmax(calls[place] == Call.INVALID)))
        for record, sample in wrong.items():
            name = self._samples.names[sample]
            self._log.leave_out(
                batch.records[record].line, Fault.GENOTYPE, f"sample {name}: GT names no allele of the record"
            )
        keep = [place for place, row in enumerate(batch.rows) if row.record not in wrong]
        return calls[keep], [batch.rows[place] for place in keep]

    def _apply_ploidy(self, calls: Calls, rows: list[AlleleRow], batch: _Batch) -> None:
        """X, Y and MT: one copy where people have one; calls that cannot be are remarked and become missing."""
        if batch.records[0].contig not in {"X", "Y", "MT"}:
            return
        kinds = [self._inheritance(batch.records[row.record]) for row in rows]
        for kind in {*kinds} - {Inheritance.AUTOSOMAL}:
            places = [place for place, one in enumerate(kinds) if one is kind]
            corrected = calls[places]
            heterozygous, impossible = self._ploidy.apply(corrected, kind)
            calls[places] = corrected
            for place, het, no_copy in zip(places, heterozygous.tolist(), impossible.tolist(), strict=True):
                line = batch.records[rows[place].record].line
                if het:
                    self._log.remark(line, Fault.HAPLOID_HETEROZYGOTE, f"{het} calls counted as missing", het)
                if no_copy:
                    self._log.remark(
                        line, Fault.ABSENT_CHROMOSOME, f"{no_copy} calls counted as missing", no_copy
                    )

    def _inheritance(self, record: MetRecord) -> Inheritance:
        return inheritance(record.contig, record.start, self._assembly)

    def _table(self, rows: list[AlleleRow], batch: _Batch, counts: npt.NDArray[np.int32]) -> pa.Table:
        lines = [batch.records[row.record].line for row in rows]
        return allele_table(self._schema, batch.records[0].contig, rows, lines, counts)
