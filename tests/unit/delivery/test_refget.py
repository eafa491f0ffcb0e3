"""Reference sequences: what a load stores, what is answered, and how a question fails."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import os
import random
import tracemalloc

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.delivery.refget.api import SERVICE_TYPE, RefgetApi, RefgetProfile
from opengdi.delivery.refget.catalogue import Alias
from opengdi.delivery.refget.fasta import PIECE_BYTES, read_fasta
from opengdi.delivery.refget.shelf import Naming, SequenceShelf
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict, Invalid, Unavailable
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.standards.refget.digests import SequenceId, normalised
from opengdi.standards.service_info import Organisation, Service

LINEAR = "".join(random.Random(1).choices("ACGTN", k=5000))
ROUND = "".join(random.Random(2).choices("ACGT", k=5386))
TEXT = f">one first of all\n{LINEAR[:60].lower()}\n{LINEAR[60:]}\n>two\r\n{ROUND}\r\n>three\nACGT"
PLAIN = "text/vnd.ga4gh.refget.v2.0.0+plain; charset=us-ascii"
JSON = "application/vnd.ga4gh.refget.v2.0.0+json; charset=us-ascii"
BASE = "/refget"


def md5(bases):
    return hashlib.md5(bases.encode()).hexdigest()


def nothing(_known):
    pass


@pytest.fixture
def shelf(tmp_path):
    fasta = tmp_path / "reference.fa"
    fasta.write_text(TEXT)
    aliases = {"one": [Alias("CM1", "INSDC"), Alias("same", "Ensembl")], "two": [Alias("same", "Ensembl")]}
    shelf = SequenceShelf(tmp_path / "refget")
    assert shelf.load(fasta, Naming("UCSC", aliases, frozenset({"two"})), nothing) == 3
    return shelf


@pytest.fixture
async def client(shelf):
    service = Service("org.example", "refget", SERVICE_TYPE, Organisation("E", "https://e.org"), "1")
    api = RefgetApi(shelf, RefgetProfile(service, subsequence_limit=5200), base=BASE)
    app = Edge(Routing(mounts={BASE: api}), clock=FixedClock())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://node") as client:
        yield client


def url(sequence_id, more=""):
    return f"{BASE}/sequence/{sequence_id}{more}"


async def test_a_sequence_is_found_by_each_of_its_ids(client, shelf):
    known = shelf.catalogue().find(SequenceId("md5", md5(LINEAR)))[0]
    ids = [
        known.md5,
        known.md5.upper(),
        f"md5:{known.md5}",
        known.ga4gh,
        f"ga4gh:{known.ga4gh}",
        known.trunc512,
        "insdc:CM1",
        "UCSC%3Aone",
    ]
    for sequence_id in ids:
        answer = await client.get(url(sequence_id))
        assert (answer.status_code, answer.text) == (200, LINEAR), sequence_id
        assert answer.headers["content-type"] == PLAIN
        assert answer.headers["accept-ranges"] == "bytes"


async def test_the_vector_of_the_specification_is_served(client):
    answer = await client.get(url("SQ.aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2"))
    assert answer.text == "ACGT"


@pytest.mark.parametrize(("first", "stop"), [(0, 1), (10, 20), (4999, 5000), (100, 100), (0, 5000)])
async def test_parts_of_a_sequence(client, first, stop):
    answer = await client.get(url(md5(LINEAR)), params={"start": first, "end": stop})
    assert (answer.status_code, answer.text) == (200, LINEAR[first:stop])
    assert answer.headers["accept-ranges"] == "none"
    if first < stop:
        ranged = await client.get(url(md5(LINEAR)), headers={"Range": f"bytes={first}-{stop - 1}"})
        assert (ranged.status_code, ranged.text) == (206, LINEAR[first:stop])
        assert ranged.headers["content-range"] == f"bytes {first}-{stop - 1}/5000"


async def test_a_circular_sequence_is_told_across_its_origin(client):
    answer = await client.get(url(md5(ROUND)), params={"start": 5374, "end": 5})
    assert (answer.status_code, answer.text) == (200, ROUND[5374:] + ROUND[:5])
    assert answer.headers["content-length"] == "17"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (url(md5(LINEAR), "?start=5&end=2"), {}, 416),
        (url(md5(LINEAR), "?start=5001"), {}, 400),
        (url(md5(LINEAR), "?start=x"), {}, 400),
        (url(md5(LINEAR), "?start=1"), {"Range": "bytes=1-2"}, 400),
        (url(md5(LINEAR)), {"Range": "bytes=5000-"}, 400),
        (url(md5(ROUND), "?end=5386"), {}, 416),  # over the limit
        (url(md5(LINEAR)), {"Accept": "embl/some_json"}, 406),
        (url(md5(LINEAR), "/metadata"), {"Accept": "text/plain"}, 406),
        (url("service-info"), {"Accept": "text/plain"}, 406),
        (url("Garbagechecksum"), {}, 404),
        (url("0" * 32), {}, 404),
        (url("0" * 32, "/metadata"), {}, 404),
        (url("ensembl:same"), {}, 409),
        (url(md5(LINEAR), "/nothing"), {}, 404),
        (BASE, {}, 404),
    ],
)
async def test_a_question_that_cannot_be_answered_gets_its_status(client, path, headers, status):
    answer = await client.get(path, headers=headers)
    assert answer.status_code == status
    assert answer.json()["status"] == status


async def test_other_methods_are_not_for_sequences(client):
    answer = await client.post(url(md5(LINEAR)))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    head = await client.head(url(md5(LINEAR)))
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "5000", b"")


async def test_metadata_tell_all_names(client, shelf):
    answer = await client.get(url(md5(LINEAR), "/metadata"), headers={"Accept": "application/json"})
    known = shelf.catalogue().find(SequenceId("md5", md5(LINEAR)))[0]
    assert answer.headers["content-type"] == JSON
    assert answer.json() == {
        "metadata": {
            "id": known.md5,
            "md5": md5(LINEAR),
            "ga4gh": f"ga4gh:{known.ga4gh}",
            "trunc512": hashlib.sha512(LINEAR.encode()).hexdigest()[:48],
            "length": 5000,
            "aliases": [
                {"alias": "CM1", "naming_authority": "INSDC"},
                {"alias": "one", "naming_authority": "UCSC"},
                {"alias": "same", "naming_authority": "Ensembl"},
            ],
        }
    }


async def test_the_service_says_what_it_can_do(client):
    told = (await client.get(url("service-info"))).json()
    assert told["type"] == {"group": "org.ga4gh", "artifact": "refget", "version": "2.0.0"}
    assert told["refget"] == {
        "circular_supported": True,
        "algorithms": ["md5", "ga4gh", "trunc512"],
        "identifier_types": ["ensembl", "insdc", "ucsc"],
        "subsequence_limit": 5200,
        "supported_api_versions": ["2.0.0"],
    }


async def test_every_web_page_may_read(client):
    answer = await client.get(url(md5(LINEAR)), headers={"Origin": "https://anywhere"})
    sent = {"Origin": "https://anywhere", "Access-Control-Request-Method": "GET"}
    preflight = await client.options(url(md5(LINEAR)), headers=sent)
    assert answer.headers["access-control-allow-origin"] == "https://anywhere"
    assert preflight.status_code == 204


async def test_a_later_load_is_served_at_once_and_keeps_the_names(client, shelf, tmp_path):
    more = tmp_path / "more.fa.gz"
    more.write_bytes(gzip.compress(f">again\n{LINEAR}\n>new\nGATTACA\n".encode()))
    SequenceShelf(tmp_path / "refget").load(more, Naming("RefSeq"), nothing)
    assert (await client.get(url(md5("GATTACA")))).text == "GATTACA"
    told = (await client.get(url(md5(LINEAR), "/metadata"))).json()["metadata"]
    assert {alias["alias"] for alias in told["aliases"]} == {"CM1", "one", "same", "again"}


@pytest.mark.parametrize(
    ("content", "naming", "why"),
    [
        (b"", Naming(), "not FASTA"),
        (b"ACGT\n", Naming(), "not FASTA"),
        (b">a\n>b\nACGT\n", Naming(), "no bases"),
        (b">a\n\n", Naming(), "no bases"),
        (b">a\nACGT\n", Naming(circular=frozenset({"b"})), "no sequence named b"),
        (gzip.compress(b">a\nACGT\n" * 100, mtime=0)[:-12], Naming(), "breaks off"),
        (b">" + b"x" * 200_000, Naming(), None),
    ],
)
def test_a_file_that_is_wrong_leaves_everything_as_it_was(shelf, tmp_path, content, naming, why):
    before = shelf.catalogue().known
    wrong = tmp_path / "wrong.fa"
    wrong.write_bytes(content)
    with pytest.raises(Invalid, match=why):
        shelf.load(wrong, naming, nothing)
    assert SequenceShelf(tmp_path / "refget").catalogue().known == before
    assert not (tmp_path / "refget" / ".draft").exists()


def test_a_file_that_is_not_there_is_invalid(shelf, tmp_path):
    with pytest.raises(Invalid, match="cannot be read"):
        shelf.load(tmp_path / "nothing.fa", Naming(), nothing)


def test_two_loads_do_not_run_at_once(shelf, tmp_path):
    with shelf._alone(), pytest.raises(Conflict):
        SequenceShelf(tmp_path / "refget").load(tmp_path / "reference.fa", Naming(), nothing)


def test_a_damaged_catalogue_is_said_and_not_taken_for_none(shelf, tmp_path):
    (tmp_path / "refget" / "catalogue.json").write_text("[")
    with pytest.raises(Unavailable):
        shelf.catalogue()


async def test_a_reader_that_is_cancelled_while_its_bases_are_opened_leaves_nothing_open(shelf, tmp_path):
    known = shelf.catalogue().find(SequenceId("md5", md5(LINEAR)))[0]
    bases = tmp_path / "refget" / "sequences" / known.trunc512
    bases.unlink()
    os.mkfifo(bases)  # to open it waits until somebody writes
    reading = asyncio.ensure_future(anext(shelf.read(known, ((0, 10),))))
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    writer = os.open(bases, os.O_WRONLY)
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(_is_left, writer):  # noqa: ASYNC110  no event tells it
            await asyncio.sleep(0.01)
    os.close(writer)


def _is_left(pipe):
    """True if nobody has the other end open."""
    try:
        os.write(pipe, b"x")
    except BrokenPipeError:
        return True
    return False


async def test_a_shortened_file_of_bases_is_said(shelf, tmp_path):
    known = shelf.catalogue().find(SequenceId("md5", md5(LINEAR)))[0]
    (tmp_path / "refget" / "sequences" / known.trunc512).write_bytes(b"ACGT")
    with pytest.raises(Unavailable, match="shorter"):
        assert [piece async for piece in shelf.read(known, ((0, 5000),))]


RECORDS = st.lists(
    st.tuples(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text("acgtN\n", min_size=1, max_size=90)),
    min_size=1,
    max_size=6,
)


class Trickle(io.RawIOBase):
    """Gives so many bytes at a time, whatever is asked for."""

    def __init__(self, content, step):
        self._content, self._step = io.BytesIO(content), step

    def read(self, _size=-1):
        return self._content.read(self._step)


@given(RECORDS, st.integers(1, 40))
def test_sequences_do_not_depend_on_where_the_file_is_cut(records, step):
    content = "".join(f">{name} more\n{bases}\n" for name, bases in records).encode()
    found = []
    for part in read_fasta(Trickle(content, step), "f"):
        if isinstance(part, str):
            found.append([part, b""])
        else:
            found[-1][1] += normalised(part)
    assert found == [[f"{name} more", normalised(bases.encode())] for name, bases in records]


@given(st.binary(max_size=200), st.integers(1, 40))
def test_any_bytes_are_sequences_or_invalid(content, step):
    try:
        parts = list(read_fasta(Trickle(content, step), "f"))
    except Invalid:
        return
    assert isinstance(parts[0], str)


def test_a_long_sequence_is_loaded_in_constant_memory(tmp_path):
    fasta = tmp_path / "long.fa"
    with fasta.open("wb") as file:
        file.write(b">long\n")
        for _ in range(24):
            file.write((b"ACGTACGTAC" * 6 + b"\n") * (PIECE_BYTES // 61))
    tracemalloc.start()
    SequenceShelf(tmp_path / "refget").load(fasta, Naming(), nothing)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * PIECE_BYTES


def test_the_catalogue_is_plain_json(shelf, tmp_path):
    told = msgspec.json.decode((tmp_path / "refget" / "catalogue.json").read_bytes())
    assert {one["length"] for one in told} == {5000, 5386, 4}
