from __future__ import annotations

from collections import Counter
from hashlib import sha256
from pathlib import Path

import pysam
import pytest

from opengdi.apps.demo.cohorts import Country, write_collection
from opengdi.apps.demo.sequencing import READS_EACH, SAMPLES, SYNTHETIC, Handed, Stretch, write_synthetic

SMALL = Country("EE", "Estonia", "TEST", 30)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_collection(SMALL, tmp_path_factory.mktemp("collection")).parent


@pytest.fixture(scope="module")
def folder(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("handed-in")
    write_synthetic(collection, made, 7)
    return made


def test_the_same_seed_makes_the_same_files(collection: Path, folder: Path, tmp_path: Path) -> None:
    write_synthetic(collection, tmp_path, 7)
    digests = [
        {file.name: sha256(file.read_bytes()).hexdigest() for file in made.iterdir()}
        for made in (folder, tmp_path)
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 4


def test_reads_are_labelled_sorted_and_as_many_for_each_person(folder: Path) -> None:
    with pysam.AlignmentFile(str(folder / SYNTHETIC.reads.name)) as file:
        assert "synthetic" in file.header.to_dict()["CO"][0]
        places, people = zip(*((read.reference_start, read.get_tag("RG")) for read in file), strict=True)
    assert list(places) == sorted(places)
    assert Counter(people) == {f"EE{number:06d}": READS_EACH for number in range(1, SAMPLES + 1)}


def test_reads_show_the_alleles_that_the_calls_of_the_same_person_have(folder: Path) -> None:
    compared = 0
    with (
        pysam.VariantFile(str(folder / SYNTHETIC.calls.name)) as calls,
        pysam.AlignmentFile(str(folder / SYNTHETIC.reads.name)) as reads,
    ):
        people = list(calls.header.samples)[:SAMPLES]
        for record in calls:
            if any(len(allele) > 1 for allele in record.alleles):
                continue
            called = {person: record.samples[person].alleles for person in people}
            for read in reads.fetch(record.contig, record.start, record.stop):
                alleles = called[read.get_tag("RG")]
                if None not in alleles:
                    assert read.query_sequence[record.start - read.reference_start] in alleles
                    compared += 1
    assert compared > 1000


@pytest.mark.parametrize("file", [SYNTHETIC.reads, SYNTHETIC.calls], ids=lambda file: file.kind)
def test_records_of_a_stretch_are_those_that_an_index_finds(folder: Path, file: Handed) -> None:
    path, place = str(folder / file.name), (file.stretch.reference, file.stretch.start, file.stretch.end)
    if file.kind == "reads":
        with pysam.AlignmentFile(path) as reads:
            found = [read.to_string() for read in reads.fetch(*place)]
    else:
        with pysam.VariantFile(path) as calls:
            found = [str(record).rstrip("\n") for record in calls.fetch(*place)]
    assert file.records(folder / file.name) == found
    assert 0 < len(found) < len(file.records(folder / file.name, all_of_them=True))


def test_a_stretch_is_written_as_samtools_reads_it() -> None:
    assert Stretch("chr1", 0, 100).text == "chr1:1-100"
