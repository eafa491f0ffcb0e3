"""How records are decoded for callers with regions: with which references, in which processes, and what damage does."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cram_kit import ASKED, EVERYWHERE, both, error_of, holding, texts, write_reads
from tests.htsget_kit import BASE, ENCRYPTED, KEY, OTHERS_REGIONAL, REGIONAL, Delivering, ask, fetch
from tests.indexed_files import IndexedFile, Record, in_small_slices, na12878, read_records

from opengdi.delivery.htsget import recoding
from opengdi.delivery.refget.shelf import Naming, SequenceShelf


@pytest.fixture(scope="session")
def sliced(shared, tmp_path_factory) -> IndexedFile:
    return in_small_slices(na12878(shared, "CRAM"), tmp_path_factory.mktemp("sliced"))


# -- references ----------------------------------------------------------------------------------------------------

BASES = {
    name: "".join(random.Random(name).choices("ACGT", k=length))
    for name, length in (("11", 30_000), ("20", 20_000))
}
MD5 = {name: hashlib.md5(bases.encode()).hexdigest() for name, bases in BASES.items()}
PLACE = {"referenceName": "11", "start": 10_000, "end": 11_000}


@dataclass(frozen=True)
class Compressed:
    """A CRAM that holds what differs from a reference only; records: as a reader with the reference sees them."""

    fasta: Path
    file: IndexedFile
    records: tuple[Record, ...]


@pytest.fixture(scope="module")
def compressed(tmp_path_factory) -> Compressed:
    folder = tmp_path_factory.mktemp("compressed")
    fasta, path = folder / "reference.fa", folder / "compressed.cram"
    file = write_reads(path, BASES, fasta, uri=str(fasta))
    with pysam.AlignmentFile(str(path), reference_filename=str(fasta)) as stored:
        records = tuple(
            Record(read.reference_name, read.reference_start, read.reference_end, read.to_string())
            for read in stored.fetch(until_eof=True)
        )
    elsewhere = fasta.rename(folder / "elsewhere.fa")  # no reader finds it where the header says
    return Compressed(elsewhere, file, records)


def loaded(folder: Path, fasta: Path) -> SequenceShelf:
    shelf = SequenceShelf(folder / "refget")
    shelf.load(fasta, Naming(), lambda _: None)
    return shelf


async def test_records_are_decoded_with_the_sequences_that_the_operator_loaded(compressed, tmp_path):
    """The receiver needs none of them: bases and tags are there that a reader of the file would take from them."""
    node = Delivering(regions=EVERYWHERE, references=loaded(tmp_path / "a:b", compressed.fasta))
    node.files.hold("cram", compressed.file.data, file_format="CRAM", index=compressed.file.index)
    async with node.client(REGIONAL) as client:
        for start in (0, 10_000, 19_000):
            for data in await both(client, "cram", referenceName="20", start=start, end=start + 700):
                wanted = [r for r in compressed.records if r.overlaps("20", start, start + 700)]
                assert texts(read_records("CRAM", data)) == texts(wanted) != []


async def test_a_missing_reference_is_named_and_nothing_else_is_told(compressed, tmp_path):
    one = tmp_path / "one.fa"
    one.write_text(f">20\n{BASES['20']}\n")
    node = Delivering(regions=EVERYWHERE, references=loaded(tmp_path, one))
    node.files.hold("cram", compressed.file.data, file_format="CRAM", index=compressed.file.index)
    async with node.client(REGIONAL) as client:
        for extra in ({}, {"headers": KEY, **ENCRYPTED}):
            status, error, message = await error_of(client, "cram", **PLACE, **extra)
            assert (status, error) == (400, "InvalidInput")
            assert message == (
                "this CRAM needs reference sequences that this node does not hold; its operator must load them "
                f"(gdi refget load): 11 (MD5 {MD5['11']})"
            )
        assert len((await fetch(client, "reads/cram", referenceName="20", start=0, end=100)).data) > 0


async def test_a_reference_of_others_in_the_same_container_is_named_too(tmp_path):
    """Slices with reads of several references are decoded as a whole."""
    fasta, one, path = tmp_path / "all.fa", tmp_path / "one.fa", tmp_path / "several.cram"
    one.write_text(f">11\n{BASES['11']}\n")
    file = write_reads(path, BASES, fasta, uri="", step=1500, format_options=["multi_seq_per_slice=1"])
    node = Delivering(regions=EVERYWHERE, references=loaded(tmp_path, one))
    node.files.hold("cram", file.data, file_format="CRAM", index=file.index)
    async with node.client(REGIONAL) as client:
        status, _, message = await error_of(client, "cram", **PLACE)
        assert (status, message.partition("load): ")[2]) == (400, f"20 (MD5 {MD5['20']})")


async def test_nothing_is_looked_for_where_the_file_says_that_its_reference_is(tmp_path):
    """It is there: htslib, left alone, finds it."""
    path, fasta = tmp_path / "tells.cram", tmp_path / "reference.fa"
    file = write_reads(path, BASES, fasta, uri=str(fasta))
    assert file.region("11", 10_000, 11_000) != []
    async with holding(cram=file).client(REGIONAL) as client:
        assert (await error_of(client, "cram", **PLACE))[:2] == (400, "InvalidInput")


# -- processes -----------------------------------------------------------------------------------------------------


def children() -> set[int]:
    """Processes that pick records for us now."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == os.getpid() and "recoding_worker" in (entry / "cmdline").read_text():
                found.add(int(entry.name))
        except (OSError, IndexError):
            continue
    return found


