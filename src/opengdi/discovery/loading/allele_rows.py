"""Alleles of records one by one, as all readers of single records keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from opengdi.discovery.loading.fasta import Fasta
from opengdi.discovery.loading.model import Fault
from opengdi.discovery.loading.normalise import Faulty, Normaliser
from opengdi.discovery.loading.parts import counts_array
from opengdi.discovery.loading.records import MetRecord, check_end
from opengdi.discovery.loading.tasks import TaskLog
from opengdi.standards.coordinates import Assembly
from opengdi.standards.variant_key import variant_key
from opengdi.standards.vcf.alleles import Allele
from opengdi.standards.vcf.annotation import NONE, Annotation, AnnotationFormat, allele_annotations


@dataclass(frozen=True, slots=True)
class AlleleRow:
    """An allele of a record of the batch: record by place, alt by number (1-based)."""

    record: int
    alt: int
    allele: Allele
    annotation: Annotation


class AlleleReader:
    """Alleles and annotations of records; what is done with the fixed columns, whatever follows them."""

    def __init__(self, reference: Fasta | None, layout: AnnotationFormat | None, assembly: Assembly) -> None:
        self._normaliser = Normaliser(reference)
        self._layout, self._assembly = layout, assembly

    def rows(self, record: MetRecord, place: int, log: TaskLog) -> list[AlleleRow]:
        """Alleles to keep; those that name nothing observed are remarked. Raises Faulty, Malformed."""
        needed = self._layout is not None or any(alt[:1] in "<*" or len(alt) > 1 for alt in record.alts)
        info: Mapping[str, str] = record.info() if needed else {}
        alleles = self._normaliser.alleles(record.contig, record.start, record.ref, record.alts, info)
        if not any(alleles):
            raise Faulty(Fault.NO_ALTERNATE, "the record names no alternate allele")
        notes = self._annotations(record, info)
        rows = []
        for number, (allele, note) in enumerate(zip(alleles, notes, strict=True), start=1):
            if allele is None:
                log.remark(
                    record.line, Fault.NO_ALTERNATE, f"ALT {record.alts[number - 1]} names no observed allele"
                )
            else:
                check_end(record.contig, allele.end, self._assembly)
                rows.append(AlleleRow(place, number, allele, note))
        return rows

    def _annotations(self, record: MetRecord, info: Mapping[str, str]) -> list[Annotation]:
        if self._layout is None:
            return [NONE] * len(record.alts)
        return allele_annotations(info, self._layout, record.ref, record.alts)


def allele_table(
    schema: pa.Schema, contig: str, rows: list[AlleleRow], lines: list[int], counts: npt.NDArray[np.int32]
) -> pa.Table:
    """Alleles of one contig as a table of a part. Raises Malformed for a position that no key can hold."""
    alleles = [row.allele for row in rows]
    columns = [
        [variant_key(contig, allele.start, allele.ref, allele.alt) for allele in alleles],
        [allele.start for allele in alleles],
        [allele.end for allele in alleles],
        [allele.ref for allele in alleles],
        [allele.alt for allele in alleles],
        [allele.variant_type for allele in alleles],
        [allele.length for allele in alleles],
        [row.annotation.gene for row in rows],
        [row.annotation.changes or None for row in rows],
        [allele.mate for allele in alleles],
        lines,
    ]
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=False)]
    return pa.Table.from_arrays([*arrays, counts_array(counts)], schema=schema)
