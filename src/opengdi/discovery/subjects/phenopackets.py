"""Phenopackets from files and folders, as entries of the Beacon model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from opengdi.discovery.subjects.records import json_records
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed
from opengdi.standards.phenopacket import beacon_entries

Entry = tuple[str, str, EntryType, dict[str, object] | Malformed]
"""File, place in it, entry type, document (or what was wrong with it)."""


def phenopacket_entries(path: Path) -> Iterator[Entry]:
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


def _entries(file: str, place: str, text: bytes) -> Iterator[Entry]:
    try:
        individual, biosamples = beacon_entries(msgspec.json.decode(text, type=dict[str, object]))
    except (Malformed, msgspec.DecodeError, RecursionError) as fault:
        yield file, place, EntryType.INDIVIDUAL, Malformed(f"not a phenopacket: {fault}")
        return
    yield file, place, EntryType.INDIVIDUAL, individual
    for biosample in biosamples:
        yield file, place, EntryType.BIOSAMPLE, biosample
