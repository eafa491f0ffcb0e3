"""Accessions of files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.errors import Invalid
from opengdi.kernel.ids import FILE_NUMBERS, file_id, numbered_file_id


@given(st.integers(0, FILE_NUMBERS - 1))
def test_a_numbered_accession_is_one(number: int) -> None:
    made = numbered_file_id("EE", number)
    assert file_id(made) == made
    assert int(made[-10:]) == number


@pytest.mark.parametrize(
    "text", ["", "GDIF-EE-123", "GDIF-ee-0123456789", "GDIF-EE-0123456789\n", "EGAF00000000001"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="must be like GDIF-EE-0123456789"):
        file_id(text)


@pytest.mark.parametrize("number", [-1, FILE_NUMBERS])
def test_a_number_out_of_range_is_a_defect_of_the_caller(number: int) -> None:
    with pytest.raises(ValueError, match="is not within"):
        numbered_file_id("EE", number)
