"""A compact JWS has one spelling, and its JSON one value for each name."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.faults import Malformed
from opengdi.standards.jws import from_base64url, read_compact, read_object, to_base64url, write_compact


@given(st.binary(max_size=100), st.binary(max_size=80))
def test_what_is_written_is_read(payload: bytes, signature: bytes) -> None:
    token = write_compact({"alg": "ES256", "kid": "ü"}, payload, lambda _: signature)
    read = read_compact(token)
    assert (read.payload, read.signature, dict(read.header)) == (
        payload,
        signature,
        {"alg": "ES256", "kid": "ü"},
    )
    assert read.signed.decode() == token.rpartition(".")[0]


@given(st.text(max_size=40))
def test_a_text_is_base64url_in_one_way_or_not_at_all(text: str) -> None:
    with contextlib.suppress(Malformed):
        assert to_base64url(from_base64url(text)) == text


@pytest.mark.parametrize("text", ["YQ==", "YR", "Y", "+/+/", "YW\n", " YW", "YWJj.", "ä"])
def test_another_spelling_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        from_base64url(text)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c.d", "e30.e30", "e30.e30.e30.", "..", "ä.e30.e30"])
def test_what_has_not_three_parts_is_malformed(token: str) -> None:
    with pytest.raises(Malformed):
        read_compact(token)


def test_a_token_that_is_too_long_is_not_even_looked_at() -> None:
    with pytest.raises(Malformed, match="10 are taken"):
        read_compact("e30.e30.e30", longest=10)
    with pytest.raises(Malformed, match="header has"):
        read_compact(f"{to_base64url(b'{' + b' ' * 4000 + b'}')}.e30.e30")


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}', b'{"a":{"b":1,"b":2}}', b'[{"a":1,"a":2}]', b'{"a":NaN}', b'{"a":-Infinity}', b"[]", b"null",
        b'"a"', b"", b"{", b'{"a":1}x', b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b'{"a":"\xff"}',
        b"[" * 100_000, b'{"a":' * 17 + b"1" + b"}" * 17, b'{"a":' + b"1" * 5000 + b"}",
    ],
)  # fmt: skip
def test_what_two_readers_might_see_differently_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        read_object(text, "this")


def test_depth_up_to_the_limit_is_read() -> None:
    assert read_object(b'{"a":' * 16 + b"1" + b"}" * 16, "this")


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    with contextlib.suppress(Malformed):
        read_object(content, "this")
