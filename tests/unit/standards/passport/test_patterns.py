"""Patterns of conditions: whole texts, `?` and `*`, in time that grows with the text alone."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.passport.patterns import matches, matches_part


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*", ""), ("*", "anything"), ("a?c", "abc"), ("https://*.example.org/*", "https://x.example.org/y"),
        ("**a**", "a"), ("faculty@*", "faculty@example.org"), ("?*", "a"), ("", ""),
    ],
)  # fmt: skip
def test_a_pattern_that_fits(pattern: str, text: str) -> None:
    assert matches(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("?", ""), ("a?c", "ac"), ("abc", "abcd"), ("abc", "xabc"), ("a*c", "acb"), ("[a]", "a"), ("a.c", "abc"),
        ("A*", "abc"), ("", "a"), ("\\*", "*"), ("a" * 256, "a" * 256),
    ],
)  # fmt: skip
def test_a_pattern_that_does_not_fit(pattern: str, text: str) -> None:
    assert not matches(pattern, text)


@given(st.text("ab?*;", max_size=12), st.text("ab;", max_size=20))
def test_it_decides_as_the_regular_expression_of_the_same_meaning(pattern: str, text: str) -> None:
    expression = "".join({"?": ".", "*": ".*"}.get(letter, re.escape(letter)) for letter in pattern)
    assert matches(pattern, text) == bool(re.fullmatch(expression, text, re.DOTALL))


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_breaks_it(pattern: str, text: str) -> None:
    matches(pattern, text)
    matches_part(pattern, text)


def test_a_part_between_semicolons_may_fit_and_the_whole_need_not() -> None:
    assert matches_part("b?", "a1;b2;c3")
    assert not matches_part("a*c*", "a1;c3")


def test_a_pattern_built_to_blow_up_costs_no_more_than_others() -> None:
    began = time.process_time()
    for _ in range(100):
        assert not matches("*a" * 127, "a" * 254 + "b" * 200 + "c" * 2000)
        assert not matches("*a?" * 80 + "b", "a" * 2000)
    assert time.process_time() - began < 5  # about 0.1 s; backtracking would take longer than anybody lives
