from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from opengdi.discovery.beacon.api import query_pairs


@given(st.text(st.sampled_from("ab=&%+;2C,ä\x00 #")) | st.text(st.characters(max_codepoint=255)))
def test_a_query_string_is_read_as_the_standard_library_reads_it(query: str) -> None:
    assert query_pairs(query) == parse_qsl(query, keep_blank_values=True)
