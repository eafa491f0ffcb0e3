"""Answers put together from segments: what a reader of the field makes of them."""

from __future__ import annotations

import io
import os
import random
from itertools import pairwise

import crypt4gh.lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.htsget_kit import READER

from opengdi.delivery.htsget.answers import Answer
from opengdi.delivery.htsget.composition import (
    MOST_RANGES,
    Composition,
    Copied,
    as_stored,
    filled,
    fresh,
    in_clear,
    with_edit_list,
)
from opengdi.delivery.htsget.pins import Pins
from opengdi.delivery.htsget.source import Source
from opengdi.kernel.keys import Secret
from opengdi.standards.bgzf.blocks import END_OF_FILE, block_size, inflate
from opengdi.standards.bgzf.writing import deflate_blocks
from opengdi.standards.crypt4gh import (
    CIPHER_SEGMENT,
    SEGMENT,
    EditList,
    open_header,
    plain_size,
)
from opengdi.standards.htsget.planning import Literal, Piece, Stretch
from opengdi.testing.delivery import MemoryFiles

_RANDOM = random.Random(5)
CONTENT = _RANDOM.randbytes(7 * SEGMENT + 1234)
BLOCKS = (
    b"".join(deflate_blocks(_RANDOM.randbytes(_RANDOM.randint(100, 60_000))) for _ in range(20)) + END_OF_FILE
)


async def source_of(content: bytes, edit_list: EditList | None = None, data_keys: int = 2) -> Source:
    files = MemoryFiles()
    file = files.hold("F", content, data_keys=data_keys, edit_list=edit_list)
    return await Source.open(files, file)


def answer_of(source: Source, composition: Composition) -> Answer:
    pin = Pins(Secret(b"x" * 32)).pin(os.urandom(8))
    header = composition.header
    return Answer(source, composition, pin, pin.sealed_header(header, READER.public) if header else b"")


async def streamed(answer: Answer, first: int = 0, stop: int | None = None) -> bytes:
    stop = answer.size if stop is None else stop
    return b"".join([bytes(piece) async for piece in answer.stream(first, stop)])


def decrypted(answer: Answer, body: bytes) -> bytes:
    """What the reference reader makes of it."""
    plain = io.BytesIO()
    crypt4gh.lib.decrypt([(0, READER.reveal(), None)], io.BytesIO(answer.sealed_header + body), plain)
    return plain.getvalue()


def expected(content: bytes, pieces: list[Piece]) -> bytes:
    return b"".join(
        piece.data if isinstance(piece, Literal) else content[piece.first : piece.stop] for piece in pieces
    )


