"""Data segments: sizes and places, round trips in batches and in pieces, damage found wherever it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.standards.crypt4gh.kit import ALICE, SIZES, body, data_key, decrypted, some_bytes, whole_file

from opengdi.standards.crypt4gh import (
    CIPHER_SEGMENT,
    NONCE_BYTES,
    OVERHEAD,
    SEGMENT,
    BodyDecryptor,
    BodyEncryptor,
    EditList,
    SegmentCipher,
    body_size,
    open_header,
    plain_size,
    span_for,
)
from opengdi.standards.crypt4gh.segments import BATCH_SEGMENTS
from opengdi.standards.faults import Malformed, Unverified

KEYS = [data_key(0), data_key(1)]
SIZE = st.integers(0, 1 << 45)


class Nonces:
    """Counts, so that each is used once, and remembers how it was asked."""

    def __init__(self) -> None:
        self.made, self.asked = 0, []

    def __call__(self, size: int) -> bytes:
        self.asked.append(size)
        numbers = range(self.made, self.made + size // NONCE_BYTES)
        self.made = numbers.stop
        return b"".join(number.to_bytes(NONCE_BYTES, "big") for number in numbers)


def pieces_of(data: bytes, sizes: list[int]):
    at = 0
    for size in [*sizes, len(data)]:
        yield data[at : at + size]
        at += size


@given(SIZE)
def test_sizes_of_plaintext_and_body_are_inverse(size):
    assert plain_size(body_size(size)) == size


@pytest.mark.parametrize("rest", [1, 12, 28])
def test_a_last_segment_without_data_cannot_be(rest):
    with pytest.raises(
        Malformed, match=f"byte {2 * CIPHER_SEGMENT}: the last segment has {rest} bytes; at least 29"
    ):
        plain_size(2 * CIPHER_SEGMENT + rest)
    with pytest.raises(Malformed, match=f"byte {124 + 2 * CIPHER_SEGMENT}: "):
        plain_size(2 * CIPHER_SEGMENT + rest, at=124)


@given(st.integers(0, 5000), SIZE, st.integers(1, 1 << 30))
def test_a_span_is_enough_and_never_a_segment_too_long(header_bytes, first, length):
    span = span_for(header_bytes, first, first + length)
    segments, left = divmod(span.stop - span.start, CIPHER_SEGMENT)
    assert left == 0
    assert span.start == header_bytes + span.first_segment * CIPHER_SEGMENT
    assert 0 <= first - span.first_segment * SEGMENT < SEGMENT
    assert 0 <= (span.first_segment + segments) * SEGMENT - (first + length) < SEGMENT


@pytest.mark.parametrize("first, last", [(5, 5), (6, 5), (-1, 5)])
def test_an_empty_or_negative_range_has_no_span(first, last):
    with pytest.raises(ValueError, match="empty or negative"):
        span_for(124, first, last)


@pytest.mark.parametrize("size", [*SIZES, BATCH_SEGMENTS * SEGMENT + 5])
@settings(max_examples=8, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 150_000), max_size=5),
    again=st.lists(st.integers(0, 150_000), max_size=5),
)
def test_a_body_survives_being_split_anywhere_on_both_ways(size, sizes, again):
    plain = some_bytes(size)
    encryptor = BodyEncryptor(KEYS[0], Nonces())
    sealed = b"".join([*map(encryptor.feed, pieces_of(plain, sizes)), encryptor.finish()])
    assert len(sealed) == body_size(size)
    decryptor = BodyDecryptor(KEYS[:1])
    assert b"".join([*map(decryptor.feed, pieces_of(sealed, again)), decryptor.finish()]) == plain


def test_nothing_is_released_before_its_segment_is_whole():
    sealed = body(some_bytes(SEGMENT), KEYS)
    decryptor = BodyDecryptor(KEYS)
    assert decryptor.feed(sealed[:-1]) == b""
    assert decryptor.feed(sealed[-1:]) == some_bytes(SEGMENT)


def test_pieces_belong_to_the_caller():
    decryptor = BodyDecryptor(KEYS)
    sealed = body(some_bytes(4 * SEGMENT), KEYS)
    first = decryptor.feed(sealed[: 2 * CIPHER_SEGMENT])
    decryptor.feed(sealed[2 * CIPHER_SEGMENT :])
    assert first == some_bytes(4 * SEGMENT)[: 2 * SEGMENT]


def test_every_segment_gets_a_nonce_of_its_own_and_a_batch_asks_once():
    nonces = Nonces()
    encryptor = BodyEncryptor(KEYS[0], nonces)
    sealed = encryptor.feed(some_bytes(10 * SEGMENT)) + encryptor.finish()
    used = {bytes(sealed[at : at + NONCE_BYTES]) for at in range(0, len(sealed), CIPHER_SEGMENT)}
    assert len(used) == 10
    assert nonces.asked == [10 * NONCE_BYTES, 0]


@pytest.mark.parametrize("size", SIZES)
def test_batches_are_written_into_what_the_caller_has(size):
    plain, cipher = some_bytes(size), SegmentCipher(KEYS[:1])
    sealed, again = bytearray(body_size(size) + 7), bytearray(size + 9)
    written = cipher.encrypt_into(
        memoryview(plain), memoryview(sealed), Nonces()(-(-size // SEGMENT) * NONCE_BYTES)
    )
    assert written == body_size(size)
    assert sealed[written:] == bytes(7)
    assert cipher.decrypt_into(memoryview(sealed)[:written], again) == size
    assert again == plain + bytes(9)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_segments_may_be_under_any_of_the_keys_in_any_order(turns):
    keys = [data_key(number) for number in range(3)]
    plain = some_bytes(SEGMENT * len(turns) - 11)
    parts = [plain[at : at + SEGMENT] for at in range(0, len(plain), SEGMENT)]
    sealed = b"".join(body(part, [keys[turn]]) for part, turn in zip(parts, turns, strict=True))
    decryptor = BodyDecryptor(keys)
    assert decryptor.feed(sealed) + decryptor.finish() == plain


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_in_a_file_is_caught(place, bit):
    file = bytearray(whole_file(some_bytes(SEGMENT + 100)))
    place %= len(file)
    file[place] ^= 1 << bit
    with pytest.raises((Malformed, Unverified)):
        decrypted(bytes(file))


def test_every_byte_of_a_short_file_counts():
    file = whole_file(b"genome")
    for place in range(len(file)):
        with pytest.raises((Malformed, Unverified)):
            decrypted(file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 124 + body_size(2 * SEGMENT + 100) - 1))
def test_a_file_cut_short_is_caught_but_for_a_cut_between_segments(length):
    file = whole_file(some_bytes(2 * SEGMENT + 100))
    if length in {124, 124 + CIPHER_SEGMENT, 124 + 2 * CIPHER_SEGMENT}:
        # the format does not protect this: sizes and digests kept elsewhere do
        assert some_bytes(2 * SEGMENT + 100).startswith(decrypted(file[:length]))
    else:
        with pytest.raises((Malformed, Unverified)):
            decrypted(file[:length])


def test_a_damaged_segment_is_named_by_its_offset_and_leaves_no_plaintext():
    sealed = bytearray(body(some_bytes(3 * SEGMENT), KEYS))
    sealed[CIPHER_SEGMENT + 500] ^= 1
    plain = bytearray(b"x" * 3 * SEGMENT)
    with pytest.raises(
        Unverified, match=f"byte {1000 + CIPHER_SEGMENT}: the segment of 65564 bytes does not"
    ):
        SegmentCipher(KEYS).decrypt_into(sealed, plain, at=1000)
    assert plain[SEGMENT : 2 * SEGMENT] == bytes(SEGMENT)


def test_offsets_of_a_stream_are_those_of_its_file():
    sealed = bytearray(body(some_bytes(3 * SEGMENT + 5), KEYS))
    sealed[-1] ^= 1
    decryptor = BodyDecryptor(KEYS, at=124)
    decryptor.feed(sealed[:100_000])
    decryptor.feed(sealed[100_000:])
    with pytest.raises(Unverified, match=f"byte {124 + 3 * CIPHER_SEGMENT}: the segment of 33 bytes"):
        decryptor.finish()
    cut = BodyDecryptor(KEYS, at=124)
    cut.feed(sealed[:-5])
    with pytest.raises(
        Malformed, match=f"byte {124 + 3 * CIPHER_SEGMENT}: the last segment has {OVERHEAD} bytes"
    ):
        cut.finish()


def test_threads_may_share_a_cipher():
    """Segments of two keys in turn, so that the threads disagree all the time about which key fitted last."""
    plain, cipher = some_bytes(8 * SEGMENT), SegmentCipher(KEYS)
    sealed = body(plain, KEYS)

    def decrypt(_turn: int) -> bytes:
        into = bytearray(len(plain))
        cipher.decrypt_into(sealed, into)
        return bytes(into)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(decrypt, range(40))) == {plain}


def test_too_few_nonces_encrypt_nothing_more():
    sealed = bytearray(body_size(2 * SEGMENT))
    with pytest.raises(ValueError, match="different structures"):
        SegmentCipher(KEYS).encrypt_into(some_bytes(2 * SEGMENT), sealed, bytes(NONCE_BYTES))
    assert sealed[CIPHER_SEGMENT:] == bytes(CIPHER_SEGMENT)


def test_an_edit_list_is_applied_across_pieces():
    plain, edits = some_bytes(3 * SEGMENT), EditList((10, 5, SEGMENT, 2 * SEGMENT))
    file = whole_file(plain, edit_list=edits)
    header = open_header(file[: len(file) - body_size(len(plain))], [ALICE]).header
    decryptor = BodyDecryptor(header.data_keys, edit_list=header.edit_list)
    kept = b"".join(map(decryptor.feed, pieces_of(file[-body_size(len(plain)) :], [70_000] * 2)))
    assert kept + decryptor.finish() == plain[10:15] + plain[15 + SEGMENT : 15 + 3 * SEGMENT]
