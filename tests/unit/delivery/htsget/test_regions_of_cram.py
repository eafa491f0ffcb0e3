"""Records of a CRAM for callers with regions: those that a BAM gives by the same visa, and not one more."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cram_kit import ASKED, WINDOW, Window, asked_of, both, decrypted, error_of, holding, texts
from tests.htsget_kit import ENCRYPTED, KEY, REGIONAL, Delivering, ask, fetch
from tests.indexed_files import IndexedFile, Record, in_small_slices, na12878, read_records, synthetic_bam

from opengdi.delivery.htsget import recoding, tickets
from opengdi.kernel.audit.chain import Outcome
from opengdi.standards.coordinates import Interval

END = bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b")


@pytest.fixture(scope="session")
def bam(shared) -> IndexedFile:
    return na12878(shared, "BAM")


@pytest.fixture(scope="session")
def cram(shared) -> IndexedFile:
    return na12878(shared, "CRAM")


@pytest.fixture(scope="session")
def sliced(cram, tmp_path_factory) -> IndexedFile:
    return in_small_slices(cram, tmp_path_factory.mktemp("sliced"))


# -- which records -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cram", "sliced"])
async def test_random_windows_give_the_records_that_a_bam_gives(bam, cram, sliced, name):
    node = holding(bam=bam, cram=cram, sliced=sliced)
    async with node.client(REGIONAL) as client:
        for window in bam.windows(15, seed=41):
            of_bam = read_records("BAM", (await fetch(client, "reads/bam", **asked_of(window))).data)
            for data in await both(client, name, **asked_of(window)):
                assert texts(read_records("CRAM", data)) == texts(of_bam), window


async def test_random_visas_open_the_regions_that_they_open_of_a_bam(bam, sliced):
    rng = random.Random(42)
    for number in range(12):
        granted = [Interval(*window) for window in bam.windows(3, seed=100 + number)]
        node = holding(*granted, bam=bam, sliced=sliced)
        async with node.client(REGIONAL) as client:
            for one in rng.sample(granted, 2):
                start = rng.randint(one.start - 3, one.start + 3)
                window = (one.contig, max(0, start), rng.randint(one.end - 3, one.end + 3))
                if window[1] > window[2]:
                    continue
                answers = [
                    await ask(client, f"reads/{name}", **asked_of(window)) for name in ("bam", "sliced")
                ]
                assert answers[0].status_code == answers[1].status_code
                if answers[0].status_code == 200:
                    wanted = texts(bam.region(window[0], window[1], max(window[2], window[1] + 1)))
                    for data in await both(client, "sliced", **asked_of(window)):
                        assert texts(read_records("CRAM", data)) == wanted


async def test_of_several_regions_each_record_comes_once_in_the_order_of_the_file(bam, sliced):
    windows = sorted(window for window in bam.windows(30, seed=43) if window[2] - window[1] < 5000)
    body = {"regions": [asked_of(window) for window in [*windows, *windows[:3]]]}
    node = holding(bam=bam, sliced=sliced)
    async with node.client(REGIONAL) as client:
        of_bam = read_records("BAM", (await fetch(client, "reads/bam", body=body)).data)
        wanted = [r for r in bam.records if any(r.overlaps(*window) for window in windows)]
        assert sorted(texts(of_bam)) == sorted(texts(wanted))
        for data in await both(client, "sliced", body=body):
            assert texts(read_records("CRAM", data)) == texts(wanted)


async def test_slices_with_several_references_and_long_gaps_are_picked_from(tmp_path):
    file = synthetic_bam(tmp_path, references=[("1", 400_000), ("2", 400_000)], cram=True)
    node = holding(Interval("1", 0, 400_000), Interval("2", 0, 400_000), cram=file)
    async with node.client(REGIONAL) as client:
        for window in file.windows(12, seed=44):
            for data in await both(client, "cram", **asked_of(window)):
                assert read_records("CRAM", data) == file.region(*window)


async def test_a_region_without_records_has_a_header_and_an_end(cram):
    async with holding(Interval("11", 0, 10**8), cram=cram).client(REGIONAL) as client:
        for window in (("11", 10, 20), ("11", 6_000_000, 6_000_000)):
            for data in await both(client, "cram", **asked_of(window)):
                assert read_records("CRAM", data) == []
                assert data.endswith(END)


async def test_an_empty_region_stands_for_its_one_base(bam, cram):
    window = ("11", bam.records[500].start, bam.records[500].start)
    async with holding(bam=bam, cram=cram).client(REGIONAL) as client:
        of_bam = read_records("BAM", (await fetch(client, "reads/bam", **asked_of(window))).data)
        for data in await both(client, "cram", **asked_of(window)):
            assert texts(read_records("CRAM", data)) == texts(of_bam) != []


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"referenceName": "11"},
        {"referenceName": "*"},
        {"referenceName": "11", "start": 5_014_999, "end": 5_015_001},
        {"body": {"regions": [ASKED, {"referenceName": "*"}]}},
        {"body": {"regions": [ASKED, {"referenceName": "20", "start": 1, "end": 2}]}},
    ],
)
async def test_what_lies_beyond_the_regions_is_refused(cram, asked):
    node = holding(Interval(*WINDOW), cram=cram)
    async with node.client(REGIONAL) as client:
        assert (await error_of(client, "cram", **asked))[:2] == (403, "PermissionDenied")
    assert node.audit.lines[-1] == ("htsget.ticket", "regional", Outcome.REFUSED, ("file:cram",))


async def test_a_contig_that_the_file_does_not_have_is_not_found(tmp_path):
    file = synthetic_bam(tmp_path, references=[("1", 400_000), ("2", 400_000)], cram=True)
    node = holding(Interval("1", 0, 10), Interval("X", 0, 10), cram=file)
    async with node.client(REGIONAL) as client:
        assert (await error_of(client, "cram", referenceName="X", start=0, end=10))[:2] == (404, "NotFound")
        found = await fetch(client, "reads/cram", referenceName="1", end=10)
        assert read_records("CRAM", found.data) == file.region("1", 0, 10)


places = st.sampled_from([("11", 4_999_000), ("20", 5_999_000), ("7", 0)])
regions = st.builds(
    lambda place, start, size: (place[0], place[1] + start, place[1] + start + size),
    places,
    st.integers(0, 101_000),
    st.integers(1, 500) | st.integers(1, 50_000),
)
narrowings = st.tuples(st.integers(0, 3), st.floats(0, 1), st.floats(0, 1))
"""Which of the granted regions is asked for, and what is left out at both of its ends."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    st.lists(regions, min_size=1, max_size=4),
    st.lists(narrowings, min_size=1, max_size=4),
    st.lists(regions, max_size=1),
)
async def test_whatever_is_granted_and_asked_no_record_lies_beyond(sliced, granted, narrowed, strayed):
    """strayed: regions that most likely nobody granted."""
    asked = [within(granted[number % len(granted)], *ends) for number, *ends in narrowed] + strayed
    node = holding(*(Interval(*each) for each in granted), sliced=sliced)
    body = {"regions": [asked_of(region) for region in asked]}
    async with node.client(REGIONAL) as client:
        answer = await ask(client, "reads/sliced", body=body)
        assert answer.status_code in ({200, 403} if strayed else {200})
        if answer.status_code == 200:
            found = read_records("CRAM", (await fetch(client, "reads/sliced", body=body)).data)
            assert found == [r for r in sliced.records if any(r.overlaps(*region) for region in asked)]