@pytest.fixture
def slow(tmp_path, monkeypatch) -> None:
    """A worker that takes its time."""
    script = tmp_path / "recoding_worker_slow.py"
    script.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(recoding.recoding_worker, "__file__", str(script))


async def until(holds) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # of other processes there is no event
            await asyncio.sleep(0.01)


async def asked_by_hand(node: Delivering, gone: asyncio.Event, token: str = REGIONAL) -> list[dict[str, Any]]:
    """A ticket request on a connection that breaks when `gone` is set; what was sent."""
    sent: list[dict[str, Any]] = []
    request = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in request:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message) -> None:
        sent.append(message)

    path = f"{BASE}/reads/sliced"
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "scheme": "https",
        "query_string": b"referenceName=11&start=5015000&end=5016000", "client": ("192.0.2.1", 1),
        "headers": [(b"host", b"node.example.org"), (b"authorization", f"Bearer {token}".encode())],
    }  # fmt: skip
    await node.app(scope, receive, send)
    return sent


async def test_the_process_ends_when_its_caller_goes(sliced, slow):
    gone = asyncio.Event()
    request = asyncio.create_task(asked_by_hand(holding(sliced=sliced), gone))
    await until(children)
    gone.set()
    assert await request == []
    assert not children()


@pytest.mark.parametrize(("callers", "most"), [((REGIONAL,), 1), ((REGIONAL, *OTHERS_REGIONAL), 2)])
async def test_no_more_processes_run_than_may_and_others_are_served_meanwhile(
    sliced, shared, slow, callers, most
):
    """Two at a node, and one for each caller."""
    gone = asyncio.Event()
    node = holding(sliced=sliced, bam=na12878(shared, "BAM"))
    requests = [asyncio.create_task(asked_by_hand(node, gone, token)) for token in callers for _ in range(3)]
    await until(lambda: len(children()) == most)
    await asyncio.sleep(0.2)
    assert len(children()) == most
    async with node.client(REGIONAL) as client:
        assert len((await fetch(client, "reads/bam", **ASKED)).data) > 0
    gone.set()
    await asyncio.gather(*requests)
    assert not children()


async def test_nobody_can_tell_by_the_time_it_takes_what_others_asked_for(sliced, monkeypatch):
    """What was picked for one caller is kept for that one alone."""
    begun: list[object] = []
    started = recoding._process

    def counted(*words: Any) -> Any:
        begun.append(words)
        return started(*words)

    monkeypatch.setattr(recoding, "_process", counted)
    node = holding(sliced=sliced)
    for token, processes in ((REGIONAL, 1), (REGIONAL, 1), (OTHERS_REGIONAL[0], 2), (REGIONAL, 2)):
        async with node.client(token) as client:
            assert len((await fetch(client, "reads/sliced", **ASKED)).data) > 0
        assert len(begun) == processes


async def test_a_process_that_breaks_is_told_in_the_form_of_the_standard(sliced, tmp_path, monkeypatch):
    script = tmp_path / "recoding_worker_breaks.py"
    monkeypatch.setattr(recoding.recoding_worker, "__file__", str(script))
    async with holding(sliced=sliced).client(REGIONAL) as client:
        for breaks in ("os.abort()", "os._exit(3)", "os._exit(0)", "os.write(1, b'CRAM')"):
            script.write_text(f"import os\n{breaks}\n")
            status, _, message = await error_of(client, "sliced", **ASKED)
            assert status == 503
            assert message.startswith("The file cannot be read at the moment")


# -- damage --------------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.data())
async def test_damage_is_said_and_never_a_defect(sliced, data):
    """In the containers that are decoded, the header, or the index; what is answered is of the region all the same."""
    content, index = bytearray(sliced.data), bytearray(sliced.index)
    first = sliced.data.index(b"\n", 0)
    where = data.draw(st.sampled_from(["near", "anywhere", "header", "index"]))
    target, limit = (index, len(index)) if where == "index" else (content, len(content))
    at = {
        "near": st.integers(6000, 200_000), "anywhere": st.integers(0, limit - 1),
        "header": st.integers(0, first + 6000), "index": st.integers(0, limit - 1),
    }[where]  # fmt: skip
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(at)
        junk = data.draw(st.binary(min_size=1, max_size=40))
        target[begin : begin + len(junk)] = junk[: max(0, limit - begin)]
    node = Delivering(regions=EVERYWHERE)
    node.files.hold("s", bytes(content), file_format="CRAM", index=bytes(index))
    async with node.client(REGIONAL) as client:
        answer = await ask(client, "reads/s", referenceName="11", start=5_000_000, end=5_002_000)
        assert answer.status_code in {200, 400, 404, 503}
        for url in answer.json()["htsget"].get("urls", ()):
            if url["url"].startswith("http"):
                assert (await client.get(url["url"])).status_code in {200, 503}
    assert not children()
