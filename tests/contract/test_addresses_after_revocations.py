"""An address of data that was given out ends when what opened it is taken back, not with its own time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.htsget_kit import Delivering as Slicing
from tests.htsget_kit import ask
from tests.indexed_files import na12878
from tests.sqlite import migrated_engine
from tests.unit.delivery.kit import BASE, DATASET, OTHER, Delivering

from opengdi.identity.revocations.model import Kind
from opengdi.identity.revocations.service import Revocations
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.http.decided import Decided, said
from opengdi.kernel.principal import Principal, Visa

ADA = Principal("ada", visas=(Visa(DATASET, id="GDIP-1.visa"),), logged_in=True)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = migrated_engine(tmp_path / "node.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def revocations(engine: Engine, clock: FixedClock) -> Revocations:
    numbers = count(1)
    return Revocations(engine, clock, timedelta(hours=1), new_id=lambda: f"r{next(numbers)}")


@pytest.mark.parametrize(
    "kind, what",
    [
        (Kind.SUBJECT, {"subject": "ada"}),
        (Kind.DATASET_SUBJECT, {"subject": "ada", "dataset": DATASET}),
        (Kind.PERMIT, {"permit": "GDIP-1"}),
        (Kind.VISA, {"jti": "GDIP-1.visa"}),
    ],
)
async def test_a_signed_address_ends_with_what_opened_it(
    engine: Engine, clock: FixedClock, revocations: Revocations, kind: Kind, what: dict[str, str]
):
    node = Delivering(engine, clock=clock, taken_back=revocations.taken_back)
    file = node.files.hold("GDIF-XX-0000000001", b"content", datasets=[DATASET])
    address = f"{BASE}/granted/{node.grants.content(ADA, file)}"
    with engine.begin() as connection:
        revocations.write(connection, Kind.SUBJECT, subject="eve")
        revocations.write(connection, Kind.DATASET_SUBJECT, subject="ada", dataset="GDI-XX-OTHER")
        revocations.write(connection, Kind.PERMIT, permit="GDIP-2")
    async with node.client() as client:
        assert (await client.get(address)).status_code == 200
        clock.advance(1)
        with engine.begin() as connection:
            revocations.write(connection, kind, **what)
        assert (await client.get(address)).status_code == 403
        clock.advance(120)
        anew = f"{BASE}/granted/{node.grants.content(ADA, file)}"
        assert (await client.get(anew)).status_code == 200


async def test_a_signed_address_is_about_the_datasets_that_opened_the_file_and_no_others(
    engine: Engine, clock: FixedClock, revocations: Revocations
):
    node = Delivering(engine, clock=clock, taken_back=revocations.taken_back)
    file = node.files.hold("GDIF-XX-0000000001", b"content", datasets=[DATASET, OTHER])
    address = f"{BASE}/granted/{node.grants.content(ADA, file)}"
    clock.advance(1)
    with engine.begin() as connection:
        revocations.write(connection, Kind.DATASET_SUBJECT, subject="ada", dataset=OTHER)
    async with node.client() as client:
        assert (await client.get(address)).status_code == 200
        assert said() == Decided("ada", frozenset({DATASET}))
        node.files.drop(file.id)
        node.files.hold(file.id, b"content", datasets=[OTHER])
        assert (await client.get(address)).status_code == 403, "by the other one it was never theirs"


async def test_addresses_of_a_ticket_end_with_what_opened_them(
    shared: Path, engine: Engine, clock: FixedClock, revocations: Revocations
):
    bam, node = na12878(shared, "BAM"), Slicing(clock=clock, taken_back=revocations.taken_back)
    node.files.hold("bam", bam.data, file_format="BAM", index=bam.index)
    async with node.client() as client:
        answer = await ask(client, "reads/bam", referenceName="11", start=5_015_000, end=5_050_000)
        url = next(each for each in json.loads(answer.content)["htsget"]["urls"] if "/data/" in each["url"])
        assert (await client.get(url["url"])).status_code == 200
        with engine.begin() as connection:
            revocations.write(connection, Kind.VISA, jti="visa-1")
        refused = await client.get(url["url"])
    assert refused.status_code == 403
