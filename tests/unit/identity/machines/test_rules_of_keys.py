"""Keys of programs: their form tells whose they are, and nobody makes one up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.identity.machines.rules import check_terms, id_in, is_for, looks_like_id, secret_of, token_of
from opengdi.kernel.errors import Invalid, NotAuthenticated
from opengdi.kernel.keys import Secret
from opengdi.testing.identity import MASTER, key_id, key_token, program

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ids = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=12, max_size=12)


@given(ids)
def test_a_key_tells_its_id_to_whoever_has_the_master_and_to_nobody_else(id_: str) -> None:
    token = token_of(MASTER, id_)
    assert looks_like_id(id_)
    assert id_in(token, MASTER) == id_
    with pytest.raises(NotAuthenticated):
        id_in(token, Secret(b"another master"))


@given(st.text(max_size=100))
def test_whatever_is_shown_is_a_key_or_none_and_never_an_error_of_ours(text: str) -> None:
    assert id_in(f"x{text}", MASTER) is None
    with pytest.raises(NotAuthenticated):
        id_in(f"gdi_{text}", MASTER)


def test_the_secret_of_one_key_is_not_that_of_another() -> None:
    mixed = f"gdi_{key_id('one')}_{key_token('two')[-52:]}"
    with pytest.raises(NotAuthenticated):
        id_in(mixed, MASTER)
    assert secret_of(MASTER, key_id("one")) != secret_of(MASTER, key_id("two"))


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        (program("a person", "auditor"), "name"),
        (program("", "auditor"), "name"),
        (program("x"), "for nothing"),
        (program("x", "provider"), "provider:<name>"),
        (program("x", "dac-member:ee.dac"), "not for a program"),
        (program("x", "auditor", paths=("s3",)), "path"),
        (program("x", "auditor", paths=("/s3/",)), "path"),
        (program("x", "auditor", paths=("/a/../b",)), "path"),
        (program("x", "auditor", methods=("get",)), "method"),
        (program("x", "auditor", until=NOW), "past"),
    ],
)
def test_what_a_key_cannot_be_for_is_said(terms, why):
    with pytest.raises(Invalid, match=why):
        check_terms(terms, NOW)


def test_what_a_key_can_be_for_is_taken():
    terms = program("upload-1", "provider:lab", paths=("/s3",), until=NOW + timedelta(days=1))
    check_terms(terms, NOW)
    check_terms(program("portal", registered=True), NOW)


@pytest.mark.parametrize(
    ("method", "path", "holds"),
    [
        ("GET", "/s3", True),
        ("HEAD", "/s3/lab", True),
        ("GET", "/s3x", False),
        ("GET", "/", False),
        ("POST", "/s3", False),
    ],
)
def test_a_key_is_for_its_paths_and_methods(method, path, holds):
    assert is_for(program("x", "auditor", paths=("/s3",), methods=("GET",)), method, path) is holds
    assert is_for(program("x", "auditor"), method, path)
    assert is_for(program("x", "auditor", paths=("/",)), method, path)
