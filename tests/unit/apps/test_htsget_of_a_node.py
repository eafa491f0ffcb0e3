"""htsget as a node wires it: its settings, its secret, and what is never written down."""

from __future__ import annotations

import base64
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp
from tests.cram_kit import texts, write_reads
from tests.indexed_files import na12878, read_records
from tests.unit.delivery.kit import ADA, DATASET, KEY, PROOFS, REGIONAL, bearer, decrypted

from opengdi.apps.delivery import htsget_part
from opengdi.apps.downloads import open_streams, refget_shelf
from opengdi.apps.node import open_state
from opengdi.apps.settings_file import load_settings
from opengdi.delivery.refget.shelf import Naming
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.metrics import MetricsRegistry, RequestMeter
from opengdi.testing.delivery import MemoryFiles
from opengdi.testing.identity import gated

FILE = "GDIF-XX-0000000001"
WINDOW = {"referenceName": "11", "start": "5015000", "end": "5050000"}
TOML = """
[node]
data_dir = "data"
keys_dir = "keys"

[public]
external_url = "https://node.example.org"

[delivery]
path = "/regions"
encryption_mode = "c"
"""


@pytest.fixture
def meter() -> RequestMeter:
    return RequestMeter()


@pytest.fixture
def node(tmp_path: Path, shared: Path, meter: RequestMeter) -> Iterator[ASGIApp]:
    (tmp_path / "gdi.toml").write_text(TOML)
    files, bam = MemoryFiles(), na12878(shared, "BAM")
    files.hold(FILE, bam.data, datasets=[DATASET], file_format="BAM", index=bam.index)
    with open_state(load_settings(tmp_path / "gdi.toml", {}), FixedClock()) as state:
        part = htsget_part(state, files, open_streams(state))
        yield Edge(
            gated(Routing(mounts=part.mounts), PROOFS), clock=state.clock, shapes=part.shapes, meter=meter
        )


def client_of(node: ASGIApp) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=node, client=("192.0.2.1", 1))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=bearer(ADA))


async def test_tickets_name_the_address_of_the_settings_and_use_their_mode(node):
    async with client_of(node) as client:
        answer = await client.get(
            f"/regions/reads/{FILE}", params={**WINDOW, "encryptionScheme": "c4gh"}, headers=KEY
        )
        header, body = answer.json()["htsget"]["urls"]
        assert body["url"].startswith("https://node.example.org/regions/data/")
        data = await client.get(body["url"].removeprefix("https://node.example.org"))
    whole = base64.b64decode(header["url"].removeprefix("data:;base64,")) + data.content
    assert read_records("BAM", decrypted(whole))


async def test_a_cram_is_decoded_with_the_sequences_that_were_loaded_for_refget(tmp_path):
    """By a visa for a region, which names a base of the one read that overlaps."""
    (tmp_path / "gdi.toml").write_text(TOML)
    settings, fasta = load_settings(tmp_path / "gdi.toml", {}), tmp_path / "reference.fa"
    bases = "".join(random.Random(22).choices("ACGT", k=2000))
    cram, files = write_reads(tmp_path / "x.cram", {"22": bases}, fasta, uri="", step=300), MemoryFiles()
    wanted = cram.region("22", 300, 310)
    refget_shelf(settings).load(fasta, Naming(), lambda _: None)
    files.hold(FILE, cram.data, datasets=[DATASET], file_format="CRAM", index=cram.index)
    with open_state(settings, FixedClock()) as state:
        part = htsget_part(state, files, open_streams(state))
        node = Edge(gated(Routing(mounts=part.mounts), PROOFS), clock=state.clock, shapes=part.shapes)
        window = {"referenceName": "22", "start": 300, "end": 310, "encryptionScheme": "c4gh"}
        async with client_of(node) as client:
            answer = await client.get(f"/regions/reads/{FILE}", params=window, headers=KEY | bearer(REGIONAL))
            header, body = answer.json()["htsget"]["urls"]
            data = await client.get(body["url"].removeprefix("https://node.example.org"))
    whole = base64.b64decode(header["url"].removeprefix("data:;base64,")) + data.content
    assert texts(read_records("CRAM", decrypted(whole))) == texts(wanted)
    assert len(wanted) == 1


async def test_neither_logs_nor_metrics_hold_an_address_an_id_or_a_token(node, meter, caplog):
    caplog.set_level(logging.DEBUG)
    async with client_of(node) as client:
        ticket = (await client.get(f"/regions/reads/{FILE}", params=WINDOW)).json()["htsget"]
        sealed = ticket["urls"][1]["url"].rsplit("/", 1)[1]
        assert (await client.get(f"/regions/data/{sealed}")).status_code == 200
        assert (await client.get(f"/regions/data/{sealed[:-5]}")).status_code == 403
    registry = MetricsRegistry()
    registry.add(meter)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("opengdi"))
    for written in (registry.exposition().decode(), ours):
        for secret in (sealed, sealed[:40], FILE, ADA):
            assert secret not in written
    assert 'route="/regions/data/{grant}"' in registry.exposition().decode()
    assert 'route="/regions/reads/{id}"' in registry.exposition().decode()
