"""`GET /archive/v1/files`: a provider sees where its own files stand, and nothing that tells of others'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.types import Scope
from tests.archive_kit import STORED, Recorded, records, upload
from tests.unit.kernel.http.asgi_call import call

from opengdi.apps.migrations import migrate
from opengdi.apps.process import Part, Process, assemble
from opengdi.apps.settings import Settings
from opengdi.archive.api import LONGEST_PAGE, archive_routes
from opengdi.archive.model import NOT_KNOWN, Judgement
from opengdi.archive.service import ArchiveService
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.principal import Duty, Principal, Role

PRINCIPALS = {
    b"lab": Principal("key:lab", duties=frozenset({Duty(Role.PROVIDER, "lab")}), logged_in=True),
    b"other": Principal("key:other", duties=frozenset({Duty(Role.PROVIDER, "other")}), logged_in=True),
    b"reader": Principal("reader", logged_in=True),
    b"": Principal("anonymous:x"),
}


def identify(scope: Scope) -> Principal:
    token = dict(scope["headers"]).get(b"authorization", b"").removeprefix(b"Bearer ")
    if token not in PRINCIPALS:
        raise NotAuthenticated("unknown token")
    return PRINCIPALS[token]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Recorded]:
    engine = open_engine(tmp_path / "state.sqlite")
    migrate(engine)
    yield records(engine, FixedClock())
    engine.dispose()


@pytest.fixture
def process(kept: Recorded) -> Process:
    service = ArchiveService(
        kept.registry, ingest_on_upload=True, begin=lambda: None, beside=kept.companions.of
    )
    return assemble("node", Settings(), FixedClock(), [Part(routes=archive_routes(service, identify))])


@pytest.fixture
def get(process: Process):
    async def ask(path: str, token: str = "lab"):
        headers = [("authorization", f"Bearer {token}")] if token else []
        return await call(process.public, f"/archive/v1{path}", headers=headers)

    return ask


def ready(kept: Recorded, name: str, path: str, provider: str = "lab") -> str:
    file = kept.registry.receive(upload(name, path, provider), submit=True)
    kept.registry.deposit(file.id, STORED, header=b"h", chunk_hashes=b"", actor="node:archive")
    return file.id


async def test_a_ready_file_is_told_with_its_checksums_and_its_way(kept: Recorded, get) -> None:
    id_ = ready(kept, "u1", "run/a.bam")
    told = (await get(f"/files/{id_}")).json
    events = told.pop("events")
    assert told == {
        "fileId": id_,
        "filePath": "run/a.bam",
        "version": 1,
        "state": "ready",
        "uploadedBytes": 1152,
        "created": "2026-01-01T00:00:00+00:00",
        "changed": "2026-01-01T00:00:00+00:00",
        "datasets": [],
        "format": "BAM",
        "index": "bai",
        "size": 1028,
        "decryptedSize": 1000,
        "checksums": [
            {"of": "archived", "type": "sha256", "checksum": "1" * 64},
            {"of": "unencrypted", "type": "sha256", "checksum": "2" * 64},
            {"of": "uploaded", "type": "sha256", "checksum": "3" * 64},
        ],
    }
    assert [event["state"] for event in events][-2:] == ["verified", "ready"]
    assert all(event.keys() == {"state", "at"} for event in events)


@pytest.mark.parametrize("why, told", [("the file is not sorted", "the file is not sorted"), ("", NOT_KNOWN)])
async def test_a_file_that_cannot_be_served_by_region_says_why(
    kept: Recorded, get, why: str, told: str
) -> None:
    file = kept.registry.receive(upload("u1", "a.bam"), submit=True)
    bare = replace(STORED, index="", without_index=why)
    kept.registry.deposit(file.id, bare, header=b"h", chunk_hashes=b"", actor="node:archive")
    answer = (await get(f"/files/{file.id}")).json
    assert (answer["format"], answer["withoutIndex"]) == ("BAM", told)
    assert "index" not in answer


async def test_an_index_that_was_sent_is_told_with_the_file_it_lies_beside(kept: Recorded, get) -> None:
    index, data = ready(kept, "u1", "a.bam.bai"), ready(kept, "u2", "a.bam")
    check = {"indexFileId": index, "indexPath": "a.bam.bai", "fileId": data, "filePath": "a.bam"}
    assert (await get(f"/files/{data}")).json["indexChecks"] == [check | {"check": "pending"}]
    (pair,) = kept.companions.pending()
    kept.companions.judged(pair, Judgement.WRONG, "it is damaged")
    wrong = [check | {"check": "wrong", "note": "it is damaged"}]
    for file in (await get("/files")).json["files"]:
        assert file["indexChecks"] == wrong


async def test_no_md5_is_claimed_that_was_not_computed(kept: Recorded, get) -> None:
    """Peers give the store's ETag for an MD5."""
    told = (await get(f"/files/{ready(kept, 'u1', 'a')}")).json
    assert {checksum["type"] for checksum in told["checksums"]} == {"sha256"}


