"""Whatever is sent to `/api` is answered by JSON and a status below 500."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.applications_kit import RESEARCHER
from tests.rems_kit import RemsHub, a_rems_hub

from opengdi.apps.migrations import migrate
from opengdi.kernel.database import open_engine

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "application-id", "catalogue-item-ids", "field-values", "accepted-licenses", "member", "comment", "userid",
    "name", "email", "resid", "organization/id", "form/internal-name", "title", "duo-codes",
]  # fmt: skip
bodies = st.dictionaries(st.sampled_from(NAMES), json_values | st.just(1) | st.just([1]), max_size=6)
COMMANDS = [
    "create", "save-draft", "submit", "validate", "accept-licenses", "invite-member", "uninvite-member",
    "remove-member", "copy-as-new", "change-resources", "close", "remark", "delete", "accept-invitation", "x",
]  # fmt: skip
MADE = ["users", "organizations", "forms", "workflows", "resources", "catalogue-items"]
READ = [
    "/my-applications", "/applications", "/applications/1", "/applications/x", "/entitlements", "/jwk",
    "/permissions/researcher", "/catalogue-items", "/resources/99", "/forms/1", "/workflows/0", "/organizations/é",
    "/applications/attachment/1", "/audit-log", "/licenses", "/applications/99999999999",
]  # fmt: skip


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemsHub]:
    folder = Path(tmp_path_factory.mktemp("hub"))
    engine = open_engine(folder / "hub.sqlite")
    migrate(engine)
    hub = a_rems_hub(engine, folder)
    asyncio.run(hub.client(user=RESEARCHER).get("/catalogue-items"))
    yield hub
    engine.dispose()


users = st.sampled_from(["", RESEARCHER, "rems-bot", "stranger", "é"])
keys = st.sampled_from(["key-of-ams", "key-of-sync", "key-of-reporter", "", "no-key"])
paths = st.one_of(
    st.builds("/applications/{}".format, st.sampled_from(COMMANDS)),
    st.builds("/{}/create".format, st.sampled_from(MADE)),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths, keys, users.filter(str.isascii), bodies | json_values)
def test_no_post_is_too_strange(hub: RemsHub, path: str, key: str, user: str, body: object):
    answer = asyncio.run(hub.client(key, user).ask("POST", path, json=body))
    assert answer.status_code < 500
    assert answer.json() is not None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(READ),
    keys,
    users.filter(str.isascii),
    st.dictionaries(st.sampled_from(["user", "expired", "resource", "resid"]), st.text(max_size=9)),
)
def test_no_question_is_too_strange(hub: RemsHub, path: str, key: str, user: str, query: dict[str, str]):
    answer = asyncio.run(hub.client(key, user).ask("GET", quote(path), params=query))
    assert answer.status_code < 500 or answer.status_code == 501
    assert answer.json() is not None
