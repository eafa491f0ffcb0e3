"""Whatever is sent to the API is answered by JSON and a status below 500; the form is served with a strict policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.onboarding_kit import OPERATOR, ORGANISATIONS, PEOPLE, REGISTRATION, Hub, a_hub

from opengdi.access.organisations.commands import ORGANISATION_COMMANDS, PERSON_COMMANDS

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
members = st.dictionaries(
    st.sampled_from(
        ["name", "subject", "organisation", "document", "version", "sha256", "code", "reason", "until"]
    ),
    json_values,
    max_size=6,
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with a_hub(Path(tmp_path_factory.mktemp("hub")) / "hub.sqlite") as hub:
        hub.told("POST", ORGANISATIONS, "official", REGISTRATION)
        yield hub


paths = st.one_of(
    st.sampled_from([ORGANISATIONS, PEOPLE, "/access/v1/documents", "/access/v1/signatures/call"]),
    st.builds(
        "{}/{}/commands/{}".format,
        st.just(ORGANISATIONS),
        st.sampled_from(["GDIO-0000000001", "x", "é"]),
        st.sampled_from([*ORGANISATION_COMMANDS, "x"]),
    ),
    st.builds(
        "{}/{}/commands/{}".format,
        st.just(PEOPLE),
        st.sampled_from(["one", "..%2f", "a b"]),
        st.sampled_from(list(PERSON_COMMANDS)),
    ),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths, st.sampled_from([None, "stranger", OPERATOR, "official"]), members | json_values)
def test_no_request_is_too_strange(hub: Hub, path: str, who: str | None, body: object):
    answer = hub.do("POST", quote(path, safe="/%"), who, body)
    assert answer.status_code < 500
    assert answer.json() is not None


@pytest.mark.parametrize(
    "query",
    [
        "state=dead",
        "limit=0",
        "limit=x",
        "after=x",
        "after=2026-12-01T00:00:00",
        "colour=red",
        "limit=%C2%B2",
    ],
)
def test_a_wrong_question_is_said_to_be_wrong(hub: Hub, query: str):
    assert hub.do("GET", f"{ORGANISATIONS}?{query}", OPERATOR).status_code == 400
