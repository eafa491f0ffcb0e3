"""By which address a caller came: what looks like a host is believed, nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.http.origin import origin_of


def scope(host: bytes | None, scheme: str = "https"):
    return {"scheme": scheme, "headers": [] if host is None else [(b"host", host)]}


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"node.example.org", "https://node.example.org"),
        (b"127.0.0.1:8080", "https://127.0.0.1:8080"),
        (b"[::1]:8080", "https://[::1]:8080"),
        (b"evil.org/path", "https://localhost"),
        (b"a b", "https://localhost"),
        (b"node\r\nx", "https://localhost"),
        (b"user@host", "https://localhost"),
        (b"", "https://localhost"),
        (None, "https://localhost"),
    ],
)
def test_the_host_header_is_believed_if_it_is_one(host, origin):
    assert origin_of(scope(host)) == origin


@given(st.binary(max_size=40))
def test_no_host_header_brings_a_path_or_a_line_break_into_an_answer(host):
    assert not set(origin_of(scope(host)).removeprefix("https://")) & set("/?#@ \r\n\"'<>")
