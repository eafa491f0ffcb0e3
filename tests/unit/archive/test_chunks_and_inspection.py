"""What holds a stored body together: any change, and any other order of true segments, is found and placed."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.encrypted_uploads import body_of, data_key, random_bytes

from opengdi.archive import chunks
from opengdi.archive.checks import BodyChecks
from opengdi.archive.chunks import CHUNK_SEGMENTS, ChunkHasher, WholeSegments
from opengdi.archive.inspection import BodyInspection
from opengdi.standards.crypt4gh import CIPHER_SEGMENT, SEGMENT, Header
from opengdi.standards.faults import Malformed, Unverified

KEY = data_key()
BODY = body_of(random_bytes(6 * SEGMENT + 77), [KEY])
SEGMENTS = [BODY[start : start + CIPHER_SEGMENT] for start in range(0, len(BODY), CIPHER_SEGMENT)]
FOREIGN = body_of(random_bytes(SEGMENT), [KEY])


def checks_of(body: bytes) -> BodyChecks:
    hasher = ChunkHasher()
    hasher.take(memoryview(body))
    return BodyChecks(len(body), hashlib.sha256(body).hexdigest(), tuple(hasher.finish()))


def inspect(body: bytes, checks: BodyChecks, step: int = 100_000) -> None:
    inspection = BodyInspection(Header((KEY,)), checks)
    for start in range(0, len(body), step):
        inspection.take(body[start : start + step])
    inspection.finish()


@given(st.lists(st.integers(0, len(BODY)), max_size=20))
def test_whole_segments_are_cut_from_pieces_split_anywhere(cuts: list[int]) -> None:
    units, ends = WholeSegments(), [0, *sorted(cuts), len(BODY)]
    whole = b"".join(
        bytes(part)
        for start, stop in itertools.pairwise(ends)
        for part in _checked(units.feed(BODY[start:stop]))
    )
    assert whole + units.rest() == BODY


def _checked(parts: object) -> Sequence[memoryview]:
    found = list(parts)  # type: ignore[call-overload]
    assert all(len(part) % CIPHER_SEGMENT == 0 for part in found)
    return found


@given(st.lists(st.integers(0, len(SEGMENTS)), max_size=6))
def test_hashes_do_not_depend_on_how_many_segments_come_at_a_time(cuts: list[int]) -> None:
    hasher, ends = ChunkHasher(), [0, *sorted(cuts), len(SEGMENTS)]
    for start, stop in itertools.pairwise(ends):
        hasher.take(memoryview(b"".join(SEGMENTS[start:stop])))
    assert tuple(hasher.finish()) == checks_of(BODY).chunk_hashes


def test_a_chunk_ends_after_so_many_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHUNK_SEGMENTS * CIPHER_SEGMENT == chunks.CHUNK_BYTES
    monkeypatch.setattr(chunks, "CHUNK_SEGMENTS", 3)
    hashes = checks_of(BODY).chunk_hashes
    parts = [b"".join(SEGMENTS[start : start + 3]) for start in (0, 3, 6)]
    assert hashes == tuple(checks_of(part).chunk_hashes[0] for part in parts)


def test_a_body_as_it_was_archived_passes() -> None:
    inspect(BODY, checks_of(BODY))
    inspect(b"", checks_of(b""))


@settings(max_examples=60)
@given(st.integers(0, len(BODY) - 1), st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_found_and_placed(at: int, bit: int) -> None:
    changed = bytearray(BODY)
    changed[at] ^= 1 << bit
    with pytest.raises(Unverified, match=f"byte {at // CIPHER_SEGMENT * CIPHER_SEGMENT}:"):
        inspect(bytes(changed), checks_of(BODY))


@pytest.mark.parametrize(
    "segments",
    [
        [SEGMENTS[1], SEGMENTS[0], *SEGMENTS[2:]],
        [*SEGMENTS[:2], *SEGMENTS[3:]],
        [*SEGMENTS[:2], FOREIGN, *SEGMENTS[2:]],
        [*SEGMENTS[:2], SEGMENTS[1], *SEGMENTS[2:]],
        [*SEGMENTS[:2], FOREIGN, *SEGMENTS[3:]],
        SEGMENTS[:-1],
        SEGMENTS[:3],
        [],
    ],
    ids=["swapped", "removed", "inserted", "doubled", "replaced", "last one gone", "half", "all gone"],
)
def test_true_segments_that_are_not_those_that_were_archived_are_found(segments: list[bytes]) -> None:
    with pytest.raises((Unverified, Malformed)):
        inspect(b"".join(segments), checks_of(BODY))


@settings(max_examples=30)
@given(st.integers(0, len(BODY) - 1))
def test_a_truncated_body_is_found_wherever_it_ends(stop: int) -> None:
    with pytest.raises((Unverified, Malformed)):
        inspect(BODY[:stop], checks_of(BODY))


def test_extra_bytes_are_found() -> None:
    for extra in (b"x", FOREIGN[:40], FOREIGN):
        with pytest.raises((Unverified, Malformed)):
            inspect(BODY + extra, checks_of(BODY))


def test_hashes_of_another_body_do_not_do() -> None:
    known = checks_of(BODY)
    with pytest.raises(Unverified, match="SHA-256"):
        inspect(BODY, replace(known, body_sha256="0" * 64))
    with pytest.raises(Malformed, match=f"instead of {len(BODY) + 1}"):
        inspect(BODY, replace(known, body_bytes=len(BODY) + 1))
