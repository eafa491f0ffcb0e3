"""A Crypt4GH file read like an ordinary one, from anywhere."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.standards.crypt4gh.kit import (
    ALICE,
    BOB,
    SIZES,
    BytesSource,
    body,
    data_key,
    some_bytes,
    whole_file,
)
from tests.unit.standards.crypt4gh.test_edit_lists_and_slices import apply_edit_list

from opengdi.standards.crypt4gh import (
    CIPHER_SEGMENT,
    SEGMENT,
    EditList,
    Header,
    NoKeyFits,
    SeekableReader,
    read_header,
)
from opengdi.standards.crypt4gh.reader import CACHED_SEGMENTS
from opengdi.standards.faults import Malformed, Unverified

SIZE = 40 * SEGMENT + 333
PLAIN = some_bytes(SIZE)
KEYS = (data_key(0), data_key(1))
FILE = whole_file(PLAIN, keys=KEYS)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_read_whole(size):
    reader = SeekableReader.open(BytesSource(whole_file(some_bytes(size))), [ALICE])
    assert (reader.size, reader.readall()) == (size, some_bytes(size))
    assert reader.read(1) == b""


STEPS = st.lists(
    st.tuples(
        st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END]),
        st.integers(-SIZE, SIZE),
        st.integers(0, 3 * SEGMENT),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.sampled_from([(), (5,), (70_000, 100, 1, 200_000, SEGMENT), (0, 0), (SIZE, 5, 9)]))
def test_it_behaves_like_a_file_of_the_plaintext(steps, lengths):
    edits = EditList(lengths)
    file = SeekableReader.open(BytesSource(whole_file(PLAIN, keys=KEYS, edit_list=edits)), [ALICE])
    model = io.BytesIO(apply_edit_list(lengths, PLAIN))
    assert file.size == len(model.getvalue())
    for whence, offset, size in steps:
        try:
            expected = model.seek(offset, whence)
        except ValueError:
            continue
        if (
            whence != io.SEEK_SET and expected == 0 and offset != 0
        ):  # BytesIO stops at the start; files refuse
            with pytest.raises(ValueError, match="before the start"):
                file.seek(-1)
            file.seek(0)
        else:
            assert file.seek(offset, whence) == expected
        assert file.read(size) == model.read(size)
        assert file.tell() == model.tell()


def test_a_buffered_reader_works_on_top():
    lines = b"".join(b"line %d\n" % number for number in range(30_000))
    file = io.BufferedReader(SeekableReader.open(BytesSource(whole_file(lines)), [ALICE]), 65536)
    assert b"".join(file) == lines
    with file:
        file.seek(-12, io.SEEK_END)
        assert file.read() == lines[-12:]


def test_a_small_range_reads_at_most_two_segments():
    source = BytesSource(FILE)
    reader = SeekableReader.open(source, [ALICE])
    before = source.read
    reader.seek(7 * SEGMENT - 5)
    assert reader.read(SEGMENT) == PLAIN[7 * SEGMENT - 5 : 8 * SEGMENT - 5]
    assert source.read - before == 2 * CIPHER_SEGMENT


def test_what_was_read_lately_is_not_read_again_and_memory_stays_small():
    source = BytesSource(FILE)
    reader = SeekableReader.open(source, [ALICE])
    reader.read(100)
    before = source.read
    reader.seek(50)
    assert reader.read(100) == PLAIN[50:150]
    assert source.read == before
    for segment in range(40):
        reader.seek(segment * SEGMENT + 9)
        reader.read(1)
    assert len(reader._cache) == CACHED_SEGMENTS


def test_the_header_may_be_kept_elsewhere():
    reader = SeekableReader(BytesSource(body(PLAIN, KEYS)), Header(KEYS), header_bytes=0)
    reader.seek(100_000)
    assert reader.read(10) == PLAIN[100_000:100_010]


def test_nobody_else_opens_it():
    with pytest.raises(NoKeyFits):
        SeekableReader.open(BytesSource(FILE), [BOB])


def test_damage_is_named_by_its_offset_and_other_segments_can_be_read():
    damaged = bytearray(FILE)
    header_bytes = len(FILE) - len(body(PLAIN, KEYS))
    damaged[header_bytes + 3 * CIPHER_SEGMENT + 77] ^= 4
    reader = SeekableReader.open(BytesSource(bytes(damaged)), [ALICE])
    reader.seek(3 * SEGMENT + 10)
    with pytest.raises(Unverified, match=f"byte {header_bytes + 3 * CIPHER_SEGMENT}: "):
        reader.read(10)
    reader.seek(4 * SEGMENT)
    assert reader.read(10) == PLAIN[4 * SEGMENT : 4 * SEGMENT + 10]


def test_a_file_that_was_cut_is_refused():
    with pytest.raises(Malformed, match="byte 4000: the file ends within the Crypt4GH header"):
        read_header(
            BytesSource(whole_file(b"", readers=[ALICE] * 1, keys=[data_key(n) for n in range(60)])[:4000])
        )
    with pytest.raises(Malformed, match="the last segment has 20 bytes"):
        SeekableReader.open(BytesSource(whole_file(some_bytes(100))[:144]), [ALICE])


def test_a_source_that_shrinks_is_noticed():
    source = BytesSource(FILE)
    reader = SeekableReader.open(source, [ALICE])
    source.data = FILE[:100_000]
    with pytest.raises(Malformed, match="byte 100000: the file ends here"):
        reader.read(SIZE)
