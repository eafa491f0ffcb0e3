"""Identifiers that cross a border."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.errors import Invalid
from opengdi.kernel.ids import country_code, dataset_id


@pytest.mark.parametrize("text", ["GDI-EE-UTARTU-20260409143052837", "GOE-FI-THL-1"])
def test_a_published_form_is_accepted(text):
    assert dataset_id(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "GDI-EE-UTARTU-", "gdi-ee-utartu-1", "EGAD00001", "GDI-EST-X-1", "GDI-EE-X-1\n", "GDI-EE-X-1/.."],
)
def test_another_form_is_refused_and_named(text):
    with pytest.raises(Invalid) as caught:
        dataset_id(text)
    assert repr(text) in str(caught.value)


@given(st.text())
def test_whatever_the_pattern_an_id_is_safe_as_a_file_name(text):
    try:
        accepted = dataset_id(text, pattern=".*")
    except Invalid:
        return
    assert accepted
    assert not set(accepted) & set('/\\\0\n"<>| ')
    assert accepted[0] != "."


@pytest.mark.parametrize("text", ["EE", "FI", "XX"])
def test_a_country_is_two_upper_case_letters(text):
    assert country_code(text) == text


@pytest.mark.parametrize("text", ["", "ee", "EST", "E1", "EE\n", "ÄÖ"])
def test_anything_else_is_no_country(text):
    with pytest.raises(Invalid, match="'EE'"):
        country_code(text)