def within(region: Window, before: float, behind: float) -> Window:
    """A part of a region, a base at least."""
    contig, start, end = region
    first = start + int((end - start - 1) * before)
    return contig, first, end - int((end - first - 1) * behind)


# -- the form ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.1", "3.0", "3.1"])
async def test_the_answer_has_the_version_and_the_header_of_the_file(cram, tmp_path, version):
    path = tmp_path / "of-version.cram"
    options = [f"version={version}", "no_ref=1", "seqs_per_slice=1000"]
    with (
        pysam.AlignmentFile(str(cram.path), check_sq=False) as source,
        pysam.AlignmentFile(str(path), "wc", template=source, format_options=options) as written,
    ):
        for read in source.fetch(until_eof=True):
            written.write(read)
    pysam.index(str(path))
    file = IndexedFile("CRAM", path, Path(f"{path}.crai"))
    node = holding(cram=file)
    async with node.client() as ada, node.client(REGIONAL) as regional:
        header = (await fetch(ada, "reads/cram", **{"class": "header"})).data
        assert (await fetch(regional, "reads/cram", **{"class": "header"})).data == header
        for data in await both(regional, "cram", **ASKED):
            assert (data[4], data[5]) == tuple(map(int, version.split(".")))
            assert data.startswith(header[: -30 if version == "2.1" else -38])
            assert read_records("CRAM", data) == file.region(*WINDOW) != []


async def test_several_blocks_join_to_one_file(bam, sliced, monkeypatch):
    monkeypatch.setattr(tickets, "LARGEST_CUT", 60_000)
    async with holding(sliced=sliced).client(REGIONAL) as client:
        found = await fetch(client, "reads/sliced", referenceName="11", start=0, end=2**31 - 1)
    assert len(found.blocks) > 5
    assert [url["class"] for url in found.ticket["urls"]][:2] == ["header", "body"]
    assert texts(read_records("CRAM", found.data)) == texts(bam.region("11", 0, 2**31 - 1))


