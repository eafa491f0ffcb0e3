"""Addresses that carry their own permission."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.delivery.urls import Grant, UrlSigner
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import NotPermitted
from opengdi.kernel.keys import Secret

LIFETIME_S = 60


def signer(clock=None, key=b"k" * 32):
    return UrlSigner(Secret(key), clock or FixedClock(), LIFETIME_S)


def grant(by, **changes):
    told = Grant("content", "token:ada", "GDIF-XX-0000000001", 0, 100, by.until(), "detail")
    return replace(told, **changes)


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 2**53), st.integers(0, 2**53))
def test_a_grant_is_read_as_it_was_signed(file_id, detail, first, stop):
    one = signer()
    signed = grant(one, file=file_id, detail=detail, first=first, stop=stop)
    text = one.sign(signed)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert one.read(text, "content") == signed


def test_a_grant_ends():
    clock = FixedClock()
    one = signer(clock)
    text = one.sign(grant(one))
    clock.advance(LIFETIME_S - 1)
    assert one.read(text, "content").file == "GDIF-XX-0000000001"
    clock.advance(1)
    with pytest.raises(NotPermitted, match="over"):
        one.read(text, "content")


def test_a_grant_serves_one_purpose_and_one_caller():
    one = signer()
    text = one.sign(grant(one))
    assert one.read(text, "content", bearer="token:ada")
    with pytest.raises(NotPermitted, match="not for whole"):
        one.read(text, "whole")
    with pytest.raises(NotPermitted, match="somebody else"):
        one.read(text, "content", bearer="token:eve")


def test_another_node_signs_otherwise():
    one = signer()
    with pytest.raises(NotPermitted, match="not signed here"):
        signer(key=b"x" * 32).read(one.sign(grant(one)), "content")


@given(st.data())
def test_no_changed_character_is_accepted(data):
    one = signer()
    text = one.sign(grant(one))
    at = data.draw(st.integers(0, len(text) - 2))  # the last one has spare bits
    other = data.draw(st.sampled_from("ABab01-_").filter(lambda letter: letter != text[at]))
    with pytest.raises(NotPermitted):
        one.read(text[:at] + other + text[at + 1 :], "content")


@given(st.text(max_size=80))
def test_no_other_text_is_accepted(text):
    with pytest.raises(NotPermitted):
        signer().read(text, "content")
