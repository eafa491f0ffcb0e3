"""Facts of a load: what was wrong where, what a task left behind, what the whole load came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """Kinds of findings."""

    MISSING_FILE = "missing file"
    TRUNCATED = "truncated or damaged file"
    HEADER = "header"
    ASSEMBLY = "other assembly"
    RECORD = "malformed record"
    GENOTYPE = "malformed genotype"
    REFERENCE = "REF differs from the reference"
    COUNTS = "impossible counts"
    UNSORTED = "unsorted"
    DUPLICATE = "duplicate allele"
    SAMPLES = "samples and subjects differ"
    SUBJECT = "subject record"
    SUBJECT_CHANGED = "subject record brought into form"
    UNKNOWN_CONTIG = "unknown contig"
    NOTHING_KEPT = "nothing to keep"
    NO_ALLELE_NUMBER = "allele number not told"
    OTHER_CONTIG = "other contig"
    NO_ALTERNATE = "no alternate allele"
    NOT_COUNTABLE = "frequency that cannot be counted"
    HAPLOID_HETEROZYGOTE = "heterozygous call where one copy is expected"
    ABSENT_CHROMOSOME = "call on Y of a female"
    INDIVIDUALS = "more individuals than were called"
    NO_RECORDS = "no records"
    NO_LABEL = "population not told"
    NO_SEX = "sex not told"


REMARKS: Final = frozenset(
    {
        Fault.SUBJECT_CHANGED,
        Fault.OTHER_CONTIG,
        Fault.NO_ALTERNATE,
        Fault.NOT_COUNTABLE,
        Fault.HAPLOID_HETEROZYGOTE,
        Fault.ABSENT_CHROMOSOME,
        Fault.INDIVIDUALS,
        Fault.NO_RECORDS,
        Fault.NO_LABEL,
        Fault.NO_SEX,
    }
)
"""Kinds that are reported but never refuse a load: the file is right, we only do not hold or count this."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or left out. line: 1-based; the record number in BCF and Parquet; 0 = the file.

    record: number of the record, from 1, in a file whose records are not lines: a JSON array.
    """

    file: str
    line: int
    fault: Fault
    message: str
    record: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        place += f", record {self.record}" if self.record else ""
        return f"{place}: {self.fault}: {self.message}"

    @property
    def refuses(self) -> bool:
        """True if the policy `reject` does not let a load pass with it."""
        return self.fault not in REMARKS


@dataclass(frozen=True, slots=True)
class StoredFindings:
    """What a task noted: the first findings, and how many there are of each kind.

    more: file of the work area that holds the others, one line of JSON each.
    """

    listed: tuple[Finding, ...]
    tallies: dict[Fault, int]
    more: str | None = None
    more_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Alleles of one contig that a task left in the work area: an Arrow file, and a PGEN with as many rows."""

    contig: str
    rows: int
    sites: str
    sites_sha256: str
    genotypes: str | None = None
    genotypes_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ContigRun:
    """Records of one contig that follow each other in a file; starts 0-based, line of the first record."""

    contig: str
    first_start: int
    last_start: int
    first_line: int


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What came of one task. Lines are counted from the task's own first line; the merge adds what is before.

    lines: lines (BCF: records) passed. read: records met. left_out: records of which nothing was kept.
    most_called: the largest allele number of any population on an autosome.
    """

    lines: int
    read: int
    left_out: int
    alleles: int
    parts: tuple[Part, ...]
    runs: tuple[ContigRun, ...]
    findings: StoredFindings
    most_called: int = 0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load read, kept and left out, for machines. `read == written + skipped` always holds.

    alleles_written counts rows of the truth; one record may hold several alleles. findings: the first of them; the
    file of a report holds all.
    """

    dataset: str
    version: str
    outcome: str
    policy: str
    records_read: int
    records_written: int
    records_skipped: int
    alleles_written: int
    alleles_skipped: int
    individuals: int
    populations: tuple[str, ...]
    findings: tuple[Finding, ...]
    tallies: dict[Fault, int]
    seconds: float
    records_per_second: float
    tasks: int
    tasks_resumed: int

    def __post_init__(self) -> None:
        assert self.records_read == self.records_written + self.records_skipped, (
            "a record was dropped silently"
        )
