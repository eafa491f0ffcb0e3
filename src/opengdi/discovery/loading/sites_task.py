"""From a sites-only VCF or BCF to alleles with the counts its INFO holds, record by record.

This is the plain way and the measure of `sites_columns`, which does the same for many regular lines at once.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from opengdi.discovery.loading.allele_rows import AlleleReader, AlleleRow, allele_table
from opengdi.discovery.loading.fasta import Fasta
from opengdi.discovery.loading.info_counts import CountReader, count_layout
from opengdi.discovery.loading.model import Fault, TaskOutcome
from opengdi.discovery.loading.normalise import Faulty
from opengdi.discovery.loading.parts import PartWriter, part_schema
from opengdi.discovery.loading.populations import inheritance
from opengdi.discovery.loading.reading import FileKind, read_header
from opengdi.discovery.loading.records import MetRecord, Raw, RecordSource, TextRecords, open_records
from opengdi.discovery.loading.sites_columns import RegularSites
from opengdi.discovery.loading.tasks import ReadTask, TaskLog
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.annotation import annotation_format

_BATCH_ROWS = 8192


def run_sites_task(task: ReadTask) -> TaskOutcome:
    """Read a span, take over its counts, write parts."""
    header = read_header(task.path, task.kind).header
    log = TaskLog(task)
    layout = count_layout(header.info, task.context.population_sizes)
    source = open_records(
        task.path, task.kind, task.span, header, task.context.assembly, with_genotypes=False
    )
    reference = Fasta(task.context.reference) if task.context.reference else None
    notes = annotation_format(header)
    counts = CountReader(layout, task.context.population_sizes)
    reader = SitesReader(task, AlleleReader(reference, notes, task.context.assembly), counts, log)
    if isinstance(source, TextRecords) and reference is None and notes is None and not header.samples:
        regular = RegularSites(
            task,
            layout,
            log,
            reader.writer,
            lambda line, text: reader.read(source, line, text),
            source.contig,
        )
        _read_runs(source, reader, regular, log)
    else:
        _read_records(source, reader, log)
    reader.flush()
    log.lines += log.read + (header.lines if task.span.is_first and task.kind is not FileKind.BCF else 0)
    return log.outcome(reader.writer)


class SitesReader:
    """Takes records one by one."""

    def __init__(self, task: ReadTask, alleles: AlleleReader, counts: CountReader, log: TaskLog) -> None:
        self._task, self._alleles, self._counts, self._log = task, alleles, counts, log
        self._schema = part_schema(len(task.context.populations))
        self._contig = ""
        self._rows: list[AlleleRow] = []
        self._lines: list[int] = []
        self._cells: list[list[int]] = []
        self.writer: PartWriter = task.part_writer()

    def read(self, source: RecordSource, line: int, raw: Raw) -> None:
        """One record; what is wrong with it is noted."""
        try:
            self._take(source.parse(line, raw))
        except Faulty as error:
            self._log.leave_out(line, error.fault, error)
        except Malformed as error:
            self._log.leave_out(line, Fault.RECORD, error)

    def _take(self, record: MetRecord) -> None:
        rows = self._alleles.rows(record, 0, self._log)
        kind = inheritance(record.contig, record.start, self._task.context.assembly)
        cells = self._counts.rows(record.info(), len(record.alts), kind)
        self._log.met(record.contig, record.start, record.line)
        if record.contig != self._contig or len(self._rows) >= _BATCH_ROWS:
            self.flush()
            self._contig = record.contig
        self._rows.extend(rows)
        self._lines.extend([record.line] * len(rows))
        self._cells.extend(cells[row.alt - 1] for row in rows)

    def flush(self) -> None:
        """Hand on what was taken."""
        if self._rows:
            table: pa.Table = allele_table(
                self._schema, self._contig, self._rows, self._lines, np.array(self._cells, np.int32)
            )
            self.writer.add(self._contig, table, None)
        self._rows, self._lines, self._cells = [], [], []


def _read_records(source: RecordSource, reader: SitesReader, log: TaskLog) -> None:
    line = 0
    try:
        for line, raw in source.raw():
            log.read += 1
            reader.read(source, line, raw)
    except Malformed as error:
        log.remark(line, Fault.TRUNCATED, f"{error}, after this line")


def _read_runs(source: TextRecords, reader: SitesReader, regular: RegularSites, log: TaskLog) -> None:
    """Runs of lines by columns where they are regular; a run that is not is read line by line."""
    line = 0
    try:
        for line, run in source.runs():
            reader.flush()
            if regular.take(line, run):
                continue
            for number, text in enumerate(run.removesuffix(b"\n").split(b"\n"), start=line):
                log.read += 1
                reader.read(source, number, text.removesuffix(b"\r"))
    except Malformed as error:
        log.remark(line, Fault.TRUNCATED, f"{error}, after this line")