async def test_a_fault_of_the_providers_is_told_in_words_and_one_of_ours_is_not(kept: Recorded, get) -> None:
    faulty = kept.registry.receive(upload("u1", "a"), submit=True).id
    kept.registry.fail(faulty, "byte 124: a segment does not decrypt", "node:archive")
    ours = kept.registry.receive(upload("u2", "b"), submit=True).id
    kept.registry.postpone(ours, 1, "s3://secret-bucket does not answer", None, actor="node:archive")
    told = (await get(f"/files/{faulty}")).json
    assert (told["state"], told["reason"]) == ("error", "byte 124: a segment does not decrypt")
    answer = await get(f"/files/{ours}")
    assert (answer.json["state"], answer.json["isStalled"]) == ("submitted", True)
    assert b"secret-bucket" not in answer.body


async def test_files_come_by_pages(kept: Recorded, get) -> None:
    ids = [ready(kept, f"u{number}", f"f{number}") for number in range(5)]
    told, token = [], ""
    while token is not None:
        page = (await get(f"/files?pageSize=2{token}")).json
        told += [file["fileId"] for file in page["files"]]
        token = f"&pageToken={page['nextPageToken']}" if "nextPageToken" in page else None
    assert told == ids


async def test_files_are_found_by_path_and_state(kept: Recorded, get) -> None:
    one = ready(kept, "u1", "run 1/a+b.bam")
    kept.registry.receive(upload("u2", "b"), submit=True)
    for query in ("path=run%201/a%2Bb.bam", "state=ready"):
        assert [file["fileId"] for file in (await get(f"/files?{query}")).json["files"]] == [one]


async def test_another_providers_file_is_told_like_one_that_is_not_there(kept: Recorded, get) -> None:
    theirs = ready(kept, "u1", "a", provider="other")
    absent, odd = await get("/files/GDIF-EE-9999999999"), await get("/files/nonsense")
    foreign = await get(f"/files/{theirs}")
    for answer in (absent, foreign, odd):
        assert answer.status == 404
        told = answer.json
        assert (told.pop("requestId"), told)[1] == {
            "type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is no such resource."
        }  # fmt: skip
    assert (await get("/files")).json == {"files": []}
    for after in (theirs, "GDIF-EE-9999999999"):
        assert (await get(f"/files?pageToken={after}")).json == {"files": []}


@pytest.mark.parametrize("path", ["/files", "/files/GDIF-EE-0000000001", "/files/GDIF-EE-9999999999"])
async def test_who_is_unknown_or_submits_nothing_learns_nothing(kept: Recorded, get, path: str) -> None:
    ready(kept, "u1", "a")
    assert [(await get(path, token)).status for token in ("", "guessed", "reader")] == [401, 401, 403]


@pytest.mark.parametrize(
    "query, said",
    [
        ("pageSize=0", "pageSize"),
        (f"pageSize={LONGEST_PAGE + 1}", "from 1 to"),
        ("pageSize=-1", "pageSize"),
        ("pageSize=%D9%A3", "pageSize"),
        ("pageSize=99999999999999999999", "pageSize"),
        ("pageSize=0000000009999", "pageSize"),
        (f"pageSize={'0' * 5000}1", "pageSize"),
        ("pageToken=7", "file id"),
        ("state=lost", "known are uploaded"),
        ("provider=other", "'provider' is not known"),
    ],
)
async def test_a_question_that_is_not_understood_is_refused_with_the_reason(
    get, query: str, said: str
) -> None:
    answer = await get(f"/files?{query}")
    assert answer.status == 400
    assert said in answer.json["detail"]
