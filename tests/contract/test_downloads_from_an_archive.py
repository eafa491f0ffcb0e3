"""What was taken in encrypted goes out encrypted to somebody else, from a directory and from an S3 server."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.archive_kit import OPERATOR, Recorded, lay_in, records
from tests.encrypted_uploads import keyring, upload_of
from tests.s3 import s3_storage
from tests.sqlite import migrated_engine
from tests.unit.delivery.kit import ADA, BASE, BASE_PATH, DATASET, KEY, Delivering, bearer, decrypted

from opengdi.apps.deliverable import ArchiveFiles
from opengdi.archive.model import UNDECLARED
from opengdi.archive.ports import Received
from opengdi.archive.taking import StoringIntake
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.ids import DatasetId, FileId
from opengdi.kernel.storage import Storage
from opengdi.kernel.storage.directory import DirectoryStorage

PLAIN = random.Random(11).randbytes(3_000_000)
ASKING = bearer(ADA) | KEY


@dataclass
class Held:
    """One archived file and who delivers it."""

    node: Delivering
    kept: Recorded
    id: FileId


@pytest.fixture(params=["directory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "directory":
        return DirectoryStorage(tmp_path / "archive")
    return s3_storage(request.getfixturevalue("s3_server"), request.node.name.partition("[")[0])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = migrated_engine(tmp_path / "state.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
async def held(storage: Storage, engine: Engine, tmp_path: Path) -> Held:
    """Taken in by the archive's one pass, mapped to a dataset and released."""
    clock, keys = FixedClock(), keyring()
    kept = records(engine, clock)
    inbox = DirectoryStorage(tmp_path / "inbox")
    content = b"".join(upload_of(PLAIN, keys.current.private.public, keys=2))
    pieces = await lay_in(inbox, "u1", content)

    async def arriving() -> AsyncIterator[bytes]:
        for piece in pieces:
            async for part in inbox.get(piece.key):
                yield part

    sent = Received("u1", "lab", "samples/a.bin.c4gh", pieces, "token:lab", UNDECLARED)
    file = kept.registry.receive(sent, submit=True)
    found = await StoringIntake(storage, keys).take_in(file, arriving())
    kept.registry.deposit(
        file.id, found.stored, header=found.header, chunk_hashes=found.chunk_hashes, actor=OPERATOR
    )
    kept.mapping.map(DatasetId(DATASET), [file.id], OPERATOR)
    kept.mapping.release(DATASET, OPERATOR)
    files = ArchiveFiles(
        kept.registry, kept.mapping, kept.custody, storage=storage, keyring=keys, clock=clock
    )
    return Held(Delivering(engine, files=files, clock=clock), kept, file.id)  # type: ignore[arg-type]


async def test_a_reader_gets_what_the_provider_encrypted_for_the_node(held: Held) -> None:
    async with held.node.client() as client:
        whole = await client.get(f"{BASE}/files/{held.id}", headers=ASKING)
        assert decrypted(whole.content) == PLAIN
        taken = whole.content[:1_234_567]
        going_on = {"Range": f"bytes={len(taken)}-", "If-Range": whole.headers["etag"]}
        rest = await client.get(f"{BASE}/files/{held.id}", headers=ASKING | going_on)
    assert rest.status_code == 206
    assert decrypted(taken + rest.content) == PLAIN
    assert whole.headers["content-disposition"] == 'attachment; filename="a.bin.c4gh"'


async def test_drs_tells_the_digest_of_the_stored_body(held: Held) -> None:
    async with held.node.drs_client() as client:
        told = (await client.get(f"{BASE_PATH}/objects/{held.id}", headers=bearer(ADA))).json()
        access = f"{BASE_PATH}/objects/{held.id}/access/content"
        address = (await client.get(access, headers=bearer(ADA))).json()["url"]
        body = (await client.get(address)).content
        bundle = (await client.get(f"{BASE_PATH}/objects/{DATASET}", headers=bearer(ADA))).json()
    assert told["size"] == len(body)
    assert told["checksums"][0]["checksum"] == hashlib.sha256(body).hexdigest()
    assert [member["id"] for member in bundle["contents"]] == [held.id]
    assert bundle["size"] == len(body)


async def test_no_byte_of_any_range_differs_from_the_stored_body(held: Held) -> None:
    ways = random.Random(5)
    async with held.node.client() as client:
        body = (await client.get(f"{BASE}/files/{held.id}/content", headers=bearer(ADA))).content
        for _ in range(25):
            first = ways.randrange(len(body))
            last = min(len(body) - 1, first + ways.choice([0, 100, 70_000, 2_000_000]))
            span = {"Range": f"bytes={first}-{last}"}
            part = await client.get(f"{BASE}/files/{held.id}/content", headers=bearer(ADA) | span)
            assert part.content == body[first : last + 1]


async def test_what_is_taken_back_is_not_delivered(held: Held) -> None:
    held.kept.mapping.deprecate(DATASET, OPERATOR)
    held.node.clock.advance(2)  # a found file is believed for a second
    async with held.node.drs_client() as client:
        for path in (f"{BASE}/files/{held.id}/content", f"{BASE_PATH}/objects/{held.id}"):
            assert (await client.get(path, headers=ASKING)).status_code == 403
        listed = await client.get(f"{BASE}/datasets", headers=ASKING)
    assert listed.json()["datasets"] == []
