"""Defects of other servers and quirks of clients, each by its name: none of them is ours."""

from __future__ import annotations

import io
import json

import crypt4gh.lib
import pytest
from tests.htsget_kit import BASE, ENCRYPTED, KEY, READER, Delivering, ask, block, fetch
from tests.indexed_files import IndexedFile, na12878, read_records, synthetic_bam, thousand_genomes

from opengdi.standards.crypt4gh import (
    CIPHER_SEGMENT,
    SEGMENT,
    EditList,
    HeaderReader,
    SegmentCipher,
    open_header,
)

WINDOW = ("11", 5_015_000, 5_050_000)
ASKED = {"referenceName": "11", "start": 5_015_000, "end": 5_050_000}


@pytest.fixture(scope="module")
def bam(shared) -> IndexedFile:
    return na12878(shared, "BAM")


@pytest.fixture
def node(bam) -> Delivering:
    node = Delivering()
    node.files.hold("bam", bam.data, file_format="BAM", index=bam.index)
    return node


def decrypted(data: bytes) -> bytes:
    plain = io.BytesIO()
    crypt4gh.lib.decrypt([(0, READER.reveal(), None)], io.BytesIO(data), plain)
    return plain.getvalue()


def overlapping(file: IndexedFile, data: bytes, window) -> list:
    return [record for record in read_records(file.format, data) if record.overlaps(*window)]


async def test_wide_ranges_without_a_gzi_the_example_has_431852_bytes(node):
    async with node.client() as client:
        found = await fetch(client, "reads/bam", **ASKED)
    *blocks, end = found.blocks
    assert sum(map(len, blocks)) == 431_852
    assert len(end) == 28


async def test_whole_files_only_a_small_window_is_a_small_part(node, bam):
    async with node.client() as client:
        found = await fetch(client, "reads/bam", referenceName="20", start=6_050_000, end=6_050_100)
    assert len(found.data) < len(bam.data) / 10


async def test_bai_only_a_csi_and_a_contig_beyond_512_mb_work(tmp_path):
    file, node = synthetic_bam(tmp_path), Delivering()
    node.files.hold("long", file.data, file_format="BAM", index=file.index)
    far = next(record for record in file.records if record.start > 2**29)
    window = (far.reference, far.start, far.start + 1000)
    async with node.client() as client:
        found = await fetch(client, "reads/long", referenceName=window[0], start=window[1], end=window[2])
    assert overlapping(file, found.data, window) == file.region(*window)


@pytest.mark.parametrize("mode", ["A", "B", "C"])
async def test_refused_edit_lists_a_file_with_one_is_sliced(bam, mode):
    """What the provider cut away is 100,000 bytes before, and some in the middle of, the real file."""
    junk, middle = b"\xaa" * 100_000, 700_001
    content = junk + bam.data[:middle] + junk + bam.data[middle:]
    edits = EditList((len(junk), middle, len(junk), len(bam.data) - middle))
    node = Delivering()
    node.files.hold("bam", content, file_format="BAM", index=bam.index, edit_list=edits, data_keys=2)
    async with node.client() as client:
        plain = await fetch(client, "reads/bam", **ASKED)
        sealed = await fetch(client, "reads/bam", headers=KEY, encryptionMode=mode, **ENCRYPTED, **ASKED)
        whole = await fetch(client, "reads/bam", headers=KEY, encryptionMode=mode, **ENCRYPTED)
    assert overlapping(bam, plain.data, WINDOW) == bam.region(*WINDOW)
    assert overlapping(bam, decrypted(sealed.data), WINDOW) == bam.region(*WINDOW)
    assert decrypted(whole.data) == bam.data


@pytest.mark.parametrize("mode", ["A", "B", "C"])
async def test_packets_of_the_server_every_packet_sent_opens_for_the_caller(node, mode):
    async with node.client() as client:
        found = await fetch(client, "reads/bam", headers=KEY, encryptionMode=mode, **ENCRYPTED, **ASKED)
    reader = HeaderReader()
    assert reader.feed(found.blocks[0]) == len(found.blocks[0])
    assert open_header(reader.raw, [READER]).foreign_packets == ()
    assert [url["class"] for url in found.ticket["urls"]] == ["header", "body"]


