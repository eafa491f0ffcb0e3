"""From the outcomes of tasks to facts about whole files: true line numbers, order across the borders of spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from opengdi.discovery.loading.findings import Findings, every_finding
from opengdi.discovery.loading.merge import MergeOutcome, PlacedPart
from opengdi.discovery.loading.model import ContigRun, Fault, Finding, TaskOutcome
from opengdi.discovery.loading.tasks import ReadTask


@dataclass(slots=True)
class Tally:
    """What a load came to so far. Records: read = written + skipped, once all parts are merged.

    folder: where tasks leave their parts and findings.
    """

    folder: Path
    findings: Findings
    parts: list[PlacedPart] = field(default_factory=list)
    read: int = 0
    written: int = 0
    skipped: int = 0
    alleles: int = 0
    alleles_skipped: int = 0
    most_called: int = 0

    def add_merged(self, outcome: MergeOutcome) -> None:
        """Count what one contig came to."""
        self.written += outcome.records
        self.skipped += outcome.dropped_records
        self.alleles += outcome.rows
        self.alleles_skipped += outcome.dropped
        self.findings.extend(every_finding(outcome.findings, self.folder), outcome.findings.tallies)


def settle(tasks: Sequence[ReadTask], outcomes: Sequence[TaskOutcome], tally: Tally) -> None:
    """Add what the tasks read to the tally; tasks and outcomes are in the order of files and lines."""
    spans = groupby(zip(tasks, outcomes, strict=True), key=lambda span: span[0].name)
    for place, (file, of_file) in enumerate(spans):
        _settle_file(file, place, [outcome for _, outcome in of_file], tally)


def _settle_file(file: str, place: int, outcomes: Sequence[TaskOutcome], tally: Tally) -> None:
    order, lines = _FileOrder(tally.findings), 0
    for outcome in outcomes:
        tally.read += outcome.read
        tally.skipped += outcome.left_out
        tally.most_called = max(tally.most_called, outcome.most_called)
        tally.parts.extend(PlacedPart(part, place, lines) for part in outcome.parts)
        found = every_finding(outcome.findings, tally.folder)
        tally.findings.extend(_moved(found, lines), outcome.findings.tallies)
        order.follow(file, outcome.runs, lines)
        lines += outcome.lines
    if not any(outcome.read for outcome in outcomes):
        tally.findings.add(Finding(file, 0, Fault.NO_RECORDS, "the file ends after its header"))


def _moved(found: Iterable[Finding], lines: int) -> Iterator[Finding]:
    """Findings of a span as they are in the file, with so many lines before the span."""
    return (replace(one, line=one.line + lines) if one.line else one for one in found)


class _FileOrder:
    """Whether the spans of one file follow each other in order; inside a span its task has looked."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._last: ContigRun | None = None
        self._seen: set[str] = set()

    def follow(self, file: str, runs: Sequence[ContigRun], lines_before: int) -> None:
        """Look at the runs of the next span."""
        for place, run in enumerate(runs):
            continues = place == 0 and self._last is not None and self._last.contig == run.contig
            goes_back = continues and self._last is not None and run.first_start < self._last.last_start
            if goes_back or (run.contig in self._seen and not continues):
                message = f"contig {run.contig} comes again, or goes back to POS {run.first_start + 1}"
                self._findings.add(Finding(file, run.first_line + lines_before, Fault.UNSORTED, message))
        self._seen.update(run.contig for run in runs)
        self._last = runs[-1] if runs else self._last
