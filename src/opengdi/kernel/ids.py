"""Identifiers that cross a border: datasets, countries and files.

Spec: GDI metadata v1.1, `Dataset.ttl`, pattern of `dct:identifier`.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NewType

from opengdi.kernel.errors import Invalid

DatasetId = NewType("DatasetId", str)
FileId = NewType("FileId", str)


class ReleaseId(NamedTuple):
    """One version of a dataset. version: empty where the dataset has none."""

    dataset: str
    version: str = ""


DEFAULT_DATASET_ID_PATTERN = r"^(GOE|GDI)-[A-Z]{2}-[A-Z]+-[0-9]+$"
"""Pattern of the GDI metadata profile."""

FILE_NUMBERS = 10**10
"""How many files a country can name."""

_FILE_ID = re.compile(r"GDIF-[A-Z]{2}-[0-9]{10}\Z")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


def dataset_id(text: str, pattern: str = DEFAULT_DATASET_ID_PATTERN) -> DatasetId:
    """`text` as a dataset id. Raises Invalid if it breaks the pattern or would not be safe as a file name."""
    if not re.match(pattern, text):
        raise Invalid(f"dataset id {text!r} does not match {pattern}")
    if not _SAFE.match(text):
        raise Invalid(f"dataset id {text!r} must be letters, digits, '.', '_' or '-', 128 at most")
    return DatasetId(text)


def country_code(text: str) -> str:
    """Two-letter upper-case country code (ISO 3166-1 alpha-2 by shape). Raises Invalid."""
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise Invalid(f"country {text!r} must be a two-letter code such as 'EE'")
    return text


def numbered_file_id(country: str, number: int) -> FileId:
    """The accession of a file, `GDIF-EE-0000000042`. Raises Invalid, ValueError for a number out of range."""
    if not 0 <= number < FILE_NUMBERS:
        raise ValueError(f"file number {number} is not within 0 to {FILE_NUMBERS - 1}")
    return FileId(f"GDIF-{country_code(country)}-{number:010d}")


def file_id(text: str) -> FileId:
    """`text` as the accession of a file. Raises Invalid."""
    if not _FILE_ID.match(text):
        raise Invalid(f"file id {text!r} must be like GDIF-EE-0123456789")
    return FileId(text)
