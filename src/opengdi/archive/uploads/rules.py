"""Decisions about uploads. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from opengdi.archive.model import Declared
from opengdi.archive.rules import checked_dataset, checked_declared
from opengdi.archive.uploads.faults import QuotaExceeded, WrongParts
from opengdi.archive.uploads.model import Part
from opengdi.kernel.errors import Invalid
from opengdi.standards.s3.documents import NamedPart
from opengdi.standards.s3.operations import MOST_PARTS, SMALLEST_PART

_DIGESTS = ("sha256", "md5", "plain_sha256", "plain_md5")
_NOT_IN_BUCKETS = re.compile(r"[^A-Za-z0-9._-]")
_SIDE_FILE = re.compile(r"\.(md5|sha1|sha256|sha512|sums?)\Z", re.IGNORECASE)

HOW_TO_DECLARE = (
    "declare digests as metadata of the upload (sha256, md5: of the encrypted file; plain-sha256, plain-md5: "
    "decrypted), not as files beside it"
)


def bucket_of(provider: str) -> str:
    """The bucket of a provider: its name, with `_` for what S3 clients do not take in one."""
    return _NOT_IN_BUCKETS.sub("_", provider)


def checked_name(path: str) -> str:
    """The path itself. Raises Invalid for a file of checksums: they are declared, not sent."""
    if _SIDE_FILE.search(path.removesuffix(".c4gh")):
        raise Invalid(f"{path[:200]} looks like a file of checksums: {HOW_TO_DECLARE}")
    return path


def declared_in(metadata: Mapping[str, str]) -> tuple[Declared, str]:
    """Digests and dataset that metadata declare. Raises Invalid for what is no digest or no id of a dataset."""
    told = {name.lower().replace("-", "_"): value.strip() for name, value in metadata.items()}
    dataset = told.get("dataset", "")
    if dataset:
        checked_dataset(dataset)
    return checked_declared(Declared(**{name: told.get(name, "") for name in _DIGESTS})), dataset


def merged(old: Declared, new: Declared) -> Declared:
    """What was declared at first and later. Raises Invalid if they contradict each other."""
    values = {}
    for name in _DIGESTS:
        before, after = getattr(old, name), getattr(new, name)
        if before and after and before != after:
            raise Invalid(f"{name} was declared before, and differently")
        values[name] = before or after
    return Declared(**values)


def check_quota(provider: str, *, held: int, more: int, quota: int) -> None:
    """held: bytes of the provider in inbox and archive; more: bytes to come; quota 0: none. Raises QuotaExceeded."""
    if quota and held + more > quota:
        text = (
            f"{provider} may hold {quota} bytes and holds {held}; {more} more do not fit. "
            "Wait until files were taken over, delete unfinished uploads, or ask the node for a larger quota"
        )
        raise QuotaExceeded(text, public=text)


def chosen_parts(named: Sequence[NamedPart], arrived: Mapping[int, Part]) -> tuple[Part, ...]:
    """The parts that make the object, in order. Raises WrongParts."""
    numbers = [part.number for part in named]
    if not 1 <= len(numbers) <= MOST_PARTS:
        raise WrongParts("MalformedXML", f"an upload is completed by naming 1 to {MOST_PARTS} parts")
    if any(first >= second for first, second in pairwise(numbers)):
        raise WrongParts("InvalidPartOrder", "parts must be named in ascending order, each once")
    parts = tuple(_as_named(part, arrived.get(part.number)) for part in named)
    for part in parts[:-1]:
        if part.size_bytes < SMALLEST_PART:
            raise WrongParts(
                "EntityTooSmall",
                f"part {part.number} has {part.size_bytes} bytes; all but the last need {SMALLEST_PART} at least",
            )
    return parts


def _as_named(named: NamedPart, part: Part | None) -> Part:
    if part is None or named.etag != part.etag:
        raise WrongParts("InvalidPart", f"part {named.number} did not arrive, or with another ETag")
    for algorithm, value in named.checksums.items():
        if part.checksums.get(algorithm, value) != value:
            raise WrongParts("InvalidPart", f"part {named.number} arrived with another {algorithm}")
    return part


def etag_of(parts: Sequence[Part]) -> str:
    """What S3 clients expect of a multipart object: MD5 of the MD5s, and how many there were."""
    joined = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"
