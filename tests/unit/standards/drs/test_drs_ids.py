"""Ids of DRS objects in paths and URIs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.drs.ids import (
    LONGEST_ID,
    escape_id,
    portable_name,
    read_uri,
    self_uri,
    unescape_id,
)
from opengdi.standards.faults import Malformed

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(IDS)
def test_every_id_survives_its_escape(object_id):
    escaped = escape_id(object_id)
    assert re.fullmatch(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+", escaped)
    assert unescape_id(escaped) == object_id


def test_slashes_and_colons_do_not_stay():
    assert escape_id("https://doi.org/10.5/a~b") == "https%3A%2F%2Fdoi.org%2F10.5%2Fa~b"


@given(IDS)
def test_a_uri_names_its_host_and_id(object_id):
    uri = self_uri("drs.example.org", object_id)
    assert uri.startswith("drs://drs.example.org/")
    assert uri.count(":") == 1
    assert read_uri(uri) == ("drs.example.org", object_id)


@pytest.mark.parametrize("host", ["", "drs.example.org:8080", "a/b", "-a", "a b", "a\n"])
def test_a_uri_has_a_host_name_and_no_port(host):
    with pytest.raises(Malformed):
        self_uri(host, "1")


@pytest.mark.parametrize("segment", ["%", "%4", "%zz", "%ff", "", "a" * (LONGEST_ID + 1)])
def test_a_broken_id_is_malformed(segment):
    with pytest.raises(Malformed):
        unescape_id(segment)


@pytest.mark.parametrize(
    "uri", ["", "drs://", "drs://host", "drs://host/", "https://host/1", "drs://host/a/b", "drs://ns:314159"]
)
def test_what_is_no_hostname_uri_is_malformed(uri):
    with pytest.raises(Malformed):
        read_uri(uri)


@given(st.text(max_size=60))
def test_any_text_is_a_uri_or_malformed(text):
    try:
        host, object_id = read_uri(text)
    except Malformed:
        return
    assert host
    assert object_id


@given(st.text(max_size=60))
def test_a_name_is_portable(name):
    assert re.fullmatch(r"[A-Za-z0-9._-]+", portable_name(name))


def test_a_name_is_the_last_part_of_a_path():
    assert portable_name("samples/NA 12878.bam") == "NA_12878.bam"
