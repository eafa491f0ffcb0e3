"""One piece of work, what it needs to know, and what is noted while it runs. Everything here can be pickled."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from opengdi.discovery.loading.findings import Findings
from opengdi.discovery.loading.model import ContigRun, Fault, Finding, TaskOutcome
from opengdi.discovery.loading.parts import PartWriter
from opengdi.discovery.loading.populations import Samples
from opengdi.discovery.loading.reading import FileKind, Span
from opengdi.standards.coordinates import Assembly


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What all tasks of a load have in common.

    populations: labels in the order of every count. samples: the people counted, None for sites only.
    population_sizes: individuals by label as far as told; without genotypes `Total` always is.
    contig: of a table that does not name it.
    """

    assembly: Assembly
    populations: tuple[str, ...]
    parts: Path
    samples: Samples | None = None
    reference: Path | None = None
    population_sizes: dict[str, int] = field(default_factory=dict)
    contig: str | None = None


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A span of a file.

    name: of the file in reports. size: bytes of the span, for progress. columns: place in the file of each sample,
    None = the same.
    """

    number: int
    path: Path
    name: str
    kind: FileKind
    span: Span
    size: int
    context: LoadContext
    columns: tuple[int, ...] | None = None

    @property
    def title(self) -> str:
        return f"{self.name} #{self.number}"

    @property
    def prefix(self) -> str:
        return f"t{self.number:05d}"

    def part_writer(self) -> PartWriter:
        samples = self.context.samples
        return PartWriter(
            self.context.parts, self.prefix, len(self.context.populations), len(samples) if samples else 0
        )


class TaskLog:
    """What a task notes: how many records, which were left out and why, in what order they came."""

    def __init__(self, task: ReadTask) -> None:
        self._file = task.name
        self.findings = Findings(task.context.parts / f"{task.prefix}.findings")
        self.lines = 0
        self.read = 0
        self.left_out = 0
        self._runs: list[ContigRun] = []

    def leave_out(self, line: int, fault: Fault, reason: object) -> None:
        """A record of which nothing is kept."""
        self.left_out += 1
        self.remark(line, fault, reason)

    def remark(self, line: int, fault: Fault, reason: object, times: int = 1) -> None:
        self.findings.add(Finding(self._file, line, fault, str(reason)), times)

    def follows(self, contig: str, start: int) -> bool:
        """True if a record there comes in order."""
        if self._runs and self._runs[-1].contig == contig:
            return start >= self._runs[-1].last_start
        return all(run.contig != contig for run in self._runs)

    def met(self, contig: str, start: int, line: int) -> None:
        """Follow the order of the records; one that comes too late is noted."""
        last = self._runs[-1] if self._runs else None
        if last is None or last.contig != contig:
            if any(run.contig == contig for run in self._runs):
                self.remark(
                    line, Fault.UNSORTED, f"contig {contig} comes again after {last.contig if last else ''}"
                )
            self._runs.append(ContigRun(contig, start, start, line))
            return
        if start < last.last_start:
            self.remark(
                line, Fault.UNSORTED, f"POS {start + 1} of contig {contig} comes after {last.last_start + 1}"
            )
        else:
            self._runs[-1] = ContigRun(contig, last.first_start, start, last.first_line)

    def outcome(self, writer: PartWriter) -> TaskOutcome:
        """Write what is left and tell what came of it."""
        writer.close()
        return TaskOutcome(
            self.lines, self.read, self.left_out, writer.alleles, tuple(writer.parts), tuple(self._runs),
            self.findings.stored(), writer.most_called,
        )  # fmt: skip
