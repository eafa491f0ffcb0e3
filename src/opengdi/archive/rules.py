"""Decisions about files in the archive: which state may follow which, by which act; do digests agree. Pure.

The database repeats `PERMITTED` as a CHECK on its log of events, so that nothing else can be recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from opengdi.archive.model import Act, ArchivedFile, DatasetState, Declared, Digests, FileState
from opengdi.kernel.errors import Conflict, Invalid
from opengdi.kernel.ids import DatasetId

UPLOADED, SUBMITTED, INGESTED, ARCHIVED, VERIFIED, READY, ERROR, DISABLED = FileState

TRANSITIONS: Final[Mapping[Act, Mapping[FileState | None, FileState]]] = {
    Act.RECEIVE: {None: UPLOADED},
    Act.SUBMIT: {UPLOADED: SUBMITTED},
    Act.INGEST: {SUBMITTED: INGESTED},
    Act.ARCHIVE: {INGESTED: ARCHIVED},
    Act.VERIFY: {ARCHIVED: VERIFIED},
    Act.FINISH: {VERIFIED: READY},
    Act.FAIL: {SUBMITTED: ERROR, INGESTED: ERROR, ARCHIVED: ERROR, VERIFIED: ERROR},
    Act.SUPERSEDE: {ERROR: DISABLED},
    Act.RETRY: {ERROR: SUBMITTED},
    Act.CANCEL: {UPLOADED: DISABLED, SUBMITTED: DISABLED, ERROR: DISABLED},
    Act.DISABLE: {READY: DISABLED},
}
"""act → state it may find (None: no file yet) → state it leaves. DISABLED is a tombstone; READY never goes back."""

PERMITTED: Final = frozenset(
    (before, after) for steps in TRANSITIONS.values() for before, after in steps.items()
)
"""Every (before, after) that can be in the log of events."""

INTAKE: Final = (Act.INGEST, Act.ARCHIVE, Act.VERIFY)
"""What one pass over an upload achieves, in order."""

_BY_PEOPLE: Final = frozenset({Act.RETRY, Act.CANCEL, Act.DISABLE})
_PROGRESS: Final = (UPLOADED, SUBMITTED, INGESTED, ARCHIVED, VERIFIED, READY)

DATASET_TRANSITIONS: Final[Mapping[DatasetState, frozenset[DatasetState]]] = {
    DatasetState.REGISTERED: frozenset({DatasetState.RELEASED, DatasetState.DEPRECATED}),
    DatasetState.RELEASED: frozenset({DatasetState.DEPRECATED}),
    DatasetState.DEPRECATED: frozenset(),
}
"""A dataset that was deprecated is not released again: a new version has a new id."""

LONGEST_PATH: Final = 1024
"""Characters of a provider's own name for a file, as S3 allows."""

LONGEST_DATASET: Final = 128

_UPLOAD_ID: Final = re.compile(r"[A-Za-z0-9]{1,64}\Z")
_DIGEST_DIGITS: Final = {"sha256": 64, "md5": 32, "plain_sha256": 64, "plain_md5": 32}


def follow(state: FileState, act: Act) -> FileState | None:
    """The state after `act`, or None if there is nothing to do: it has been done, or came too late.

    Jobs are told twice, and late: an act of theirs that lies behind the file, or finds it in ERROR or DISABLED,
    does nothing. Raises Conflict for an act that comes too early, and for one by people that the table refuses.
    """
    steps = TRANSITIONS[act]
    if state in steps:
        return steps[state]
    if state in steps.values() or (act not in _BY_PEOPLE and not _comes_too_early(state, act)):
        return None
    needed = " or ".join(before for before in steps if before)
    raise Conflict(f"a file that is {state} cannot be told to {act}; it would have to be {needed}")


def _comes_too_early(state: FileState, act: Act) -> bool:
    needed = [_PROGRESS.index(before) for before in TRANSITIONS[act] if before in _PROGRESS]
    return state in _PROGRESS and bool(needed) and _PROGRESS.index(state) < min(needed)


def follow_dataset(state: DatasetState, wanted: DatasetState) -> bool:
    """True if the dataset must be changed, False if it is `wanted` already. Raises Conflict."""
    if state is wanted:
        return False
    if wanted not in DATASET_TRANSITIONS[state]:
        raise Conflict(f"a dataset that is {state} cannot become {wanted}")
    return True


def stands_in_the_way(newest: ArchivedFile) -> bool:
    """True if no other file of the same provider and path may be sent while this one is what it is."""
    return newest.state not in {ERROR, DISABLED}


def mismatches(declared: Declared, found: Digests) -> tuple[str, ...]:
    """What was declared and is not so, in words for the provider; empty if all that was declared agrees."""
    pairs = (
        ("SHA-256 of the encrypted file", declared.sha256, found.sha256),
        ("MD5 of the encrypted file", declared.md5, found.md5),
        ("SHA-256 of the decrypted file", declared.plain_sha256, found.plain_sha256),
        ("MD5 of the decrypted file", declared.plain_md5, found.plain_md5),
    )
    return tuple(
        f"{what} is {is_ or 'not known'}, but {said} was declared"
        for what, said, is_ in pairs
        if said and said != is_
    )


def checked_declared(declared: Declared) -> Declared:
    """The same, in lower case. Raises Invalid if one of them is no digest of its kind."""
    told = {name: getattr(declared, name).lower() for name in _DIGEST_DIGITS}
    for name, digits in _DIGEST_DIGITS.items():
        if told[name] and not re.fullmatch(rf"[0-9a-f]{{{digits}}}", told[name]):
            raise Invalid(f"declared {name} must be {digits} hexadecimal digits")
    return Declared(**told)


def checked_path(path: str) -> str:
    """The provider's own name for a file, as it is. Raises Invalid for one that could mislead who reads it."""
    parts = path.split("/")
    if not 0 < len(path) <= LONGEST_PATH or not path.isprintable() or {"", ".", ".."} & set(parts):
        raise Invalid(
            f"path {path[:80]!r} must be printable, {LONGEST_PATH} characters at most, "
            "its parts joined by '/', none of them empty, '.' or '..'"
        )
    return path


def checked_dataset(dataset: str) -> DatasetId:
    """A dataset's id; it may be a URL. Raises Invalid."""
    if not 0 < len(dataset) <= LONGEST_DATASET or not dataset.isprintable() or " " in dataset:
        raise Invalid(
            f"dataset id {dataset[:80]!r} must be printable, without spaces, {LONGEST_DATASET} characters at most"
        )
    return DatasetId(dataset)


def checked_upload(upload: str) -> str:
    """An upload's id. Raises Invalid."""
    if not _UPLOAD_ID.match(upload):
        raise Invalid("the id of an upload must be letters and digits, 64 at most")
    return upload


def rest_before(attempt: int, *, first_s: float, longest_s: float) -> timedelta:
    """How long to wait after attempt number `attempt` (from 1) failed: each time twice as long, up to `longest_s`."""
    return timedelta(seconds=min(longest_s, first_s * 2.0 ** min(attempt - 1, 60)))
