"""Phenopackets from files and folders, as entries of the Beacon model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from opengdi.discovery.subjects.records import SourceEntry, json_records
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed
from opengdi.standards.phenopacket import beacon_entries, left_aside


def phenopacket_entries(path: Path) -> Iterator[SourceEntry]:
    """Entries of one file (a packet, an array or JSON lines) or of all files below a folder: `.json`, `.jsonl`, `.gz`.

    Raises Invalid, naming the path, if a file cannot be read or a folder holds none.
    """
    for file in _files(path):
        name = file.name if file == path else str(file.relative_to(path))
        for record in json_records(file):
            yield from _entries(name, record.place, record.text)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and file.name.endswith((".json", ".jsonl", ".ndjson", ".gz"))
    )
    if not files:
        raise Invalid(f"{path.name}: the folder holds no Phenopackets (.json, .jsonl, .gz)")
    return files


def _entries(file: str, place: str, text: bytes) -> Iterator[SourceEntry]:
    try:
        packet = msgspec.json.decode(text, type=dict[str, object])
        individual, biosamples = beacon_entries(packet)
    except (Malformed, msgspec.DecodeError, RecursionError) as fault:
        yield SourceEntry(file, place, EntryType.INDIVIDUAL, Malformed(f"not a phenopacket: {fault}"))
        return
    changes = tuple(
        f"{name} was left aside: the Beacon model has no place for it" for name in left_aside(packet)
    )
    yield SourceEntry(file, place, EntryType.INDIVIDUAL, individual, changes)
    for biosample in biosamples:
        yield SourceEntry(file, place, EntryType.BIOSAMPLE, biosample)
