"""The first part of an upload tells whether we can open it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.encrypted_uploads import data_key, header_for, keyring, private_key, random_bytes

from opengdi.archive.intake import Damaged, WrongKey, check_header
from opengdi.archive.intake.opening import HeaderGate

OURS = keyring()
KEY = data_key()
HEADER = header_for(OURS.current.private.public, [KEY])


@given(st.integers(0, len(HEADER) - 1))
def test_a_first_part_that_ends_within_the_header_tells_nothing_yet(stop: int) -> None:
    assert check_header(HEADER[:stop], OURS) is None


def test_a_first_part_with_the_whole_header_is_opened() -> None:
    opened = check_header(HEADER + random_bytes(1000), OURS)
    assert opened is not None
    assert (opened.raw, list(opened.header.data_keys)) == (HEADER, [KEY])


def test_a_header_for_somebody_else_is_the_wrong_key_and_says_which_is_right() -> None:
    with pytest.raises(WrongKey) as refused:
        check_header(header_for(private_key().public, [KEY]), OURS)
    assert str(OURS.current.private.public) in refused.value.public


@pytest.mark.parametrize("first", [b"BAM\x01 is not encrypted", b"crypt4gh\x02\0\0\0\x01\0\0\0", b"\x1f\x8b"])
def test_what_is_not_crypt4gh_is_damaged_at_once(first: bytes) -> None:
    with pytest.raises(Damaged, match=r"byte \d+:"):
        check_header(first, OURS)


@given(st.lists(st.integers(0, len(HEADER) + 50), max_size=10))
def test_pieces_split_anywhere_give_header_and_rest(cuts: list[int]) -> None:
    upload, gate = HEADER + bytes(50), HeaderGate(OURS)
    ends = [0, *sorted(cuts), len(upload)]
    fed = 0
    for start, stop in itertools.pairwise(ends):
        fed = stop
        if gate.feed(upload[start:stop]) is not None:
            break
    assert gate.rest == upload[len(HEADER) : fed]


@given(st.binary(max_size=300))
def test_any_bytes_are_more_wanted_or_the_providers_fault(first: bytes) -> None:
    try:
        check_header(first, OURS)
    except (Damaged, WrongKey):
        return
