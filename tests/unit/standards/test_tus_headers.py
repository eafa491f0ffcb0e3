"""What tus headers say, and what they may not."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards import tus
from opengdi.standards.faults import Malformed
from opengdi.standards.http_date import http_date

KEYS = st.text("abcXYZ-_.09", min_size=1, max_size=10)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_metadata_come_back_as_they_were_written(values):
    assert tus.read_metadata(tus.write_metadata(values)) == values


def test_a_key_without_a_value_has_an_empty_one():
    assert tus.read_metadata("is_confidential,filename d29ybGQ=") == {
        "is_confidential": "",
        "filename": "world",
    }


@pytest.mark.parametrize(
    "text", ["a !!", "a YQ==,a YQ==", "ä YQ==", "a " + base64.b64encode(b"\xff").decode()]
)
def test_metadata_that_break_the_rules_are_malformed(text):
    with pytest.raises(Malformed, match="Upload-Metadata"):
        tus.read_metadata(text)


@pytest.mark.parametrize("text", [None, "", "-1", "1.0", "²", "0x1", "9" * 19 + "9", str(2**63)])
def test_a_number_that_is_none_is_malformed(text):
    with pytest.raises(Malformed, match="Upload-Offset"):
        tus.read_number("Upload-Offset", text)


def test_a_checksum_is_read():
    assert tus.read_checksum("sha1 MTIz") == tus.Checksum("sha1", b"123")
    assert tus.read_checksum(None) is None
    with pytest.raises(Malformed, match="crc99"):
        tus.read_checksum("crc99 MTIz")


def test_a_final_upload_names_its_parts_by_address_or_path():
    read = tus.read_concatenation("final;/uploads/v1/a https://node.example/uploads/v1/b")
    assert read == tus.Concatenation(is_final=True, paths=("/uploads/v1/a", "/uploads/v1/b"))
    assert tus.read_concatenation("partial") == tus.Concatenation(is_final=False)


@pytest.mark.parametrize("text", ["final;", "final", "partial;a", "both", "final;http://[a"])
def test_another_concatenation_is_malformed(text):
    with pytest.raises(Malformed, match="Upload-Concat"):
        tus.read_concatenation(text)


@given(st.text(max_size=60))
def test_any_header_is_understood_or_malformed(text):
    for read in (
        tus.read_metadata,
        tus.read_checksum,
        tus.read_concatenation,
        lambda value: tus.read_number("n", value),
    ):
        try:
            read(text)
        except Malformed:
            continue


def test_moments_are_written_as_http_wants_them():
    assert http_date(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "Fri, 02 Jan 2026 03:04:05 GMT"