@pytest.mark.parametrize("mode", ["B", "C"])
async def test_edit_lists_break_the_htslib_plugin_two_modes_have_none(node, mode):
    async with node.client() as client:
        found = await fetch(client, "reads/bam", headers=KEY, encryptionMode=mode, **ENCRYPTED, **ASKED)
    assert open_header(found.blocks[0], [READER]).header.edit_list is None


@pytest.mark.parametrize("mode", ["A", "B", "C"])
async def test_shortened_boundary_segments_every_segment_but_the_last_is_whole(node, bam, mode):
    """Read in steps of 65564 bytes, as readers do: each step opens, and holds 65536 bytes but for the last."""
    async with node.client() as client:
        found = await fetch(client, "reads/bam", headers=KEY, encryptionMode=mode, **ENCRYPTED, **ASKED)
    header, body = open_header(found.blocks[0], [READER]).header, b"".join(found.blocks[1:])
    steps = [body[at : at + CIPHER_SEGMENT] for at in range(0, len(body), CIPHER_SEGMENT)]
    cipher = SegmentCipher(header.data_keys)
    sizes = [cipher.decrypt_into(step, bytearray(SEGMENT)) for step in steps]
    assert sizes[:-1] == [SEGMENT] * (len(sizes) - 1)


async def test_igv_takes_no_data_uri_in_tickets_for_variants(shared, tmp_path):
    file, node = thousand_genomes(shared, tmp_path, "VCF", people=3), Delivering()
    node.files.hold("vcf", file.data, file_format="VCF", index=file.index)
    contig = file.records[0].reference
    async with node.client() as client:
        for asked in (
            {"class": "header"},
            {"referenceName": contig, "start": 10_600_000, "end": 10_600_000},
            {},
        ):
            found = await fetch(client, "variants/vcf", **asked)
            assert all(url["url"].startswith("https://node.example.org/") for url in found.ticket["urls"])
            read_records("VCF", found.data)


async def test_igv_opens_with_a_header_request_without_format(node):
    async with node.client() as client:
        found = await fetch(client, "reads/bam", **{"class": "header"})
    assert found.ticket["format"] == "BAM"


async def test_htsjdk_opens_with_get_and_probes_post(node):
    accept = {"Accept": "application/vnd.ga4gh.htsget.v1.2.0+json, */*; q=0.2"}
    async with node.client() as client:
        got = await fetch(client, "reads/bam", headers=accept, format="BAM", **{"class": "header"})
        posted = await fetch(client, "reads/bam", headers=accept, body={"format": "BAM", "class": "header"})
        assert got.data == posted.data
        regions = [ASKED, {"referenceName": "20", "start": 6_000_000, "end": 6_001_000}]
        several = await fetch(client, "reads/bam", headers=accept, body={"format": "BAM", "regions": regions})
    assert {record.reference for record in read_records("BAM", several.data)} == {"11", "20"}


async def test_igv_js_sends_credentials_and_ticket_parameters_to_data_addresses(node):
    async with node.client() as client:
        ticket = (await ask(client, "reads/bam", **ASKED)).json()["htsget"]
        url = ticket["urls"][1]
        whole = await block(client, url)
        for headers in ({"Authorization": "Bearer somebody-elses"}, {"Origin": "https://igv.org"}):
            answer = await client.get(url["url"], params={"format": "BAM"}, headers=headers)
            assert (answer.status_code, answer.content) == (200, whole)


async def test_a_media_type_in_data_uris_crashes_clients(node):
    async with node.client() as client:
        document = (await ask(client, "reads/bam", **ASKED)).text
    assert "data:;base64," in document
    assert json.loads(document)["htsget"]["urls"][0]["url"].startswith("data:;base64,")


async def test_credentials_are_never_in_tickets(node):
    async with node.client() as client:
        answer = await ask(client, "reads/bam", headers=KEY, **ENCRYPTED, **ASKED)
    assert "ada" not in answer.text.lower().replace("data", "")
    assert "headers" not in answer.json()["htsget"]["urls"][1]
    assert answer.json()["htsget"]["urls"][1]["url"].startswith(f"https://node.example.org{BASE}/data/")