@st.composite
def some_pieces(draw: st.DrawFn, size: int, step: int = 1) -> list[Piece]:
    """Stretches in order, and literals between them."""
    borders = sorted(set(draw(st.lists(st.integers(0, size // step), max_size=8))))
    pieces: list[Piece] = []
    for before, after in list(pairwise(borders))[::2]:
        if draw(st.booleans()):
            pieces.append(Literal(bytes([draw(st.integers(0, 255))]) * draw(st.integers(1, 70_000))))
        pieces.append(Stretch(before * step, after * step))
    if draw(st.booleans()):
        pieces.append(Literal(END_OF_FILE))
    return pieces


edit_lists = st.lists(st.integers(1, 150_000), min_size=1, max_size=9).map(tuple).map(EditList)
FEW = settings(max_examples=40)


@FEW
@given(some_pieces(len(CONTENT)))
async def test_in_clear_it_is_the_pieces(pieces):
    answer = answer_of(await source_of(CONTENT), in_clear(pieces))
    assert await streamed(answer) == expected(CONTENT, pieces)


@FEW
@given(some_pieces(len(CONTENT)))
async def test_under_a_fresh_key_it_is_the_pieces(pieces):
    source = await source_of(CONTENT)
    answer = resealed(answer_of(source, in_clear([])), lambda key: fresh(pieces, key))
    body = await streamed(answer)
    assert len(body) == answer.size
    assert decrypted(answer, body) == expected(CONTENT, pieces)
    assert len(answer.composition.header.data_keys) == 1


def resealed(answer: Answer, make) -> Answer:
    """The answer with the composition that `make` gives for its own key."""
    composition = make(answer.pin.data_key)
    header = answer.pin.sealed_header(composition.header, READER.public)
    return Answer(answer.source, composition, answer.pin, header)


@FEW
@given(some_pieces(len(CONTENT)))
async def test_with_an_edit_list_it_is_the_pieces_but_for_small_gaps(pieces):
    source = await source_of(CONTENT)
    answer = resealed(answer_of(source, in_clear([])), lambda key: with_edit_list(source.stored, pieces, key))
    body = await streamed(answer)
    assert_segments_are_whole(answer, body)
    assert decrypted(answer, body) == expected(CONTENT, closed(pieces))


@FEW
@given(edit_lists, st.data())
async def test_an_edit_list_that_is_there_already_is_composed(edits, data):
    seen = b"".join(CONTENT[start:stop] for start, stop in edits.kept_within(0, len(CONTENT)))
    pieces = data.draw(some_pieces(len(seen)))
    source = await source_of(CONTENT, edits)
    answer = resealed(answer_of(source, in_clear([])), lambda key: with_edit_list(source.stored, pieces, key))
    body = await streamed(answer)
    assert_segments_are_whole(answer, body)
    assert decrypted(answer, body) == expected(seen, closed(pieces))
    assert await streamed(answer_of(source, in_clear(pieces))) == expected(seen, pieces)


def closed(pieces: list[Piece]) -> list[Piece]:
    """Gaps between stretches of up to a segment closed, which sends no segment more."""
    found: list[Piece] = []
    for piece in pieces:
        held = found[-1] if found else None
        if isinstance(piece, Stretch) and isinstance(held, Stretch) and piece.first - held.stop <= SEGMENT:
            found[-1] = Stretch(held.first, piece.stop)
        else:
            found.append(piece)
    return found


def assert_segments_are_whole(answer: Answer, body: bytes) -> None:
    """Every segment but the last has 65564 bytes: each opens with a key of the header, at its place."""
    header = open_header(answer.sealed_header, [READER]).header
    assert len(body) == answer.size
    for output in answer.composition.outputs[:-1]:
        assert output.size % CIPHER_SEGMENT == 0
    assert header == answer.composition.header


def block_pieces(places: list[tuple[int, int]]) -> list[Piece]:
    """Stretches of whole blocks of BLOCKS."""
    borders = [0]
    while borders[-1] < len(BLOCKS):
        borders.append(borders[-1] + block_size(BLOCKS[borders[-1] :]))
    return [Stretch(borders[a % len(borders)], borders[b % len(borders)]) for a, b in places]


@FEW
@given(st.lists(st.integers(0, 20), min_size=2, max_size=6, unique=True).map(sorted), st.booleans())
async def test_filled_segments_inflate_to_the_same_without_an_edit_list(borders, with_header):
    pieces = [p for p in block_pieces(list(pairwise(borders))[::2]) if p.size]
    pieces = [*([Literal(deflate_blocks(b"header"))] if with_header else []), *pieces, Literal(END_OF_FILE)]
    source = await source_of(BLOCKS)
    answer = resealed(answer_of(source, in_clear([])), lambda key: filled(source.stored, pieces, key))
    body = await streamed(answer)
    assert answer.composition.header.edit_list is None
    assert_segments_are_whole(answer, body)
    assert inflated(decrypted(answer, body)) == inflated(expected(BLOCKS, pieces))


def inflated(data: bytes) -> bytes:
    found = []
    while data:
        size = block_size(data)
        found.append(inflate(data[:size]))
        data = data[size:]
    return b"".join(found)


async def test_filled_and_edited_answers_copy_inner_segments_as_they_are():
    source = await source_of(BLOCKS)
    [whole] = block_pieces([(1, 19)])
    for make in (filled, with_edit_list):
        composition = make(source.stored, [whole], answer_of(source, in_clear([])).pin.data_key)
        assert sum(out.size for out in composition.outputs if isinstance(out, Copied)) > len(BLOCKS) // 2


async def test_a_key_of_the_file_is_given_only_with_segments_of_the_file():
    source = await source_of(BLOCKS)
    key = answer_of(source, in_clear([])).pin.data_key
    small = block_pieces([(1, 2)])
    assert filled(source.stored, small, key).header.data_keys == (key,)
    assert fresh(block_pieces([(0, 20)]), key).header.data_keys == (key,)


async def test_many_small_ranges_become_few_enough_for_every_reader():
    source = await source_of(CONTENT * 40)
    pieces: list[Piece] = [Stretch(at, at + 10) for at in range(0, 200 * 80_000, 80_000)]
    composition = with_edit_list(source.stored, pieces, answer_of(source, in_clear([])).pin.data_key)
    assert len(composition.header.edit_list.lengths) <= 2 * MOST_RANGES


@FEW
@given(some_pieces(len(CONTENT)), st.data())
async def test_any_span_of_an_answer_is_that_span_of_the_whole(pieces, data):
    source = await source_of(CONTENT)
    base = answer_of(source, in_clear(pieces))
    for answer in (
        base,
        resealed(base, lambda key: fresh(pieces, key)),
        resealed(base, lambda key: with_edit_list(source.stored, pieces, key)),
    ):
        whole = await streamed(answer)
        first = data.draw(st.integers(0, answer.size))
        stop = data.draw(st.integers(first, answer.size))
        assert await streamed(answer, first, stop) == whole[first:stop]


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT])
async def test_a_whole_file_is_its_body_with_a_new_header(size):
    source = await source_of(CONTENT[:size])
    answer = answer_of(source, as_stored(source.stored))
    body = await streamed(answer)
    assert len(body) == source.file.body_bytes
    assert plain_size(len(body)) == size
    assert decrypted(answer, body) == CONTENT[:size] if size else answer.size == 0


def test_the_same_answer_has_the_same_header_key_and_nonces_and_another_has_others():
    pins = Pins(Secret(b"x" * 32))
    one, same, other = pins.pin(b"a", b"bc"), pins.pin(b"a", b"bc"), pins.pin(b"ab", b"c")
    header = fresh([], one.data_key).header
    assert one.sealed_header(header, READER.public) == same.sealed_header(header, READER.public)
    assert one.sealed_header(header, READER.public) != other.sealed_header(header, READER.public)
    assert one.data_key == same.data_key != other.data_key
    assert one.etag == same.etag != other.etag
    assert Pins(Secret(b"y" * 32)).pin(b"a", b"bc").data_key != one.data_key
    assert one.nonces(0, 2) == one.nonces(0, 1) + one.nonces(1, 1)