async def test_what_cannot_be_in_blocks_is_refused_if_it_is_too_much(sliced, monkeypatch):
    monkeypatch.setattr(tickets, "LARGEST_ANSWER", 200_000)
    async with holding(sliced=sliced).client(REGIONAL) as client:
        asked = {"referenceName": "11", "start": 0, "end": 2**31 - 1}
        status, error, message = await error_of(client, "sliced", headers=KEY, **ENCRYPTED, **asked)
        assert (status, error) == (400, "InvalidInput")
        assert "too much" in message
        less = {"referenceName": "11", "start": 5_020_000, "end": 5_020_100}
        found = await fetch(client, "reads/sliced", headers=KEY, **ENCRYPTED, **less)
        assert read_records("CRAM", decrypted(found.data)) != []


async def test_many_small_regions_fit_into_addresses(sliced):
    """Some hundred lie in one container, as the targets of a small sequencing run do."""
    first, last, step, size = 5_000_000, 5_100_000, 60, 3
    windows = [("11", at, at + size) for at in range(first, last, step)]
    async with holding(sliced=sliced).client(REGIONAL) as client:
        found = await fetch(client, "reads/sliced", body={"regions": [asked_of(each) for each in windows]})

    def is_touched(record: Record) -> bool:
        """By the first window that does not end left of it."""
        at = first + max(0, -(-(record.start - size + 1 - first) // step)) * step
        return at < min(record.end, last)

    wanted = [record for record in sliced.records if record.reference == "11" and is_touched(record)]
    assert read_records("CRAM", found.data) == wanted


async def test_only_the_containers_that_are_needed_are_read(sliced):
    node = holding(sliced=sliced)
    async with node.client(REGIONAL) as client:
        await fetch(client, "reads/sliced", **{"class": "header"})
        before = node.files.bytes_read
        await fetch(client, "reads/sliced", referenceName="11", start=5_020_000, end=5_020_010)
    assert node.files.bytes_read - before < len(sliced.data) / 3


async def test_an_interrupted_download_goes_on_at_another_replica(sliced):
    """No replica keeps anything for it: the bytes, and the entity tag, are the same wherever they are made."""
    files = holding(sliced=sliced).files
    whole, tags = [], []
    for _ in range(2):
        node = Delivering(files=files)
        async with node.client(REGIONAL) as client:
            for extra in ({}, ENCRYPTED):
                urls = (await ask(client, "reads/sliced", headers=KEY, **ASKED, **extra)).json()["htsget"][
                    "urls"
                ]
                url = next(u["url"] for u in urls if u["class"] == "body" and u["url"].startswith("http"))
                answer = await client.get(url)
                part = await client.get(
                    url, headers={"Range": "bytes=1000-", "If-Range": answer.headers["etag"]}
                )
                assert (part.status_code, part.content) == (206, answer.content[1000:])
                other = await client.get(url, headers={"Range": "bytes=1000-", "If-Range": '"another"'})
                assert (other.status_code, other.content) == (200, answer.content)
                whole.append(answer.content)
                tags.append(answer.headers["etag"])
    assert whole[:2] == whole[2:]
    assert tags[:2] == tags[2:]
    assert whole[0] != whole[1]


async def test_reads_without_names_are_called_the_same_each_time(cram, tmp_path):
    """Their provider left the names out; those of a pair are one name all the same."""
    path = tmp_path / "nameless.cram"
    options = ["no_ref=1", "lossy_names=1", "seqs_per_slice=1000"]
    with (
        pysam.AlignmentFile(str(cram.path), check_sq=False) as source,
        pysam.AlignmentFile(str(path), "wc", template=source, format_options=options) as written,
    ):
        for read in source.fetch(until_eof=True):
            written.write(read)
    pysam.index(str(path))
    file, found = IndexedFile("CRAM", path, Path(f"{path}.crai")), []
    for opened in range(2):
        descriptors = [os.dup(2) for _ in range(5 * opened)]  # those of the process get other numbers
        async with holding(cram=file).client(REGIONAL) as client:
            found.append(await fetch(client, "reads/cram", **ASKED))
        for each in descriptors:
            os.close(each)
    assert found[0].data == found[1].data
    names = Counter(record.text.split("\t")[0] for record in read_records("CRAM", found[0].data))
    assert max(names.values()) == 2
    assert list(names.values()).count(2) > len(names) / 3


async def test_an_encrypted_answer_has_a_key_of_its_own_for_each_text(sliced, monkeypatch):
    """Another htslib may encode the same records otherwise: no key and nonce may seal both."""
    async with holding(sliced=sliced).client(REGIONAL) as client:
        first = await fetch(client, "reads/sliced", headers=KEY, **ENCRYPTED, **ASKED)
        picked = recoding._containers

        async def otherwise(made: int) -> bytes | None:
            found = await picked(made)
            return found and found + b"\0"

        monkeypatch.setattr(recoding, "_containers", otherwise)
        node = holding(sliced=sliced)
        async with node.client(REGIONAL) as other:
            second = await fetch(other, "reads/sliced", headers=KEY, **ENCRYPTED, **ASKED)
    assert first.blocks[0] != second.blocks[0]
    assert first.blocks[1][12:1000] != second.blocks[1][12:1000]
