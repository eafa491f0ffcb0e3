"""The load report as a file: one JSON object, whose findings come last, one on a line, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice, takewhile
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from opengdi.discovery.loading.findings import FINDINGS_CAP
from opengdi.discovery.loading.model import Finding, LoadReport
from opengdi.kernel.errors import Invalid
from opengdi.kernel.files import write_whole

_FINDINGS: Final = b'"findings": [\n'
_END: Final = b"]\n"


def write_report(report: LoadReport, findings: Iterable[Finding], path: Path) -> None:
    """Write a report with all its findings, one by one, so that their number costs no memory."""
    write_whole(path, _pieces(report, findings))


def _pieces(report: LoadReport, findings: Iterable[Finding]) -> Iterator[bytes]:
    told = msgspec.to_builtins(report)
    del told["findings"]
    yield msgspec.json.format(msgspec.json.encode(told)).removesuffix(b"\n}") + b",\n" + _FINDINGS
    for place, finding in enumerate(findings):
        yield (b",\n" if place else b"") + msgspec.json.encode(finding)
    yield b"\n" + _END + b"}\n"


def read_report(path: Path) -> LoadReport:
    """A report with the first `FINDINGS_CAP` of its findings. Reports that were written otherwise are read whole."""
    with path.open("rb") as file:
        lines = []
        for line in file:
            lines.append(line)
            if line == _FINDINGS:
                lines.append(_first(file) + _END + b"}")
                break
    return msgspec.json.decode(b"".join(lines), type=LoadReport)


def copy_report(path: Path, target: Path) -> None:
    """Put a copy of a report where an operator wants it. Raises Invalid if the place cannot be written."""
    try:
        with path.open("rb") as file:
            write_whole(target, iter(partial(file.read, 1 << 20), b""))
    except OSError as error:
        raise Invalid(f"--report {target}: cannot be written: {error.strerror}") from error


def _first(file: BinaryIO) -> bytes:
    """The first findings of those that follow, as items of an array."""
    told = takewhile(lambda line: line != _END, islice(file, FINDINGS_CAP))
    return b",".join(filter(None, (line.rstrip(b",\n") for line in told)))
